//! Turns the texts of trust anchors into keys, and tells whether a zone's keys may be trusted.
//!
//! In: DS and DNSKEY records as text; the DNSKEY records of a zone with their signatures. Out: the
//! keys of the zone, once one of them matches an anchor and has signed them all.
//! Knows nothing of: the network.
//! Standard: RFC 4035 sections 4.4 and 5, RFC 4034 (the texts), RFC 8624 (algorithms, by the
//! library).
//! Failure: a sentence about the text.

use hickory_resolver::proto::dnssec::rdata::{DNSKEY, DNSSECRData, DS, RRSIG};
use hickory_resolver::proto::dnssec::{Algorithm, DigestType, TrustAnchors, Verifier};
use hickory_resolver::proto::rr::{DNSClass, Name, RData, Record, RecordType};
use hickory_resolver::proto::serialize::txt::trust_anchor::{Entry, Parser};

use crate::name;

/// Most anchors beside the root's.
const ANCHORS_MAX: usize = 16;
/// Most pairs of key and signature that are tried: each costs a computation.
const CHECKS_MAX: usize = 16;

/// What is trusted in a zone.
#[derive(Clone, Debug)]
enum Anchor {
    Key(Box<DNSKEY>),
    Digest(DS),
}

/// A zone in which something is trusted.
#[derive(Clone, Debug)]
pub(crate) struct AnchoredZone {
    pub(crate) zone: Name,
    anchors: Vec<Anchor>,
}

/// All that is trusted: the root, which is always there, and private zones.
#[derive(Clone, Debug)]
pub(crate) struct Anchors(Vec<AnchoredZone>);

impl Anchors {
    /// Reads the texts of further anchors, one record each.
    ///
    /// # Errors
    /// A sentence that quotes the text.
    pub(crate) fn read(texts: &[String]) -> Result<Self, String> {
        if texts.len() > ANCHORS_MAX {
            return Err(format!("at most {ANCHORS_MAX} trust anchors are possible"));
        }
        let mut zones = vec![AnchoredZone { zone: Name::root(), anchors: Vec::new() }];
        for text in texts {
            let (zone, anchor) = read_anchor(text).map_err(|why| {
                format!(
                    "`{text}` is no trust anchor: {why}; it must be a DS or DNSKEY record such as \
                     `plant.example. IN DS 31337 13 2 9F3A...`"
                )
            })?;
            match zones.iter_mut().find(|known| known.zone == zone) {
                Some(known) => known.anchors.push(anchor),
                None => zones.push(AnchoredZone { zone, anchors: vec![anchor] }),
            }
        }
        Ok(Self(zones))
    }

    pub(crate) fn zones(&self) -> &[AnchoredZone] {
        &self.0
    }

    /// The index of the nearest anchored zone that a name is in.
    pub(crate) fn find(&self, name: &Name) -> usize {
        let above = self.0.iter().enumerate().filter(|(_, zone)| zone.zone.zone_of(name));
        let nearest = above.max_by_key(|(_, zone)| zone.zone.num_labels());
        nearest.map(|(index, _)| index).expect("the root is above every name")
    }
}

impl AnchoredZone {
    /// Whether a person has named an anchor here: then nothing unsigned is believed, even where
    /// the resolver gives no signatures.
    pub(crate) fn is_named(&self) -> bool {
        !self.anchors.is_empty()
    }

    /// The keys of the zone, and for how many seconds, when one that an anchor names has signed
    /// them. `now_s` counts from 1970.
    pub(crate) fn trusted_keys(
        &self,
        records: &[Record],
        now_s: u32,
    ) -> Option<(Vec<DNSKEY>, u32)> {
        let keys: Vec<Record> =
            records.iter().filter(|record| self.is_key(record)).cloned().collect();
        let entries: Vec<&DNSKEY> = keys.iter().filter_map(read_key).collect();
        let entries: Vec<&DNSKEY> =
            entries.into_iter().filter(|key| key.zone_key() && !key.revoke()).collect();
        let trusted = entries.iter().filter(|key| self.names(key));
        let signatures: Vec<&RRSIG> = records
            .iter()
            .filter(|record| record.name == self.zone)
            .filter_map(read_signature)
            .collect();
        let pairs =
            trusted.flat_map(|key| signatures.iter().map(move |signature| (*key, *signature)));
        let signature = pairs.take(CHECKS_MAX).find_map(|(key, signature)| {
            let input = signature.input();
            let good = holds_at(input.sig_inception.get(), input.sig_expiration.get(), now_s)
                && signature.input().signer_name == self.zone
                && key.calculate_key_tag().is_ok_and(|tag| tag == signature.input().key_tag)
                && key.verify_rrsig(&self.zone, DNSClass::IN, signature, keys.iter()).is_ok();
            good.then_some(signature)
        })?;
        let ttl = keys.iter().map(|record| record.ttl).min().unwrap_or_default();
        let left = signature.input().sig_expiration.get().wrapping_sub(now_s);
        let ttl = ttl.min(signature.input().original_ttl).min(left);
        Some((entries.into_iter().cloned().collect(), ttl))
    }

    fn is_key(&self, record: &Record) -> bool {
        record.record_type() == RecordType::DNSKEY && record.name == self.zone
    }

    /// Whether an anchor names this key; at the root those built in count too.
    fn names(&self, key: &DNSKEY) -> bool {
        let built_in = self.zone.is_root() && TrustAnchors::default().contains(key.public_key());
        built_in
            || self.anchors.iter().any(|anchor| match anchor {
                Anchor::Key(known) => known.public_key() == key.public_key(),
                Anchor::Digest(digest) => {
                    digest.algorithm() == key.algorithm()
                        && digest.covers(&self.zone, key).unwrap_or(false)
                }
            })
    }
}

fn read_key(record: &Record) -> Option<&DNSKEY> {
    match &record.data {
        RData::DNSSEC(DNSSECRData::DNSKEY(key)) => Some(key),
        _ => None,
    }
}

fn read_signature(record: &Record) -> Option<&RRSIG> {
    match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(signature))
            if signature.input().type_covered == RecordType::DNSKEY =>
        {
            Some(signature)
        }
        _ => None,
    }
}

/// RFC 4035 section 5.3.1, in the arithmetic of RFC 1982.
fn holds_at(start_s: u32, end_s: u32, now_s: u32) -> bool {
    const HALF: u32 = 1 << 31;
    now_s.wrapping_sub(start_s) < HALF && end_s.wrapping_sub(now_s) < HALF
}

/// `owner [TTL] [class] DS|DNSKEY …`
fn read_anchor(text: &str) -> Result<(Name, Anchor), String> {
    let without_comment = text.split(';').next().unwrap_or_default();
    let words: Vec<&str> =
        without_comment.split_whitespace().filter(|word| !["(", ")"].contains(word)).collect();
    let is_kind = |word: &&str| ["DS", "DNSKEY"].iter().any(|kind| word.eq_ignore_ascii_case(kind));
    // The owner may be called so itself.
    let at = words.iter().skip(1).position(is_kind).ok_or("it says neither DS nor DNSKEY")? + 1;
    let between = |word: &&str| word.eq_ignore_ascii_case("IN") || word.parse::<u32>().is_ok();
    if !words[1..at].iter().all(between) {
        return Err("between its name and its type only a TTL and `IN` may stand".into());
    }
    let zone = match words[0] {
        "." => Name::root(),
        owner => {
            let normal = name::normalize(owner).and_then(|(bare, _)| name::to_name(&bare));
            normal.map_err(|error| error.to_string())?
        }
    };
    let rest = &words[at + 1..];
    let anchor = if words[at].eq_ignore_ascii_case("DS") {
        Anchor::Digest(read_digest(rest)?)
    } else {
        Anchor::Key(Box::new(read_key_text(&rest.join(" "))?))
    };
    Ok((zone, anchor))
}

/// `tag algorithm digest-type digest…`
fn read_digest(words: &[&str]) -> Result<DS, String> {
    let [tag, algorithm, kind, digest @ ..] = words else {
        return Err("a DS record has four fields".into());
    };
    let number = |word: &str| word.parse::<u8>().map_err(|_| format!("`{word}` is no number"));
    let tag = tag.parse::<u16>().map_err(|_| format!("`{tag}` is no key tag"))?;
    let algorithm = Algorithm::from_u8(number(algorithm)?);
    if !algorithm.is_supported() {
        return Err(format!("{algorithm:?} is no algorithm that can be checked"));
    }
    let kind = DigestType::from(number(kind)?);
    let length = match kind {
        DigestType::SHA1 => 20,
        DigestType::SHA256 => 32,
        DigestType::SHA384 => 48,
        other => return Err(format!("{other:?} is no digest type that can be checked")),
    };
    let digest = read_hex(&digest.concat()).ok_or("its digest is no hexadecimal text")?;
    if digest.len() != length {
        return Err(format!("its digest has {} octets in place of {length}", digest.len()));
    }
    Ok(DS::new(tag, algorithm, kind, digest))
}

fn read_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|octet| octet.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

/// `flags protocol algorithm key…`
fn read_key_text(fields: &str) -> Result<DNSKEY, String> {
    let entries = Parser::new(format!(". IN DNSKEY {fields}\n")).parse();
    let entries = entries.map_err(|error| error.to_string())?;
    let Some(Entry::DNSKEY(record)) = entries.first() else {
        return Err("there is no key in it".into());
    };
    let key = record.data();
    if !key.zone_key() || key.revoke() {
        return Err("its flags say that it is no key of a zone, or revoked".into());
    }
    if !key.algorithm().is_supported() {
        return Err(format!("{:?} is no algorithm that can be checked", key.algorithm()));
    }
    Ok(key.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Example of RFC 6605 section 6.1.
    const KEY: &str = "257 3 13 GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==";
    const DIGEST: &str =
        "55648 13 2 b4c8c1fe2e7477127b27115656ad6256f424625bf5c1e2770ce6d6e37df61d17";

    #[test]
    fn anchors_are_read_as_zone_files_have_them() {
        for (text, expected) in [
            (format!("example.net. IN DNSKEY {KEY}"), Some("example.net.")),
            (format!("example.net DNSKEY {KEY}"), Some("example.net.")),
            (format!("Example.NET. 3600 IN DNSKEY {KEY} ; key"), Some("example.net.")),
            (format!(". IN DNSKEY {KEY}"), Some(".")),
            (format!("example.net. IN DS {DIGEST}"), Some("example.net.")),
            (format!("example.net. 300 DS {}", DIGEST.to_uppercase()), Some("example.net.")),
            (format!("ds. IN DS {}", DIGEST.replace("7127", "71 27")), Some("ds.")),
            (format!("example.net. IN DS {DIGEST}0"), None),
            (format!("example.net. IN DS {}", &DIGEST[..60]), None),
            (format!("example.net. IN DS {}", DIGEST.replacen("13 2", "13 9", 1)), None),
            (format!("example.net. IN DS {}", DIGEST.replacen("13 2", "99 2", 1)), None),
            (format!("example.net. IN DS {}", DIGEST.replace('b', "x")), None),
            (format!("example.net. CH DS {DIGEST}"), None),
            ("example.net. IN DS".to_owned(), None),
            ("example.net. IN DNSKEY 257 3 13".to_owned(), None),
            (format!("example.net. IN DNSKEY {}", KEY.replacen("257", "0", 1)), None),
            ("example.net. IN A 192.0.2.1".to_owned(), None),
            (format!("exa mple.net. IN DS {DIGEST}"), None),
            (String::new(), None),
        ] {
            let read = read_anchor(&text).map(|(zone, _)| zone.to_lowercase().to_ascii());
            assert_eq!(read.as_deref().ok(), expected, "{text}: {read:?}");
        }
    }

    #[test]
    fn a_digest_names_its_key_and_no_other() {
        let anchors =
            Anchors::read(&[format!("example.net. DS {DIGEST}"), format!("other. DS {DIGEST}")]);
        let anchors = anchors.unwrap();
        let key = read_key_text(KEY).unwrap();
        let names = |zone: &str| {
            anchors.zones()[anchors.find(&Name::from_ascii(zone).unwrap())].names(&key)
        };
        assert!(names("a.example.net."));
        // The digest covers the owner.
        assert!(!names("other."));
        assert!(!names("example.org."));
    }

    #[test]
    fn a_signature_holds_from_its_start_to_its_end() {
        let late = u32::MAX - 10;
        for (start_s, end_s, now_s, expected) in [
            (100, 200, 99, false),
            (100, 200, 100, true),
            (100, 200, 200, true),
            (100, 200, 201, false),
            // The count begins again in 2106.
            (late, 20, late - 1, false),
            (late, 20, u32::MAX, true),
            (late, 20, 5, true),
            (late, 20, 21, false),
        ] {
            assert_eq!(holds_at(start_s, end_s, now_s), expected, "{start_s} {end_s} {now_s}");
        }
    }

    #[test]
    fn the_nearest_anchor_counts() {
        let texts =
            ["example.net.", "a.example.net."].map(|zone| format!("{zone} IN DNSKEY {KEY}"));
        let anchors = Anchors::read(&texts).unwrap();
        for (name, expected) in [
            ("example.org.", "."),
            ("notexample.net.", "."),
            ("example.net.", "example.net."),
            ("b.example.net.", "example.net."),
            ("b.a.example.net.", "a.example.net."),
        ] {
            let zone = &anchors.zones()[anchors.find(&Name::from_ascii(name).unwrap())];
            assert_eq!(zone.zone.to_ascii(), expected, "{name}");
        }
        let many = vec![texts[0].clone(); ANCHORS_MAX + 1];
        assert!(Anchors::read(&many).is_err());
    }
}
