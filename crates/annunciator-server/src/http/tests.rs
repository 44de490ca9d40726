//! TLS material of the listener: good, mixed up, missing.

use std::path::PathBuf;

use annunciator_testkit::certificates::Authority;

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
    check(&certificate, &garbage, "garbage cannot be used");
    check(&missing, &key, "missing cannot be read");
    check(&certificate, &missing, "missing cannot be read");
}
