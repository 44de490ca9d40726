//! An access token in place of a password.
//!
//! In: user name, token, where it goes. Out: the one message; what a refusal says.
//! Standard: RFC 7628 (OAUTHBEARER), RFC 6750 section 2.1; XOAUTH2 as Google and Microsoft
//! describe it.
//! Failure: the server sends a challenge with JSON, wants an empty answer, and then refuses.

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::auth::scram::escape;

/// Longest challenge that is read for its reason. Unit: octets.
const REASON_OCTETS_MAX: usize = 4 * 1_024;

/// The message of OAUTHBEARER.
pub(crate) fn oauthbearer(username: &str, host: &str, port: u16, token: &str) -> Zeroizing<String> {
    let name = escape(username);
    Zeroizing::new(format!(
        "n,a={name},\u{1}host={host}\u{1}port={port}\u{1}auth=Bearer {token}\u{1}\u{1}"
    ))
}

/// The message of XOAUTH2.
pub(crate) fn xoauth2(username: &str, token: &str) -> Zeroizing<String> {
    Zeroizing::new(format!("user={username}\u{1}auth=Bearer {token}\u{1}\u{1}"))
}

#[derive(Deserialize)]
struct Reason {
    status: String,
    #[serde(default)]
    scope: String,
}

/// What a challenge after the token says about why it is refused (RFC 7628 section 3.2.2). As the
/// server wrote it, at full length, so that a secret in it can be found before it is shown.
pub(crate) fn reason(challenge: &[u8]) -> Option<String> {
    let challenge = challenge.get(..challenge.len().min(REASON_OCTETS_MAX))?;
    let reason: Reason = serde_json::from_slice(challenge).ok()?;
    let Reason { status, scope } = reason;
    Some(if scope.is_empty() {
        format!("the server says about the token: {status}")
    } else {
        format!("the server says about the token: {status}, it wants the scope {scope}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_as_the_standards_show_them() {
        // RFC 7628 section 4.1.
        assert_eq!(
            *oauthbearer("user@example.com", "server.example.com", 143, "vF9dft4qmTc2Nvb3=="),
            "n,a=user@example.com,\u{1}host=server.example.com\u{1}port=143\u{1}\
             auth=Bearer vF9dft4qmTc2Nvb3==\u{1}\u{1}"
        );
        assert!(oauthbearer("a,b=c", "h", 1, "t").starts_with("n,a=a=2Cb=3Dc,\u{1}"));
        assert_eq!(
            *xoauth2("someuser@example.com", "ya29.vF9dft4qmTc2Nvb3=="),
            "user=someuser@example.com\u{1}auth=Bearer ya29.vF9dft4qmTc2Nvb3==\u{1}\u{1}"
        );
    }

    #[test]
    fn the_reason_of_a_refusal_is_read() {
        for (challenge, expected) in [
            (r#"{"status":"invalid_token"}"#, Some("the token: invalid_token")),
            (
                r#"{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}"#,
                Some("the token: 400, it wants the scope https://mail.google.com/"),
            ),
            ("{}", None),
            ("", None),
            ("rubbish", None),
        ] {
            let got = reason(challenge.as_bytes());
            assert_eq!(got.is_some(), expected.is_some(), "{challenge}");
            assert!(got.unwrap_or_default().ends_with(expected.unwrap_or_default()));
        }
    }
}
