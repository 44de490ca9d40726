//! Deliveries, events, incidents and the audit log are saved as files, and no cell is a formula.

use annunciator_testkit::relay::Relay;
use serde_json::Value;

use crate::support::{Site, answer, critical, email_settings, field_errors, text};

const FORMULA: &str = "=HYPERLINK(\"http://evil.example\",\"x\")";

fn file(site: &Site, path: &str) -> (Vec<(String, String)>, String) {
    let got = answer(site.server.client().get(path)).expect_status(200);
    (got.headers.clone(), got.text())
}

#[test]
fn lists_are_saved_as_files_without_formulas() {
    let relay = Relay::builder().start();
    let site = Site::start();
    let mut email = email_settings(relay.port());
    email["subject"] = "%EVENT_ID% %DESCR%".into();
    site.save(&serde_json::json!({ "email": email }));
    for id in ["=1+1", "two", "three"] {
        site.submit_event(critical("disk.full").id(id).description(FORMULA));
        site.wait_until_idle();
    }
    let (headers, csv) = file(&site, "/api/v1/events/export?q=two");
    let header = |name: &str| {
        let found = headers.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    assert_eq!(header("Content-Type"), "text/csv; charset=utf-8; header=present");
    let name = header("Content-Disposition");
    assert!(name.starts_with("attachment; filename=\"events-20") && name.ends_with("Z.csv\""));
    assert_eq!(header("Annunciator-Truncated"), "", "the file holds all");
    let lines: Vec<&str> = csv.trim_end().split("\r\n").collect();
    assert!(lines[0].starts_with("\u{feff}uid,id,registered_at"), "{csv}");
    assert_eq!(lines.len(), 2, "{csv}");
    let guarded = format!("\"'{}\"", FORMULA.replace('"', "\"\""));
    assert!(lines[1].contains(&guarded), "{csv}");

    for (path, name, count) in [
        ("deliveries/export", "id", 3),
        ("deliveries/export?q=two&state=delivered", "id", 1),
        ("deliveries/export?state=queued", "id", 0),
        ("events/export", "uid", 3),
        ("audit/export", "number", 1),
    ] {
        let separator = if path.contains('?') { '&' } else { '?' };
        let of = |format| file(&site, &format!("/api/v1/{path}{separator}format={format}")).1;
        let json: Vec<Value> = serde_json::from_str(&of("json")).expect("an array");
        let lines: Vec<Value> =
            of("ndjson").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(json, lines, "{path}");
        assert!(lines.len() >= count && (count != 0 || lines.is_empty()), "{path}: {lines:?}");
        assert!(lines.iter().all(|line| !line[name].is_null()), "{path}");
        let csv = of("csv");
        assert_eq!(csv.matches("\r\n").count(), lines.len() + 1, "{path}: {csv}");
        let is_formula = |cell: &str| cell.starts_with(['=', '+', '-', '@']);
        assert!(!csv.split([',', '\n']).any(is_formula), "{path}: {csv}");
    }
    let refused = answer(site.server.client().get("/api/v1/events/export?format=xls"));
    let errors = field_errors(&refused.expect_status(422).json());
    assert_eq!(errors, [("?format".to_owned(), "format".to_owned())]);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.csv");
    let path = path.to_str().unwrap();
    site.run(&["ledger", "export", "-q", "two", "-o", path]);
    let saved = std::fs::read_to_string(path).unwrap();
    assert_eq!(saved.lines().count(), 2, "{saved}");
    let again = site.command(&["ledger", "export", "-o", path]);
    assert!(!again.status.success(), "a file that is there is not written over");
    let printed = site.run(&["event", "export", "--format", "ndjson", "--type", "disk.full"]);
    let first: Value = serde_json::from_str(printed.lines().next().unwrap()).unwrap();
    assert_eq!(text(&first["id"]), "three");
}

#[test]
fn incidents_are_saved_as_files_without_formulas() {
    let site = Site::start();
    let incident = |id: &str, model: &str| {
        serde_json::json!({"id": id, "detector": {"kind": "rule"}, "model": model,
            "description": FORMULA, "top_tag": {"name": "TI-101", "value": -1.5}})
    };
    let two = serde_json::json!([incident("i-1", "=1+1"), incident("i-2", "Pump")]);
    drop(site.post("/api/v1/incidents", &two).expect_status(202));
    let of = |query: &str| file(&site, &format!("/api/v1/incidents/export?{query}"));
    let (headers, csv) = of("q=PUMP");
    assert!(headers.iter().any(|(_, value)| value.contains("filename=\"incidents-20")));
    assert_eq!(csv.matches("\r\n").count(), 2, "{csv}");
    let csv = of("format=csv").1;
    assert!(csv.starts_with("\u{feff}uid,id,registered_at,start,end,severity,status"), "{csv}");
    for cell in [",'=1+1,", ",'-1.5,", "\"'=HYPERLINK"] {
        assert!(csv.contains(cell), "{cell}: {csv}");
    }
    let json: Vec<Value> = serde_json::from_str(&of("format=json&kind=rule").1).expect("an array");
    let ids: Vec<_> = json.iter().map(|one| text(&one["id"])).collect();
    assert_eq!(ids, ["i-2", "i-1"]);
    assert_eq!(of("format=ndjson&status=ignore").1, "");
    site.wait_until_idle();
}
