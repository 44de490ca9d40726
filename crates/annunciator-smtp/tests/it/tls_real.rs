//! The cells of the TLS matrix that servers we did not write can play: Postfix (STARTTLS and the
//! implicit port) and `openssl s_server` (implicit port).

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use annunciator_smtp::{
    Auth, AuthGuard, Client, Relay, SecretText, TlsPolicy, TlsVersionMin, Verify,
};
use annunciator_testkit::certificates::{Authority, Identity};
use annunciator_testkit::postfix::{Postfix, PostfixSetup};
use annunciator_testkit::process::free_address;

use crate::openssl_server::OpensslServer;
use crate::sniffer::Sniffer;
use crate::stage::{client_certificate, deliver, diagnostic, relay_at, submission, words};
use crate::tls_matrix::{PASSWORD, USER};
use crate::tls_rows::{CA, CLIENTS, NAMES, bad_clients, faults};

fn trusting(authority: &Authority, version_min: TlsVersionMin) -> Verify {
    Verify {
        ca: Some(vec![authority.certificate().to_der().unwrap()]),
        version_min,
        ..Verify::default()
    }
}

fn if_supported() -> TlsPolicy {
    let ca = Some(vec![CA.certificate().to_der().unwrap()]);
    TlsPolicy::IfSupported { plaintext_after: Duration::from_secs(3_600), ca }
}

fn required(version_min: TlsVersionMin) -> TlsPolicy {
    TlsPolicy::Required { verify: trusting(&CA, version_min) }
}

fn implicit(version_min: TlsVersionMin) -> TlsPolicy {
    TlsPolicy::Implicit { verify: trusting(&CA, version_min) }
}

/// One delivery to a port of Postfix.
struct Cell {
    name: String,
    port: SocketAddr,
    tls: TlsPolicy,
    client: Option<Identity>,
    /// `plain`, `tls`, or what the reason for deferring holds.
    expected: &'static str,
}

/// Ports of one Postfix, and the cells that are tried on them.
#[derive(Default)]
struct Plan {
    setup: PostfixSetup,
    cells: Vec<Cell>,
}

impl Plan {
    fn listen(&mut self, identity: Option<&Identity>, settings: &[(&str, &str)]) -> SocketAddr {
        let port = free_address();
        self.setup = std::mem::take(&mut self.setup).listen(port, identity, settings);
        port
    }

    fn cell(&mut self, name: &str, port: SocketAddr, tls: TlsPolicy, expected: &'static str) {
        self.cells.push(Cell { name: name.to_owned(), port, tls, client: None, expected });
    }

    /// The columns off, if supported and required.
    fn row(
        &mut self,
        name: &str,
        identity: Option<&Identity>,
        [if_supported_is, required_is]: [&'static str; 2],
    ) {
        let port = self.listen(identity, &[]);
        self.cell(name, port, TlsPolicy::Off, "plain");
        self.cell(name, port, if_supported(), if_supported_is);
        self.cell(name, port, required(TlsVersionMin::Tls12), required_is);
    }
}

fn plan() -> Plan {
    let mut plan = Plan::default();
    let good = CA.server(&NAMES);
    plan.row("no STARTTLS", None, ["plain", "does not offer STARTTLS"]);
    plan.row("good", Some(&good), ["tls", "tls"]);
    for (name, identity, reason) in faults() {
        plan.row(name, Some(&identity), ["tls", reason]);
    }
    for version in ["TLSv1", "TLSv1.1"] {
        let protocols = format!(">={version}, <={version}");
        let settings = [
            ("smtpd_tls_protocols", protocols.as_str()),
            ("tls_medium_cipherlist", "ALL:@SECLEVEL=0"),
        ];
        let port = plan.listen(Some(&good), &settings);
        plan.cell(version, port, if_supported(), "tls");
        let reason = "no TLS version that is allowed here";
        plan.cell(version, port, required(TlsVersionMin::Tls12), reason);
        plan.cell(version, port, required(TlsVersionMin::Any), "tls");
    }
    let wrapped = [("smtpd_tls_wrappermode", "yes")];
    let port = plan.listen(Some(&good), &wrapped);
    plan.cell("implicit", port, implicit(TlsVersionMin::Tls12), "tls");
    plan.cell("implicit, STARTTLS set", port, required(TlsVersionMin::Tls12), "greeting");
    let bad = plan.listen(Some(&CA.wrong_name()), &wrapped);
    plan.cell("implicit, wrong name", bad, implicit(TlsVersionMin::Tls12), "asked for 127.0.0.1");
    let plain = plan.listen(Some(&good), &[]);
    let reason = "the server speaks plain SMTP here";
    plan.cell("implicit, STARTTLS wanted", plain, implicit(TlsVersionMin::Tls12), reason);
    plan
}

fn client_cells(plan: &mut Plan, authorities: &str) {
    let good = CA.server(&NAMES);
    for version in ["TLSv1.2", "TLSv1.3"] {
        let protocols = format!(">={version}, <={version}");
        let settings = [
            ("smtpd_tls_protocols", protocols.as_str()),
            ("smtpd_tls_wrappermode", "yes"),
            ("smtpd_tls_req_ccert", "yes"),
            ("smtpd_tls_ask_ccert", "yes"),
            ("smtpd_tls_security_level", "encrypt"),
            ("smtpd_tls_CAfile", authorities),
        ];
        let port = plan.listen(Some(&good), &settings);
        let mut all = vec![("set", Some(CLIENTS.client("annunciator")), "tls")];
        // Postfix ends the handshake and says it in its greeting.
        let refused = |(name, client)| (name, client, "lient certificate");
        all.extend(bad_clients().into_iter().map(refused));
        for (name, client, expected) in all {
            let name = format!("client certificate {name}, {version}");
            let tls = implicit(TlsVersionMin::Tls12);
            plan.cells.push(Cell { name, port, tls, client, expected });
        }
    }
}

/// `plain` or `tls` by the header that Postfix added.
fn received_over(postfix: &Postfix, address: &str) -> Vec<&'static str> {
    let over = |message: Vec<u8>| {
        let text = String::from_utf8_lossy(&message).into_owned();
        let header = text.split("\n\n").next().unwrap_or_default().to_owned();
        if header.contains("(using TLSv1") { "tls" } else { "plain" }
    };
    postfix.received_for(address).into_iter().map(over).collect()
}

#[tokio::test]
async fn postfix_plays_the_matrix() {
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let authorities = folder.path().join("clients.crt");
    std::fs::write(&authorities, CLIENTS.pem()).unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).unwrap();
    let mut plan = plan();
    client_cells(&mut plan, &authorities.display().to_string());
    let postfix = plan.setup.clone().start().unwrap();
    let (mut expected, mut cells) = (Vec::new(), 0);
    for (at, cell) in plan.cells.iter().enumerate() {
        let address = format!("cell-{at}@x.test");
        let client_certificate = cell.client.as_ref().map(client_certificate);
        let mut relay = relay_at(&["127.0.0.1"], cell.port.port());
        relay.timeouts.greeting = Duration::from_secs(2);
        let relay = Relay { tls: cell.tls.clone(), client_certificate, ..relay };
        let mail = vec![submission(1, &[&address])];
        let client = Client::default();
        let report = deliver(&client, &relay, mail).await.remove(0);
        client.close_idle().await;
        if matches!(cell.expected, "plain" | "tls") {
            assert_eq!(words(&report), ["delivered"], "{}: {report:?}", cell.name);
            assert_eq!(report.facts.tls.is_some(), cell.expected == "tls", "{}", cell.name);
            expected.push((address, cell));
        } else {
            let found = diagnostic(&report);
            assert!(found.contains(cell.expected), "{}: {found}", cell.name);
            assert!(words(&report)[0].starts_with("transient"), "{}", cell.name);
        }
        cells += 1;
    }
    postfix.wait_for_received(expected.len(), Duration::from_secs(60)).unwrap();
    for (address, cell) in &expected {
        assert_eq!(received_over(&postfix, address), [cell.expected], "{}", cell.name);
    }
    assert_eq!(postfix.received().len(), expected.len(), "nothing else arrived");
    assert_eq!(cells, 3 + 3 + 9 * 3 + 2 * 3 + 4 + 2 * 4);
}

/// One delivery to `openssl s_server`; gives what was reported and what the server saw.
async fn try_s_server(identity: &Identity, arguments: &[&str], relay: Relay, expected: &str) {
    let server = OpensslServer::start(identity, arguments, 1);
    let sniffer = Sniffer::before(server.port()).await;
    let relay = Relay { port: sniffer.port(), ..relay };
    let client = Client::default();
    let report = deliver(&client, &relay, vec![submission(1, &["a@x.test"])]).await.remove(0);
    client.close_idle().await;
    let what = format!("{arguments:?} {expected}");
    if expected == "tls" {
        assert_eq!(words(&report), ["delivered"], "{what}: {report:?}");
        let record = server.finish().await;
        assert_eq!(record.messages, 1, "{what}");
        let auth = record.commands.iter().any(|command| command.starts_with("AUTH PLAIN "));
        assert_eq!(auth, relay.auth != Auth::None, "{what}: {record:?}");
    } else {
        let found = diagnostic(&report);
        assert!(found.contains(expected), "{what}: {found}");
        let record = server.seen();
        let sent = record.commands.iter().any(|c| c.starts_with("MAIL") || c.starts_with("AUTH"));
        assert!(!sent && record.messages == 0, "{what}: {record:?}");
    }
    assert_eq!(sniffer.find(&[PASSWORD]), None, "{what}: in clear");
}

#[tokio::test]
async fn openssl_s_server_plays_the_implicit_port() {
    let password = SecretText::new(PASSWORD.to_owned());
    let guard = AuthGuard::default();
    let auth = Auth::Password { username: USER.to_owned(), password, mechanism: None, guard };
    let base = || relay_at(&["127.0.0.1"], 0);
    let with = |version_min| Relay { tls: implicit(version_min), ..base() };
    let (good, min) = (CA.server(&NAMES), TlsVersionMin::Tls12);
    try_s_server(&good, &[], with(min), "tls").await;
    try_s_server(&good, &[], Relay { auth: auth.clone(), ..with(min) }, "tls").await;
    for (_, identity, reason) in faults() {
        let relay = Relay { auth: auth.clone(), ..with(min) };
        try_s_server(&identity, &[], relay, reason).await;
    }
    let old = "no TLS version that is allowed here";
    for version in ["-tls1", "-tls1_1"] {
        try_s_server(&good, &[version], with(min), old).await;
        try_s_server(&good, &[version], with(TlsVersionMin::Any), "tls").await;
    }
    let folder = tempfile::tempdir().unwrap();
    let authorities = folder.path().join("clients.crt");
    std::fs::write(&authorities, CLIENTS.pem()).unwrap();
    let authorities = authorities.display().to_string();
    for version in ["-tls1_2", "-tls1_3"] {
        let wants = [version, "-Verify", "5", "-verify_return_error", "-CAfile", &authorities];
        let shows = |client: &Identity| Relay {
            client_certificate: Some(client_certificate(client)),
            ..with(min)
        };
        try_s_server(&good, &wants, shows(&CLIENTS.client("annunciator")), "tls").await;
        for (_, client) in bad_clients() {
            let relay = client.as_ref().map_or_else(|| with(min), shows);
            try_s_server(&good, &wants, relay, "client certificate").await;
        }
    }
}

/// Set for the process that trusts the authority of this file as the system's.
const SYSTEM: &str = "SSL_CERT_FILE";

/// The parent makes an authority that a second process of this very test takes for the system's.
#[tokio::test]
async fn an_own_list_replaces_the_systems() {
    let name = "tls_real::an_own_list_replaces_the_systems";
    let Some(system) = std::env::var_os("ANNUNCIATOR_TEST_SYSTEM_CA") else {
        let folder = tempfile::tempdir().unwrap();
        let public = Arc::new(Authority::new("Public CA"));
        let (certificate, _) = public.server(&NAMES).write_files(folder.path(), "server");
        let roots = folder.path().join("roots.pem");
        std::fs::write(&roots, public.pem()).unwrap();
        assert!(certificate.exists());
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(SYSTEM, &roots)
            .env("ANNUNCIATOR_TEST_SYSTEM_CA", folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout).into_owned();
        assert!(child.status.success() && said.contains("1 passed"), "{said}");
        return;
    };
    let system = std::path::PathBuf::from(system);
    let server =
        crate::tls_rows::from_files(&system.join("server.crt"), &system.join("server.key"));
    let server = crate::stage::Server::builder()
        .starttls(&annunciator_testkit::relay::TlsSetup::new(&server))
        .start();
    for (ca, expected) in [
        (None, "delivered"),
        (Some(vec![CA.certificate().to_der().unwrap()]), "which is not trusted"),
    ] {
        let verify = Verify { ca, ..Verify::default() };
        let tls = TlsPolicy::Required { verify };
        let relay = Relay { tls, ..crate::stage::relay_to(&server) };
        let mail = vec![submission(1, &["a@x.test"])];
        let report = deliver(&Client::default(), &relay, mail).await.remove(0);
        let found = format!("{} {}", words(&report)[0], diagnostic(&report));
        assert!(found.contains(expected), "{found}");
    }
}
