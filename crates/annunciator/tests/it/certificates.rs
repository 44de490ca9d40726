//! What tests of certificate objects share: uploads as a client would post them.

use annunciator_testkit::http::Response;
use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};

use crate::support::{Site, text};

/// The body of an upload.
pub(crate) fn upload_of(kind: &str, files: &[&[u8]], password: &str) -> Value {
    let files: Vec<Value> = files
        .iter()
        .enumerate()
        .map(|(at, file)| {
            json!({"name": format!("file-{at}"), "content_base64": Base64::encode_string(file)})
        })
        .collect();
    json!({"name": format!("my {kind}"), "kind": kind, "files": files, "password": password})
}

/// Uploads an object, or tries to.
pub(crate) fn upload(site: &Site, kind: &str, files: &[&[u8]], password: &str) -> Response {
    site.post("/api/v1/certificates", &upload_of(kind, files, password))
}

/// Uploads an object; gives its id.
pub(crate) fn uploaded(site: &Site, kind: &str, files: &[&[u8]], password: &str) -> String {
    let saved = upload(site, kind, files, password).expect_status(201).json();
    text(&saved["certificate"]["id"]).to_owned()
}

/// The octets of the first PEM block.
pub(crate) fn octets_of(pem: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(pem.to_vec()).expect("PEM is text");
    let lines: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    Base64::decode_vec(&lines).expect("PEM is base64")
}
