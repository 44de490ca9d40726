//! Windows names into addresses, by a real nmbd and by one that lies.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use annunciator_names::{AddressSource, Dnssec, LookupError, NamesPolicy, NetBios, Proof};
use annunciator_testkit::dns::{Lie, Signing, Tap, Zones};
use annunciator_testkit::network::is_own_network;
use annunciator_testkit::nmbd::{ADDRESS, Nmbd};
use annunciator_testkit::process::free_address;
use tokio::net::UdpSocket;

use crate::{resolver, soon};

fn policy(netbios: NetBios, servers: &[SocketAddr]) -> NamesPolicy {
    NamesPolicy {
        dns_servers: servers.to_vec(),
        netbios,
        dnssec: Dnssec::Off,
        ..NamesPolicy::default()
    }
}

#[tokio::test]
async fn a_windows_name_is_found_by_broadcast_and_by_wins() {
    let test = "netbios::a_windows_name_is_found_by_broadcast_and_by_wins";
    if !is_own_network(test, "", "") {
        return;
    }
    let dns = Zones::new().zone("example.test", Signing::Unsigned, "PLANTPC A 127.0.0.9\n").start();
    let _nmbd = Nmbd::start("PLANTPC");
    let wins = SocketAddr::from((ADDRESS, 137));
    let closed = SocketAddr::from((ADDRESS, 1));
    for netbios in [
        NetBios::Broadcast,
        NetBios::BroadcastTo(vec![([192, 0, 2, 255].into(), 137)]),
        NetBios::Wins(vec![wins]),
        NetBios::Wins(vec![closed, wins]),
    ] {
        // With DNS that has no such name, and without any DNS.
        for servers in [&[dns.address()][..], &[]] {
            let resolver = resolver(&policy(netbios.clone(), servers));
            for host in ["PLANTPC", "plantpc"] {
                let found = resolver.addresses(host, soon()).await.unwrap();
                assert_eq!(found.list, [ADDRESS], "{netbios:?} {host}");
                assert_eq!(found.canonical, "plantpc");
                assert_eq!((found.source, found.proof), (AddressSource::NetBios, Proof::Unchecked));
            }
            // As a domain it stands for itself.
            let found = resolver.exchangers("plantpc", soon()).await.unwrap();
            assert!(found.is_implicit && found.list[0].host == "plantpc", "{found:?}");
            for host in ["nosuchpc", "plantpc.example", "longer-than-15-octets"] {
                let failure = resolver.addresses(host, soon()).await.unwrap_err();
                let is_absent = matches!(failure, LookupError::Absent(_));
                let is_unavailable = matches!(failure, LookupError::Unavailable(_));
                assert!(is_absent || (servers.is_empty() && is_unavailable), "{host}: {failure:?}");
            }
        }
    }
    // DNS comes first.
    let first = NamesPolicy {
        search_domains: vec!["example.test".into()],
        ..policy(NetBios::Broadcast, &[dns.address()])
    };
    let found = resolver(&first).addresses("plantpc", soon()).await.unwrap();
    assert_eq!(
        (found.source, found.canonical.as_str()),
        (AddressSource::Dns, "plantpc.example.test")
    );
    // And nobody is asked unless the policy says so.
    let off = resolver(&policy(NetBios::Off, &[dns.address()]));
    assert!(matches!(off.addresses("plantpc", soon()).await, Err(LookupError::Absent(_))));
}

/// What a name service could send at worst, before the true answer.
#[tokio::test]
async fn answers_that_are_no_answers_are_passed_over() {
    let dns = Zones::new().start();
    let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let wins = server.local_addr().unwrap();
    let answering = tokio::spawn(async move {
        let mut question = [0; 600];
        let (length, from) = server.recv_from(&mut question).await.unwrap();
        let name = &question[12..46];
        let good = |id: &[u8]| {
            let header = [id, &[0x85, 0x80, 0, 0, 0, 1, 0, 0, 0, 0]].concat();
            let record = [name, &[0, 0x20, 0, 1, 0, 0, 0, 60, 0, 6, 0, 0, 192, 0, 2, 77]].concat();
            [header, record].concat()
        };
        let whole = good(&question[..2]);
        let foreign = good(&[question[0] ^ 1, question[1]]);
        for datagram in [
            &question[..length],
            &[],
            &whole[..40],
            &whole[..whole.len() - 1],
            &foreign,
            &[0xff; 300],
            &whole,
        ] {
            server.send_to(datagram, from).await.unwrap();
        }
    });
    let resolver = resolver(&policy(NetBios::Wins(vec![wins]), &[dns.address()]));
    let found = resolver.addresses("machine", soon()).await.unwrap();
    assert_eq!(found.list, [std::net::IpAddr::from([192, 0, 2, 77])]);
    answering.await.unwrap();
    // From now on nobody answers: what is kept holds.
    assert_eq!(resolver.addresses("MACHINE", soon()).await.unwrap(), found);
}

#[tokio::test]
async fn a_silent_wins_server_and_silent_dns_end_by_the_deadline() {
    let dns = Zones::new().start();
    let silent = Tap::before(dns.address(), Lie::Silence);
    let wins = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let resolver =
        resolver(&policy(NetBios::Wins(vec![wins.local_addr().unwrap()]), &[silent.address()]));
    let start = Instant::now();
    let failure = resolver.addresses("machine", start + Duration::from_millis(800)).await;
    assert_eq!(failure, Err(LookupError::Timeout));
    assert!(start.elapsed() < Duration::from_secs(3));
    // It was asked all the same, in the second half of the time.
    let mut question = [0; 600];
    assert!(wins.try_recv(&mut question).is_ok());
}

/// An unchecked answer must not take its place. A name without a dot may be a machine nearby,
/// although no top level domain is called so.
#[tokio::test]
async fn a_proven_absence_of_a_whole_name_is_not_asked_about_again() {
    let dns = Zones::new().start();
    // Nobody is there: who asks hears of it.
    let closed = free_address();
    let checked = Dnssec::Validate { anchors: vec![dns.anchor()] };
    for (dnssec, host, expected) in [
        (checked.clone(), "machine.", "absent"),
        (checked, "machine", "unavailable"),
        (Dnssec::Off, "machine.", "unavailable"),
    ] {
        let resolver = resolver(&NamesPolicy {
            dnssec,
            ..policy(NetBios::Wins(vec![closed]), &[dns.address()])
        });
        let failure = resolver.addresses(host, soon()).await.unwrap_err();
        let found = match &failure {
            LookupError::Absent(_) => "absent",
            LookupError::Unavailable(_) => "unavailable",
            _ => "another failure",
        };
        assert_eq!(found, expected, "{host}: {failure:?}");
    }
}
