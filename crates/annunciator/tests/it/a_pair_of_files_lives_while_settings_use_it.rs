//! Certificate and key are uploaded one by one, given back octet by octet, and deleted once no
//! setting uses them; half a pair is not saved where TLS is on.

use annunciator_testkit::certificates::{Authority, Identity};
use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};

use crate::certificates::upload_of;
use crate::support::{Site, answer, client_with, field_errors, text};

const PATH: &str = "/api/v1/certificates";

/// The body of an upload that may be half a pair.
fn part_of(file: Option<(&str, &[u8])>, kept: &Value) -> Value {
    let mut body = upload_of("client", &[], "");
    let files: Vec<Value> = file
        .iter()
        .map(
            |(name, octets)| json!({"name": name, "content_base64": Base64::encode_string(octets)}),
        )
        .collect();
    body["files"] = files.into();
    body["incomplete"] = json!(true);
    body["only_while_used"] = json!(true);
    if !kept.is_null() {
        body["kept"] = kept.clone();
    }
    body
}

fn kept(id: &str, part: &str) -> Value {
    json!({ "id": id, "part": part })
}

fn uploaded(site: &Site, body: &Value) -> Value {
    site.post(PATH, body).expect_status(201).json()["certificate"].clone()
}

fn ids(site: &Site) -> Vec<String> {
    let list = site.get(PATH);
    let list = list["certificates"].as_array().unwrap();
    list.iter().map(|one| text(&one["id"]).to_owned()).collect()
}

fn notifier(id: &str, tls: &str) -> Value {
    json!({ "mail_notifier": { "client_certificate": id, "tls": tls } })
}

/// Files that nobody would write like this again.
fn files_of(identity: &Identity) -> (Vec<u8>, Vec<u8>) {
    let strange = |pem: Vec<u8>| [b"about this file\r\n".as_slice(), &pem, b"\r\n\r\n"].concat();
    (strange(identity.certificate_pem()), strange(identity.key_pem()))
}

#[test]
fn a_pair_of_files_lives_while_settings_use_it() {
    let site = Site::start();
    let (certificate, key) = files_of(&Authority::new("Root").client("robot"));
    let words = ["token", "create", "--name", "own", "--role", "administrator", "--quiet"];
    let token = site.run(&words).trim().to_owned();
    let whole = upload_of("client", &[&certificate], "");
    let refused = site.post(PATH, &whole).expect_status(422).json();
    assert_eq!(field_errors(&refused)[0].1, "key_missing", "{refused}");

    let half = uploaded(&site, &part_of(Some(("robot.crt", &certificate)), &Value::Null));
    let half_id = text(&half["id"]);
    assert_eq!((&half["certificate_file"], half.get("key")), (&json!("robot.crt"), None), "{half}");
    let refused = site.patch_settings(&notifier(half_id, "required")).expect_status(422).json();
    let expected = ("/mail_notifier/client_certificate".to_owned(), "key_missing".to_owned());
    assert_eq!(field_errors(&refused), [expected]);
    site.save(&notifier(half_id, "off"));

    let pair = uploaded(&site, &part_of(Some(("k.pem", &key)), &kept(half_id, "certificate")));
    let id = text(&pair["id"]);
    assert_eq!((&pair["key"], &pair["weak_key"]), (&json!("EC P-256"), &json!(true)), "{pair}");
    site.save(&notifier(id, "required"));
    assert_eq!(ids(&site), [id], "the half is used by nothing any more");
    let file = answer(site.server.client().get(&format!("{PATH}/{id}/file"))).expect_status(200);
    assert_eq!(file.body, certificate);
    assert_eq!(key_of(&site, &token, id, &json!({"as_uploaded": true})), key);
    let written = key_of(&site, &token, id, &json!({}));
    assert!(written.starts_with(b"-----BEGIN PRIVATE KEY-----"));

    // What it holds may be replaced; it stays tied to the settings.
    let again = upload_of("client", &[&certificate, &key], "");
    let path = format!("{PATH}/{id}");
    let replaced = answer(site.server.client().put(&path, &again)).expect_status(200).json();
    assert_eq!(replaced["certificate"]["only_while_used"], true, "{replaced}");

    // Each part by itself: what is left of the pair, with its file.
    let left = uploaded(&site, &part_of(None, &kept(id, "key")));
    assert_eq!(left["certificates"], json!([]));
    assert_eq!(key_of(&site, &token, text(&left["id"]), &json!({"as_uploaded": true})), key);
    let file = format!("{PATH}/{}/file", text(&left["id"]));
    drop(answer(site.server.client().get(&file)).expect_status(404));

    site.save(&notifier("", "required"));
    assert_eq!(ids(&site), [text(&left["id"])], "what settings no longer use is deleted");
    let audit = site.get_text("/api/v1/audit?action=certificate.delete");
    assert!(audit.contains(id), "{audit}");
    let back = site.post("/api/v1/settings/rollback", &json!({"revision": 2}));
    assert_eq!(field_errors(&back.expect_status(422).json())[0].1, "unknown_certificate");
}

/// The key of an object, for the token in use.
fn key_of(site: &Site, token: &str, id: &str, request: &Value) -> Vec<u8> {
    let mut body = request.clone();
    body["credential"] = json!(token);
    let path = format!("{PATH}/{id}/key");
    answer(client_with(&site.server, token).post(&path, &body)).expect_status(200).body
}

#[test]
fn what_holds_both_is_not_given_back_with_its_key() {
    let site = Site::start();
    let (certificate, key) = files_of(&Authority::new("Root").client("robot"));
    let both = [certificate, key].concat();
    let pair = uploaded(&site, &part_of(Some(("both.pem", &both)), &Value::Null));
    assert_eq!((pair.get("certificate_file"), pair.get("key_file")), (None, None), "{pair}");
    let path = format!("{PATH}/{}/file", text(&pair["id"]));
    let file = answer(site.server.client().get(&path)).expect_status(200).text();
    assert!(file.starts_with("-----BEGIN CERTIFICATE-----") && !file.contains("PRIVATE"), "{file}");
    // Only client certificates have parts.
    let mut wrong = part_of(Some(("root.pem", b"x")), &Value::Null);
    wrong["kind"] = json!("authorities");
    drop(site.post(PATH, &wrong).expect_status(422));
    let foreign = part_of(None, &kept("nobody", "key"));
    let refused = site.post(PATH, &foreign).expect_status(422).json();
    assert_eq!(field_errors(&refused)[0].0, "/kept/id");
}
