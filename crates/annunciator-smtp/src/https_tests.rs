//! Requests to `openssl s_server`, which serves files over every kind of TLS.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use annunciator_names::NamesPolicy;
use annunciator_testkit::certificates::{Authority, Identity};
use tokio::net::TcpListener;

use super::*;

/// A file server that ends with the test.
struct FileServer {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl FileServer {
    /// Serves `policy.txt`, 1,000 octets, over TLS with this certificate.
    fn start(identity: &Identity, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = identity.write_files(folder.path(), "server");
        std::fs::write(folder.path().join("policy.txt"), "x".repeat(1_000)).unwrap();
        let path = |path: &Path| path.display().to_string();
        let mut child = Command::new("timeout")
            .args(["60", "openssl", "s_server", "-WWW", "-accept", "127.0.0.1:0"])
            .args(["-cert", &path(&certificate), "-key", &path(&key)])
            .args(more)
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let port = output.lines().map_while(Result::ok).find_map(|line| {
            let address = line.strip_prefix("ACCEPT ")?.to_owned();
            address.rsplit_once(':')?.1.trim().parse().ok()
        });
        Self { child, port: port.expect("it says where it listens"), _folder: folder }
    }
}

impl Drop for FileServer {
    fn drop(&mut self) {
        // `timeout` passes the signal on.
        let id = self.child.id().to_string();
        drop(Command::new("kill").arg(id).status());
        drop(self.child.wait());
    }
}

fn resolver() -> Resolver {
    Resolver::new(&NamesPolicy::default()).unwrap()
}

async fn get(url: &str, ca: &Authority, body_octets_max: usize) -> Result<Answer, HttpsError> {
    let ca = vec![ca.certificate().to_der().unwrap()];
    let ask = Ask {
        url,
        form: None,
        ca: Some(&ca),
        resolver: &resolver(),
        deadline: Instant::now() + Duration::from_secs(20),
        body_octets_max,
    };
    fetch(ask).await
}

async fn check(identity: &Identity, ca: &Authority, more: &[&str], limit: usize, expected: &str) {
    let server = FileServer::start(identity, more);
    let url = format!("https://127.0.0.1:{}/policy.txt", server.port);
    let shown = match get(&url, ca, limit).await {
        Ok(answer) => format!("{} {} {}", answer.status, answer.media_type, answer.body.len()),
        Err(error) => format!("{error:?}"),
    };
    assert!(shown.contains(expected), "{shown}, expected {expected}");
}

#[tokio::test]
async fn a_file_comes_only_from_a_server_whose_certificate_verifies() {
    let root = Authority::new("root");
    let names = ["127.0.0.1"];
    check(&root.server(&names), &root, &[], 1_000, "200 text/plain 1000").await;
    check(&root.server(&names), &root, &["-tls1_2"], 1_000, "200 text/plain 1000").await;
    for (identity, words) in [
        (Authority::new("other").server(&names), "unable to get local issuer certificate"),
        (root.wrong_name(), "IP address mismatch"),
        (root.common_name_only("127.0.0.1"), "IP address mismatch"),
        (root.expired(&names), "certificate has expired"),
        (root.wrong_usage(&names), "purpose"),
    ] {
        check(&identity, &root, &[], 1_000, words).await;
    }
}

#[tokio::test]
async fn old_protocols_and_long_answers_are_refused() {
    let root = Authority::new("root");
    let identity = root.server(&["127.0.0.1"]);
    let old = ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"];
    check(&identity, &root, &old, 1_000, "Tls(").await;
    check(&identity, &root, &[], 999, "longer than 999 octets").await;
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let deadline = Instant::now() + Duration::from_millis(200);
    let resolver = resolver();
    let ask =
        Ask { url: &url, form: None, ca: None, resolver: &resolver, deadline, body_octets_max: 1 };
    assert_eq!(fetch(ask).await, Err(HttpsError::Timeout));
    drop(listener);
    let ask = Ask { deadline: Instant::now() + Duration::from_secs(20), ..ask };
    assert!(matches!(fetch(ask).await, Err(HttpsError::Unreachable(_))));
}

#[test]
fn only_https_urls_are_asked_for() {
    let check = |url: &str, expected: Result<(&str, u16, &str), &str>| match (
        Place::parse(url),
        expected,
    ) {
        (Ok(place), Ok((host, port, target))) => {
            assert_eq!((&*place.host, place.port, &*place.target), (host, port, target));
        }
        (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{error}"),
        (got, expected) => panic!("{url}: {got:?}, expected {expected:?}"),
    };
    check("https://a.test", Ok(("a.test", 443, "/")));
    check("https://a.test:8443/x?y=z", Ok(("a.test", 8443, "/x?y=z")));
    check("https://[::1]:1/", Ok(("::1", 1, "/")));
    check("http://a.test/", Err("must begin with https://"));
    check("a.test", Err("must begin with https://"));
    check("https://u:p@a.test/", Err("must not hold a user name"));
    check("https://a.test:99999/", Err("no"));
    check("https://a b/", Err("is no URL"));
    check("https://a\r\nb/", Err("is no URL"));
    check("https:///x", Err("no"));
}
