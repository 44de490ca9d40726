//! DKIM signatures as dkimpy verifies them: the judge that we did not write.
//!
//! In: octets of messages, and the DNS records that there are. Out: one [`Verdict`] each.
//! Standard: RFC 6376, RFC 8463.
//! Failure: panics with the judge's own words when Debian's `python3-dkim` is missing or breaks.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

const SCRIPT: &str = include_str!("python_dkim.py");
/// The interpreter that Debian's packages are made for, whatever else stands in the path.
const PYTHON: &str = "/usr/bin/python3";
/// Most messages for one run of the judge.
const MESSAGES_MAX: usize = 100_000;

/// What dkimpy says of one message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verdict {
    /// Whether the signature verifies.
    pub is_good: bool,
    /// Why it could not be looked at; empty for one that is good or just wrong.
    pub why: String,
    /// The tags of the signature, as dkimpy reads them.
    pub tags: BTreeMap<String, String>,
}

/// Has one process verify the first signature of all these messages; `records` are the texts of
/// TXT records by their names, and no other records are asked for.
///
/// # Panics
/// When dkimpy is missing, fails, or does not answer for each message.
#[must_use]
pub fn verify_with_dkimpy(messages: &[Vec<u8>], records: &[(String, String)]) -> Vec<Verdict> {
    assert!(messages.len() <= MESSAGES_MAX, "at most {MESSAGES_MAX} messages in one run");
    let texts = messages.iter().map(|octets| octets.iter().map(|o| char::from(*o)).collect());
    let order = json!({
        "records": records.iter().cloned().collect::<BTreeMap<_, _>>(),
        "messages": texts.collect::<Vec<String>>(),
    });
    let mut child = Command::new(PYTHON)
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Debian's python3 is installed (apt install python3-dkim)");
    let mut input = child.stdin.take().expect("stdin is piped");
    let output = std::thread::scope(|scope| {
        // Written beside the reading, else both ends could wait on full pipes.
        scope.spawn(move || input.write_all(order.to_string().as_bytes()));
        child.wait_with_output().expect("python3 can be waited for")
    });
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "is python3-dkim installed? {complaint}");
    let answers = String::from_utf8(output.stdout).expect("the script answers in ASCII");
    let verdicts: Vec<_> = answers.lines().map(read_answer).collect();
    assert_eq!(verdicts.len(), messages.len(), "one answer for each message: {complaint}");
    verdicts
}

fn read_answer(line: &str) -> Verdict {
    let value: Value = serde_json::from_str(line).expect("the script answers in JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let tags = value["tags"].as_object().into_iter().flatten();
    Verdict {
        is_good: value["is_good"] == true,
        why: text(&value["why"]),
        tags: tags.map(|(name, value)| (name.clone(), text(value))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_signature_is_good_and_a_changed_one_is_not() {
        // The example of RFC 8463 appendix A.3, its Ed25519 signature alone.
        let message = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n \
            d=football.example.com; i=@football.example.com;\r\n \
            q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n \
            subject : date : message-id : from : subject : date;\r\n \
            bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n \
            b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n \
            Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n\
            From: Joe SixPack <joe@football.example.com>\r\n\
            To: Suzie Q <suzie@shopping.example.net>\r\n\
            Subject: Is dinner ready?\r\n\
            Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n\
            Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\r\n\
            Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";
        let records = [(
            "brisbane._domainkey.football.example.com".to_owned(),
            "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=".to_owned(),
        )];
        let changed = message.replace("dinner", "Dinner");
        let unsigned = message[message.find("From: Joe").unwrap()..].to_owned();
        let all: Vec<Vec<u8>> = [message, &changed, &unsigned].map(|m| m.into()).into();
        let verdicts = verify_with_dkimpy(&all, &records);
        let good: Vec<_> = verdicts.iter().map(|verdict| verdict.is_good).collect();
        assert_eq!(good, [true, false, false], "{verdicts:?}");
        assert_eq!(verdicts[0].tags["d"], "football.example.com");
        let unknown = verify_with_dkimpy(&all[..1], &[]);
        assert!(!unknown[0].is_good, "without its record: {unknown:?}");
    }
}
