//! A copy that cannot be made says why, shows no password, leaves the database empty and the folder
//! as it was.

use std::fs;
use std::path::Path;

use annunciator_testkit::postgres::PostgresCluster;
use annunciator_testkit::process::{Launch, free_address};

use crate::stores::{Offline, key_of, node};
use crate::support::{BINARY, Site};

const TABLES: &str = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";

#[test]
fn a_copy_that_cannot_be_made_says_why() {
    let Some(cluster) = PostgresCluster::shared() else { return };
    let name = cluster.database("template0");
    let address = cluster.address(&name);
    let mut old = Site::start();
    old.submit("disk.full");
    old.wait_until_idle();
    let data = old.server.data_folder();
    let offline = Offline::of(&data);
    offline.fails(&["store", "copy", "--to", &address], "another process uses the folder");
    old.server.kill9();

    let port = free_address().port();
    let missing = tempfile::tempdir().unwrap().path().join("none");
    let from = missing.to_str().unwrap();
    for (words, expected) in [
        (&["--to", &format!("postgres://ann:geheim@127.0.0.1:{port}/x")][..], "cannot be reached"),
        (&["--to", "postgres://ann:geheim@nowhere.invalid/x"], "cannot be reached"),
        (&["--to", &cluster.address("nope")], "database \"nope\" does not exist"),
        (&["--to", "postgres://ann:geheim@db:port/x"], "the address of the store is not readable"),
        (&["--to", "geheim"], "does not begin with postgres://"),
        (&["--to", "sqlite"], "say where with `--to`"),
        (&[], "say where with `--to`"),
        (&["--to", &address, "--from", from], "there is no store in the folder"),
    ] {
        offline.fails(&[&["store", "copy"], words].concat(), expected);
    }
    assert!(!missing.exists(), "a folder that is not there is not made");
    assert_eq!(cluster.ask(&name, TABLES), "0", "nothing is left of what failed");

    old.server.restart();
    assert_eq!(old.events().len(), 1, "the folder is as it was");
    old.server.kill9();
    assert_eq!(offline.run(&["store", "copy", "--to", &address]).0, 0);
    offline.fails(&["store", "copy", "--to", &address], "a store in the database already");
    assert_eq!(cluster.ask(&name, "SELECT count(*) FROM events"), "1", "it stays as it is");
}

#[test]
fn a_database_that_a_node_uses_takes_no_copy() {
    let Some(cluster) = PostgresCluster::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let offline = Offline::of(&data);
    assert_eq!(offline.run(&["store", "migrate"]).0, 0);
    let address = cluster.address(&cluster.database("template0"));
    let other = tempfile::tempdir().unwrap();
    let launch = Launch::new(Path::new(BINARY), other.path());
    let server = launch.environment("ANNUNCIATOR_STORE", &address).start();
    offline.fails(&["store", "copy", "--to", &address], "a node uses the database");
    drop(server);
}

#[test]
fn a_wrong_password_of_the_database_is_told_without_it() {
    let Some(cluster) = PostgresCluster::start(&[]) else { return };
    let _ = cluster.ask("postgres", "CREATE ROLE ann LOGIN PASSWORD 'right-one'");
    let _ = cluster.ask("postgres", "CREATE DATABASE ours OWNER ann TEMPLATE template0");
    let rules = cluster.folder().join("data/pg_hba.conf");
    let others = fs::read_to_string(&rules).unwrap();
    fs::write(&rules, format!("host all ann 127.0.0.1/32 scram-sha-256\n{others}")).unwrap();
    let _ = cluster.ask("postgres", "SELECT pg_reload_conf()");
    let mut old = Site::start();
    old.submit("disk.full");
    old.wait_until_idle();
    old.server.kill9();
    let offline = Offline::of(&old.server.data_folder());
    let at =
        |password: &str| format!("postgres://ann:{password}@127.0.0.1:{}/ours", cluster.port());
    let expected = "password authentication failed for user \"ann\"";
    offline.fails(&["store", "copy", "--to", &at("geheim")], expected);
    for command in ["migrate", "check"] {
        let data = old.server.data_folder();
        let node = Offline::new(&data, &key_of(&data), Some(&at("geheim")));
        node.fails(&["store", command], expected);
    }
    let (code, told) = offline.run(&["store", "copy", "--to", &at("right-one")]);
    assert_eq!(code, 0, "{told}");
    assert!(!told.contains("right-one"), "{told}");
    let folder = tempfile::tempdir().unwrap();
    fs::copy(key_of(&old.server.data_folder()), folder.path().join("data.key")).unwrap();
    let site = node(folder.path(), &at("right-one"));
    assert_eq!(site.events().len(), 1);
}
