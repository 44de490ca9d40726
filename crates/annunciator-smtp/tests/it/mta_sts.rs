//! MTA-STS against a real zone, a real HTTPS server and real handshakes (spec 4.4, RFC 8461).

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use annunciator_smtp::{Client, Keeper, MxPolicy, Notice, Relay, TlsPolicy};
use annunciator_testkit::certificates::{Authority, Identity, self_signed};
use annunciator_testkit::dns::{Dns, Signing, Zones};
use annunciator_testkit::process::free_address;
use annunciator_testkit::relay::{Stage, TlsSetup, When, reply};
use async_trait::async_trait;

use crate::stage::Server;
use crate::zones::{relay_of, tlsa_of, way};

/// Keeps texts, as the server does over restarts.
#[derive(Default)]
struct Book(Mutex<BTreeMap<String, String>>);

#[async_trait]
impl Keeper for Book {
    async fn load(&self, place: &str) -> Option<String> {
        self.0.lock().unwrap().get(place).cloned()
    }
    async fn save(&self, place: &str, text: &str) {
        self.0.lock().unwrap().insert(place.to_owned(), text.to_owned());
    }
    async fn tell(&self, _notice: Notice) {}
}

/// `openssl s_server` answering every request with files; it ends with the test.
struct PolicyServer {
    child: Option<Child>,
    port: u16,
    folder: tempfile::TempDir,
}

impl PolicyServer {
    fn start(identity: &Identity) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(".well-known")).unwrap();
        let _files = identity.write_files(folder.path(), "server");
        let mut server = Self { child: None, port: free_address().port(), folder };
        server.come_up();
        server
    }

    fn come_up(&mut self) {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let accept = format!("127.0.0.1:{}", self.port);
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", "openssl", "s_server", "-HTTP", "-quiet"])
            .args(["-accept", &accept, "-cert", &path("server.crt"), "-key", &path("server.key")])
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(&accept).is_err() {
            assert!(std::time::Instant::now() < deadline, "openssl s_server does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn go_down(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// The whole answer to the next requests.
    fn answer(&self, head: &str, body: &str) {
        let file = self.folder.path().join(".well-known/mta-sts.txt");
        let head = head.replace('\n', "\r\n");
        let length = body.len();
        std::fs::write(file, format!("{head}\r\nContent-Length: {length}\r\n\r\n{body}")).unwrap();
    }

    fn publish(&self, mode: &str, patterns: &[&str], age_s: u64) {
        let mx: String = patterns.iter().map(|pattern| format!("mx: {pattern}\r\n")).collect();
        let policy = format!("version: STSv1\r\nmode: {mode}\r\n{mx}max_age: {age_s}\r\n");
        self.answer("HTTP/1.1 200 OK\nContent-Type: text/plain; charset=utf-8", &policy);
    }
}

impl Drop for PolicyServer {
    fn drop(&mut self) {
        self.go_down();
    }
}

/// A domain, its relay, and the server of its policy.
struct Scene {
    ca: Authority,
    relay: Server,
    policy: PolicyServer,
    dns: Dns,
    keeper: Arc<Book>,
}

fn records(id: &str, more: &str) -> String {
    let text = if id.is_empty() {
        String::new()
    } else {
        format!("_mta-sts 0 TXT \"v=STSv1; id={id};\"\n")
    };
    format!("@ 0 MX 10 mx\nmx A 127.0.0.1\nmta-sts A 127.0.0.1\n{text}{more}")
}

impl Scene {
    fn new(names: &[&str], more: impl Fn(u16, &Identity) -> String, signing: Signing) -> Self {
        let ca = Authority::new("ca");
        let identity = ca.server(names);
        let relay = Server::builder().starttls(&TlsSetup::new(&identity)).start();
        let policy = PolicyServer::start(&ca.server(&["mta-sts.d.test"]));
        let more = more(relay.port(), &identity);
        let dns = Zones::new()
            .zone("test", Signing::Nsec, "")
            .zone("d.test", signing, &records("1", &more))
            .start();
        Self { ca, relay, policy, dns, keeper: Arc::default() }
    }

    fn open(names: &[&str]) -> Self {
        Self::new(names, |_, _| String::new(), Signing::Unsigned)
    }

    /// A client as after a restart.
    fn client(&self) -> Client {
        Client::with_policy_port(Arc::clone(&self.keeper) as Arc<dyn Keeper>, self.policy.port)
    }

    /// What happens to a message, and what the ledger says of the policy.
    async fn deliver(&self, client: &Client) -> (String, String) {
        let ca = Some(vec![self.ca.certificate().to_der().unwrap()]);
        let relay = Relay {
            tls: TlsPolicy::IfSupported { plaintext_after: Duration::ZERO, ca },
            mx: Some(MxPolicy { dane: true, mta_sts: true }),
            ..relay_of(&["d.test"], self.relay.port(), &self.dns)
        };
        let (found, report) = way(client, &relay, &self.relay).await;
        (found, report.facts.route.map(|route| route.mta_sts).unwrap_or_default())
    }

    async fn check(&self, client: &Client, expected: (&str, &str)) {
        let (found, sts) = self.deliver(client).await;
        assert!(found.starts_with(expected.0) && sts == expected.1, "{found} {sts} {expected:?}");
    }
}

#[tokio::test]
async fn each_mode_decides_as_it_should() {
    let good = Scene::open(&["mx.d.test"]);
    for (mode, pattern, expected) in [
        ("enforce", "mx.d.test", ("tls", "enforce: matched")),
        ("enforce", "*.d.test", ("tls", "enforce: matched")),
        ("enforce", "mx.other.test", ("defer the MTA-STS policy", "enforce: not matched")),
        ("testing", "mx.d.test", ("tls", "testing: matched")),
        ("testing", "mx.other.test", ("tls", "testing: not matched")),
        ("none", "mx.d.test", ("tls", "none")),
    ] {
        good.policy.publish(mode, &[pattern], 86_400);
        let client = Client::with_policy_port(Arc::new(Book::default()), good.policy.port);
        good.check(&client, expected).await;
    }
}

#[tokio::test]
async fn enforce_wants_tls_and_a_certificate_for_the_exchanger() {
    for (names, mode, expected) in [
        (
            ["d.test"],
            "enforce",
            ("defer certificate is for d.test, asked for mx.d.test", "enforce: matched"),
        ),
        (["d.test"], "testing", ("tls", "testing: matched")),
    ] {
        let scene = Scene::open(&names);
        scene.policy.publish(mode, &["mx.d.test"], 86_400);
        scene.check(&scene.client(), expected).await;
    }
    let scene = Scene::open(&["mx.d.test"]);
    scene.policy.publish("enforce", &["mx.d.test"], 86_400);
    scene.relay.on(Stage::StartTls, When::Always, reply("454 no"));
    let client = scene.client();
    for _ in 0..2 {
        scene.check(&client, ("defer", "enforce: matched")).await;
    }
    scene.policy.publish("testing", &["mx.d.test"], 86_400);
    let fresh = Client::with_policy_port(Arc::new(Book::default()), scene.policy.port);
    scene.check(&fresh, ("plain", "testing: matched")).await;
}

#[tokio::test]
async fn only_a_whole_policy_from_a_verified_server_counts() {
    let scene = Scene::open(&["mx.d.test"]);
    let policy = "version: STSv1\r\nmode: enforce\r\nmx: no.test\r\nmax_age: 86400\r\n";
    let plain = "Content-Type: text/plain";
    let big = format!("{policy}{}", "x: y\r\n".repeat(20_000));
    for (head, body) in [
        (format!("HTTP/1.1 404 Not Found\n{plain}"), policy),
        (format!("HTTP/1.1 301 Moved\nLocation: https://d.test/\n{plain}"), policy),
        (format!("HTTP/1.1 500 No\n{plain}"), policy),
        ("HTTP/1.1 200 OK\nContent-Type: text/html".to_owned(), policy),
        ("HTTP/1.1 200 OK\nServer: x".to_owned(), policy),
        (format!("HTTP/1.1 200 OK\n{plain}"), "mode: enforce"),
        (format!("HTTP/1.1 200 OK\n{plain}"), &big),
    ] {
        scene.policy.answer(&head, body);
        let client = Client::with_policy_port(Arc::new(Book::default()), scene.policy.port);
        scene.check(&client, ("tls", "")).await;
    }
    // The same policy is obeyed when all is well.
    scene.policy.answer(&format!("HTTP/1.1 200 OK\n{plain}"), policy);
    scene.check(&scene.client(), ("defer", "enforce: not matched")).await;

    for identity in [
        scene.ca.server(&["d.test"]),
        scene.ca.expired(&["mta-sts.d.test"]),
        self_signed(&["mta-sts.d.test"]),
    ] {
        let server = PolicyServer::start(&identity);
        server.answer(&format!("HTTP/1.1 200 OK\n{plain}"), policy);
        let client = Client::with_policy_port(Arc::new(Book::default()), server.port);
        scene.check(&client, ("tls", "")).await;
    }
}

#[tokio::test]
async fn a_policy_holds_over_restarts_until_its_time_is_over_or_another_is_announced() {
    let mut scene = Scene::open(&["mx.d.test"]);
    scene.policy.publish("enforce", &["no.test"], 86_400);
    let refused = ("defer", "enforce: not matched");
    scene.check(&scene.client(), refused).await;
    // Neither a silent server nor a record that is gone takes it away.
    scene.policy.go_down();
    scene.check(&scene.client(), refused).await;
    scene.dns.replace("d.test", &records("", ""));
    scene.check(&scene.client(), refused).await;
    // Another id whose policy cannot be had leaves the old one.
    scene.dns.replace("d.test", &records("2", ""));
    let patient = scene.client();
    scene.check(&patient, refused).await;
    scene.policy.come_up();
    scene.policy.publish("testing", &["no.test"], 86_400);
    // It was asked for a moment ago: the one who knows that does not ask again yet.
    scene.check(&patient, refused).await;
    scene.check(&scene.client(), ("tls", "testing: not matched")).await;
    // The same id is not fetched again so soon.
    scene.policy.publish("enforce", &["no.test"], 86_400);
    scene.check(&scene.client(), ("tls", "testing: not matched")).await;

    let kept = scene.keeper.load("mta-sts/d.test").await.unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut value: serde_json::Value = serde_json::from_str(&kept).unwrap();
    scene.policy.go_down();
    for (until_s, expected) in [
        (now - 1, ("tls", "")),
        // A clock that was set back must not make it hold longer than its own time.
        (now + 86_400 * 2, ("tls", "")),
        (now + 86_000, ("tls", "testing: not matched")),
        // Fetched long ago, and the server is silent: it holds to its end.
        (now + 600, ("tls", "testing: not matched")),
    ] {
        value["until_s"] = until_s.into();
        scene.keeper.save("mta-sts/d.test", &value.to_string()).await;
        scene.check(&scene.client(), expected).await;
    }
    // Once the server is back, it is fetched again, and holds for its time from then on.
    scene.policy.come_up();
    scene.check(&scene.client(), refused).await;
    let kept = scene.keeper.load("mta-sts/d.test").await.unwrap();
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    assert!(kept["until_s"].as_u64().unwrap() >= now + 86_400, "{kept}");
}

#[tokio::test]
async fn dane_goes_first() {
    let tlsa =
        |port: u16, identity: &Identity| format!("_{port}._tcp.mx TLSA {}\n", tlsa_of(identity));
    // The policy does not name the server, DANE proves it.
    let scene = Scene::new(&["any.test"], tlsa, Signing::Nsec);
    scene.policy.publish("enforce", &["no.test"], 86_400);
    scene.check(&scene.client(), ("tls", "enforce: not matched")).await;
    // The policy is content, DANE is not.
    let wrong = |port: u16, _: &Identity| {
        format!("_{port}._tcp.mx TLSA {}\n", tlsa_of(&self_signed(&["a.test"])))
    };
    let scene = Scene::new(&["mx.d.test"], wrong, Signing::Nsec);
    scene.policy.publish("enforce", &["mx.d.test"], 86_400);
    scene.check(&scene.client(), ("defer", "enforce: matched")).await;
}
