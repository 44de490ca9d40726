//! What works but deserves a look in the settings of a channel that sends mail (spec 3.1).

use annunciator_settings::Problem;

use crate::RelaySettings;

/// The warnings about a sender and a relay; `channel` is the word for people.
pub(crate) fn find(sender: &str, relay: &RelaySettings, channel: &str) -> Vec<Problem> {
    let mut warnings = Vec::new();
    let mut warn = |key: &str, code: &'static str, detail: &str| {
        warnings.push(Problem::new(code, detail).under(key));
    };
    if sender.is_empty() {
        warn(
            "sender",
            "empty_sender",
            "without a sender each recipient gets the message from its own address; many relays \
             refuse that: set an address of a domain that your relay sends for",
        );
    }
    let domain = sender.rsplit_once('@').map_or("", |(_, domain)| domain);
    let is_fictitious = ["example.com", "example.org", "example.net", "localhost"]
        .iter()
        .chain(&[".example", ".test", ".invalid", ".local", ".localhost"])
        .any(|fictitious| {
            domain.eq_ignore_ascii_case(fictitious)
                || (fictitious.starts_with('.') && domain.to_lowercase().ends_with(fictitious))
        });
    if is_fictitious {
        warn(
            "sender",
            "fictitious_sender",
            "no mail server in the world knows this domain: spam filters will drop the message",
        );
    }
    if relay.servers.is_empty() {
        let words = format!("no SMTP server is set: nothing can be sent by {channel}");
        warn("servers", "incomplete", &words);
    }
    warnings.extend(find_signature_warning(sender, relay));
    warnings
}

/// A signature by another domain than the sender's is good, and helps nothing where receivers
/// compare the two (DMARC, RFC 7489 section 3.1.1).
fn find_signature_warning(sender: &str, relay: &RelaySettings) -> Option<Problem> {
    if relay.dkim_key.is_empty() {
        return None;
    }
    let of_sender = sender.rsplit_once('@').map_or("", |(_, domain)| domain);
    let signing = relay.dkim_domain.as_str();
    if of_sender.is_empty() && signing.is_empty() {
        let detail = "without a sender each recipient's own domain would have to publish the key: \
                      set a sender, or the domain that signs as `dkim_domain`";
        return Some(Problem::new("signature_without_sender", detail).under("dkim_key"));
    }
    let is_below = |lower: &str, upper: &str| {
        let (lower, upper) = (lower.to_lowercase(), upper.to_lowercase());
        lower == upper || lower.ends_with(&format!(".{upper}"))
    };
    let is_aligned = is_below(of_sender, signing) || is_below(signing, of_sender);
    (!signing.is_empty() && !of_sender.is_empty() && !is_aligned).then(|| {
        let detail = format!(
            "the sender is of {of_sender}, and receivers who compare the two (DMARC) do not count \
             a signature by another domain: clear it, so that the sender's domain signs"
        );
        Problem::new("signature_not_aligned", detail).under("dkim_domain")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_that_helps_nothing_is_warned_of() {
        let check = |sender: &str, key: &str, domain: &str, expected: Option<&str>| {
            let relay = RelaySettings {
                dkim_key: key.to_owned(),
                dkim_domain: domain.to_owned(),
                ..RelaySettings::default()
            };
            let found = find_signature_warning(sender, &relay).map(|problem| problem.code);
            assert_eq!(found, expected, "{sender} {key} {domain}");
        };
        check("", "", "", None);
        check("a@x.example", "key", "", None);
        check("a@x.example", "key", "X.example", None);
        check("a@mail.x.example", "key", "x.example", None);
        check("a@x.example", "key", "mail.x.example", None);
        check("", "key", "x.example", None);
        check("", "key", "", Some("signature_without_sender"));
        check("a@x.example", "key", "y.example", Some("signature_not_aligned"));
        check("a@xx.example", "key", "x.example", Some("signature_not_aligned"));
        check("a@x.example", "", "y.example", None);
    }
}
