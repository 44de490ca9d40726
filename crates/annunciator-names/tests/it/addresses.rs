//! Hosts into addresses, through aliases and search domains.

use std::time::{Duration, Instant};

use annunciator_names::{AddressSource, Addresses, LookupError, NamesPolicy, Proof};
use annunciator_testkit::dns::{Signing, Zones};

use crate::{resolver, soon, unchecking};

fn line(result: &Result<Addresses, LookupError>) -> String {
    match result {
        Ok(found) => {
            let mut list: Vec<String> = found.list.iter().map(ToString::to_string).collect();
            list.sort();
            format!("{} {:?} {}", found.canonical, found.source, list.join(" "))
        }
        Err(LookupError::Absent(_)) => "absent".into(),
        Err(LookupError::Unavailable(_)) => "unavailable".into(),
        Err(LookupError::Malformed(_)) => "malformed".into(),
        Err(error) => format!("{error:?}"),
    }
}

#[tokio::test]
async fn a_host_has_its_addresses() {
    let dns = Zones::new()
        .zone(
            "example.test",
            Signing::Unsigned,
            "many A 127.0.0.1\nmany A 127.0.0.2\nmany AAAA ::1\nfour A 127.0.0.4\nsix AAAA ::1\n\
             text TXT nothing\nalias CNAME Many\nfar CNAME far.other.test.\nloop CNAME pool\n\
             pool CNAME loop\nxn--mller-kva A 127.0.0.5\n_under A 127.0.0.6\n\
             broken CNAME a.broken.test.\n",
        )
        .zone("other.test", Signing::Unsigned, "far CNAME four.example.test.\nfour A 127.0.0.7\n")
        .zone("broken.test", Signing::Broken, "")
        .start();
    let policy = NamesPolicy {
        search_domains: vec!["other.test".into(), "example.test".into()],
        ..unchecking(&dns)
    };
    let resolver = resolver(&policy);
    for (host, expected) in [
        ("many.example.test", "many.example.test Dns 127.0.0.1 127.0.0.2 ::1"),
        ("MANY.example.TEST.", "many.example.test Dns 127.0.0.1 127.0.0.2 ::1"),
        ("four.example.test", "four.example.test Dns 127.0.0.4"),
        ("six.example.test", "six.example.test Dns ::1"),
        ("alias.example.test", "many.example.test Dns 127.0.0.1 127.0.0.2 ::1"),
        ("far.example.test", "four.example.test Dns 127.0.0.4"),
        ("müller.example.test", "xn--mller-kva.example.test Dns 127.0.0.5"),
        ("_under.example.test", "_under.example.test Dns 127.0.0.6"),
        ("text.example.test", "absent"),
        ("absent.example.test", "absent"),
        ("loop.example.test", "unavailable"),
        ("a.broken.test", "unavailable"),
        ("broken.example.test", "unavailable"),
        ("four", "four.other.test Dns 127.0.0.7"),
        ("six", "six.example.test Dns ::1"),
        ("six.", "absent"),
        ("localhost", "localhost System 127.0.0.1 ::1"),
        ("192.0.2.1", "192.0.2.1 Literal 192.0.2.1"),
        ("[2001:db8::1]", "2001:db8::1 Literal 2001:db8::1"),
        ("[IPv6:2001:db8::1]", "2001:db8::1 Literal 2001:db8::1"),
        ("a b", "malformed"),
        ("a\r\nb", "malformed"),
        ("", "malformed"),
    ] {
        let found = resolver.addresses(host, soon()).await;
        assert_eq!(line(&found), expected, "{host:?}: {found:?}");
    }
}

#[tokio::test]
async fn the_least_ttl_of_all_steps_counts() {
    let records = "short 7 CNAME long\nlong 900 A 127.0.0.1\nbrief 900 CNAME once\n\
                   once 0 A 127.0.0.1\nages 9999999 A 127.0.0.1\n";
    let dns = Zones::new().zone("example.test", Signing::Unsigned, records).start();
    let resolver = resolver(&unchecking(&dns));
    for (host, least_s, most_s) in [("short", 6, 7), ("brief", 0, 1), ("ages", 86_390, 86_400)] {
        let found = resolver.addresses(&format!("{host}.example.test"), soon()).await.unwrap();
        let left = found.until.saturating_duration_since(Instant::now());
        let bounds = Duration::from_secs(least_s)..=Duration::from_secs(most_s);
        assert!(bounds.contains(&left), "{host}: {left:?}");
    }
}

#[tokio::test]
async fn families_take_turns() {
    let records = "mail A 127.0.0.1\nmail A 127.0.0.2\nmail AAAA ::1\n";
    let dns = Zones::new().zone("example.test", Signing::Unsigned, records).start();
    let found = resolver(&unchecking(&dns)).addresses("mail.example.test", soon()).await.unwrap();
    let families: Vec<bool> = found.list.iter().map(std::net::IpAddr::is_ipv4).collect();
    assert_eq!(families, [false, true, true]);
    assert_eq!((found.source, found.proof), (AddressSource::Dns, Proof::Unchecked));
}

#[tokio::test]
async fn texts_are_joined_from_their_strings() {
    let records = "_mta-sts TXT \"v=STSv1;\" \" id=1;\"\n@ TXT one\n@ TXT two\n";
    let dns = Zones::new().zone("example.test", Signing::Unsigned, records).start();
    let resolver = resolver(&unchecking(&dns));
    let found = resolver.texts("_mta-sts.example.test", soon()).await.unwrap();
    assert_eq!(found.list, ["v=STSv1; id=1;"]);
    let mut found = resolver.texts("example.test", soon()).await.unwrap().list;
    found.sort();
    assert_eq!(found, ["one", "two"]);
    assert!(resolver.texts("absent.example.test", soon()).await.unwrap().list.is_empty());
}
