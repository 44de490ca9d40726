//! `store migrate` brings a store to this version without a server, and says from which one; nodes
//! may do it at the same time.

use std::fs;
use std::path::Path;
use std::process::Command;

use annunciator_testkit::postgres::PostgresCluster;
use annunciator_testkit::process::Launch;

use crate::stores::{Offline, told};
use crate::support::{BINARY, Site};

const MIGRATE: &[&str] = &["store", "migrate"];
/// Steps of the old store that is made.
const OLD: usize = 7;

/// A store of an old version, made of its steps by an SQLite that is not ours.
fn make_old_store(file: &Path) {
    let steps = Path::new(env!("CARGO_MANIFEST_DIR")).join("../annunciator-store/migrations");
    let mut steps: Vec<_> = fs::read_dir(steps).unwrap().map(|one| one.unwrap().path()).collect();
    steps.retain(|path| path.extension().is_some_and(|end| end == "sql"));
    steps.sort();
    let script = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\n\
                  for step in sys.argv[2:]:\n  c.executescript(open(step).read())\n\
                  c.execute('PRAGMA user_version = %d' % len(sys.argv[2:]))\nc.commit()\n";
    let output =
        Command::new("python3").args(["-c", script]).arg(file).args(&steps[..OLD]).output();
    let (code, words) = told(&output.unwrap());
    assert_eq!(code, 0, "{words}");
}

#[test]
fn store_migrate_brings_a_file_to_this_version() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    make_old_store(&data.join("annunciator.sqlite3"));
    let offline = Offline::of(&data);
    offline.fails(&["store", "check"], "annunciator store migrate");
    let (code, words) = offline.run(MIGRATE);
    assert_eq!(code, 0, "{words}");
    assert!(words.contains("brought from version 7 to "), "{words}");
    let (code, words) = offline.run(MIGRATE);
    assert!(code == 0 && words.contains("nothing was to do"), "{words}");
    assert_eq!(offline.run(&["store", "check"]).0, 0);
    let launch = Launch::new(Path::new(BINARY), folder.path());
    let site = Site::of(launch, tempfile::tempdir().unwrap());
    offline.fails(MIGRATE, "another process uses the folder");
    site.submit("disk.full");
    site.wait_until_idle();
    assert_eq!(site.events().len(), 1);
}

#[test]
fn store_migrate_makes_a_database_once_for_nodes_that_come_together() {
    let Some(cluster) = PostgresCluster::shared() else { return };
    let name = cluster.database("template0");
    let address = cluster.address(&name);
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let offline = Offline::new(&data, &folder.path().join("key"), Some(&address));
    let together: Vec<_> =
        (0..5).map(|_| offline.command(MIGRATE).spawn().expect("the binary starts")).collect();
    let mut made = 0;
    for child in together {
        let (code, words) = told(&child.wait_with_output().unwrap());
        assert_eq!(code, 0, "{words}");
        made += usize::from(words.contains("made, with version"));
        assert!(words.contains("made, with") || words.contains("nothing was to do"), "{words}");
    }
    assert_eq!(made, 1, "one of them made the tables");
    assert!(!data.exists(), "no folder is needed");
    assert_eq!(offline.run(&["store", "check"]).0, 0);
    let _ = cluster.ask(&name, "UPDATE schema_version SET version = 99");
    offline.fails(MIGRATE, "start a newer program");
}
