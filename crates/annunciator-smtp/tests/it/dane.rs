//! DANE against real zones and real handshakes (spec 4.4, quality G15).

use std::time::Duration;

use annunciator_names::{Dnssec, NamesPolicy};
use annunciator_smtp::{Auth, AuthGuard, Client, MxPolicy, Relay, SecretText, TlsPolicy, Verify};
use annunciator_testkit::certificates::{Authority, Identity, self_signed};
use annunciator_testkit::dns::{Dns, Signing, Zones};
use annunciator_testkit::relay::{Action, RelayBuilder, Stage, TlsSetup, When, reply};

use crate::stage::{Basket, Server, submission, words};
use crate::tls_rows::instead_of_handshake;
use crate::zones::{attempt, dane, policy, relay_of, tlsa_of, way};

const ALL: [&str; 18] = [
    "ok", "ok3", "many", "wrong", "unusable", "none", "none3", "plain", "expired", "away",
    "toward", "alone", "dead", "old", "forged", "stripped", "servfail", "half",
];

/// Falls back to plain text at once wherever that is allowed at all.
pub(crate) fn if_supported() -> TlsPolicy {
    TlsPolicy::IfSupported { plaintext_after: Duration::ZERO, ca: None }
}

fn required() -> TlsPolicy {
    TlsPolicy::Required { verify: Verify::default() }
}

fn own_list(ca: &Authority) -> TlsPolicy {
    let ca = Some(vec![ca.certificate().to_der().unwrap()]);
    TlsPolicy::Required { verify: Verify { ca, ..Verify::default() } }
}

pub(crate) fn offering(identity: &Identity) -> RelayBuilder {
    Server::builder().starttls(&TlsSetup::new(identity))
}

/// The wanted ones of a zone for each thing that can be said of servers at 127.0.0.1.
fn zones(ports: &[u16], good: &str, bad: &str, wanted: &[&str]) -> Dns {
    let at = |name: &str, tlsa: &str| {
        let line = |port| format!("_{port}{name} TLSA {tlsa}\n");
        ports.iter().map(line).collect::<String>()
    };
    let host = "@ MX 10 mx\nmx A 127.0.0.1\n";
    let with = |tlsa: &str| format!("{host}{}", at("._tcp.mx", tlsa));
    let unusable = format!("1 1 1 {}", "00".repeat(32));
    let many = format!("{}{}", with(bad), at("._tcp.mx", good));
    let mut zones = Zones::new().zone("test", Signing::Nsec, "");
    for (name, signing, records) in [
        ("ok", Signing::Nsec, with(good)),
        ("ok3", Signing::Nsec3, with(good)),
        ("many", Signing::Nsec, many),
        ("wrong", Signing::Nsec, with(bad)),
        ("unusable", Signing::Nsec, with(&unusable)),
        ("none", Signing::Nsec, host.to_owned()),
        ("none3", Signing::Nsec3, host.to_owned()),
        ("plain", Signing::Unsigned, with(bad)),
        ("expired", Signing::Expired, with(good)),
        ("away", Signing::Nsec, "@ MX 10 mx.plain.test.\n".to_owned()),
        ("toward", Signing::Unsigned, "@ MX 10 mx.wrong.test.\n".to_owned()),
        ("alone", Signing::Nsec, format!("@ A 127.0.0.1\n{}", at("._tcp", good))),
        ("dead", Signing::Nsec, "@ MX 10 mx.expired.test.\n".to_owned()),
        ("old", Signing::Nsec, host.to_owned()),
        ("forged", Signing::Nsec, host.to_owned()),
        ("stripped", Signing::Nsec, host.to_owned()),
        ("servfail", Signing::Nsec, host.to_owned()),
        ("half", Signing::Nsec, host.to_owned()),
    ] {
        if wanted.contains(&name) {
            zones = zones.zone(&format!("{name}.test"), signing, &records);
        }
    }
    // The records alone are in a zone of their own, which nobody can prove.
    for (name, signing) in [
        ("old", Signing::Expired),
        ("forged", Signing::WrongDs),
        ("stripped", Signing::Stripped),
        ("servfail", Signing::Broken),
        ("half", Signing::Unsigned),
    ] {
        if wanted.contains(&name) {
            zones = zones.zone(&format!("_tcp.mx.{name}.test"), signing, &at("", bad));
        }
    }
    zones.start()
}

async fn check(dns: &Dns, server: &Server, domain: &str, tls: TlsPolicy, expected: (&str, &str)) {
    let relay = Relay { tls, ..relay_of(&[domain], server.port(), dns) };
    let client = Client::default();
    // Twice: what is remembered of the first attempt must not lead to plain text.
    for _ in 0..2 {
        let (found, report) = way(&client, &relay, server).await;
        let words = expected.0.strip_prefix("defer").map(str::trim);
        match words {
            Some(words) => {
                assert!(found.starts_with("defer") && found.contains(words), "{domain}: {found}");
            }
            None => assert_eq!(found, expected.0, "{domain}"),
        }
        assert_eq!(dane(&report), expected.1, "{domain}: {found}");
        if expected.1 == "ok" {
            assert!(report.facts.tls.is_some_and(|tls| tls.verified), "DANE counts as verified");
        }
    }
}

#[tokio::test]
async fn each_outcome_decides_as_it_should() {
    // A certificate that no authority knows, for another name, and expired.
    let identity = Authority::new("nobody's").expired(&["other.test"]);
    let server = offering(&identity).start();
    let bad = tlsa_of(&self_signed(&["mx.test"]));
    let dns = zones(&[server.port()], &tlsa_of(&identity), &bad, &ALL);
    let untrusted = "defer certificate";
    let mismatch = "defer the certificate matches none of 1 usable TLSA record";
    let tempfail = ("defer cannot be had, and without them the server is not used", "tempfail");
    for (domain, if_supported_expected, required_expected) in [
        ("ok.test", ("tls", "ok"), ("tls", "ok")),
        ("ok3.test", ("tls", "ok"), ("tls", "ok")),
        ("many.test", ("tls", "ok"), ("tls", "ok")),
        ("alone.test", ("tls", "ok"), ("tls", "ok")),
        ("wrong.test", (mismatch, "tempfail"), (mismatch, "tempfail")),
        ("unusable.test", ("tls", "unusable"), (untrusted, "unusable")),
        ("none.test", ("tls", "not_applicable"), (untrusted, "not_applicable")),
        ("none3.test", ("tls", "not_applicable"), (untrusted, "not_applicable")),
        ("plain.test", ("tls", "insecure"), (untrusted, "insecure")),
        ("away.test", ("tls", "insecure"), (untrusted, "insecure")),
        ("toward.test", ("tls", "insecure"), (untrusted, "insecure")),
        ("half.test", ("tls", "insecure"), (untrusted, "insecure")),
        ("old.test", tempfail, tempfail),
        ("forged.test", tempfail, tempfail),
        ("stripped.test", tempfail, tempfail),
        ("servfail.test", tempfail, tempfail),
        ("expired.test", ("defer signatures do not verify", "-"), ("defer", "-")),
        ("dead.test", ("defer signatures do not verify", "-"), ("defer", "-")),
    ] {
        check(&dns, &server, domain, if_supported(), if_supported_expected).await;
        check(&dns, &server, domain, required(), required_expected).await;
    }
    for domain in ["ok.test", "wrong.test", "servfail.test"] {
        check(&dns, &server, domain, TlsPolicy::Off, ("plain", "not_applicable")).await;
    }
}

#[tokio::test]
async fn where_dane_demands_tls_nothing_goes_in_plain_text() {
    let identity = self_signed(&["mx.test"]);
    let failing = |stage, action| offering(&identity).on(stage, When::Always, action).start();
    let servers = [
        Server::builder().start(),
        failing(Stage::StartTls, reply("454 no")),
        failing(Stage::Handshake, instead_of_handshake(b"no handshake\r\n")),
        failing(Stage::Handshake, Action::Close),
    ];
    let ports: Vec<u16> = servers.iter().map(Server::port).collect();
    let (good, bad) = (tlsa_of(&identity), tlsa_of(&self_signed(&["a.test"])));
    let wanted = ["ok", "wrong", "unusable", "servfail", "old", "none", "plain"];
    let dns = zones(&ports, &good, &bad, &wanted);
    for (number, server) in servers.iter().enumerate() {
        for name in wanted {
            let domain = format!("{name}.test");
            let relay = Relay { tls: if_supported(), ..relay_of(&[&domain], server.port(), &dns) };
            let client = Client::default();
            for _ in 0..2 {
                let (found, report) = way(&client, &relay, server).await;
                let context = format!("server {number}, {domain}: {report:?}");
                match name {
                    "none" | "plain" => assert_eq!(found, "plain", "{context}"),
                    _ => assert!(found.starts_with("defer"), "{context}"),
                }
                if matches!(name, "ok" | "wrong") {
                    assert_eq!(dane(&report), "tempfail", "{context}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_server_that_is_put_off_leaves_the_next_one() {
    let identity = self_signed(&["mx.test"]);
    let server = offering(&identity).start();
    let port = server.port();
    let (good, bad) = (tlsa_of(&identity), tlsa_of(&self_signed(&["a.test"])));
    let records = format!(
        "@ MX 10 mx1\n@ MX 20 mx2\n@ MX 30 mx3\nmx1 A 127.0.0.1\nmx2 A 127.0.0.1\nmx3 A 127.0.0.1\n\
         _{port}._tcp.mx1 TLSA {bad}\n_{port}._tcp.mx3 TLSA {good}\n"
    );
    let dns = Zones::new()
        .zone("next.test", Signing::Nsec, &records)
        .zone("_tcp.mx2.next.test", Signing::Expired, &format!("_{port} TLSA {good}\n"))
        .start();
    let relay = Relay { tls: if_supported(), ..relay_of(&["next.test"], port, &dns) };
    let report = attempt(&Client::default(), &relay).await;
    assert_eq!(words(&report), ["delivered"], "{report:?}");
    let stages: Vec<_> = report.facts.tried_before.iter().map(|(_, f)| f.stage.as_str()).collect();
    assert_eq!((stages, dane(&report)), (vec!["tls", "resolve"], "ok"));
}

#[tokio::test]
async fn aliases_are_followed_to_the_records() {
    let identity = self_signed(&["mx.test"]);
    let server = offering(&identity).start();
    let port = server.port();
    let (good, bad) = (tlsa_of(&identity), tlsa_of(&self_signed(&["a.test"])));
    let at = |name: &str, tlsa: &str| format!("_{port}._tcp.{name} TLSA {tlsa}\n");
    let end = "end A 127.0.0.1\n";
    let alias = "@ MX 10 mx\nmx CNAME end\n";
    let dns = Zones::new()
        .zone("test", Signing::Nsec, "")
        // The end of the aliases comes first.
        .zone(
            "end.test",
            Signing::Nsec,
            &format!("{alias}{end}{}{}", at("end", &good), at("mx", &bad)),
        )
        // It has none: the name itself.
        .zone("own.test", Signing::Nsec, &format!("{alias}{end}{}", at("mx", &good)))
        .zone("none.test", Signing::Nsec, &format!("{alias}{end}"))
        // The alias leads out of the signed zones.
        .zone(
            "out.test",
            Signing::Nsec,
            &format!("@ MX 10 mx\nmx CNAME end.open.test.\n{}", at("mx", &good)),
        )
        .zone(
            "bad.test",
            Signing::Nsec,
            &format!("@ MX 10 mx\nmx CNAME end.open.test.\n{}", at("mx", &bad)),
        )
        .zone("open.test", Signing::Unsigned, &format!("{end}{}", at("end", &bad)))
        .start();
    for (domain, expected) in [
        ("end.test", ("tls", "ok")),
        ("own.test", ("tls", "ok")),
        ("none.test", ("tls", "not_applicable")),
        ("out.test", ("tls", "ok")),
        ("bad.test", ("defer matches none", "tempfail")),
    ] {
        check(&dns, &server, domain, if_supported(), expected).await;
    }
}

#[tokio::test]
async fn nobody_who_does_not_validate_says_that_a_record_counts() {
    let identity = self_signed(&["mx.test"]);
    let server = offering(&identity).start();
    let bad = tlsa_of(&self_signed(&["a.test"]));
    let wanted = ["ok", "wrong", "none", "plain", "old", "servfail"];
    let dns = zones(&[server.port()], &tlsa_of(&identity), &bad, &wanted);
    let unbound = dns.start_unbound();
    let trusting = NamesPolicy {
        dns_servers: vec![unbound.address()],
        dnssec: Dnssec::TrustResolver,
        ..NamesPolicy::default()
    };
    let off = NamesPolicy { dnssec: Dnssec::Off, ..policy(&dns) };
    for (names, domain, expected) in [
        (&off, "ok.test", ("tls", "insecure")),
        (&off, "wrong.test", ("tls", "insecure")),
        (&trusting, "ok.test", ("tls", "ok")),
        (&trusting, "wrong.test", ("defer", "tempfail")),
        (&trusting, "none.test", ("tls", "not_applicable")),
        (&trusting, "plain.test", ("tls", "insecure")),
        (&trusting, "old.test", ("defer", "tempfail")),
        (&trusting, "servfail.test", ("defer", "tempfail")),
    ] {
        let base = relay_of(&[domain], server.port(), &dns);
        let relay = Relay { tls: if_supported(), names: names.clone(), ..base };
        let (found, report) = way(&Client::default(), &relay, &server).await;
        assert!(found.starts_with(expected.0), "{names:?} {domain}: {found}");
        assert_eq!(dane(&report), expected.1, "{names:?} {domain}");
    }
    let without = MxPolicy { dane: false, mta_sts: false };
    let relay = Relay {
        tls: if_supported(),
        mx: Some(without),
        ..relay_of(&["wrong.test"], server.port(), &dns)
    };
    let (found, report) = way(&Client::default(), &relay, &server).await;
    assert_eq!((found.as_str(), dane(&report)), ("tls", "-"));
}

#[tokio::test]
async fn an_own_list_of_authorities_must_hold_beside_the_records() {
    let (ca, other) = (Authority::new("ca"), Authority::new("other"));
    let identity = ca.server(&["mx.ok.test"]);
    let server = offering(&identity).start();
    let bad = tlsa_of(&self_signed(&["a.test"]));
    let dns = zones(&[server.port()], &tlsa_of(&identity), &bad, &["ok", "wrong"]);
    check(&dns, &server, "ok.test", own_list(&ca), ("tls", "ok")).await;
    check(&dns, &server, "ok.test", own_list(&other), ("defer not trusted", "tempfail")).await;
    check(&dns, &server, "ok.test", required(), ("tls", "ok")).await;
    let wrong = ("defer asked for mx.wrong.test or wrong.test", "tempfail");
    check(&dns, &server, "wrong.test", own_list(&ca), wrong).await;
}

#[tokio::test]
async fn credentials_go_to_a_server_that_dane_has_verified() {
    let identity = self_signed(&["other.test"]);
    let server = offering(&identity).auth(&["PLAIN"]).user("u", "secret").start();
    let bad = tlsa_of(&self_signed(&["a.test"]));
    let wanted = ["ok", "unusable", "none"];
    let dns = zones(&[server.port()], &tlsa_of(&identity), &bad, &wanted);
    for (domain, expected) in [
        ("ok.test", "delivered"),
        ("unusable.test", "transient auth Relay - 4.7.11"),
        ("none.test", "transient auth Relay - 4.7.11"),
    ] {
        let auth = Auth::Password {
            username: "u".into(),
            password: SecretText::new("secret".into()),
            mechanism: None,
            guard: AuthGuard::default(),
        };
        let base = relay_of(&[domain], server.port(), &dns);
        let relay = Relay { tls: if_supported(), auth, ..base };
        let report = attempt(&Client::default(), &relay).await;
        assert_eq!(words(&report), [expected], "{domain}: {report:?}");
    }
    let shown = server.connections().into_iter().filter(|c| !c.auth.is_empty()).count();
    assert_eq!(shown, 1, "only the verified server has seen the password");
}

#[tokio::test]
async fn the_report_of_the_stage_counts_the_records() {
    let identity = self_signed(&["mx.test"]);
    let server = offering(&identity).start();
    let port = server.port();
    let bad = tlsa_of(&self_signed(&["a.test"]));
    let wanted = ["ok", "many", "unusable", "none", "plain"];
    let dns = zones(&[port], &tlsa_of(&identity), &bad, &wanted);
    for (domain, expected) in [
        ("ok.test", "DANE: 1 usable TLSA record of mx.ok.test"),
        ("many.test", "DANE: 2 usable TLSA records of mx.many.test"),
        (
            "unusable.test",
            "DANE: no usable TLSA record of mx.unusable.test: TLS without authentication",
        ),
        ("none.test", "DANE: no TLSA records"),
        ("plain.test", "DANE: not used, the answers are not secured by DNSSEC"),
    ] {
        let basket = Basket::default();
        let mut first = submission(1, &["a@x.test"]);
        first.fresh_connection = true;
        let relay = Relay { tls: if_supported(), ..relay_of(&[domain], port, &dns) };
        Client::default().deliver(&relay, first, &basket).await;
        let stages = basket.stages.lock().unwrap();
        let stage = stages.iter().find(|s| s.stage == annunciator_core::Stage::Resolve).unwrap();
        assert_eq!(stage.detail.last().map(String::as_str), Some(expected));
    }
}
