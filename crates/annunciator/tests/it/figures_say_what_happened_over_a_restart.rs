//! Statistics count what was committed, and go on counting after a restart.

use annunciator_testkit::relay::{Relay, Stage, for_address, reply};
use serde_json::{Value, json};

use crate::support::{Site, answer, critical, email_settings, field_errors, text};

const PATH: &str = "/api/v1/statistics";

/// The sum of a series.
fn sum(figures: &Value, name: &str, key: &str, word: &str) -> u64 {
    let series = figures["series"].as_array().expect("a list").iter();
    let found = series.filter(|one| one["name"] == name && one[key] == word);
    let values = found.flat_map(|one| one["values"].as_array().expect("a list"));
    values.map(|pair| pair[1].as_u64().expect("a number")).sum()
}

#[test]
fn figures_say_what_happened_over_a_restart() {
    let relay = Relay::builder()
        .on(Stage::Rcpt, for_address("gone@example.org"), reply("550 5.1.1 no such user"))
        .start();
    let mut site = Site::start();
    assert_eq!(site.get(PATH)["series"], json!([]), "nothing happened yet");
    let mut email = email_settings(relay.port());
    email["recipients"] = json!(["here@example.org", "gone@example.org"]);
    email["notify_about"] = json!(["critical"]);
    site.save(&json!({ "email": email }));
    site.submit("disk.full");
    site.submit_event(critical("door.open").severity("info"));
    site.wait_until_idle();
    let silence = json!({
        "matchers": [{"field": "device", "op": "equals", "value": "pc-17"}],
        "comment": "new disk", "duration_s": 600,
    });
    drop(site.post("/api/v1/silences", &silence).expect_status(201));
    site.submit("disk.full");
    site.wait_until_idle();
    site.server.restart();
    for step in ["300", "3600", "86400"] {
        let figures = site.get(&format!("{PATH}?step_s={step}"));
        assert_eq!(figures["step_s"].to_string(), step);
        let of = |name: &str, word: &str| {
            sum(&figures, name, if name == "accepted" { "severity" } else { "channel" }, word)
        };
        let seen = [
            of("accepted", "critical"),
            of("accepted", "info"),
            of("delivered", "email"),
            of("failed", "email"),
            of("attempts", "email"),
            of("silenced", "email"),
        ];
        assert_eq!(seen, [2, 1, 1, 1, 2, 1], "{figures}");
        let totals = json!({"accepted": 3, "attempts": 2, "delivered": 1, "failed": 1,
                            "transient": 0, "limited": 0, "silenced": 1});
        assert_eq!(figures["totals"], totals);
        assert!(text(&figures["since"]) < text(&figures["until"]), "{figures}");
    }
    let old = site.get(&format!("{PATH}?since=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00Z"));
    assert_eq!(old["series"], json!([]));
    for (query, code) in [
        ("step_s=60", "format"),
        ("since=yesterday", "format"),
        ("since=2020-01-01T00:00:00Z", "range"),
        ("since=2020-01-02T00:00:00Z&until=2020-01-01T00:00:00Z", "range"),
    ] {
        let refused = answer(site.server.client().get(&format!("{PATH}?{query}")));
        let errors = field_errors(&refused.expect_status(422).json());
        assert_eq!(errors.len(), 1, "{query}");
        assert_eq!(errors[0].1, code, "{query}");
    }
}
