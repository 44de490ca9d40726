//! HAProxy with the guide's own words before three nodes, of which one is killed, one is cut off
//! from the database and one drains: only of the first do sources see something, who ask again as
//! they do anyway; and every event is delivered.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use annunciator_testkit::certificates::Authority;
use annunciator_testkit::haproxy::HaProxy;
use annunciator_testkit::pgbouncer::PgBouncer;
use annunciator_testkit::postgres::PostgresCluster;
use annunciator_testkit::process::free_address;
use annunciator_testkit::relay::Relay;

use crate::nodes::{AWAY, RECOVERY, launch};
use crate::support::{PATIENCE, Site, critical, eventually, eventually_within};

const GUIDE: &str = include_str!("../../../../docs/guide/several-nodes.md");
const SOURCES: usize = 3;

/// The guide's configuration, with the addresses and files of the test.
fn configuration(folder: &Path, front: SocketAddr, nodes: &[SocketAddr]) -> String {
    let begun = GUIDE.split("# /etc/haproxy/haproxy.cfg").nth(1).expect("the guide has it");
    let (_, text) = begun.split_once('\n').expect("it has lines");
    let text = text.split("```").next().expect("it ends");
    let folder = folder.display().to_string();
    let mut text =
        text.replace("bind :443 ", &format!("bind {front} ")).replace("/etc/haproxy", &folder);
    for (number, node) in (11..).zip(nodes) {
        let told = format!("192.0.2.{number}:8650");
        assert!(text.contains(&told), "{told} is not in {text}");
        text = text.replace(&told, &node.to_string());
    }
    assert!(!text.contains("192.0.2.") && text.contains(&folder), "{text}");
    format!(
        "defaults\n    timeout connect 5s\n    timeout client 50s\n    timeout server 50s\n{text}"
    )
}

/// What a source knows.
struct Source<'a> {
    front: SocketAddr,
    root: &'a Path,
    token: &'a str,
    /// Whether it asks again when it is not answered as it should be.
    is_patient: AtomicBool,
}

impl Source<'_> {
    /// Hands in an event; the status of its last try.
    fn submit(&self, id: &str) -> String {
        let retries = if self.is_patient.load(Ordering::Relaxed) { "5" } else { "0" };
        let event = critical("load").id(id).description(id).json().to_string();
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--data", &event, "--output"])
            .arg(self.root.with_file_name(format!("answer-{id}")))
            .args(["--write-out", "%{http_code}", "--max-time", "60"])
            .args(["--retry", retries, "--retry-all-errors", "--retry-delay", "1", "--cacert"])
            .arg(self.root)
            .args(["-H", &format!("Authorization: Bearer {}", self.token)])
            .args(["-H", "Content-Type: application/json"])
            .arg(format!("https://localhost:{}/api/v1/events", self.front.port()))
            .stdin(Stdio::null())
            .output()
            .expect("curl is installed");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() { told } else { format!("{told}: {output:?}") }
    }
}

/// A node with TLS at each of these addresses of a database; the first has a relay and a token.
fn start_nodes(databases: &[String], folder: &Path, relay: &Relay) -> Vec<Site> {
    let key = folder.join("secret.key");
    let lines = format!(
        "tls_certificate_file = \"{0}/node.crt\"\ntls_key_file = \"{0}/node.key\"",
        folder.display()
    );
    let mut sites: Vec<Site> = Vec::new();
    for database in databases {
        let own = tempfile::tempdir().unwrap();
        let launched = launch(own.path(), database, &key);
        let mut site = Site::of(launched.configuration(&lines), own);
        site.errors_expected = AWAY;
        site.is_asked = false;
        if sites.is_empty() {
            let servers = format!("email.servers=127.0.0.1 email.port={}", relay.port());
            let rest = "email.sender=a@example.org email.recipients=b@example.org \
                        email.notify_about=all";
            let words: Vec<&str> = servers.split(' ').chain(rest.split_whitespace()).collect();
            site.run(&[&["settings", "set"], &words[..]].concat());
            // Made before the others start, which know it then.
            let _ = site.server.token();
        }
        sites.push(site);
    }
    sites
}

#[test]
fn a_load_balancer_leads_past_a_node_that_ends() {
    let Some(cluster) = PostgresCluster::start(&[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("Annunciator nodes");
    let identity = authority.server(&["localhost"]);
    let write = |name: &str, octets: &[u8]| fs::write(folder.path().join(name), octets).unwrap();
    write("node.crt", &identity.certificate_pem());
    write("node.key", &identity.key_pem());
    write("annunciator.pem", &[identity.certificate_pem(), identity.key_pem()].concat());
    write("annunciator-ca.pem", &authority.pem());
    let relay = Relay::builder().start();
    let Some(mut pooler) = PgBouncer::start(&cluster, 20) else { return };
    let direct = cluster.address("postgres");
    let databases = [direct.clone(), direct, pooler.address("postgres")];
    let mut sites = start_nodes(&databases, folder.path(), &relay);
    let addresses: Vec<SocketAddr> = sites.iter().map(|site| site.server.address()).collect();
    let front = free_address();
    let text = configuration(folder.path(), front, &addresses);
    let Some(balancer) = HaProxy::start(&text, front) else { return };
    let root = folder.path().join("annunciator-ca.pem");
    let token = sites[0].server.token().to_owned();
    let source = Source { front, root: &root, token: &token, is_patient: AtomicBool::new(true) };
    eventually("an event through the balancer", || match source.submit("first").as_str() {
        "202" => Ok(()),
        other => Err(format!("{other}: {}", balancer.output())),
    });
    let (next, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let done = |count: usize| {
        eventually_within(RECOVERY, "events handed in", || {
            let now = next.load(Ordering::Relaxed);
            if now >= count { Ok(()) } else { Err(format!("{now}")) }
        });
    };
    std::thread::scope(|scope| {
        for _ in 0..SOURCES {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let id = format!("e{}", next.fetch_add(1, Ordering::Relaxed));
                    assert_eq!(source.submit(&id), "202", "{id}");
                }
            });
        }
        done(30);
        sites[1].server.kill9();
        done(60);
        // As its service does it.
        sites[1].server.restart();
        done(next.load(Ordering::Relaxed) + 20);
        // The rest is not even seen.
        source.is_patient.store(false, Ordering::Relaxed);
        done(next.load(Ordering::Relaxed) + 20);
        pooler.stop();
        done(next.load(Ordering::Relaxed) + 40);
        pooler.start_again();
        let ended = sites[0].server.terminate_and_wait(PATIENCE);
        assert!(ended.success(), "{ended}");
        done(next.load(Ordering::Relaxed) + 30);
        is_over.store(true, Ordering::Relaxed);
    });
    let all: BTreeSet<String> = (0..next.into_inner()).map(|number| format!("e{number}")).collect();
    eventually_within(RECOVERY, "every event delivered", || {
        let messages = relay.messages();
        let told = messages.iter().filter_map(|message| message.header("X-Annunciator-Event"));
        let told: BTreeSet<String> = told.collect();
        let missing: Vec<&String> = all.difference(&told).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?}")) }
    });
    let words = balancer.output();
    assert!(!words.contains("[WARNING]") || words.contains("is DOWN"), "{words}");
}
