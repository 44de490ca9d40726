//! What the relay is asked beside the envelope: size, body, reports, TLS on all further hops.
//!
//! Standard: RFC 1870 (SIZE), RFC 6152 (BODY), RFC 6531 (SMTPUTF8), RFC 3461 (RET, ENVID, NOTIFY,
//! ORCPT), RFC 8689 (REQUIRETLS).

use super::*;
use crate::relay::DsnRequest;

/// Longest envelope id before it is encoded (RFC 3461 section 4.4). Unit: octets.
const ENVELOPE_ID_OCTETS_MAX: usize = 100;
/// Longest value of ORCPT (RFC 3461 section 4.2). Unit: octets.
const ORIGINAL_RECIPIENT_OCTETS_MAX: usize = 500;

impl Carrier<'_, '_> {
    /// Appends MAIL to the output.
    pub(super) fn put_mail(&mut self, job: &Job<'_>) {
        let submission = &job.submission;
        let capabilities = &self.session.capabilities;
        let mut digits = [0; 20];
        let size: &str =
            if capabilities.size { decimal(submission.content.len(), &mut digits) } else { "" };
        let asks_report = self.asks_report();
        let envelope_id = if asks_report { envelope_id(&submission.envelope_id) } else { None };
        let parts = [
            "MAIL FROM:<",
            submission.envelope.reverse_path(),
            ">",
            if size.is_empty() { "" } else { " SIZE=" },
            size,
            if submission.needs_8bit { " BODY=8BITMIME" } else { "" },
            if submission.envelope.needs_smtputf8() { " SMTPUTF8" } else { "" },
            if asks_report { " RET=HDRS" } else { "" },
            if envelope_id.is_some() { " ENVID=" } else { "" },
            envelope_id.as_deref().unwrap_or_default(),
            // The session was refused where it is not offered.
            if self.terms.relay.extensions.require_tls { " REQUIRETLS" } else { "" },
        ];
        self.session.connection.put_command(&parts);
    }

    pub(super) fn put_rcpt(&mut self, job: &Job<'_>, index: usize) {
        let address = job.forward_path(index);
        if !self.asks_report() {
            self.session.connection.put_command(&["RCPT TO:<", address, ">"]);
            return;
        }
        let notify = notify(self.terms.relay.extensions.dsn);
        let original = original_recipient(address);
        let (begins, original) = match &original {
            Some(original) => (" ORCPT=rfc822;", original.as_str()),
            None => ("", ""),
        };
        let parts = ["RCPT TO:<", address, "> NOTIFY=", notify, begins, original];
        self.session.connection.put_command(&parts);
    }

    /// Whether something about reports is asked for, and can be.
    fn asks_report(&self) -> bool {
        self.session.capabilities.dsn && self.terms.relay.extensions.dsn != DsnRequest::Unasked
    }
}

/// The value of NOTIFY.
fn notify(request: DsnRequest) -> &'static str {
    let DsnRequest::About { failure, delay, success } = request else { return "NEVER" };
    match (success, failure, delay) {
        (false, false, false) => "NEVER",
        (true, false, false) => "SUCCESS",
        (false, true, false) => "FAILURE",
        (false, false, true) => "DELAY",
        (true, true, false) => "SUCCESS,FAILURE",
        (true, false, true) => "SUCCESS,DELAY",
        (false, true, true) => "FAILURE,DELAY",
        (true, true, true) => "SUCCESS,FAILURE,DELAY",
    }
}

/// The value of ENVID; none when there is none or it may not be sent.
fn envelope_id(id: &str) -> Option<String> {
    let fits = !id.is_empty()
        && id.len() <= ENVELOPE_ID_OCTETS_MAX
        && id.bytes().all(|octet| (b' '..=b'~').contains(&octet));
    fits.then(|| xtext(id))
}

/// The address as ORCPT has it; none for one that is not ASCII, which has another type, or that
/// becomes too long.
fn original_recipient(address: &str) -> Option<String> {
    let encoded = address.is_ascii().then(|| xtext(address))?;
    ("rfc822;".len() + encoded.len() <= ORIGINAL_RECIPIENT_OCTETS_MAX).then_some(encoded)
}

/// ASCII as xtext (RFC 3461 section 4).
fn xtext(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for octet in text.bytes() {
        match octet {
            b'+' | b'=' | ..=b' ' | 127.. => encoded.push_str(&format!("+{octet:02X}")),
            _ => encoded.push(char::from(octet)),
        }
    }
    encoded
}

/// A number as text, without an allocation.
pub(super) fn decimal(mut number: usize, digits: &mut [u8; 20]) -> &str {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(number % 10).expect("a digit");
        number /= 10;
        if number == 0 {
            return std::str::from_utf8(&digits[at..]).expect("digits are ASCII");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded_or_left_out() {
        for (id, expected) in [
            ("01939f2e-7c1a", Some("01939f2e-7c1a")),
            ("a+b=c d", Some("a+2Bb+3Dc+20d")),
            ("", None),
            ("a\r\nb", None),
            ("é", None),
            (&"x".repeat(101), None),
        ] {
            assert_eq!(envelope_id(id).as_deref(), expected, "{id:?}");
        }
        for (address, expected) in [
            ("a@x.test", Some("a@x.test".to_owned())),
            ("a+tag@x.test", Some("a+2Btag@x.test".to_owned())),
            ("\"a b\"@x.test", Some("\"a+20b\"@x.test".to_owned())),
            ("ж@x.test", None),
            (&"+".repeat(200), None),
        ] {
            assert_eq!(original_recipient(address), expected, "{address:?}");
        }
    }

    #[test]
    fn each_request_has_its_word() {
        let about = |failure, delay, success| DsnRequest::About { failure, delay, success };
        for (request, expected) in [
            (about(false, false, false), "NEVER"),
            (about(true, false, false), "FAILURE"),
            (about(true, true, false), "FAILURE,DELAY"),
            (about(true, true, true), "SUCCESS,FAILURE,DELAY"),
        ] {
            assert_eq!(notify(request), expected);
        }
    }
}
