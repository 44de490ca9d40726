//! Roles of one's own hold at once, and whoever manages users gives no more than they have.

use annunciator_testkit::http::Response;
use serde_json::{Value, json};

use crate::people::{Browser, PASSWORD, make_user};
use crate::support::{Site, answer, client_with, field_errors};

fn put_role(site: &Site, name: &str, rights: &[&str]) -> Response {
    let path = format!("/api/v1/roles/{name}");
    answer(site.server.client().put(&path, &json!({ "rights": rights })))
}

#[test]
fn nobody_gives_rights_that_they_do_not_have() {
    let site = Site::start();
    make_user(&site, "root", "administrator");
    let staff = ["manage_users", "manage_tokens", "read_events", "read_ledger"];
    drop(put_role(&site, "staff", &staff).expect_status(200));
    drop(put_role(&site, "reader", &["read_events"]).expect_status(200));
    make_user(&site, "boss", "staff");
    make_user(&site, "guest", "reader");
    let boss = Browser::of(&site, "boss");
    let try_it = |method: &str, path: &str, body: Value| {
        boss.send(&site, method, &format!("/api/v1/{path}"), &body).status
    };
    let user = |name: &str, role: &str| json!({ "name": name, "role": role, "password": PASSWORD });
    let word = json!({ "password": PASSWORD });
    for (method, path, body, expected) in [
        ("POST", "users", user("a", "reader"), 201),
        ("POST", "users", user("b", "viewer"), 403),
        ("POST", "users", user("b", "administrator"), 403),
        ("POST", "users", user("b", "nobody"), 422),
        ("PATCH", "users/guest", json!({"role": "staff"}), 200),
        ("PATCH", "users/guest", json!({"role": "reader"}), 200),
        ("PATCH", "users/guest", json!({"role": "operator"}), 403),
        ("PATCH", "users/boss", json!({"role": "administrator"}), 403),
        ("PATCH", "users/root", json!({"blocked": true}), 403),
        ("POST", "users/root/password", word.clone(), 403),
        ("POST", "users/root/key", json!({}), 403),
        ("POST", "users/root/sign-out", json!({}), 403),
        ("DELETE", "users/root", Value::Null, 403),
        ("POST", "users/boss/password", word.clone(), 409),
        ("POST", "users/boss/key", json!({}), 409),
        ("POST", "users/guest/password", word, 204),
        ("PUT", "roles/staff", json!({"rights": ["read_settings", "manage_users"]}), 403),
        ("PUT", "roles/more", json!({"rights": ["read_audit"]}), 403),
        ("PUT", "roles/less", json!({"rights": ["read_ledger"]}), 200),
        ("PUT", "roles/viewer", json!({"rights": []}), 409),
        ("DELETE", "roles/less", Value::Null, 204),
        ("POST", "tokens", json!({"name": "t", "role": "administrator"}), 403),
        ("POST", "tokens", json!({"name": "t", "role": "ingest"}), 403),
        ("POST", "tokens", json!({"name": "t", "role": "reader"}), 201),
        ("DELETE", "users/guest", Value::Null, 204),
    ] {
        assert_eq!(try_it(method, path, body.clone()), expected, "{method} {path} {body}");
    }
    let tokens = site.get("/api/v1/tokens");
    let id_of = |role: &str| {
        let mut tokens = tokens["tokens"].as_array().unwrap().iter();
        let found = tokens.find(|one| one["role"] == role).unwrap();
        format!("tokens/{}", found["id"].as_str().unwrap())
    };
    assert_eq!(try_it("DELETE", &id_of("administrator"), Value::Null), 403);
    assert_eq!(try_it("DELETE", &id_of("reader"), Value::Null), 204);
    assert_eq!(try_it("DELETE", "tokens/none", Value::Null), 404);
    let root = site.get("/api/v1/users/root");
    assert_eq!((&root["role"], &root["blocked"]), (&json!("administrator"), &json!(false)));
}

#[test]
fn a_changed_role_holds_at_once_and_one_in_use_stays() {
    let site = Site::start();
    make_user(&site, "root", "administrator");
    drop(put_role(&site, "auditor", &["read_audit"]).expect_status(200));
    let unknown = put_role(&site, "auditor", &["read_audits"]).expect_status(422);
    assert_eq!(field_errors(&unknown.json()), [("/rights/0".to_owned(), "one_of".to_owned())]);
    make_user(&site, "anna", "auditor");
    let words = ["token", "create", "--name", "t", "--role", "auditor", "--quiet"];
    let token = site.run(&words).trim().to_owned();
    let anna = Browser::of(&site, "anna");
    let statuses = |path: &str| {
        let token = answer(client_with(&site.server, &token).get(path)).status;
        (anna.status(&site, path), token)
    };
    assert_eq!(statuses("/api/v1/audit"), (200, 200));
    assert_eq!(statuses("/api/v1/status"), (403, 403));
    drop(put_role(&site, "auditor", &["read_status"]).expect_status(200));
    assert_eq!(statuses("/api/v1/audit"), (403, 403));
    assert_eq!(statuses("/api/v1/status"), (200, 200));
    let client = site.server.client();
    let delete = || answer(client.delete("/api/v1/roles/auditor"));
    let refused = delete().expect_status(409).text();
    assert!(refused.contains("users (1) and tokens (1)"), "{refused}");
    drop(answer(client.delete("/api/v1/users/anna")).expect_status(204));
    drop(delete().expect_status(409));
    let tokens = site.get("/api/v1/tokens");
    let mut tokens = tokens["tokens"].as_array().unwrap().iter();
    let id = tokens.find(|one| one["role"] == "auditor").unwrap()["id"].as_str().unwrap();
    drop(answer(client.delete(&format!("/api/v1/tokens/{id}"))).expect_status(204));
    drop(delete().expect_status(204));
}

#[test]
fn a_role_is_refused_that_could_not_work_or_be_told_from_others() {
    let site = Site::start();
    let check = |name: &str, rights: &[&str], expected: &[(&str, &str)]| {
        let answer = put_role(&site, name, rights);
        if expected.is_empty() {
            drop(answer.expect_status(200));
            return;
        }
        let problem = answer.expect_status(422).json();
        let expected = expected.iter().map(|(at, code)| ((*at).to_owned(), (*code).to_owned()));
        assert_eq!(field_errors(&problem), expected.collect::<Vec<_>>(), "{name} {rights:?}");
        let words = problem["errors"][0]["detail"].as_str().unwrap();
        if problem["errors"][0]["code"] == "needs_right" {
            assert!(words.contains(rights[0]) && words.contains("read_"), "{words}");
        }
    };
    let format = [("/name", "format")];
    check("Night%20shift%20%D0%AB-2", &["read_audit"], &[]);
    check("%2E%2E%2E", &["read_audit"], &[]);
    for name in ["%2E", "%2E%2E", "a%E2%80%AEb", "a%E2%80%8Bb", "a%E3%85%A4b", "a%3Cb", "a%20"] {
        check(name, &["read_audit"], &format);
    }
    for (right, needed) in [
        ("operate_deliveries", "read_ledger"),
        ("explain", "read_events"),
        ("change_settings", "read_settings"),
        ("send_test_message", "read_settings"),
        ("manage_silences", "read_silences"),
        ("manage_backups", "read_status"),
        ("manage_nodes", "read_status"),
    ] {
        check("lame", &[right], &[("/rights/0", "needs_right")]);
        check("able", &[right, needed], &[]);
    }
    let views = ["ledger/%2E%2E", "%2E/x", "ledger/a%E2%80%AEb"];
    make_user(&site, "root", "administrator");
    let root = Browser::of(&site, "root");
    for path in views {
        let path = format!("/api/v1/views/{path}");
        let answer = root.send(&site, "PUT", &path, &json!({"query": "q=a"}));
        assert_eq!(answer.status, 422, "{path}");
    }
    let token = json!({"name": "a\u{202e}b", "role": "viewer"});
    let refused = site.post("/api/v1/tokens", &token).expect_status(422).json();
    assert_eq!(field_errors(&refused), [("/name".to_owned(), "format".to_owned())]);
}

#[test]
fn one_administrator_always_remains() {
    let site = Site::start();
    make_user(&site, "root", "administrator");
    make_user(&site, "anna", "administrator");
    let client = site.server.client();
    let patch = |name: &str, body: Value| {
        answer(client.patch(&format!("/api/v1/users/{name}"), &body)).status
    };
    assert_eq!(patch("anna", json!({"blocked": true})), 200);
    assert_eq!(patch("root", json!({"blocked": true})), 409);
    assert_eq!(patch("root", json!({"role": "viewer"})), 409);
    assert_eq!(answer(client.delete("/api/v1/users/root")).status, 409);
    let invited = json!({"name": "new", "role": "administrator"});
    drop(site.post("/api/v1/users", &invited).expect_status(201));
    assert_eq!(answer(client.delete("/api/v1/users/root")).status, 409, "who cannot sign in yet");
    assert_eq!(patch("anna", json!({"blocked": false})), 200);
    assert_eq!(answer(client.delete("/api/v1/users/root")).status, 204);
    assert_eq!(answer(client.delete("/api/v1/users/anna")).status, 409);
}

#[test]
fn views_are_ones_own_unless_they_are_shared() {
    let site = Site::start();
    make_user(&site, "anna", "operator");
    make_user(&site, "boris", "viewer");
    let (anna, boris) = (Browser::of(&site, "anna"), Browser::of(&site, "boris"));
    let put = |browser: &Browser, path: &str, body: Value| {
        browser.send(&site, "PUT", &format!("/api/v1/views/{path}"), &body).status
    };
    assert_eq!(put(&anna, "ledger/Failed", json!({"query": "state=failed", "shared": true})), 200);
    assert_eq!(put(&anna, "ledger/Mine", json!({"query": "q=a"})), 200);
    assert_eq!(put(&boris, "ledger/Failed", json!({"query": "q=b"})), 200);
    assert_eq!(put(&boris, "ledger/Failed", json!({"query": "q=b", "shared": true})), 403);
    assert_eq!(put(&boris, "ledger/x", json!({"query": "q".repeat(2_001)})), 422);
    let listed = |browser: &Browser, page: &str| {
        let path = format!("/api/v1/views?page={page}");
        let list = browser.send(&site, "GET", &path, &Value::Null).expect_status(200).json();
        let views = list["views"].as_array().unwrap().iter();
        views.map(|view| format!("{}/{}", view["owner"], view["name"])).collect::<Vec<_>>()
    };
    let quoted = |names: &[(&str, &str)]| {
        names.iter().map(|(o, n)| format!("\"{o}\"/\"{n}\"")).collect::<Vec<_>>()
    };
    assert_eq!(listed(&anna, "ledger"), quoted(&[("anna", "Failed"), ("anna", "Mine")]));
    assert_eq!(listed(&boris, "ledger"), quoted(&[("boris", "Failed"), ("anna", "Failed")]));
    assert_eq!(listed(&boris, "events"), quoted(&[]));
    let gone = |path: &str| boris.send(&site, "DELETE", path, &Value::Null).status;
    assert_eq!(gone("/api/v1/views/ledger/Mine"), 404, "another's");
    assert_eq!(gone("/api/v1/views/ledger/Failed"), 204);
    assert_eq!(listed(&boris, "ledger"), quoted(&[("anna", "Failed")]));
    assert_eq!(site.server.client().get("/api/v1/views").unwrap().status, 403, "tokens have none");
}
