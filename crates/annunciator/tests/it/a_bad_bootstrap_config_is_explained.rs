//! A server that cannot start says what is wrong, where, and what would be right; its exit code is
//! 78, which says that starting again is no use, and that of a check is 1.

use std::fs;
use std::process::{Command, Output};

use crate::support::BINARY;

fn start_with(words: &[&str], toml: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("annunciator.toml");
    let data = folder.path().join("data");
    fs::write(&file, format!("data_dir = \"{}\"\n{toml}", data.display())).unwrap();
    let output = Command::new(BINARY).args(words).arg("--config").arg(&file).output().unwrap();
    assert!(!data.exists(), "no store was made");
    output
}

/// A config, and what its refusal must name.
fn check(toml: &str, expected: &[&str]) {
    for (words, code) in [(&["serve"][..], 78), (&["check"], 1)] {
        let output = start_with(words, toml);
        assert_eq!(output.status.code(), Some(code), "{words:?} with {toml}: {output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        for part in expected {
            assert!(said.contains(part), "`{part}` is not in: {said}");
        }
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn a_bad_bootstrap_config_is_explained() {
    check("listn = \"127.0.0.1:0\"", &["listn", "did you mean `listen`", "annunciator.toml:2:1"]);
    check("listen = \"127.0.0.1:70000\"", &["listen", "70000", "annunciator.toml:2:1"]);
    check("listen = \"127.0.0.1:0\"\nlisten = \"x\"", &["annunciator.toml", "duplicate key"]);
    check("listen = 8650", &["listen", "integer"]);
    check("listen = \"0.0.0.0:0\"", &["0.0.0.0", "tls_certificate_file", "127.0.0.1"]);
    check("store = \"oracle\"", &["store", "sqlite"]);
    check("log = { level = \"loud\" }", &["loud", "info"]);
    check("[log]\nformat = \"xml\"", &["xml", "logfmt"]);
    check("tls_certificate_file = \"/nowhere/c.pem\"", &["tls_key_file"]);
    // All problems at once.
    check("listn = 1\nlisten = \"127.0.0.1:70000\"", &["listn", "70000"]);
}

#[test]
fn a_config_file_that_is_missing_is_named() {
    for (command, code) in [("serve", 78), ("check", 1)] {
        let output = Command::new(BINARY).args([command, "--config", "/nowhere/a.toml"]).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(code));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("/nowhere/a.toml"), "{said}");
    }
}

#[test]
fn a_good_config_passes_the_check() {
    let output = start_with(&["check"], "listen = \"127.0.0.1:0\"\nlog = \"debug\"\n");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}
