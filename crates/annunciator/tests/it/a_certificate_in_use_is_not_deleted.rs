//! What settings use is neither deleted nor, beside a stored password, replaced by others' trust.

use annunciator_testkit::certificates::Authority;
use serde_json::{Value, json};

use crate::certificates::{upload, upload_of, uploaded};
use crate::support::{Site, answer, field_errors, text};

#[test]
fn a_certificate_in_use_is_not_deleted() {
    let site = Site::start();
    let (old, new) = (Authority::new("Old root"), Authority::new("New root"));
    let id = uploaded(&site, "authorities", &[&old.pem()], "");
    let path = format!("/api/v1/certificates/{id}");
    site.save(&json!({"email": {"servers": ["127.0.0.1"], "ca_certificates": id}}));
    let client = site.server.client();
    let refused = answer(client.delete(&path)).expect_status(409).json();
    assert!(text(&refused["detail"]).contains("email.ca_certificates"), "{refused}");
    let replace = || answer(client.put(&path, &upload_of("authorities", &[&new.pem()], "")));
    let replaced = replace().expect_status(200).json();
    assert_eq!(replaced["certificate"]["certificates"][0]["subject"], "CN=New root");

    // With a stored password, other authorities would be other servers that may have it.
    site.save(&json!({"email": {"auth": "password", "username": "u", "password": "p"}}));
    let refused = replace().expect_status(409).json();
    assert!(text(&refused["detail"]).contains("password"), "{refused}");
    let second = uploaded(&site, "authorities", &[&old.pem()], "");
    let patch = json!({"email": {"ca_certificates": second}});
    let retype = [("/email/password".to_owned(), "retype".to_owned())];
    assert_eq!(field_errors(&site.patch_settings(&patch).expect_status(422).json()), retype);
    site.save(&json!({"email": {"ca_certificates": second, "password": "p"}}));
    drop(answer(client.delete(&path)).expect_status(204));
    drop(answer(client.delete(&path)).expect_status(404));
    drop(answer(client.get(&path)).expect_status(404));
}

#[test]
fn nothing_is_stored_of_a_refused_upload() {
    let site = Site::start();
    let authority = Authority::new("Root");
    let client = authority.client("robot");
    let certificate = client.certificate.to_pem().unwrap();
    let over = authority.expired_client("over");
    for (kind, files, pointer, code) in [
        ("authorities", vec![authority.pem(), certificate.clone()], "/files/1", "not_an_authority"),
        ("client", vec![certificate.clone(), authority.pem()], "/files", "key_missing"),
        ("client", vec![certificate.clone(), over.key_pem()], "/files/1", "key_mismatch"),
        ("client", vec![over.key_pem(), over.certificate_pem()], "/files/1", "expired"),
        ("client", vec![client.pkcs12("x")], "/password", "password_required"),
        ("signing_key", vec![client.key_pem()], "/files/0", "key_unsupported"),
        ("other", vec![client.key_pem()], "/kind", "one_of"),
        ("client", vec![], "/files", "range"),
    ] {
        let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
        let answer = upload(&site, kind, &files, "").expect_status(422).json();
        let expected = [(pointer.to_owned(), code.to_owned())];
        assert_eq!(field_errors(&answer), expected, "{answer}");
    }
    for body in [
        json!({"name": "n", "kind": "client", "files": ["secret-canary"]}),
        json!({"name": "n", "kind": "client", "files": [{"content_base64": "!"}]}),
        json!({"name": "", "kind": "client", "files": [{"content_base64": "AAAA"}]}),
        json!({"name": "n", "kind": "client", "files": [{"content_base64": "AAAA"}], "password": 5}),
    ] {
        let refused = site.post("/api/v1/certificates", &body).expect_status(422).text();
        assert!(!refused.contains("secret-canary"), "{refused}");
    }
    assert_eq!(site.get("/api/v1/certificates"), json!({"certificates": []}));
    let audit = site.get("/api/v1/audit");
    let is_about = |entry: &&Value| text(&entry["action"]).starts_with("certificate.");
    assert_eq!(audit["entries"].as_array().unwrap().iter().filter(is_about).count(), 0);
}
