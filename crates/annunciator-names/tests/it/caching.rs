//! What is kept and for how long, which server is asked, and when waiting ends.

use std::time::{Duration, Instant};

use annunciator_names::{Dnssec, LookupError, NamesPolicy};
use annunciator_testkit::dns::{Lie, Signing, Tap, Zones};
use annunciator_testkit::process::free_address;

use crate::{resolver, soon, validating};

const ZONE: &str = "example.test";

fn through(tap: &Tap, dnssec: Dnssec) -> NamesPolicy {
    NamesPolicy { dns_servers: vec![tap.address()], dnssec, ..NamesPolicy::default() }
}

#[tokio::test]
async fn an_answer_is_kept_for_its_ttl_and_no_longer() {
    let mut dns = Zones::new().zone(ZONE, Signing::Nsec, "@ 2 MX 10 one\n").start();
    let tap = Tap::before(dns.address(), Lie::None);
    for dnssec in [Dnssec::Off, validating(&dns).dnssec] {
        dns.replace(ZONE, "@ 2 MX 10 one\n");
        let resolver = resolver(&through(&tap, dnssec));
        let first = resolver.exchangers(ZONE, soon()).await.unwrap();
        assert_eq!(first.list[0].host, "one.example.test");
        dns.replace(ZONE, "@ 2 MX 10 two\n");
        let asked = tap.questions().len();
        if Instant::now() < first.until {
            let again = resolver.exchangers(ZONE, soon()).await.unwrap();
            // The limit may pass between the two lines above.
            if Instant::now() < first.until {
                assert_eq!(again, first);
                assert_eq!(tap.questions().len(), asked);
            }
        }
        tokio::time::sleep_until(first.until.into()).await;
        let later = resolver.exchangers(ZONE, soon()).await.unwrap();
        assert_eq!(later.list[0].host, "two.example.test");
    }
}

#[tokio::test]
async fn absences_are_kept_and_failures_are_not() {
    let dns = Zones::new().zone(ZONE, Signing::Nsec, "bare A 127.0.0.1\n").start();
    let tap = Tap::before(dns.address(), Lie::None);
    for dnssec in [Dnssec::Off, validating(&dns).dnssec] {
        tap.tell(Lie::None);
        let resolver = resolver(&through(&tap, dnssec));
        for _ in 0..2 {
            let found = resolver.tlsa("bare.example.test", 25, soon()).await.unwrap();
            assert!(found.list.is_empty());
            let failure = resolver.exchangers("absent.example.test", soon()).await.unwrap_err();
            assert!(matches!(failure, LookupError::Absent(_)), "{failure:?}");
        }
        let asked = tap.questions();
        let count = |text: &str| asked.iter().filter(|question| *question == text).count();
        let rounds = count("_25._tcp.bare.example.test/52");
        assert_eq!(rounds, count("absent.example.test/15"), "{asked:?}");
        tap.tell(Lie::Trouble);
        let failure = resolver.exchangers("bare.example.test", soon()).await.unwrap_err();
        assert!(matches!(failure, LookupError::Unavailable(_)), "{failure:?}");
        tap.tell(Lie::None);
        assert!(resolver.exchangers("bare.example.test", soon()).await.unwrap().is_implicit);
    }
    let asked = tap.questions();
    let count =
        asked.iter().filter(|question| *question == "_25._tcp.bare.example.test/52").count();
    assert_eq!(count, 2, "once for each policy: {asked:?}");
}

#[tokio::test]
async fn another_server_is_asked_when_one_is_silent_closed_or_in_trouble() {
    let dns = Zones::new().zone(ZONE, Signing::Nsec, "@ MX 10 mx\n").start();
    let bad = Tap::before(dns.address(), Lie::None);
    for (lie, first, dnssec) in [
        (Lie::Silence, bad.address(), Dnssec::Off),
        (Lie::Trouble, free_address(), validating(&dns).dnssec),
    ] {
        bad.tell(lie);
        let dns_servers = vec![first, bad.address(), dns.address()];
        let policy = NamesPolicy { dns_servers, dnssec, ..NamesPolicy::default() };
        let resolver = resolver(&policy);
        let found = resolver.exchangers(ZONE, soon()).await.unwrap();
        assert_eq!(found.list[0].host, "mx.example.test");
        // The one that answered is asked first from now on.
        let asked = bad.questions().len();
        assert!(resolver.exchangers("absent.example.test", soon()).await.is_err());
        assert_eq!(bad.questions().len(), asked);
    }
}

#[tokio::test]
async fn the_deadline_holds_whatever_the_servers_do() {
    let dns = Zones::new().zone(ZONE, Signing::Nsec, "@ MX 10 mx\n").start();
    let silent = Tap::before(dns.address(), Lie::Silence);
    for dnssec in [Dnssec::Off, Dnssec::TrustResolver, validating(&dns).dnssec, Dnssec::default()] {
        let resolver = resolver(&through(&silent, dnssec));
        let start = Instant::now();
        let deadline = start + Duration::from_millis(300);
        assert_eq!(resolver.exchangers(ZONE, deadline).await, Err(LookupError::Timeout));
        assert_eq!(resolver.addresses(ZONE, deadline).await, Err(LookupError::Timeout));
        assert_eq!(resolver.tlsa(ZONE, 25, deadline).await, Err(LookupError::Timeout));
        assert_eq!(resolver.texts(ZONE, deadline).await, Err(LookupError::Timeout));
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    }
}
