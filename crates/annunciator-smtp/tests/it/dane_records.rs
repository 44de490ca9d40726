//! Usages, selectors and matching types against OpenSSL's own DANE, which is the oracle: the same
//! server, the same records, the same verdict (RFC 7671).

use std::process::{Command, Stdio};

use annunciator_smtp::{Client, Relay};
use annunciator_testkit::certificates::{Authority, Identity, Profile, self_signed};
use annunciator_testkit::dns::{Signing, Zones};
use openssl::x509::{X509, X509Ref};

use crate::dane::{if_supported, offering};
use crate::stage::Server;
use crate::zones::{dane, relay_of, tlsa, way};

const NAMES: [&str; 1] = ["*.rows.test"];
/// Selector and matching type.
const FORMS: [(u8, u8); 6] = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)];

/// A row of the table: who presents what, the records, whether they match.
struct Row {
    server: usize,
    records: Vec<String>,
    matches: bool,
}

fn row(server: usize, records: &[String], matches: bool) -> Row {
    Row { server, records: records.to_vec(), matches }
}

/// What the servers present, and the certificates above it.
struct Cast {
    identities: Vec<Identity>,
    root: X509,
    middle: X509,
    stranger: X509,
}

impl Cast {
    fn new() -> Self {
        let (ca, stranger) = (Authority::new("ca"), Authority::new("other"));
        let middle = ca.intermediate("middle");
        let with_root = |mut identity: Identity| {
            identity.chain.push(ca.certificate().clone());
            identity
        };
        let weak = Profile { sha1: true, ..Profile::server(&NAMES) };
        let identities = vec![
            with_root(middle.server(&NAMES)),
            middle.server(&NAMES),
            with_root(ca.server(&["other.test"])),
            with_root(ca.expired(&NAMES)),
            self_signed(&NAMES),
            with_root(ca.wrong_usage(&NAMES)),
            with_root(ca.issue(&weak)),
            ca.server(&NAMES),
        ];
        let (root, middle) = (ca.certificate().clone(), middle.certificate().clone());
        Self { identities, root, middle, stranger: stranger.certificate().clone() }
    }

    fn leaf(&self, server: usize) -> &X509Ref {
        &self.identities[server].certificate
    }

    fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = FORMS.into_iter().flat_map(|form| self.rows_of(form)).collect();
        let (ours, no) = (self.leaf(0), &self.stranger);
        rows.extend([
            row(0, &[tlsa(3, 1, 1, no), tlsa(2, 0, 1, &self.root)], true),
            row(0, &[tlsa(2, 0, 1, no), tlsa(3, 1, 1, ours)], true),
            row(0, &[tlsa(3, 1, 1, no), tlsa(3, 1, 1, ours)], true),
            // A weaker digest counts only without a stronger one (RFC 7671 section 9).
            row(0, &[tlsa(3, 1, 1, ours), tlsa(3, 1, 2, no)], false),
            row(0, &[tlsa(3, 1, 1, no), tlsa(3, 1, 2, ours)], true),
            row(0, &[tlsa(3, 0, 1, ours), tlsa(3, 1, 2, no)], true),
        ]);
        rows
    }

    fn rows_of(&self, (selector, matching): (u8, u8)) -> Vec<Row> {
        let ee = |certificate: &X509Ref| [tlsa(3, selector, matching, certificate)];
        let ta = |certificate: &X509Ref| [tlsa(2, selector, matching, certificate)];
        let is_full = matching == 0;
        let mut rows = vec![
            row(0, &ee(self.leaf(0)), true),
            row(0, &ee(&self.stranger), false),
            row(0, &ta(&self.root), true),
            row(0, &ta(&self.middle), true),
            // The anchor is not sent: only a record that holds it whole, or its key, helps.
            row(1, &ta(&self.root), is_full),
            row(7, &ta(&self.root), is_full),
            // The leaf is no authority above itself, unless its key has signed it.
            row(0, &ta(self.leaf(0)), false),
            row(4, &ta(self.leaf(4)), is_full && selector == 1),
            row(0, &ta(&self.stranger), false),
            // Below an authority the name counts …
            row(2, &ta(&self.root), false),
        ];
        if matching == 1 {
            // … and dates, usage and strength; its own record holds whatever is wrong.
            rows.extend([3, 5, 6].map(|server| row(server, &ta(&self.root), false)));
            let all = 1..self.identities.len();
            rows.extend(all.map(|server| row(server, &ee(self.leaf(server)), true)));
        }
        rows
    }
}

#[tokio::test]
async fn certificates_match_as_openssl_matches_them() {
    let cast = Cast::new();
    let rows = cast.rows();
    assert_eq!(rows.len(), 6 * 10 + 2 * (3 + 7) + 6);
    let servers: Vec<Server> = cast.identities.iter().map(|id| offering(id).start()).collect();
    let mut zone = String::new();
    for (number, row) in rows.iter().enumerate() {
        let port = servers[row.server].port();
        zone.push_str(&format!("d{number} MX 10 m{number}\nm{number} A 127.0.0.1\n"));
        for record in &row.records {
            zone.push_str(&format!("_{port}._tcp.m{number} TLSA {record}\n"));
        }
    }
    let dns = Zones::new().zone("rows.test", Signing::Nsec, &zone).start();
    for (number, row) in rows.iter().enumerate() {
        let server = &servers[row.server];
        let context = format!("server {} {:?}", row.server, row.records);
        let theirs = oracle(server.port(), &format!("m{number}.rows.test"), &row.records);
        assert_eq!(theirs, row.matches, "OpenSSL: {context}");
        let domain = format!("d{number}.rows.test");
        let relay = Relay { tls: if_supported(), ..relay_of(&[&domain], server.port(), &dns) };
        let (found, report) = way(&Client::default(), &relay, server).await;
        let expected = if row.matches { ("tls", "ok") } else { ("defer", "tempfail") };
        assert!(found.starts_with(expected.0), "{context}: {found}");
        assert_eq!(dane(&report), expected.1, "{context}: {found}");
    }
}

/// Whether `openssl s_client` takes the server with these records.
fn oracle(port: u16, name: &str, records: &[String]) -> bool {
    let mut command = Command::new("timeout");
    command.args(["20", "openssl", "s_client", "-starttls", "smtp", "-brief"]);
    command.args(["-connect", &format!("127.0.0.1:{port}"), "-dane_tlsa_domain", name]);
    command.args(["-dane_ee_no_namechecks", "-verify_return_error", "-auth_level", "2"]);
    for record in records {
        command.args(["-dane_tlsa_rrdata", record]);
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    output.status.success()
}
