//! The commands of the guide copy a database while its node works, and bring it back: ledger,
//! settings with their secrets and tokens are as they were, and what was unfinished goes out.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use annunciator_testkit::postgres::PostgresCluster;
use annunciator_testkit::relay::{Action, Stage, When};
use serde_json::Value;

use crate::people::{Browser, make_user};
use crate::stores::{Offline, key_of, locked_relay, locked_settings, node, told};
use crate::support::{PATIENCE, Site, answer, client_with, critical, eventually, text};

const FINISHED: usize = 2;
const UNFINISHED: usize = 10;
/// How long the relay leaves the first unfinished message without a reply.
const SILENCE: Duration = Duration::from_secs(100);

/// The lines of the guide that begin with this program.
fn commands(page: &str, program: &str) -> Vec<String> {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide").join(page);
    let text = std::fs::read_to_string(guide).unwrap();
    let begins = |line: &&str| line.split(' ').any(|word| word == program);
    let found: Vec<_> = text.lines().filter(begins).map(str::to_owned).collect();
    let is_command = |line: &String| line.starts_with(program) || line.starts_with("sudo");
    found.into_iter().filter(is_command).collect()
}

/// Runs a line of the guide as its reader would, as PostgreSQL's own user.
fn run(cluster: &PostgresCluster, folder: &Path, line: &str) {
    let line = line.replace("sudo -u postgres ", "");
    let path = format!("{}:/usr/bin:/bin", cluster.programs().display());
    let mut shell = Command::new("sh");
    shell.args(["-ec", &line]).current_dir(folder).env("PATH", path);
    shell.env("PGHOST", cluster.folder()).env("PGPORT", cluster.port().to_string());
    let (code, words) = told(&shell.env("PGUSER", "postgres").output().unwrap());
    assert_eq!(code, 0, "{line}: {words}");
}

fn ids(events: &[Value]) -> BTreeSet<String> {
    events.iter().map(|event| text(&event["id"]).to_owned()).collect()
}

#[test]
fn a_dump_brings_back_a_database_with_what_was_unfinished() {
    let Some(cluster) = PostgresCluster::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let _ = cluster.ask("postgres", "CREATE ROLE annunciator LOGIN");
    for line in commands("several-nodes.md", "createdb") {
        run(&cluster, folder.path(), &line);
    }
    let at = |name: &str| cluster.address(name).replace("postgres@", "annunciator@");
    let relay = locked_relay().start();
    let mut site = node(&folder.path().join("node"), &at("annunciator"));
    site.save(&locked_settings(relay.port()));
    let made = site.run(&["token", "create", "--name", "v", "--role", "viewer", "--quiet"]);
    for _ in 0..FINISHED {
        site.submit("disk.full");
    }
    let finished = site.wait_for_deliveries(FINISHED, "delivered");
    let finished: Vec<_> = finished.iter().map(|one| site.delivery(text(&one["id"]))).collect();
    relay.on(Stage::DataEnd, When::Times(1), Action::Delay(SILENCE));
    for _ in 0..UNFINISHED {
        site.submit("disk.late");
    }
    eventually("one is in flight, and the others wait", || {
        let found = site.deliveries();
        let flights = found.iter().filter(|one| one["state"] == "in_flight").count();
        let is_met = found.len() == FINISHED + UNFINISHED && flights > 0;
        if is_met { Ok(()) } else { Err(format!("{found:?}")) }
    });
    let before = ids(&site.events());
    dump_while_it_works(&site, || {
        for line in commands("backup.md", "pg_dump") {
            run(&cluster, folder.path(), &line);
        }
    });
    let settings = site.get("/api/v1/settings")["values"].clone();
    site.server.kill9();
    relay.behave();
    for program in ["createdb", "pg_restore"] {
        for line in commands("backup.md", program) {
            run(&cluster, folder.path(), &line);
        }
    }

    let restored = node(&folder.path().join("node"), &at("annunciator_restored"));
    let after = ids(&restored.events());
    assert!(before.is_subset(&after), "all that was accepted before the dump is there");
    assert_eq!(restored.get("/api/v1/settings")["values"], settings);
    for delivery in &finished {
        assert_eq!(restored.delivery(text(&delivery["delivery"]["id"])), *delivery);
    }
    assert_eq!(
        answer(client_with(&restored.server, made.trim()).get("/api/v1/events")).status,
        200
    );
    let all = restored.wait_for_deliveries(after.len(), "delivered");
    let marked = all.iter().filter(|one| one["possibly_duplicated"] == true).count();
    assert!(marked > 0, "what was in flight may have arrived");
    relay.wait_for_messages(after.len() - marked, PATIENCE).unwrap();
    let data = restored.server.data_folder();
    let offline = Offline::new(&data, &key_of(&data), Some(&at("annunciator_restored")));
    let (code, words) = offline.run(&["store", "check"]);
    assert!(code == 0 && words.contains("all is well"), "{words}");
}

/// Events come in all the time that a dump is made.
fn dump_while_it_works(site: &Site, dump: impl FnOnce()) {
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                site.submit_event(critical("disk.meanwhile"));
            }
        });
        dump();
        is_done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn copies_of_a_database_are_made_with_its_own_tools_and_everybody_says_so() {
    let Some(cluster) = PostgresCluster::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let site = node(folder.path(), &cluster.address(&cluster.database("template0")));
    make_user(&site, "anna", "administrator");
    for words in [&["create"][..], &["list"], &["delete", "annunciator-x.sqlite3"]] {
        let (code, told) = told(&site.command(&[&["backup"], words].concat()));
        assert!(code == 1 && told.contains("make copies with pg_dump"), "{words:?}: {told}");
    }
    let refused = site.post("/api/v1/backups", &Value::Null).expect_status(409).json();
    assert_eq!(refused["type"], "urn:annunciator:elsewhere");
    assert!(text(&refused["detail"]).contains("pg_dump"), "{refused}");
    let page = Browser::of(&site, "anna").send(&site, "GET", "/system", &Value::Null);
    let page = page.expect_status(200).text();
    assert!(page.contains("make copies with pg_dump") && page.contains("PostgreSQL 1"), "{page}");
    assert!(!page.contains("are free of"), "its disk is its own");
    assert!(!site.run(&["status"]).contains("kept in reserve"));
    assert!(!page.contains("/system/backups"), "no button that cannot work");
    let vera = || {
        make_user(&site, "vera", "viewer");
        Browser::of(&site, "vera").send(&site, "GET", "/system", &Value::Null).text()
    };
    assert!(!vera().contains("pg_dump"), "those who may make none are not told");
}
