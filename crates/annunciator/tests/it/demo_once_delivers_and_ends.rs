//! `demo --once` prints a JSON line for each delivery, leaves nothing behind and ends well.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::support::{BINARY, text};

#[test]
fn demo_once_delivers_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(BINARY)
        .args(["demo", "--once"])
        .env("TMPDIR", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let printed = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    assert!(lines.len() >= 3, "a few deliveries: {printed}");
    for line in &lines {
        assert_eq!(line["state"], "delivered", "{line}");
        assert!(text(&line["reply"]).starts_with("250 "), "{line}");
    }
    let ids: BTreeSet<&str> = lines.iter().map(|line| text(&line["delivery"])).collect();
    assert_eq!(ids.len(), lines.len(), "one line per delivery");
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().flatten().collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}
