//! Settings of name resolution, for every relay (spec 4.2, 4.4, 4.10).

use std::net::{IpAddr, SocketAddr};

use annunciator_names::{Dnssec, NamesPolicy, NetBios};
use annunciator_settings::{Format, TextList, choice, settings};

const DNS_PORT: u16 = 53;
const WINS_PORT: u16 = 137;

choice! {
    /// Who says that an answer of DNS is authentic.
    pub enum DnssecMode {
        /// Nobody.
        Off = "off",
        /// This server checks the signatures itself.
        Validate = "validate",
        /// The resolver, which must be on this machine.
        TrustResolver = "trust_resolver",
    }
}

choice! {
    /// Whether Windows names are asked for after DNS has none.
    pub enum NetBiosMode {
        /// They are not.
        Off = "off",
        /// By broadcast.
        Broadcast = "broadcast",
        /// At the WINS servers.
        Wins = "wins",
    }
}

fn check_address(text: &str) -> Result<(), String> {
    read_address(text, DNS_PORT).map(drop).ok_or_else(|| {
        "must be an IP address, with a port when it is not the usual one: 192.0.2.1, \
         192.0.2.1:5300, [2001:db8::1]:5300"
            .into()
    })
}

fn read_address(text: &str, port: u16) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse::<SocketAddr>().ok();
    bare.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, port)).or_else(with_port)
}

settings! {
    /// How names are resolved.
    pub struct NamesSettings / NamesLayer {
        /// Addresses of the DNS resolvers, with a port when it is not 53; empty = the system's.
        dns_servers: TextList = TextList::default(), chars_max(64), items_max(8),
            check(check_address);
        /// Domains that are tried after a name without a dot; empty = the system's.
        search_domains: TextList = TextList::default(), format(Format::HostName), chars_max(253),
            items_max(6);
        /// Who says that an answer is authentic (DNSSEC).
        dnssec: DnssecMode = DnssecMode::Validate;
        /// Trust anchors of private signed zones beside the root's: DS or DNSKEY records, such as
        /// `plant.example. IN DS 31337 13 2 9F3A...`. Where the resolver gives no signatures names
        /// are used unchecked, but never in a zone that is named here; name the root's own anchor
        /// to have it so everywhere.
        trust_anchors: TextList = TextList::default(), chars_max(2_000), items_max(16),
            only_when("dnssec", "validate");
        /// Whether Windows names are asked for after DNS has none (NetBIOS name service).
        netbios: NetBiosMode = NetBiosMode::Off;
        /// Addresses of the WINS servers, with a port when it is not 137.
        wins_servers: TextList = TextList::default(), chars_max(64), items_max(4),
            check(check_address), only_when("netbios", "wins");
    }
}

impl NamesSettings {
    /// The policy that they describe.
    #[must_use]
    pub fn to_policy(&self) -> NamesPolicy {
        let addresses = |list: &TextList, port| {
            list.iter().filter_map(|text| read_address(text, port)).collect::<Vec<_>>()
        };
        NamesPolicy {
            dns_servers: addresses(&self.dns_servers, DNS_PORT),
            search_domains: self.search_domains.as_slice().to_vec(),
            dnssec: match self.dnssec {
                DnssecMode::Off => Dnssec::Off,
                DnssecMode::Validate => {
                    Dnssec::Validate { anchors: self.trust_anchors.as_slice().to_vec() }
                }
                DnssecMode::TrustResolver => Dnssec::TrustResolver,
            },
            netbios: match self.netbios {
                NetBiosMode::Off => NetBios::Off,
                NetBiosMode::Broadcast => NetBios::Broadcast,
                NetBiosMode::Wins => NetBios::Wins(addresses(&self.wins_servers, WINS_PORT)),
            },
        }
    }

    /// What does not fit together, with pointers below the group.
    #[must_use]
    pub fn find_conflicts(&self) -> Vec<annunciator_settings::Problem> {
        let mut problems = Vec::new();
        let mut add = |key: &str, code: &'static str, words: String| {
            problems.push(annunciator_settings::Problem::new(code, words).under(key));
        };
        if self.netbios == NetBiosMode::Wins && self.wins_servers.is_empty() {
            add("wins_servers", "required", "give the address of a WINS server".to_owned());
        }
        let policy = self.to_policy();
        let remote = policy.dns_servers.iter().find(|server| !server.ip().is_loopback());
        if policy.dnssec == Dnssec::TrustResolver {
            match remote {
                None if policy.dns_servers.is_empty() => add(
                    "dns_servers",
                    "required",
                    "name the trusted resolver, such as 127.0.0.1".to_owned(),
                ),
                None => {}
                Some(server) => add(
                    "dns_servers",
                    "conflict",
                    format!(
                        "{server} is not on this machine, so that its word about DNSSEC could be \
                         forged on the way: set `dnssec` to `validate`, or use a resolver on \
                         127.0.0.1"
                    ),
                ),
            }
        }
        if let Err(words) = annunciator_names::Resolver::new(&policy) {
            add("trust_anchors", "format", words);
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use annunciator_settings::{Origin, find_faults};
    use annunciator_settings::{SettingsGroup as _, SettingsLayer as _};
    use serde_json::{Value, json};

    use super::*;

    fn conflicts(document: &Value) -> Vec<String> {
        let layer = NamesLayer::from_json(document).expect("valid");
        let settings = NamesSettings::resolve(&[(Origin::Server, &layer)]).values;
        settings.find_conflicts().into_iter().map(|problem| problem.pointer).collect()
    }

    #[test]
    fn the_definitions_have_no_faults() {
        assert_eq!(find_faults(NamesSettings::definitions()), Vec::<String>::new());
    }

    #[test]
    fn only_a_resolver_on_this_machine_is_trusted_with_dnssec() {
        for (document, expected) in [
            (json!({"dnssec": "trust_resolver"}), vec!["/dns_servers"]),
            (
                json!({"dnssec": "trust_resolver", "dns_servers": ["192.0.2.1"]}),
                vec!["/dns_servers"],
            ),
            (json!({"dnssec": "trust_resolver", "dns_servers": ["127.0.0.1:5300"]}), vec![]),
            (json!({"netbios": "wins"}), vec!["/wins_servers"]),
            (json!({"netbios": "wins", "wins_servers": ["192.0.2.1"]}), vec![]),
            (json!({"dns_servers": ["192.0.2.1", "[2001:db8::1]:5300"]}), vec![]),
        ] {
            assert_eq!(conflicts(&document), expected, "{document}");
        }
    }

    #[test]
    fn a_resolver_is_an_address_with_or_without_a_port() {
        for (text, expected) in [
            ("192.0.2.1", Some("192.0.2.1:53")),
            ("192.0.2.1:5300", Some("192.0.2.1:5300")),
            ("2001:db8::1", Some("[2001:db8::1]:53")),
            ("[2001:db8::1]:5300", Some("[2001:db8::1]:5300")),
            ("dns.example", None),
        ] {
            let read = read_address(text, DNS_PORT).map(|address| address.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
            assert_eq!(check_address(text).is_ok(), expected.is_some(), "{text}");
        }
    }
}
