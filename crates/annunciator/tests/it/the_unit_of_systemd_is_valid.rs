//! The unit for systemd is one by its own word, is the guide's, and fits what the server does.

use std::fs;
use std::process::Command;

use annunciator_testkit::postgres::is_root;

use crate::support::BINARY;

const UNIT: &str = include_str!("../../../../packaging/annunciator.service");
const GUIDE: &str = include_str!("../../../../docs/guide/several-nodes.md");

/// What an option of the unit says.
fn option(name: &str) -> &'static str {
    let mut all = UNIT.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    all.next().unwrap_or_else(|| panic!("the unit has no {name}"))
}

#[test]
fn the_unit_of_systemd_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("annunciator.service");
    let own = UNIT.replace("/usr/bin/annunciator", BINARY);
    // The user is made by the guide.
    let own =
        own.replace("User=annunciator", "User=root").replace("Group=annunciator", "Group=root");
    fs::write(&file, own).unwrap();
    let verified = Command::new("systemd-analyze").arg("verify").arg(&file).output();
    let Ok(verified) = verified else {
        let missing = "systemd-analyze is missing: run `cargo xtask setup`";
        assert!(!is_root(), "{missing}");
        eprintln!("skipped: {missing}");
        return;
    };
    let complaint = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && !complaint.contains("annunciator"), "{complaint}");
}

#[test]
fn the_unit_is_the_guides_and_fits_the_server() {
    assert!(GUIDE.contains(&format!("```ini\n{UNIT}```")), "the guide shows another unit");
    let output = Command::new(BINARY).args(["serve", "--config", "/nowhere/a.toml"]).output();
    let code = output.unwrap().status.code().unwrap().to_string();
    let kept_down: Vec<&str> = option("RestartPreventExitStatus").split(' ').collect();
    assert!(kept_down.contains(&code.as_str()) && kept_down.contains(&"0"), "{code}");
    assert!(!kept_down.contains(&"1"), "a database that is away is waited for");
    // Attempts 30 s, commits 10 s, the store 20 s.
    assert!(option("TimeoutStopSec").parse::<u32>().unwrap() > 60);
}
