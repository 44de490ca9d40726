//! SASL answers become identity and secret.
//!
//! Standard: RFC 4616 (PLAIN), RFC 4422 appendix A (EXTERNAL), RFC 7628 (OAUTHBEARER), LOGIN and
//! XOAUTH2 as practised; the others stand in `gsasl`.

/// What a client proved itself with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Credentials {
    pub(crate) identity: String,
    pub(crate) secret: String,
}

/// Decodes base64; nothing when it is not strict base64.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let decoded = if text.is_empty() || text == "=" {
        Vec::new()
    } else {
        openssl::base64::decode_block(text).ok()?
    };
    // OpenSSL forgives white space; a client that sends it relies on kindness.
    (text == "=" || openssl::base64::encode_block(&decoded) == text).then_some(decoded)
}

/// Takes the one answer of PLAIN, OAUTHBEARER, XOAUTH2 or EXTERNAL apart.
pub(crate) fn read_answer(mechanism: &str, answer: &[u8]) -> Option<Credentials> {
    let text = std::str::from_utf8(answer).ok()?;
    match mechanism {
        "PLAIN" => {
            let mut parts = text.split('\0');
            let (_authorization, identity, secret) = (parts.next()?, parts.next()?, parts.next()?);
            let exact = parts.next().is_none() && !identity.is_empty();
            exact.then(|| Credentials { identity: identity.into(), secret: secret.into() })
        }
        "XOAUTH2" => {
            let rest = text.strip_prefix("user=")?.strip_suffix("\u{1}\u{1}")?;
            let (identity, token) = rest.split_once("\u{1}auth=Bearer ")?;
            Some(Credentials { identity: identity.into(), secret: token.into() })
        }
        "OAUTHBEARER" => {
            let rest = text.strip_prefix("n,a=")?.strip_suffix("\u{1}\u{1}")?;
            let (identity, fields) = rest.split_once(",\u{1}")?;
            let token = fields.split('\u{1}').find_map(|one| one.strip_prefix("auth=Bearer "))?;
            Some(Credentials { identity: identity.into(), secret: token.into() })
        }
        "EXTERNAL" => Some(Credentials { identity: text.into(), secret: String::new() }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_taken_apart() {
        for (mechanism, answer, expected) in [
            ("PLAIN", "\0user\0pass", Some(("user", "pass"))),
            ("PLAIN", "as\0user\0", Some(("user", ""))),
            ("PLAIN", "user\0pass", None),
            ("PLAIN", "\0user\0pass\0", None),
            ("PLAIN", "\0\0pass", None),
            ("XOAUTH2", "user=u\u{1}auth=Bearer t\u{1}\u{1}", Some(("u", "t"))),
            ("XOAUTH2", "user=u\u{1}auth=Bearer t\u{1}", None),
            (
                "OAUTHBEARER",
                "n,a=u,\u{1}host=h\u{1}port=1\u{1}auth=Bearer t\u{1}\u{1}",
                Some(("u", "t")),
            ),
            ("OAUTHBEARER", "n,a=u,\u{1}host=h\u{1}\u{1}", None),
            ("EXTERNAL", "", Some(("", ""))),
            ("CRAM-MD5", "user digest", None),
        ] {
            let got = read_answer(mechanism, answer.as_bytes());
            let expected = expected.map(|(identity, secret)| Credentials {
                identity: identity.into(),
                secret: secret.into(),
            });
            assert_eq!(got, expected, "{mechanism} {answer:?}");
        }
    }

    #[test]
    fn only_strict_base64_is_decoded() {
        for (text, expected) in [
            ("AHUAcA==", Some("\0u\0p")),
            ("", Some("")),
            ("=", Some("")),
            ("AHUAcA", None),
            ("AHUA cA==", None),
            ("*", None),
        ] {
            assert_eq!(decode(text).as_deref(), expected.map(str::as_bytes), "{text}");
        }
    }
}
