//! What the machine itself knows of names, in a network of the test's own.

use std::net::IpAddr;

use annunciator_names::{AddressSource, Dnssec, LookupError, NamesPolicy, Proof};
use annunciator_testkit::dns::{Signing, Zones};
use annunciator_testkit::network::is_own_network;

use crate::{resolver, soon};

const HOSTS: &str = "127.0.0.1 localhost\n127.0.0.7 relay.plant.example relay\n";

#[tokio::test]
async fn without_servers_of_its_own_a_policy_uses_the_system() {
    let test = "system::without_servers_of_its_own_a_policy_uses_the_system";
    let settings = "search example.test\nnameserver 127.0.0.53\n";
    if !is_own_network(test, HOSTS, settings) {
        return;
    }
    let records = "mail A 127.0.0.8\nrelay A 127.0.0.9\n";
    let dns = Zones::new()
        .zone("example.test", Signing::Nsec, records)
        .start_at("127.0.0.53:53".parse().unwrap());
    let checked = Dnssec::Validate { anchors: vec![dns.anchor()] };
    for (dnssec, proof) in [
        (Dnssec::Off, Proof::Unchecked),
        (checked, Proof::Secure),
        (Dnssec::default(), Proof::Unchecked),
    ] {
        let system = resolver(&NamesPolicy { dnssec: dnssec.clone(), ..NamesPolicy::default() });
        for (host, canonical, address, source, proof) in [
            // The hosts file is before DNS, and proves nothing.
            ("relay", "relay.plant.example", 7, AddressSource::System, Proof::Unchecked),
            (
                "RELAY.plant.example.",
                "relay.plant.example",
                7,
                AddressSource::System,
                Proof::Unchecked,
            ),
            ("mail", "mail.example.test", 8, AddressSource::Dns, proof),
            ("relay.example.test", "relay.example.test", 9, AddressSource::Dns, proof),
        ] {
            let found = system.addresses(host, soon()).await.unwrap();
            assert_eq!(found.list, [IpAddr::from([127, 0, 0, address])], "{host}");
            assert_eq!(
                (found.canonical.as_str(), found.source, found.proof),
                (canonical, source, proof),
                "{host}"
            );
        }
        // As a domain it stands for itself, although DNS has never heard of it.
        let found = system.exchangers("relay.plant.example", soon()).await.unwrap();
        assert!(found.is_implicit, "{found:?}");
        let failure = system.addresses("absent.example.test", soon()).await.unwrap_err();
        assert!(matches!(failure, LookupError::Absent(_)), "{failure:?}");
        // A policy with servers of its own does not look into the hosts file.
        let own = resolver(&NamesPolicy {
            dns_servers: vec![dns.address()],
            dnssec,
            ..NamesPolicy::default()
        });
        let failure = own.addresses("relay.plant.example", soon()).await.unwrap_err();
        assert!(matches!(failure, LookupError::Absent(_)), "{failure:?}");
    }
}

#[tokio::test]
async fn a_machine_without_dns_has_its_hosts_file() {
    let test = "system::a_machine_without_dns_has_its_hosts_file";
    if !is_own_network(test, HOSTS, "") {
        return;
    }
    for dnssec in [Dnssec::Off, Dnssec::default(), Dnssec::TrustResolver] {
        let system = resolver(&NamesPolicy { dnssec, ..NamesPolicy::default() });
        let found = system.addresses("relay", soon()).await.unwrap();
        assert_eq!(found.list, [IpAddr::from([127, 0, 0, 7])]);
        assert!(system.exchangers("relay", soon()).await.unwrap().is_implicit);
        let failure = system.addresses("mail.example.test", soon()).await.unwrap_err();
        assert!(matches!(failure, LookupError::Unavailable(_)), "{failure:?}");
    }
}
