//! Puts the addresses of a host into the order in which they are tried.
//!
//! In: addresses, each with the source address that the system would use. Out: the order.
//! Standard: RFC 6724 section 6, rules 1, 2, 5, 6, 8, 9 and 10; then RFC 8305 section 4, with a
//! First Address Family Count of 1. Rules 3, 4 and 7 need what only the kernel knows. Rule 9 is
//! for IPv6 alone: over IPv4 it would undo the rotation by which servers spread their load.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Most addresses of a host that are kept.
const ADDRESSES_MAX: usize = 32;
/// Bits of an IPv6 address that rule 9 compares: the network, not the interface.
const PREFIX_MAX: u32 = 64;

/// The default policy table of RFC 6724 section 2.1: prefix, its length, precedence, label.
const POLICY_TABLE: [(Ipv6Addr, u32, u8, u8); 9] = [
    (Ipv6Addr::LOCALHOST, 128, 50, 0),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, 35, 4),
    (Ipv6Addr::UNSPECIFIED, 96, 1, 3),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, 5, 5),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, 30, 2),
    (Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16, 1, 12),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, 1, 11),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, 3, 13),
    (Ipv6Addr::UNSPECIFIED, 0, 40, 1),
];

/// The addresses in the order they are tried, each once.
pub(crate) fn sort_addresses(list: Vec<IpAddr>) -> Vec<IpAddr> {
    let mut pairs: Vec<(IpAddr, Option<IpAddr>)> = Vec::new();
    for address in list {
        if pairs.len() < ADDRESSES_MAX && !pairs.iter().any(|(known, _)| *known == address) {
            pairs.push((address, source_for(address)));
        }
    }
    sort_pairs(pairs)
}

/// The address that the system would send from; none when there is no way there. Connecting a
/// UDP socket sends nothing.
fn source_for(destination: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = match destination {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
    socket.connect(SocketAddr::new(destination, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// By RFC 6724, then the families in turn; what cannot be reached comes last.
fn sort_pairs(mut pairs: Vec<(IpAddr, Option<IpAddr>)>) -> Vec<IpAddr> {
    // The sort is stable: equals stay as the answer had them (rule 10).
    pairs.sort_by_key(|(destination, source)| rank(*destination, *source));
    let (usable, unusable): (Vec<_>, Vec<_>) =
        pairs.into_iter().partition(|(_, source)| source.is_some());
    let first_is_v4 = usable.first().is_some_and(|(address, _)| address.is_ipv4());
    let (first, second): (Vec<_>, Vec<_>) =
        usable.into_iter().partition(|(address, _)| address.is_ipv4() == first_is_v4);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut list = Vec::new();
    loop {
        let (one, other) = (first.next(), second.next());
        if one.is_none() && other.is_none() {
            break;
        }
        list.extend(one.into_iter().chain(other).map(|(address, _)| address));
    }
    list.extend(unusable.into_iter().map(|(address, _)| address));
    list
}

/// Smaller is better; the fields stand in the order of the rules.
fn rank(destination: IpAddr, source: Option<IpAddr>) -> (bool, bool, bool, u8, u8, u32) {
    let scope = scope(destination);
    let (precedence, label) = policy(destination);
    let Some(source) = source else {
        return (true, true, true, u8::MAX - precedence, scope, PREFIX_MAX);
    };
    let prefix = match (destination, source) {
        (IpAddr::V6(one), IpAddr::V6(other)) => common_prefix(one, other).min(PREFIX_MAX),
        _ => 0,
    };
    (
        false,
        scope != self::scope(source),
        label != policy(source).1,
        u8::MAX - precedence,
        scope,
        PREFIX_MAX - prefix,
    )
}

fn as_v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// Precedence and label of an address.
fn policy(address: IpAddr) -> (u8, u8) {
    let address = as_v6(address);
    let row = POLICY_TABLE
        .iter()
        .filter(|(prefix, length, ..)| common_prefix(address, *prefix) >= *length)
        .max_by_key(|(_, length, ..)| *length);
    row.map(|(_, _, precedence, label)| (*precedence, *label)).expect("the table has ::/0")
}

fn common_prefix(one: Ipv6Addr, other: Ipv6Addr) -> u32 {
    (one.to_bits() ^ other.to_bits()).leading_zeros()
}

/// RFC 4007 section 5 and RFC 6724 section 3.1: private IPv4 addresses are of global scope.
fn scope(address: IpAddr) -> u8 {
    const LINK_LOCAL: u8 = 0x2;
    const SITE_LOCAL: u8 = 0x5;
    const GLOBAL: u8 = 0xe;
    match address {
        IpAddr::V4(address) if address.is_loopback() || address.is_link_local() => LINK_LOCAL,
        IpAddr::V4(_) => GLOBAL,
        IpAddr::V6(address) if address.is_multicast() => address.octets()[1] & 0x0f,
        IpAddr::V6(address) if address.is_loopback() || address.is_unicast_link_local() => {
            LINK_LOCAL
        }
        IpAddr::V6(address) if address.segments()[0] & 0xffc0 == 0xfec0 => SITE_LOCAL,
        IpAddr::V6(_) => GLOBAL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pairs: &[(&str, &str)], expected: &[&str]) {
        let pairs = pairs.iter().map(|(destination, source)| {
            (destination.parse().unwrap(), (!source.is_empty()).then(|| source.parse().unwrap()))
        });
        let found: Vec<String> =
            sort_pairs(pairs.collect()).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    /// The examples of RFC 6724 section 10.2 that need no rule of the kernel.
    #[test]
    fn destinations_are_sorted_as_the_standard_shows() {
        for (pairs, expected) in [
            (
                [("2001:db8:1::1", "2001:db8:1::2"), ("198.51.100.121", "169.254.13.78")],
                ["2001:db8:1::1", "198.51.100.121"],
            ),
            (
                [("2001:db8:1::1", "fe80::1"), ("198.51.100.121", "198.51.100.117")],
                ["198.51.100.121", "2001:db8:1::1"],
            ),
            (
                [("2001:db8:1::1", "2001:db8:1::2"), ("10.1.2.3", "10.1.2.4")],
                ["2001:db8:1::1", "10.1.2.3"],
            ),
            (
                [("2001:db8:1::1", "2001:db8:1::2"), ("fe80::1", "fe80::2")],
                ["fe80::1", "2001:db8:1::1"],
            ),
            (
                [("2001:db8:1::1", "2001:db8:1::2"), ("2001:db8:3ffe::1", "2001:db8:3f44::2")],
                ["2001:db8:1::1", "2001:db8:3ffe::1"],
            ),
            (
                [
                    ("2002:c633:6401::1", "2002:c633:6401::2"),
                    ("2001:db8:1::1", "2002:c633:6401::2"),
                ],
                ["2002:c633:6401::1", "2001:db8:1::1"],
            ),
            (
                [("2002:c633:6401::1", "2002:c633:6401::2"), ("2001:db8:1::1", "2001:db8:1::2")],
                ["2001:db8:1::1", "2002:c633:6401::1"],
            ),
        ] {
            check(&pairs, &expected);
            let mut turned = pairs;
            turned.reverse();
            check(&turned, &expected);
        }
    }

    #[test]
    fn families_take_turns_and_what_cannot_be_reached_is_last() {
        let (six, four) = ("2001:db8::99", "192.0.2.99");
        for (pairs, expected) in [
            (
                vec![
                    ("2001:db8::1", six),
                    ("2001:db8::2", six),
                    ("2001:db8::3", six),
                    ("192.0.2.1", four),
                    ("192.0.2.2", four),
                ],
                vec!["2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "2001:db8::3"],
            ),
            (
                vec![("2001:db8::1", ""), ("192.0.2.1", four), ("192.0.2.2", four)],
                vec!["192.0.2.1", "192.0.2.2", "2001:db8::1"],
            ),
            (
                vec![("192.0.2.9", four), ("192.0.2.1", four), ("192.0.2.5", four)],
                vec!["192.0.2.9", "192.0.2.1", "192.0.2.5"],
            ),
            (vec![("2001:db8::1", "")], vec!["2001:db8::1"]),
            (vec![], vec![]),
        ] {
            check(&pairs, &expected);
        }
    }

    #[test]
    fn addresses_are_kept_once_and_not_without_end() {
        let local: Vec<IpAddr> =
            ["127.0.0.2", "127.0.0.1", "127.0.0.2"].map(|ip| ip.parse().unwrap()).into();
        assert_eq!(sort_addresses(local.clone()), local[..2]);
        let many = (0..200).map(|last| IpAddr::from([127, 0, 0, last])).collect();
        assert_eq!(sort_addresses(many).len(), ADDRESSES_MAX);
    }
}
