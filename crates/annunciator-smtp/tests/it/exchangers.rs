//! Mail exchangers: order, equals, none, null, fail-over (spec 4.1, 4.2).

use std::collections::BTreeSet;

use annunciator_smtp::{BreakerState, Client, MxPolicy, Relay, TlsPolicy, Verify};
use annunciator_testkit::certificates::{Authority, Identity};
use annunciator_testkit::dns::{Signing, Zones};
use annunciator_testkit::relay::{Stage, TlsSetup, When, reply};

use crate::stage::{Basket, Server, diagnostic, submission, words};
use crate::zones::{address, attempt, relay_of, way};

/// Relays at 127.0.0.1, 127.0.0.2 and 127.0.0.3 with one port.
fn three(make: impl Fn() -> annunciator_testkit::relay::RelayBuilder) -> [Server; 3] {
    let first = make().start();
    let port = first.port();
    let at = |ip| make().at(address(ip, port)).start();
    let (second, third) = (at([127, 0, 0, 2]), at([127, 0, 0, 3]));
    [first, second, third]
}

#[tokio::test]
async fn exchangers_are_tried_by_preference_and_equals_at_random() {
    let servers = three(Server::builder);
    let dns = Zones::new()
        .zone(
            "order.test",
            Signing::Nsec,
            "@ MX 30 c\n@ MX 10 a\n@ MX 20 b\na A 127.0.0.9\nb A 127.0.0.2\nc A 127.0.0.3\n",
        )
        .zone(
            "equal.test",
            Signing::Unsigned,
            "@ MX 10 a\n@ MX 10 b\na A 127.0.0.1\nb A 127.0.0.2\n",
        )
        .start();
    let client = Client::default();
    let relay = relay_of(&["order.test"], servers[0].port(), &dns);
    let report = attempt(&client, &relay).await;
    assert_eq!(words(&report), ["delivered"], "{report:?}");
    let tried: Vec<_> = report.facts.tried_before.iter().map(|(label, _)| label).collect();
    assert_eq!(tried, [&format!("a.order.test:{}", relay.port)]);
    assert_eq!(report.facts.server, format!("b.order.test:{}", relay.port));
    assert_eq!(report.facts.address, format!("127.0.0.2:{}", relay.port));
    let route = report.facts.route.clone().unwrap();
    assert_eq!((route.domain.as_str(), route.preference), ("order.test", Some(20)));
    assert_eq!(route.dnssec, "secure");
    let hosts: Vec<_> = client.health().into_iter().map(|server| server.host).collect();
    assert_eq!(hosts, ["a", "b", "c"].map(|name| format!("{name}.order.test:{}", relay.port)));

    let relay = relay_of(&["equal.test"], servers[0].port(), &dns);
    let mut used = BTreeSet::new();
    // Each of 60 choices falls on one of two: that one is never chosen has odds of 2^-59.
    for _ in 0..60 {
        let report = attempt(&client, &relay).await;
        assert_eq!(words(&report), ["delivered"]);
        assert_eq!(report.facts.route.unwrap().dnssec, "insecure");
        used.insert(report.facts.address);
        client.close_idle().await;
    }
    assert_eq!(used.len(), 2);
}

#[tokio::test]
async fn a_domain_without_mx_is_its_own_exchanger_and_a_null_mx_is_final() {
    let server = Server::builder().start();
    let dns = Zones::new()
        .zone("own.test", Signing::Nsec3, "@ A 127.0.0.1\n")
        .zone("null.test", Signing::Nsec, "@ MX 0 .\n@ A 127.0.0.1\n")
        .zone("alias.test", Signing::Nsec, "www CNAME own.test.\n")
        .zone("xn--bcher-kva.test", Signing::Nsec, "@ MX 5 own.test.\n")
        .zone("lame.test", Signing::Nsec, "@ MX 5 nowhere\n")
        .zone("broken.test", Signing::Broken, "")
        .zone("expired.test", Signing::Expired, "@ MX 5 own.test.\n")
        .zone("stripped.test", Signing::Stripped, "@ MX 5 own.test.\n")
        .zone("test", Signing::Nsec, "")
        .start();
    for (domains, expected) in [
        (&["own.test"][..], "delivered"),
        (&["www.alias.test"], "delivered"),
        (&["bücher.test"], "delivered"),
        (&["null.test"], "permanent resolve Delivery - 5.1.10"),
        (&["null.test", "own.test"], "delivered"),
        // Another server may take it one day.
        (&["null.test", "lame.test"], "transient resolve Relay - 4.4.3"),
        (&["lame.test"], "transient resolve Relay - 4.4.3"),
        (&["absent.test"], "transient resolve Relay - 4.4.3"),
        (&["broken.test"], "transient resolve Relay - 4.4.3"),
        (&["broken.test", "own.test"], "delivered"),
        (&["expired.test"], "transient resolve Relay - 4.7.5"),
        (&["stripped.test"], "transient resolve Relay - 4.7.5"),
        (&["expired.test", "own.test"], "delivered"),
        (&["127.0.0.1"], "delivered"),
    ] {
        let relay = relay_of(domains, server.port(), &dns);
        let report = attempt(&Client::default(), &relay).await;
        assert_eq!(words(&report), [expected], "{domains:?}: {report:?}");
    }
    let null = relay_of(&["null.test"], server.port(), &dns);
    let report = attempt(&Client::default(), &null).await;
    assert_eq!(diagnostic(&report), "null.test takes no mail: it publishes a null MX");
}

#[tokio::test]
async fn a_breaker_is_of_the_exchanger_and_outlives_the_answer_that_named_it() {
    let servers = three(Server::builder);
    // No answer holds for longer than it takes to ask again.
    let records = "@ 0 MX 10 a\n@ 0 MX 20 b\na A 127.0.0.9\nb A 127.0.0.2\n";
    let dns = Zones::new().zone("test", Signing::Nsec, records).start();
    let relay = relay_of(&["test"], servers[0].port(), &dns);
    let client = Client::default();
    let mut tried = Vec::new();
    for _ in 0..5 {
        client.close_idle().await;
        let report = attempt(&client, &relay).await;
        assert_eq!(words(&report), ["delivered"]);
        tried.push(report.facts.tried_before.len());
    }
    assert_eq!(tried, [1, 1, 1, 0, 0]);
    let health = client.health();
    let [a, b] = &health[..] else { panic!("two are known: {health:?}") };
    assert!(matches!(a.breaker, BreakerState::Open { .. }) && a.host.starts_with("a.test:"));
    assert_eq!(b.breaker, BreakerState::Closed);
}

#[tokio::test]
async fn a_message_that_may_have_arrived_goes_to_the_same_exchanger_or_to_none() {
    let servers = three(Server::builder);
    let port = servers[0].port();
    let records = "@ MX 10 a\n@ MX 20 b\n@ MX 30 c\na A 127.0.0.1\nb A 127.0.0.2\nc A 127.0.0.9\n";
    let dns = Zones::new().zone("test", Signing::Nsec, records).start();
    let relay = relay_of(&["test"], port, &dns);
    let run = async |client: &Client, only: String| {
        let mut again = submission(1, &["a@x.test"]);
        again.prefer_server = Some(only);
        crate::stage::deliver(client, &relay, vec![again]).await.remove(0)
    };
    let client = Client::default();
    let report = run(&client, format!("b.test:{port}")).await;
    assert_eq!(report.facts.server, format!("b.test:{port}"));
    // Three failures open its breaker, and still nobody else gets it.
    for _ in 0..5 {
        let report = run(&client, format!("c.test:{port}")).await;
        assert_eq!(words(&report), ["transient connect Delivery - 4.4.1"], "others go on");
        assert!(report.facts.tried_before.is_empty());
    }
    servers[1].on(Stage::Mail, When::Always, reply("451 later"));
    client.close_idle().await;
    let report = run(&client, format!("b.test:{port}")).await;
    assert_eq!(words(&report), ["transient mail_from Delivery 451 4.0.0"]);
    assert_eq!((servers[0].message_count(), servers[1].message_count()), (0, 1));
    // One that the domain has no more is nobody to wait for.
    let report = run(&client, format!("gone.test:{port}")).await;
    assert_eq!(report.facts.server, format!("a.test:{port}"));
}

fn required(ca: &Authority) -> TlsPolicy {
    let ca = Some(vec![ca.certificate().to_der().unwrap()]);
    TlsPolicy::Required { verify: Verify { ca, ..Verify::default() } }
}

#[tokio::test]
async fn the_name_of_an_exchanger_counts_only_when_the_answer_is_secure() {
    let ca = Authority::new("ca");
    let records = "@ MX 10 mx\nmx A 127.0.0.1\n";
    let dns = Zones::new()
        .zone("safe.test", Signing::Nsec, records)
        .zone("open.test", Signing::Unsigned, records)
        .zone("test", Signing::Nsec, "")
        .start();
    for (names, domain, expected) in [
        (["safe.test"], "safe.test", "tls"),
        (["mx.safe.test"], "safe.test", "tls"),
        (["open.test"], "open.test", "tls"),
        (["mx.open.test"], "open.test", "for mx.open.test, asked for open.test"),
        (["other.test"], "safe.test", "for other.test, asked for safe.test or mx.safe.test"),
    ] {
        let identity: Identity = ca.server(&names);
        let server = Server::builder().starttls(&TlsSetup::new(&identity)).start();
        let mx = Some(MxPolicy { dane: false, mta_sts: false });
        let tls = required(&ca);
        let relay = Relay { mx, tls, ..relay_of(&[domain], server.port(), &dns) };
        let (found, report) = way(&Client::default(), &relay, &server).await;
        assert!(found.ends_with(expected), "{names:?} {domain}: {found}");
        if expected == "tls" {
            assert!(report.facts.tls.unwrap().verified);
        }
        let asked_for = server.connections()[0].tls.as_ref().and_then(|t| t.server_name.clone());
        if expected == "tls" {
            assert_eq!(asked_for, Some(format!("mx.{domain}")));
        }
    }
}

#[tokio::test]
async fn the_report_of_a_stage_shows_how_the_server_was_found() {
    let server = Server::builder().start();
    let records = "@ MX 10 mx1\n@ MX 20 mx2\nmx1 A 127.0.0.1\nmx2 A 127.0.0.2\n";
    let dns = Zones::new()
        .zone("shown.test", Signing::Nsec, records)
        .zone("null.test", Signing::Nsec, "@ MX 0 .\n")
        .start();
    let watched = async |domain: &str| {
        let basket = Basket::default();
        let mut first = submission(1, &["a@x.test"]);
        first.fresh_connection = true;
        let relay = relay_of(&[domain], server.port(), &dns);
        Client::default().deliver(&relay, first, &basket).await;
        let stages = basket.stages.lock().unwrap();
        stages.iter().find(|s| s.stage == annunciator_core::Stage::Resolve).cloned().unwrap()
    };
    let stage = watched("shown.test").await;
    let address = format!("127.0.0.1:{}", server.port());
    assert_eq!(
        stage.detail,
        [
            "MX 10 mx1.shown.test (secure)",
            "MX 20 mx2.shown.test (secure)",
            &address,
            "DANE: no TLSA records"
        ]
    );
    assert!(stage.ok);
    let stage = watched("null.test").await;
    assert!(!stage.ok && stage.server == "MX of null.test", "{stage:?}");
    assert!(stage.advice.contains("mx_lookup"), "{}", stage.advice);
}

#[tokio::test]
async fn a_knock_asks_the_exchangers() {
    let server = Server::builder().start();
    let dns = Zones::new()
        .zone("up.test", Signing::Nsec, "@ MX 10 a\n@ MX 20 b\na A 127.0.0.9\nb A 127.0.0.1\n")
        .zone("down.test", Signing::Nsec, "@ MX 10 a\na A 127.0.0.9\n")
        .zone("null.test", Signing::Nsec, "@ MX 0 .\n")
        .zone("bogus.test", Signing::Expired, "@ MX 10 up.test.\n")
        .zone("test", Signing::Nsec, "")
        .start();
    for (domains, expected) in [
        (&["up.test"][..], true),
        (&["down.test"], false),
        (&["down.test", "up.test"], true),
        (&["absent.test"], false),
        (&["bogus.test"], false),
        // The attempt that follows says why nothing can be sent.
        (&["null.test"], true),
    ] {
        let relay = relay_of(domains, server.port(), &dns);
        assert_eq!(Client::default().knock(&relay).await, expected, "{domains:?}");
    }
}
