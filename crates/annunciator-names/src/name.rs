//! Turns what people type into names that can be asked for.
//!
//! In: a host or domain in any spelling, search domains. Out: absolute names in the order they
//! are tried.
//! Knows nothing of: questions and answers.
//! Standard: RFC 1035 section 2.3.4 (lengths), RFC 5891 (U-labels into A-labels), RFC 5321 section
//! 4.1.3 (address literals).
//! Failure: [`LookupError::Malformed`].

use std::net::{IpAddr, Ipv6Addr};

use hickory_resolver::proto::rr::Name;

use crate::answer::LookupError;

/// Most octets of a name as text, without its last dot.
const NAME_MAX: usize = 253;
/// Most octets of a label.
const LABEL_MAX: usize = 63;
/// Most search domains that are tried.
const SEARCH_MAX: usize = 6;
/// What stands before an IPv6 address in brackets, in any case.
const IPV6_TAG: &str = "IPv6:";

/// The address that a literal stands for, with or without brackets and the tag `IPv6:` (RFC 5321
/// section 4.1.3); none for a name.
pub fn literal(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    match bare.split_at_checked(IPV6_TAG.len()) {
        Some((tag, address)) if tag.eq_ignore_ascii_case(IPV6_TAG) => {
            address.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
        }
        _ => bare.parse().ok(),
    }
}

/// Whether a normalized name can be taken for an address, in any spelling that `inet_aton` takes,
/// such as `127.1`: its last label is a number. No top level domain is one (RFC 3696 section 2).
pub(crate) fn is_like_address(bare: &str) -> bool {
    let last = bare.rsplit('.').next().unwrap_or(bare);
    match last.strip_prefix("0x") {
        Some(digits) => digits.bytes().all(|octet| octet.is_ascii_hexdigit()),
        None => last.bytes().all(|octet| octet.is_ascii_digit()),
    }
}

/// Lower case, A-labels, without the last dot; the second value says whether there was one.
///
/// # Errors
/// [`LookupError::Malformed`] for an octet or a length that no host name has.
pub(crate) fn normalize(text: &str) -> Result<(String, bool), LookupError> {
    let malformed = |why: &str| {
        let shown: String = text.chars().take(NAME_MAX).collect();
        LookupError::Malformed(format!("`{}` is no host name: {why}", shown.escape_debug()))
    };
    let text = text.trim();
    let ascii = if text.is_ascii() {
        text.to_ascii_lowercase()
    } else {
        idna::domain_to_ascii(text).map_err(|_| malformed("it has characters that no name has"))?
    };
    let (bare, is_absolute) = match ascii.strip_suffix('.') {
        Some(bare) => (bare.to_owned(), true),
        None => (ascii, false),
    };
    if bare.is_empty() {
        return Err(malformed("it is empty"));
    }
    if bare.len() > NAME_MAX {
        return Err(malformed("it is longer than 253 octets"));
    }
    for label in bare.split('.') {
        if label.is_empty() {
            return Err(malformed("there is nothing between two dots"));
        }
        if label.len() > LABEL_MAX {
            return Err(malformed("a part of it is longer than 63 octets"));
        }
        if !label.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(&octet)) {
            return Err(malformed("only letters, digits, hyphens and underscores are allowed"));
        }
    }
    Ok((bare, is_absolute))
}

/// The names that a host may mean, in the order they are tried: a name with a dot is itself, one
/// without is looked for in the search domains first (as with `ndots:1`).
///
/// # Errors
/// [`LookupError::Malformed`].
pub(crate) fn candidates(text: &str, search: &[String]) -> Result<Vec<Name>, LookupError> {
    let (bare, is_absolute) = normalize(text)?;
    let mut names = Vec::new();
    if !is_absolute && !bare.contains('.') {
        for domain in search.iter().take(SEARCH_MAX) {
            // A bad search domain of the system must not make every name bad.
            let whole =
                normalize(domain).and_then(|(domain, _)| to_name(&format!("{bare}.{domain}")));
            names.extend(whole.ok().filter(|name| !names.contains(name)));
        }
    }
    let itself = to_name(&bare)?;
    if !names.contains(&itself) {
        names.push(itself);
    }
    Ok(names)
}

/// The absolute name of a normalized text.
///
/// # Errors
/// [`LookupError::Malformed`] when it is too long.
pub(crate) fn to_name(bare: &str) -> Result<Name, LookupError> {
    let name = Name::from_ascii(format!("{bare}."));
    name.map_err(|error| LookupError::Malformed(format!("`{bare}` is no host name: {error}")))
}

/// A name as text: lower case, without the last dot.
pub(crate) fn to_text(name: &Name) -> String {
    let text = name.to_lowercase().to_ascii();
    text.strip_suffix('.').unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_comparable() {
        for (text, expected) in [
            ("mail.example.org", Some(("mail.example.org", false))),
            ("MAIL.Example.Org.", Some(("mail.example.org", true))),
            ("müller.example", Some(("xn--mller-kva.example", false))),
            ("почта.example", Some(("xn--80a1acny.example", false))),
            ("_25._tcp.mail", Some(("_25._tcp.mail", false))),
            (" mail ", Some(("mail", false))),
            ("", None),
            (".", None),
            ("a..b", None),
            (".a", None),
            ("a b", None),
            ("a\0b", None),
            ("a\r\nb", None),
            ("a\\b", None),
            ("a/b", None),
            ("a@b", None),
            (&"a".repeat(63), Some((&*"a".repeat(63), false))),
            (&"a".repeat(64), None),
            (&format!("{}a", "a.".repeat(127)), None),
            (&format!("{}a", "a.".repeat(126)), Some((&*format!("{}a", "a.".repeat(126)), false))),
        ] {
            let found = normalize(text).ok();
            let expected = expected.map(|(name, dot)| (name.to_owned(), dot));
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn only_a_name_without_a_dot_is_looked_for_in_the_search_domains() {
        let search = ["plant.example".to_owned(), "b\0d".to_owned(), "Example".to_owned()];
        for (text, expected) in [
            ("mail", vec!["mail.plant.example.", "mail.example.", "mail."]),
            ("mail.", vec!["mail."]),
            ("mail.example", vec!["mail.example."]),
        ] {
            let found: Vec<_> =
                candidates(text, &search).unwrap().iter().map(Name::to_ascii).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn an_address_may_stand_in_brackets() {
        for (text, expected) in [
            ("192.0.2.1", Some("192.0.2.1")),
            ("[192.0.2.1]", Some("192.0.2.1")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("[IPv6:2001:db8::1]", Some("2001:db8::1")),
            ("[ipv6:2001:DB8::1]", Some("2001:db8::1")),
            ("[IPv6:192.0.2.1]", None),
            ("[IPv6:]", None),
            ("[2001:db8::1", None),
            ("[mail]", None),
            ("[m\u{fc}\u{fc}\u{fc}r]", None),
            ("192.0.2", None),
            ("", None),
        ] {
            let found = literal(text).map(|ip| ip.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_name_that_ends_in_a_number_is_like_an_address() {
        for (text, expected) in [
            ("203.0.113.5", true),
            ("127.1", true),
            ("2130706433", true),
            ("mail.0x7f", true),
            ("0x", true),
            ("203.0.113.5.example", false),
            ("mail1", false),
            ("1a", false),
            ("0xyz", false),
            ("xn--80a1acny", false),
        ] {
            assert_eq!(is_like_address(text), expected, "{text}");
        }
    }
}
