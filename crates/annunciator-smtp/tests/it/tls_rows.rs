//! The rows of the TLS matrix as values.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use annunciator_testkit::certificates::{Authority, Identity, self_signed};
use annunciator_testkit::relay::{Action, RelayBuilder, Stage, TlsSetup, TlsVersion, When, reply};

use crate::stage::Server;
use crate::tls_matrix::foreign;

pub(crate) const NAMES: [&str; 2] = ["127.0.0.1", "relay.test"];
/// Whom clients trust in every row but one.
pub(crate) static CA: LazyLock<Authority> = LazyLock::new(|| Authority::new("Plant CA"));
/// Who issues certificates for clients.
pub(crate) static CLIENTS: LazyLock<Authority> = LazyLock::new(|| Authority::new("Client CA"));

/// A column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    Off,
    IfSupported,
    /// If supported with credentials; authentication without TLS is not allowed.
    Credentials,
    Required,
    /// Required, any version.
    RequiredAny,
}

/// What a cell says.
#[derive(Clone, Debug)]
pub(crate) enum Expected {
    Plain,
    Tls,
    /// In TLS; credentials only where the setting allows an unverified server, else this reason.
    TlsWhereAllowed(&'static str),
    /// Nothing is sent, however often it is tried.
    Deferred(&'static str),
    /// Nothing is sent at first; plain text after the first retry interval, not before.
    PlainLater(&'static str),
}

type Maker = Arc<dyn Fn() -> RelayBuilder + Send + Sync>;

/// A row.
pub(crate) struct Row {
    pub(crate) name: String,
    /// The servers that it stands for; each must do.
    pub(crate) servers: Vec<Maker>,
    /// The list of one's own that is set.
    pub(crate) trust: Authority,
    /// The client certificate that is set.
    pub(crate) client: Option<Identity>,
    /// Whether TLS begins with the first octet.
    pub(crate) implicit: bool,
    /// Whether the server leaves the client waiting, so that it must not wait long.
    pub(crate) silent: bool,
    pub(crate) cells: Vec<(Mode, Expected)>,
}

fn row(
    name: &str,
    server: impl Fn() -> RelayBuilder + Send + Sync + 'static,
    cells: Vec<(Mode, Expected)>,
) -> Row {
    Row {
        name: name.to_owned(),
        servers: vec![Arc::new(server)],
        trust: CA.clone(),
        client: None,
        implicit: false,
        silent: false,
        cells,
    }
}

fn offering(identity: &Identity) -> RelayBuilder {
    Server::builder().starttls(&TlsSetup::new(identity))
}

/// What the columns if supported, with credentials and required say.
fn columns(
    if_supported: Expected,
    credentials: Expected,
    required: Expected,
) -> Vec<(Mode, Expected)> {
    vec![
        (Mode::IfSupported, if_supported),
        (Mode::Credentials, credentials),
        (Mode::Required, required),
    ]
}

fn with_off(mut cells: Vec<(Mode, Expected)>) -> Vec<(Mode, Expected)> {
    cells.insert(0, (Mode::Off, Expected::Plain));
    cells
}

/// All of them.
pub(crate) fn rows() -> Vec<Row> {
    use Expected::{Deferred, Plain, Tls};
    let good = CA.server(&NAMES);
    let identity = good.clone();
    let mut rows = vec![
        row(
            "no STARTTLS",
            Server::builder,
            with_off(columns(
                Plain,
                Deferred("not sent without TLS"),
                Deferred("does not offer STARTTLS"),
            )),
        ),
        row("good certificate", move || offering(&identity), with_off(columns(Tls, Tls, Tls))),
    ];
    rows.extend(bad_certificates());
    rows.extend(own_lists());
    rows.extend(refusals(&good));
    rows.extend(broken_handshakes(&good));
    rows.extend(injections(&good));
    rows.extend(old_versions(&good));
    rows.extend(client_certificates(&good));
    let identity = good.clone();
    let implicit = move || Server::builder().implicit_tls(&TlsSetup::new(&identity));
    rows.push(Row { implicit: true, ..row("implicit port", implicit, columns(Tls, Tls, Tls)) });
    let action = Action::ReplyThenClose("250 2.0.0 taken".into());
    rows.push(row(
        "closed without close_notify after 250",
        move || offering(&good).on(Stage::DataEnd, When::Always, action.clone()),
        columns(Tls, Tls, Tls),
    ));
    rows
}

/// The certificates that do not verify for 127.0.0.1, each with the words for it.
pub(crate) fn faults() -> Vec<(&'static str, Identity, &'static str)> {
    vec![
        ("self-signed", self_signed(&NAMES), "certificate is self-signed"),
        ("expired", CA.expired(&NAMES), "certificate has expired ("),
        ("not yet valid", CA.not_yet_valid(&NAMES), "certificate is not valid before "),
        ("wrong name", CA.wrong_name(), "is for wrong.invalid, asked for 127.0.0.1"),
        ("unknown CA", foreign(&NAMES), "issued by \"CN=Another CA\", which is not trusted"),
        ("CN only", CA.common_name_only("127.0.0.1"), "no subjectAltName"),
        ("SHA-1", CA.sha1(&NAMES), "digest that is too weak"),
        ("RSA-1024", CA.rsa_1024(&NAMES), "key of the certificate is too short"),
        ("wrong EKU", CA.wrong_usage(&NAMES), "key usage"),
    ]
}

fn bad_certificates() -> Vec<Row> {
    let of = |(name, identity, reason): (&str, Identity, &'static str)| {
        let cells =
            columns(Expected::Tls, Expected::TlsWhereAllowed(reason), Expected::Deferred(reason));
        row(name, move || offering(&identity), with_off(cells))
    };
    faults().into_iter().map(of).collect()
}

/// `public` stands for an authority that the system trusts: `an_own_list_replaces_the_systems`
/// makes the system trust one.
fn own_lists() -> Vec<Row> {
    use Expected::{Deferred, Tls, TlsWhereAllowed};
    let own = Authority::new("Own CA");
    let (from_own, public) = (own.server(&NAMES), CA.server(&NAMES));
    let untrusted = "which is not trusted";
    [
        row("own list, from it", move || offering(&from_own), columns(Tls, Tls, Tls)),
        row(
            "own list, from a public CA",
            move || offering(&public),
            columns(Tls, TlsWhereAllowed(untrusted), Deferred(untrusted)),
        ),
    ]
    .into_iter()
    .map(|row| Row { trust: own.clone(), ..row })
    .collect()
}

fn refusals(good: &Identity) -> Vec<Row> {
    use Expected::{Deferred, PlainLater};
    let of = |answer: &'static str, reason: &'static str, first: Expected| {
        let identity = good.clone();
        let server = move || offering(&identity).on(Stage::StartTls, When::Always, reply(answer));
        row(answer, server, columns(first, Deferred(reason), Deferred(reason)))
    };
    vec![
        of("454 4.7.0 not now", "454 4.7.0 not now", PlainLater("454")),
        of("501 no", "501 no", PlainLater("501")),
        of("502 no", "502 no", PlainLater("502")),
        of("500 what", "500 what", PlainLater("500")),
        of("354 odd", "unexpected reply to STARTTLS", PlainLater("354")),
        of("421 busy", "421 busy", Deferred("421 busy")),
    ]
}

/// What a broken server says when the client has begun the handshake; what comes before is somebody
/// else's (see `injections`).
pub(crate) fn instead_of_handshake(octets: &[u8]) -> Action {
    Action::Segments { pieces: vec![octets.to_vec()], pause: Duration::ZERO }
}

fn broken_handshakes(good: &Identity) -> Vec<Row> {
    let alert = [21, 3, 3, 0, 2, 2, 40];
    let of = |(name, action): (&str, Action)| {
        let identity = good.clone();
        let silent = action == Action::Silence;
        let server = move || offering(&identity).on(Stage::Handshake, When::Always, action.clone());
        let reason = "TLS handshake failed: ";
        let cells = columns(
            Expected::PlainLater(reason),
            Expected::Deferred(reason),
            Expected::Deferred(reason),
        );
        Row { silent, ..row(name, server, cells) }
    };
    [
        ("220 then garbage", instead_of_handshake(b"no handshake at all\r\n")),
        ("220 then an alert", instead_of_handshake(&alert)),
        ("220 then the end", Action::Close),
        ("220 then silence", Action::Silence),
    ]
    .map(of)
    .into()
}

fn injections(good: &Identity) -> Vec<Row> {
    let pause = Duration::from_millis(20);
    let go = b"220 go\r\n".to_vec();
    let injected = b"250 2.0.0 delivered\r\n".to_vec();
    let flood = b"250 x\r\n".repeat(64 * 1024 / 7);
    let of = |(name, action): (&str, Action)| {
        let identity = good.clone();
        let server = move || offering(&identity).on(Stage::StartTls, When::Always, action.clone());
        let deferred = || Expected::Deferred("plain text arrived");
        row(name, server, columns(deferred(), deferred(), deferred()))
    };
    [
        ("injected, same segment", Action::Raw([&go[..], &injected[..]].concat())),
        (
            "injected, next segment",
            Action::Segments { pieces: vec![go.clone(), injected.clone()], pause },
        ),
        (
            "injected, fragment",
            Action::Segments {
                pieces: vec![[&go[..], b"2"].concat(), b"50 ok\r\n".to_vec()],
                pause,
            },
        ),
        ("injected, 64 KiB", Action::Raw([&go[..], &flood[..]].concat())),
    ]
    .map(of)
    .into()
}

fn old_versions(good: &Identity) -> Vec<Row> {
    use Expected::{Deferred, Tls};
    let of = |(name, version): (&str, TlsVersion)| {
        let setup = TlsSetup::new(good).versions(version, version);
        let mut cells = columns(Tls, Tls, Deferred("no TLS version that is allowed here"));
        cells.push((Mode::RequiredAny, Tls));
        row(name, move || Server::builder().starttls(&setup), cells)
    };
    [("only TLS 1.0", TlsVersion::V1_0), ("only TLS 1.1", TlsVersion::V1_1)].map(of).into()
}

/// Client certificates that a server of `CLIENTS` refuses.
pub(crate) fn bad_clients() -> Vec<(&'static str, Option<Identity>)> {
    vec![
        ("missing", None),
        ("expired", Some(CLIENTS.expired_client("annunciator"))),
        ("foreign", Some(Authority::new("Another CA").client("annunciator"))),
    ]
}

fn client_certificates(good: &Identity) -> Vec<Row> {
    use Expected::{Deferred, PlainLater, Tls};
    let of = |name: &str, client: Option<Identity>, cells| {
        let servers = [TlsVersion::V1_2, TlsVersion::V1_3].map(|version| -> Maker {
            let setup = TlsSetup::new(good).versions(version, version);
            let setup = setup.require_client_certificate(&CLIENTS);
            Arc::new(move || Server::builder().starttls(&setup))
        });
        let name = format!("client certificate {name}");
        Row { servers: servers.into(), client, ..row(&name, Server::builder, cells) }
    };
    let good_client = CLIENTS.intermediate("Below").client("annunciator");
    let mut rows = vec![of("set", Some(good_client), columns(Tls, Tls, Tls))];
    let why = "client certificate";
    for (name, client) in bad_clients() {
        rows.push(of(name, client, columns(PlainLater(why), Deferred(why), Deferred(why))));
    }
    rows
}

/// A server's certificate and key as they were written into files.
pub(crate) fn from_files(certificate: &std::path::Path, key: &std::path::Path) -> Identity {
    let certificate = openssl::x509::X509::from_pem(&std::fs::read(certificate).unwrap()).unwrap();
    let key = openssl::pkey::PKey::private_key_from_pem(&std::fs::read(key).unwrap()).unwrap();
    Identity { certificate, key, chain: Vec::new() }
}
