//! TLS material of the listener: good, mixed up, missing; what is answered after a panic.

use std::path::PathBuf;

use annunciator_testkit::certificates::Authority;

use http_body_util::BodyExt;

use super::connection::after_panic;
use super::tls_acceptor;

#[test]
fn an_acceptor_needs_a_certificate_and_its_own_key() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("Test");
    let (certificate, key) = authority.server(&["localhost"]).write_files(folder.path(), "one");
    let (_, other_key) = authority.server(&["localhost"]).write_files(folder.path(), "two");
    let garbage = folder.path().join("garbage");
    std::fs::write(&garbage, "no PEM").unwrap();
    let missing = folder.path().join("missing");
    let check = |certificate: &PathBuf, key: &PathBuf, expected: &str| {
        let error = tls_acceptor(certificate, key).err().unwrap_or_default();
        let is_expected =
            if expected.is_empty() { error.is_empty() } else { error.contains(expected) };
        assert!(is_expected, "{error:?}, expected {expected:?}");
    };
    check(&certificate, &key, "");
    check(&certificate, &other_key, "does not belong to the certificate");
    check(&garbage, &key, "garbage cannot be used");
    let encrypted = folder.path().join("encrypted");
    std::fs::write(&encrypted, authority.server(&["localhost"]).key_pem_encrypted("x")).unwrap();
    check(&certificate, &encrypted, "it must be PEM without a password");
    check(&certificate, &garbage, "garbage cannot be used");
    check(&missing, &key, "missing cannot be read");
    check(&certificate, &missing, "missing cannot be read");
}

#[tokio::test]
async fn a_panic_is_answered_without_its_words() {
    for panic in [
        std::panic::catch_unwind(|| panic!("canary")).unwrap_err(),
        std::panic::catch_unwind(|| panic!("{}", "canary".to_owned())).unwrap_err(),
        std::panic::catch_unwind(|| std::panic::panic_any(7)).unwrap_err(),
    ] {
        let answer = after_panic(panic.as_ref());
        assert_eq!(answer.status().as_u16(), 500);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        assert!(body.contains("urn:annunciator:internal"), "{body}");
        assert!(!body.contains("canary"), "{body}");
    }
}
