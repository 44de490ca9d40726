//! Domains into mail exchangers, as the records say or as their absence does.

use annunciator_names::{Exchangers, LookupError, NamesPolicy};
use annunciator_testkit::dns::{Signing, Zones};

use crate::{resolver, soon, unchecking};

/// What came out, in one line: `10 a 20 b`, with its kind before it when it is not the usual one.
fn line(result: &Result<Exchangers, LookupError>) -> String {
    match result {
        Ok(found) => {
            let mut words: Vec<String> =
                found.list.iter().map(|one| format!("{} {}", one.preference, one.host)).collect();
            if found.is_null {
                words.insert(0, "null".into());
            }
            if found.is_implicit {
                words.insert(0, "implicit".into());
            }
            words.join(" ")
        }
        Err(LookupError::Absent(_)) => "absent".into(),
        Err(LookupError::Unavailable(_)) => "unavailable".into(),
        Err(LookupError::Malformed(_)) => "malformed".into(),
        Err(error) => format!("{error:?}"),
    }
}

#[tokio::test]
async fn a_domain_names_its_exchangers() {
    let dns = Zones::new()
        .zone(
            "example.test",
            Signing::Unsigned,
            "@ MX 30 MX3.Example.TEST.\n@ MX 10 mx1\n@ MX 20 mx2.other.test.\n\
             null MX 0 .\nmixed MX 0 .\nmixed MX 10 mx1\n\
             host A 192.0.2.1\nhost6 AAAA 2001:db8::1\ntext TXT nothing\n\
             alias CNAME target.other.test.\nalias2 CNAME alias\nhostalias CNAME host\n\
             dangling CNAME nowhere.other.test.\n\
             odd MX 10 a\\032b\nodd MX 20 mx1\nodder MX 10 a\\032b\n\
             address A 192.0.2.1\naddress MX 10 203.0.113.5.\naddress MX 20 127.1.\n\
             addressed MX 10 203.0.113.5.\naddressed MX 20 mx1\n\
             xn--mller-kva MX 10 xn--mx-eka\n*.wild MX 10 mx1\n",
        )
        .zone("other.test", Signing::Unsigned, "target MX 10 mx1\n")
        .zone("broken.test", Signing::Broken, "")
        .start();
    let policy = NamesPolicy {
        search_domains: vec!["other.test".into(), "example.test".into()],
        ..unchecking(&dns)
    };
    let resolver = resolver(&policy);
    for (domain, expected) in [
        ("example.test", "10 mx1.example.test 20 mx2.other.test 30 mx3.example.test"),
        ("EXAMPLE.test.", "10 mx1.example.test 20 mx2.other.test 30 mx3.example.test"),
        ("null.example.test", "null"),
        ("mixed.example.test", "10 mx1.example.test"),
        ("host.example.test", "implicit 0 host.example.test"),
        ("host6.example.test", "implicit 0 host6.example.test"),
        ("text.example.test", "implicit 0 text.example.test"),
        ("alias.example.test", "10 mx1.other.test"),
        ("alias2.example.test", "10 mx1.other.test"),
        ("hostalias.example.test", "implicit 0 hostalias.example.test"),
        ("dangling.example.test", "absent"),
        ("absent.example.test", "absent"),
        ("odd.example.test", "20 mx1.example.test"),
        ("odder.example.test", "malformed"),
        ("address.example.test", "malformed"),
        ("addressed.example.test", "20 mx1.example.test"),
        ("müller.example.test", "10 xn--mx-eka.example.test"),
        ("MÜLLER.example.test", "10 xn--mx-eka.example.test"),
        ("any.wild.example.test", "10 mx1.example.test"),
        ("broken.test", "unavailable"),
        ("unknown.example", "absent"),
        // Search domains are for names without a dot, in their order.
        ("target", "10 mx1.other.test"),
        ("null", "null"),
        ("host", "implicit 0 host.example.test"),
        ("null.", "absent"),
        ("[192.0.2.7]", "implicit 0 192.0.2.7"),
        ("a b.test", "malformed"),
    ] {
        let found = resolver.exchangers(domain, soon()).await;
        assert_eq!(line(&found), expected, "{domain}: {found:?}");
    }
}

#[tokio::test]
async fn an_answer_too_long_for_a_datagram_comes_whole_and_is_cut_at_fifty() {
    let records: String =
        (0..80).map(|index| format!("@ MX {} exchanger-number-{index}\n", 80 - index)).collect();
    let dns = Zones::new().zone("many.test", Signing::Unsigned, &records).start();
    let found = resolver(&unchecking(&dns)).exchangers("many.test", soon()).await.unwrap();
    let preferences: Vec<u16> = found.list.iter().map(|one| one.preference).collect();
    assert_eq!(preferences, (1..=50).collect::<Vec<_>>());
    assert_eq!(found.list[0].host, "exchanger-number-79.many.test");
}
