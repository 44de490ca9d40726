//! Turns a NetBIOS name into the octets of a question, and octets into an answer.
//!
//! In: name, transaction. Out: a NAME QUERY REQUEST; of a datagram, whether and what it answers.
//! Knows nothing of: sockets.
//! Standard: RFC 1001 section 14 (encoding of names), RFC 1002 sections 4.2.1, 4.2.12 to 4.2.14.
//! Failure: a datagram that is not a well-formed answer to the question is no answer.

use std::net::Ipv4Addr;

/// Octets of a NetBIOS name without its suffix.
const NAME_MAX: usize = 15;
/// The suffix of a machine that serves files: the one that names a host.
const SUFFIX_SERVER: u8 = 0x20;
/// A name as it is encoded: length, twice sixteen octets, end.
const ENCODED: usize = 34;
const HEADER: usize = 12;
/// NBSTAT has its own type; this is the general name service record.
const TYPE_NB: u16 = 0x0020;
const CLASS_IN: u16 = 0x0001;
const FLAG_RESPONSE: u16 = 0x8000;
const FLAG_TRUNCATED: u16 = 0x0200;
const FLAG_RECURSION: u16 = 0x0100;
const FLAG_BROADCAST: u16 = 0x0010;
const MASK_OPCODE: u16 = 0x7800;
const MASK_RCODE: u16 = 0x000f;
/// `NB_FLAGS` and `NB_ADDRESS`.
const ENTRY: usize = 6;
/// Most addresses of one answer.
const ADDRESSES_MAX: usize = 32;

/// A name that can be asked for: at most 15 octets, upper case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NetBiosName([u8; NAME_MAX + 1]);

impl NetBiosName {
    /// None when the host has a dot, is too long, or has an octet that no such name has.
    pub(crate) fn read(host: &str) -> Option<Self> {
        let fits = |octet: u8| octet.is_ascii_alphanumeric() || b"-_".contains(&octet);
        if host.is_empty() || host.len() > NAME_MAX || !host.bytes().all(fits) {
            return None;
        }
        let mut name = [b' '; NAME_MAX + 1];
        name[..host.len()].copy_from_slice(host.to_ascii_uppercase().as_bytes());
        name[NAME_MAX] = SUFFIX_SERVER;
        Some(Self(name))
    }

    /// First-level encoding: each half of an octet as a letter from `A` on.
    fn encode(&self) -> [u8; ENCODED] {
        let mut encoded = [0; ENCODED];
        encoded[0] = 32;
        for (octet, pair) in self.0.iter().zip(encoded[1..].chunks_exact_mut(2)) {
            pair[0] = b'A' + (octet >> 4);
            pair[1] = b'A' + (octet & 0x0f);
        }
        encoded
    }
}

/// A NAME QUERY REQUEST.
pub(crate) fn write_question(name: &NetBiosName, transaction: u16, is_broadcast: bool) -> Vec<u8> {
    let flags = FLAG_RECURSION | if is_broadcast { FLAG_BROADCAST } else { 0 };
    let mut octets = Vec::with_capacity(HEADER + ENCODED + 4);
    for field in [transaction, flags, 1, 0, 0, 0] {
        octets.extend(field.to_be_bytes());
    }
    octets.extend(name.encode());
    octets.extend(TYPE_NB.to_be_bytes());
    octets.extend(CLASS_IN.to_be_bytes());
    octets
}

/// What a name service answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum NetBiosAnswer {
    /// The addresses, of one machine or of the members of a group; at least one.
    Positive {
        /// Those that a machine can have.
        addresses: Vec<Ipv4Addr>,
        /// Seconds for which they hold.
        ttl_s: u32,
    },
    /// The name service does not know the name.
    Negative,
}

/// What a datagram answers to this question; none when it is no answer to it.
pub(crate) fn read_answer(
    octets: &[u8],
    name: &NetBiosName,
    transaction: u16,
) -> Option<NetBiosAnswer> {
    let mut fields = Fields(octets);
    let (id, flags) = (fields.short()?, fields.short()?);
    let (questions, answers) = (fields.short()?, fields.short()?);
    fields.take(4)?;
    // Opcode 0 is a query; a request to wait (WACK) has another.
    if id != transaction || flags & FLAG_RESPONSE == 0 || flags & MASK_OPCODE != 0 || questions != 0
    {
        return None;
    }
    // The record repeats the name that was asked for, in both kinds of answer.
    if !fields.take(ENCODED)?.eq_ignore_ascii_case(&name.encode()) {
        return None;
    }
    let (kind, class) = (fields.short()?, fields.short()?);
    let (ttl_s, length) = (fields.long()?, usize::from(fields.short()?));
    if flags & MASK_RCODE != 0 {
        return Some(NetBiosAnswer::Negative);
    }
    let is_record = kind == TYPE_NB && class == CLASS_IN && answers == 1;
    if !is_record || flags & FLAG_TRUNCATED != 0 || !length.is_multiple_of(ENTRY) {
        return None;
    }
    let entries = fields.take(length)?.chunks_exact(ENTRY).take(ADDRESSES_MAX);
    let addresses = entries.map(|entry| Ipv4Addr::new(entry[2], entry[3], entry[4], entry[5]));
    let addresses: Vec<_> = addresses.filter(is_of_machine).collect();
    // A name server may answer for a group with the broadcast address alone: nobody to talk to.
    (!addresses.is_empty()).then_some(NetBiosAnswer::Positive { addresses, ttl_s })
}

fn is_of_machine(address: &Ipv4Addr) -> bool {
    !address.is_unspecified() && !address.is_broadcast() && !address.is_multicast()
}

/// What is left of a datagram.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn short(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    fn long(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_be_bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name() -> NetBiosName {
        NetBiosName::read("fred").unwrap()
    }

    fn answer(transaction: u16, flags: u16, counts: [u16; 2], record: &[u8]) -> Vec<u8> {
        let mut octets = Vec::new();
        for field in [transaction, flags, counts[0], counts[1], 0, 0] {
            octets.extend(field.to_be_bytes());
        }
        octets.extend(record);
        octets
    }

    fn record(kind: u16, entries: &[[u8; 6]]) -> Vec<u8> {
        let mut octets = name().encode().to_vec();
        octets.extend(kind.to_be_bytes());
        octets.extend([0, 1, 0, 0, 1, 44]);
        octets.extend(u16::try_from(entries.len() * 6).unwrap().to_be_bytes());
        octets.extend(entries.concat());
        octets
    }

    #[test]
    fn names_are_encoded_as_the_standard_shows() {
        // RFC 1001 section 14.1 has FRED with a suffix of its own.
        let encoded = name().encode();
        assert_eq!(&encoded[..], b"\x20EGFCEFEECACACACACACACACACACACACA\0");
        for (host, expected) in [
            ("a", true),
            ("exactly-15-octe", true),
            ("sixteen-octets-x", false),
            ("two.parts", false),
            ("", false),
            ("müller", false),
            ("a b", false),
        ] {
            assert_eq!(NetBiosName::read(host).is_some(), expected, "{host}");
        }
        assert_eq!(NetBiosName::read("FRED"), Some(name()));
    }

    #[test]
    fn a_question_has_the_form_of_the_standard() {
        for (is_broadcast, flags) in [(true, [0x01, 0x10]), (false, [0x01, 0x00])] {
            let question = write_question(&name(), 0xabcd, is_broadcast);
            assert_eq!(
                question[..12],
                [&[0xab, 0xcd], &flags[..], &[0, 1, 0, 0, 0, 0, 0, 0]].concat()
            );
            assert_eq!(question[12..46], name().encode());
            assert_eq!(question[46..], [0, 0x20, 0, 1]);
        }
    }

    #[test]
    fn only_an_answer_to_the_question_counts() {
        let (id, good) = (0x1234, 0x8500);
        let one = [0, 0, 192, 0, 2, 1];
        let group = [0x80, 0, 192, 0, 2, 2];
        let found = |addresses: &[&str]| {
            let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
            Some(NetBiosAnswer::Positive { addresses, ttl_s: 300 })
        };
        let mut lower = answer(id, good, [0, 1], &record(0x20, &[one]));
        lower[12..46].make_ascii_lowercase();
        let mut other_name = answer(id, good, [0, 1], &record(0x20, &[one]));
        other_name[13] = b'F';
        for (octets, expected) in [
            (answer(id, good, [0, 1], &record(0x20, &[one])), found(&["192.0.2.1"])),
            (
                answer(id, good, [0, 1], &record(0x20, &[one, group])),
                found(&["192.0.2.1", "192.0.2.2"]),
            ),
            (answer(id, good, [0, 1], &record(0x20, &[[0x80, 0, 255, 255, 255, 255]])), None),
            (answer(id, good, [0, 1], &record(0x20, &[[0; 6], one])), found(&["192.0.2.1"])),
            (lower, found(&["192.0.2.1"])),
            (other_name, None),
            (answer(0x1235, good, [0, 1], &record(0x20, &[one])), None),
            (answer(id, 0x0110, [1, 0], &record(0x20, &[one])), None),
            (answer(id, 0xbc00, [0, 1], &record(0x20, &[one])), None),
            (answer(id, good | 0x0200, [0, 1], &record(0x20, &[one])), None),
            (answer(id, good, [0, 2], &record(0x20, &[one])), None),
            (answer(id, good, [0, 1], &record(0x21, &[one])), None),
            (answer(id, good, [0, 1], &record(0x20, &[])), None),
            (answer(id, 0x8583, [0, 0], &record(0x0a, &[])), Some(NetBiosAnswer::Negative)),
            (answer(id, 0x8583, [0, 1], &record(0x20, &[])), Some(NetBiosAnswer::Negative)),
            (Vec::new(), None),
        ] {
            assert_eq!(read_answer(&octets, &name(), id), expected, "{octets:02x?}");
        }
    }

    #[test]
    fn an_answer_that_is_cut_anywhere_is_none() {
        let whole = answer(7, 0x8500, [0, 1], &record(0x20, &[[0, 0, 192, 0, 2, 1]]));
        for length in 0..whole.len() {
            assert_eq!(read_answer(&whole[..length], &name(), 7), None, "{length}");
        }
        assert!(read_answer(&whole, &name(), 7).is_some());
    }

    proptest! {
        #[test]
        fn no_octets_make_the_parser_panic(octets in prop::collection::vec(any::<u8>(), 0..600)) {
            let transaction = u16::from_be_bytes([octets.first().copied().unwrap_or(0), octets.get(1).copied().unwrap_or(0)]);
            read_answer(&octets, &name(), transaction);
        }

        #[test]
        fn nor_does_an_answer_with_any_fault(
            at in 0_usize..62, octet in any::<u8>(), tail in prop::collection::vec(any::<u8>(), 0..40)
        ) {
            let mut octets = answer(7, 0x8500, [0, 1], &record(0x20, &[[0, 0, 192, 0, 2, 1]]));
            octets[at] = octet;
            octets.extend(tail);
            if let Some(NetBiosAnswer::Positive { addresses, .. }) = read_answer(&octets, &name(), 7) {
                prop_assert!(!addresses.is_empty() && addresses.len() <= ADDRESSES_MAX);
            }
        }
    }
}
