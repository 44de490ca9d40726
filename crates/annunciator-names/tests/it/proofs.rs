//! Zones, signed well and badly, into proofs: what is believed, and what never is.

use annunciator_names::{Dnssec, LookupError, NamesPolicy, Proof, Resolver, Tlsa};
use annunciator_testkit::dns::{Lie, Signing, Tap, Zones};

use crate::{resolver, soon, unchecking, validating};

const RECORDS: &str = "@ MX 10 mx\nmx A 127.0.0.1\n_25._tcp.mx TLSA 3 1 1 00aaFF\n\
                       bare A 127.0.0.1\n*.wild MX 10 mx\n*.wild A 127.0.0.1\n";

fn zones() -> Zones {
    Zones::new()
        .zone("test", Signing::Nsec, "")
        .zone("good.test", Signing::Nsec, RECORDS)
        .zone("third.test", Signing::Nsec3, RECORDS)
        .zone("plain.test", Signing::Unsigned, RECORDS)
        .zone("old.test", Signing::Expired, RECORDS)
        .zone("wrong.test", Signing::WrongDs, RECORDS)
        .zone("stripped.test", Signing::Stripped, RECORDS)
        .zone("broken.test", Signing::Broken, RECORDS)
}

fn proof<T>(result: Result<T, LookupError>, proof: impl Fn(T) -> Proof) -> String {
    match result {
        Ok(found) => format!("{:?}", proof(found)),
        Err(LookupError::Bogus(_)) => "Bogus".into(),
        Err(LookupError::Unavailable(_)) => "Unavailable".into(),
        Err(LookupError::Absent(_)) => "Absent".into(),
        Err(error) => format!("{error:?}"),
    }
}

/// How far everything in a zone with [`RECORDS`] is proven: what exists, and what does not.
async fn proofs(resolver: &Resolver, zone: &str) -> Vec<(&'static str, String)> {
    let at = |name: &str| format!("{name}.{zone}");
    let exchangers = async |domain: String| {
        proof(resolver.exchangers(&domain, soon()).await, |found| found.proof)
    };
    let addresses =
        async |host: String| proof(resolver.addresses(&host, soon()).await, |found| found.proof);
    let tlsa = async |host: String, count: usize| {
        let found = resolver.tlsa(&host, 25, soon()).await;
        if let Ok(found) = &found {
            assert_eq!(found.list.len(), count, "{host}");
        }
        proof(found, |found| found.proof)
    };
    vec![
        ("MX", exchangers(zone.to_owned()).await),
        ("A", addresses(at("mx")).await),
        ("TLSA", tlsa(at("mx"), 1).await),
        ("MX from a wildcard", exchangers(at("any.wild")).await),
        ("A from a wildcard", addresses(at("any.wild")).await),
        ("no MX", exchangers(at("bare")).await),
        ("no TLSA, no such name", tlsa(at("bare"), 0).await),
        ("no TLSA under a wildcard", tlsa(at("any.wild"), 0).await),
    ]
}

async fn check(resolver: &Resolver, rows: &[(&str, &str)]) {
    for (zone, expected) in rows {
        for (what, found) in proofs(resolver, zone).await {
            assert_eq!(&found, expected, "{what} of {zone}");
        }
    }
}

#[tokio::test]
async fn signatures_are_followed_from_the_root() {
    let dns = zones().start();
    check(
        &resolver(&validating(&dns)),
        &[
            ("good.test", "Secure"),
            ("third.test", "Secure"),
            ("plain.test", "Insecure"),
            ("old.test", "Bogus"),
            ("wrong.test", "Bogus"),
            ("stripped.test", "Bogus"),
            ("broken.test", "Unavailable"),
        ],
    )
    .await;
}

/// What is cached keeps its proof.
#[tokio::test]
async fn the_same_again_is_as_well_proven() {
    let dns = zones().start();
    let resolver = resolver(&validating(&dns));
    for _ in 0..2 {
        check(
            &resolver,
            &[("good.test", "Secure"), ("plain.test", "Insecure"), ("old.test", "Bogus")],
        )
        .await;
    }
}

#[tokio::test]
async fn through_a_recursive_resolver_it_is_the_same() {
    let dns = zones().start();
    let unbound = dns.start_unbound();
    let policy = NamesPolicy { dns_servers: vec![unbound.address()], ..validating(&dns) };
    check(
        &resolver(&policy),
        &[
            ("good.test", "Secure"),
            ("third.test", "Secure"),
            ("plain.test", "Insecure"),
            ("old.test", "Bogus"),
            ("wrong.test", "Bogus"),
            ("stripped.test", "Bogus"),
            ("broken.test", "Unavailable"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_trusted_resolver_on_this_machine_says_it_by_its_ad_bit() {
    let dns = zones().start();
    let unbound = dns.start_unbound();
    let policy = NamesPolicy {
        dns_servers: vec![unbound.address()],
        dnssec: Dnssec::TrustResolver,
        ..NamesPolicy::default()
    };
    // A resolver that checks does not tell a forgery from trouble.
    check(
        &resolver(&policy),
        &[
            ("good.test", "Secure"),
            ("third.test", "Secure"),
            ("plain.test", "Insecure"),
            ("old.test", "Unavailable"),
            ("wrong.test", "Unavailable"),
            ("stripped.test", "Unavailable"),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_ad_bit_is_believed_only_where_the_policy_trusts_the_resolver() {
    let dns = zones().start();
    let liar = Tap::before(dns.address(), Lie::Authentic);
    let servers = vec![liar.address()];
    for (dnssec, zone, expected) in [
        (Dnssec::TrustResolver, "plain.test", "Secure"),
        (Dnssec::Off, "plain.test", "Unchecked"),
        (Dnssec::Off, "good.test", "Unchecked"),
        (validating(&dns).dnssec, "plain.test", "Insecure"),
        (validating(&dns).dnssec, "old.test", "Bogus"),
        (Dnssec::default(), "plain.test", "Unchecked"),
    ] {
        let policy = NamesPolicy { dns_servers: servers.clone(), dnssec, ..NamesPolicy::default() };
        let found = resolver(&policy).exchangers(zone, soon()).await;
        assert_eq!(proof(found, |found| found.proof), expected, "{:?} {zone}", policy.dnssec);
    }
}

#[tokio::test]
async fn without_checking_nothing_is_proven_and_everything_is_found() {
    let dns = zones().start();
    let resolver = resolver(&unchecking(&dns));
    let rows = ["good.test", "third.test", "plain.test", "old.test", "wrong.test", "stripped.test"];
    check(&resolver, &rows.map(|zone| (zone, "Unchecked"))).await;
}

/// An alias is proven as far as both its ends.
#[tokio::test]
async fn aliases_are_as_weak_as_their_weakest_step() {
    let aliases = "good CNAME mx.good.test.\nplain CNAME mx.plain.test.\nold CNAME mx.old.test.\n\
                   *.wild CNAME bare.good.test.\n*._tcp.many CNAME _25._tcp.mx.third.test.\n";
    let dns = zones()
        .zone("alias.test", Signing::Nsec, aliases)
        .zone("third-alias.test", Signing::Nsec3, aliases)
        .zone("plain-alias.test", Signing::Unsigned, aliases)
        .start();
    let resolver = resolver(&validating(&dns));
    for (host, expected) in [
        ("good.alias.test", "Secure"),
        ("plain.alias.test", "Insecure"),
        ("old.alias.test", "Bogus"),
        ("any.wild.alias.test", "Secure"),
        ("good.third-alias.test", "Secure"),
        ("any.wild.third-alias.test", "Secure"),
        ("good.plain-alias.test", "Insecure"),
    ] {
        let found = resolver.addresses(host, soon()).await;
        assert_eq!(proof(found, |found| found.proof), expected, "{host}");
    }
    // The target of a wildcard lacks the type: both must be proven, each by its own zone.
    for (domain, expected) in
        [("any.wild.alias.test", "Secure"), ("any.wild.third-alias.test", "Secure")]
    {
        let found = resolver.exchangers(domain, soon()).await.unwrap();
        assert!(found.is_implicit, "{domain}");
        assert_eq!(format!("{:?}", found.proof), expected, "{domain}");
    }
    for (host, expected) in [("many.alias.test", "Secure"), ("many.plain-alias.test", "Insecure")] {
        let found = resolver.tlsa(host, 25, soon()).await.unwrap();
        assert_eq!(
            (found.list.len(), format!("{:?}", found.proof).as_str()),
            (1, expected),
            "{host}"
        );
    }
}

/// The parent knows nothing of the zone's keys here.
#[tokio::test]
async fn a_private_zone_is_proven_from_an_anchor_of_its_own() {
    let dns = zones().start();
    let policy = |anchors: Vec<String>| NamesPolicy {
        dns_servers: vec![dns.address()],
        dnssec: Dnssec::Validate { anchors },
        ..NamesPolicy::default()
    };
    let foreign = dns.ds_of("third.test").replace("third.test", "good.test");
    for (anchors, zone, expected) in [
        (vec![dns.anchor_of("good.test")], "good.test", "Secure"),
        (vec![dns.ds_of("good.test")], "good.test", "Secure"),
        (vec![dns.ds_of("third.test")], "third.test", "Secure"),
        (vec![dns.ds_of("third.test"), dns.ds_of("good.test")], "good.test", "Secure"),
        (vec![foreign.clone(), dns.ds_of("good.test")], "good.test", "Secure"),
        // The DS record of the parent is for another key, which does not matter here.
        (vec![dns.anchor_of("wrong.test")], "wrong.test", "Secure"),
        (vec![dns.ds_of("test")], "good.test", "Secure"),
        (vec![dns.ds_of("test")], "plain.test", "Insecure"),
        (vec![dns.ds_of("test")], "wrong.test", "Bogus"),
        (vec![foreign], "good.test", "Bogus"),
        (vec![dns.ds_of("old.test")], "old.test", "Bogus"),
        (vec![dns.ds_of("stripped.test")], "stripped.test", "Bogus"),
        (vec![dns.ds_of("broken.test")], "broken.test", "Unavailable"),
        // Beside a zone with an anchor nothing is checked in a private top level domain.
        (vec![dns.anchor_of("good.test")], "third.test", "Unchecked"),
    ] {
        let resolver = resolver(&policy(anchors.clone()));
        check(&resolver, &[(zone, expected)]).await;
    }
}

/// A resolver of a network without the Internet has no signatures of the root.
#[tokio::test]
async fn a_resolver_without_signatures_is_used_unchecked_unless_the_root_anchor_is_named() {
    let dns = Zones::new().zone("example", Signing::Unsigned, RECORDS).start();
    let root = ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D";
    for (anchors, expected) in
        [(vec![], "Unchecked"), (vec![dns.anchor()], "Insecure"), (vec![root.to_owned()], "Bogus")]
    {
        let policy = NamesPolicy {
            dns_servers: vec![dns.address()],
            dnssec: Dnssec::Validate { anchors },
            ..NamesPolicy::default()
        };
        check(&resolver(&policy), &[("example", expected)]).await;
    }
}

/// Whoever stands between may say anything, but for a signed zone nothing of it counts.
#[tokio::test]
async fn a_forged_absence_is_no_absence() {
    let dns = zones().start();
    let liar = Tap::before(dns.address(), Lie::None);
    for anchors in [vec![dns.anchor()], vec![dns.anchor_of("good.test")]] {
        let policy = NamesPolicy {
            dns_servers: vec![liar.address()],
            dnssec: Dnssec::Validate { anchors },
            ..NamesPolicy::default()
        };
        liar.tell(Lie::None);
        let resolver = resolver(&policy);
        assert_eq!(resolver.tlsa("mx.good.test", 25, soon()).await.unwrap().list.len(), 1);
        liar.tell(Lie::Nothing);
        for host in ["bare.good.test", "mx.wild.good.test"] {
            let found = resolver.tlsa(host, 25, soon()).await;
            assert_eq!(proof(found, |found| found.proof), "Bogus", "{host}");
        }
        let found = resolver.exchangers("bare.good.test", soon()).await;
        assert_eq!(proof(found, |found| found.proof), "Bogus");
        liar.tell(Lie::Trouble);
        let found = resolver.exchangers("any.wild.good.test", soon()).await;
        assert_eq!(proof(found, |found| found.proof), "Unavailable");
    }
}

#[tokio::test]
async fn an_answer_whose_signatures_were_taken_away_is_forged() {
    let dns = zones().start();
    let liar = Tap::before(dns.address(), Lie::Stripped);
    let resolver = |anchor: String| {
        resolver(&NamesPolicy {
            dns_servers: vec![liar.address()],
            dnssec: Dnssec::Validate { anchors: vec![anchor] },
            ..NamesPolicy::default()
        })
    };
    // Without signatures nothing proves that a zone is unsigned, either.
    check(&resolver(dns.anchor()), &[("good.test", "Bogus"), ("plain.test", "Bogus")]).await;
    let before = liar.questions().len();
    check(&resolver(dns.anchor_of("good.test")), &[("good.test", "Bogus")]).await;
    // Nobody above the anchor is asked whether the zone is signed.
    for question in &liar.questions()[before..] {
        assert!(question.contains("good.test/") && question != "good.test/43", "{question}");
    }
}

#[tokio::test]
async fn tlsa_records_come_as_they_stand() {
    let records = "_25._tcp.mx TLSA 3 1 1 00aaFF\n_25._tcp.mx TLSA 2 0 2 0102\n\
                   _25._tcp.mx TLSA 255 9 7 09\n_465._tcp.mx TLSA 0 0 0 0a\n";
    let dns = Zones::new().zone("example.test", Signing::Nsec, records).start();
    let resolver = resolver(&validating(&dns));
    let mut found = resolver.tlsa("MX.example.test.", 25, soon()).await.unwrap().list;
    found.sort_by_key(|tlsa| tlsa.usage);
    let tlsa = |usage, selector, matching, data: &[u8]| Tlsa {
        usage,
        selector,
        matching,
        data: data.to_vec(),
    };
    assert_eq!(
        found,
        [tlsa(2, 0, 2, &[1, 2]), tlsa(3, 1, 1, &[0, 0xaa, 0xff]), tlsa(255, 9, 7, &[9])]
    );
    let other = resolver.tlsa("mx.example.test", 465, soon()).await.unwrap().list;
    assert_eq!(other, [tlsa(0, 0, 0, &[10])]);
}

#[test]
fn a_bad_anchor_is_told_at_once() {
    let policy = NamesPolicy {
        dnssec: Dnssec::Validate { anchors: vec!["plant.example. IN DS 1 13 2 zz".into()] },
        ..NamesPolicy::default()
    };
    let words = Resolver::new(&policy).unwrap_err();
    assert!(words.contains("plant.example. IN DS 1 13 2 zz"), "{words}");
}
