//! Parameters of MAIL and RCPT: what was announced is taken and must be well formed.
//!
//! Standard: RFC 1870 (SIZE), 6152 (BODY), 6531 (SMTPUTF8), 3461 (DSN), 8689 (REQUIRETLS).

use super::command::Announced;

/// Longest ENVID value before it was encoded (RFC 3461 section 4.4).
const ENVELOPE_ID_OCTETS_MAX: usize = 100;
/// Longest ORCPT value (RFC 3461 section 4.2).
const ORIGINAL_RECIPIENT_OCTETS_MAX: usize = 500;

/// Whether a DSN parameter of MAIL is announced and well formed.
pub(crate) fn fits_mail(announced: &Announced, name: &str, value: Option<&str>) -> bool {
    match (name, value) {
        ("RET", Some(value)) => announced.dsn && ["FULL", "HDRS"].contains(&value),
        ("ENVID", Some(value)) => {
            let fits = |text: Vec<u8>| text.len() <= ENVELOPE_ID_OCTETS_MAX && !text.is_empty();
            announced.dsn && decode_xtext(value).is_some_and(fits)
        }
        ("REQUIRETLS", None) => announced.require_tls,
        _ => false,
    }
}

/// Whether a parameter of RCPT is announced and well formed.
pub(crate) fn fits_rcpt(announced: &Announced, name: &str, value: Option<&str>) -> bool {
    match (name, value) {
        ("NOTIFY", Some("NEVER")) => announced.dsn,
        ("NOTIFY", Some(list)) => {
            let known = |word: &str| ["SUCCESS", "FAILURE", "DELAY"].contains(&word);
            announced.dsn && list.split(',').all(known)
        }
        ("ORCPT", Some(value)) => {
            let address = value.strip_prefix("rfc822;").and_then(decode_xtext);
            let fits = address.is_some_and(|address| address.contains(&b'@'));
            announced.dsn && fits && value.len() <= ORIGINAL_RECIPIENT_OCTETS_MAX
        }
        _ => false,
    }
}

/// Reads xtext (RFC 3461 section 4); nothing when it is none.
fn decode_xtext(text: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::new();
    let mut octets = text.bytes();
    while let Some(octet) = octets.next() {
        match octet {
            b'+' => {
                let pair = [octets.next()?, octets.next()?];
                let is_hex = |b: &u8| b.is_ascii_digit() || (b'A'..=b'F').contains(b);
                let pair =
                    std::str::from_utf8(&pair).ok().filter(|p| p.bytes().all(|b| is_hex(&b)));
                decoded.push(u8::from_str_radix(pair?, 16).ok()?);
            }
            b'=' => return None,
            b'!'..=b'~' => decoded.push(octet),
            _ => return None,
        }
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_well_formed_parameters_that_were_announced_fit() {
        let all = Announced { dsn: true, require_tls: true, ..Announced::default() };
        let long = "x".repeat(101);
        for (name, value, expected) in [
            ("RET", Some("HDRS"), true),
            ("RET", Some("hdr"), false),
            ("ENVID", Some("a+2Bb"), true),
            ("ENVID", Some("a=b"), false),
            ("ENVID", Some("a+2bb"), false),
            ("ENVID", Some(long.as_str()), false),
            ("REQUIRETLS", None, true),
            ("REQUIRETLS", Some("yes"), false),
        ] {
            assert_eq!(fits_mail(&all, name, value), expected, "{name} {value:?}");
            assert!(!fits_mail(&Announced::default(), name, value));
        }
        for (name, value, expected) in [
            ("NOTIFY", Some("NEVER"), true),
            ("NOTIFY", Some("SUCCESS,FAILURE,DELAY"), true),
            ("NOTIFY", Some("NEVER,FAILURE"), false),
            ("NOTIFY", Some(""), false),
            ("ORCPT", Some("rfc822;a+2Bb@x.test"), true),
            ("ORCPT", Some("a@x.test"), false),
            ("ORCPT", Some("rfc822;a+b@x.test"), false),
        ] {
            assert_eq!(fits_rcpt(&all, name, value), expected, "{name} {value:?}");
            assert!(!fits_rcpt(&Announced::default(), name, value));
        }
    }
}
