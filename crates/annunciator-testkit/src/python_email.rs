//! Messages as Python's `email` package reads them: the judge that we did not write.
//!
//! In: octets of messages. Out: headers, bodies and defects, one [`ParsedMessage`] each.
//! Failure: panics with the judge's own words when `python3` is missing or breaks.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

const SCRIPT: &str = include_str!("python_email.py");
/// Most messages for one run of the judge.
const MESSAGES_MAX: usize = 1_000_000;

/// A message in the eyes of Python.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ParsedMessage {
    /// All fields in order, encoded words decoded.
    pub headers: Vec<(String, String)>,
    /// All complaints, of the message, its parts and its fields, as `Class: text`.
    pub defects: Vec<String>,
    /// Media type of the message, such as `multipart/alternative`.
    pub content_type: String,
    /// The plain text body, decoded; line ends are LF.
    pub text: Option<String>,
    /// The HTML body, decoded; line ends are LF.
    pub html: Option<String>,
    /// How many attachments there are.
    pub attachments: usize,
    /// Pictures that are whole PNGs: Content-ID with its brackets, media type, width and height.
    pub pictures: Vec<(String, String, u64, u64)>,
    /// Field name in lower case to its addresses: display name and address.
    pub addresses: BTreeMap<String, Vec<(String, String)>>,
}

impl ParsedMessage {
    /// The first field of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// How many fields of this name there are.
    #[must_use]
    pub fn count(&self, name: &str) -> usize {
        self.headers.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name)).count()
    }
}

/// Has one `python3` process parse all these messages.
///
/// # Panics
/// When `python3` is missing, fails, or does not answer for each message.
#[must_use]
pub fn parse_with_python(messages: &[Vec<u8>]) -> Vec<ParsedMessage> {
    assert!(messages.len() <= MESSAGES_MAX, "at most {MESSAGES_MAX} messages in one run");
    let mut child = Command::new("python3")
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3 is installed (apt install python3)");
    let mut input = child.stdin.take().expect("stdin is piped");
    let output = std::thread::scope(|scope| {
        // Written beside the reading, else both ends could wait on full pipes.
        let writer = scope.spawn(move || {
            for message in messages {
                input.write_all(&(message.len() as u64).to_be_bytes())?;
                input.write_all(message)?;
            }
            Ok::<_, std::io::Error>(())
        });
        let output = child.wait_with_output().expect("python3 can be waited for");
        (writer.join().expect("the writer does not panic"), output)
    });
    let (written, output) = output;
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "python3 failed: {complaint}");
    written.expect("python3 reads all it is given");
    let answers = String::from_utf8(output.stdout).expect("the script answers in ASCII");
    let parsed: Vec<_> = answers.lines().map(read_answer).collect();
    assert_eq!(parsed.len(), messages.len(), "one answer for each message: {complaint}");
    parsed
}

fn read_answer(line: &str) -> ParsedMessage {
    let value: Value = serde_json::from_str(line).expect("the script answers in JSON");
    let addresses = value["addresses"].as_object().into_iter().flatten();
    ParsedMessage {
        headers: pairs(&value["headers"]),
        defects: value["defects"].as_array().into_iter().flatten().map(text).collect(),
        content_type: text(&value["content_type"]),
        text: value["text"].as_str().map(str::to_owned),
        html: value["html"].as_str().map(str::to_owned),
        attachments: usize::try_from(value["attachments"].as_u64().unwrap_or_default())
            .expect("a count of parts"),
        pictures: value["pictures"].as_array().into_iter().flatten().map(picture).collect(),
        addresses: addresses.map(|(name, list)| (name.clone(), pairs(list))).collect(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn picture(value: &Value) -> (String, String, u64, u64) {
    let size = |at: usize| value[at].as_u64().unwrap_or_default();
    (text(&value[0]), text(&value[1]), size(2), size(3))
}

fn pairs(value: &Value) -> Vec<(String, String)> {
    let pairs = value.as_array().into_iter().flatten();
    pairs.map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_messages_come_back_decoded_and_without_defects() {
        let plain = "From: =?utf-8?q?J=C3=B6rg?= <j@example.org>\r\n\
            To: a@example.org, \"B, c\" <b@example.org>\r\n\
            Subject: =?utf-8?b?w6TDtg==?=\r\n folded\r\nMIME-Version: 1.0\r\n\
            Content-Type: text/plain; charset=utf-8\r\n\
            Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe\r\n";
        let multipart = "MIME-Version: 1.0\r\n\
            Content-Type: multipart/mixed; boundary=m\r\n\r\n\
            --m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n\
            --a\r\nContent-Type: text/plain\r\n\r\nplain\r\n\
            --a\r\nContent-Type: text/html\r\n\r\n<p>html</p>\r\n--a--\r\n\
            --m\r\nContent-Type: application/pdf\r\n\
            Content-Disposition: attachment; filename=x.pdf\r\n\
            Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--m--\r\n";
        let got = parse_with_python(&[plain.into(), multipart.into()]);
        assert_eq!(got[0].defects, [""; 0]);
        assert_eq!(got[0].header("subject"), Some("äö folded"));
        assert_eq!(got[0].text.as_deref(), Some("Grüße\n"));
        assert_eq!(got[0].html, None);
        assert_eq!(got[0].addresses["from"], [("Jörg".into(), "j@example.org".into())]);
        let to = [("".into(), "a@example.org".into()), ("B, c".into(), "b@example.org".into())];
        assert_eq!(got[0].addresses["to"], to);
        assert_eq!(got[1].defects, [""; 0]);
        assert_eq!(got[1].content_type, "multipart/mixed");
        assert_eq!(got[1].text.as_deref(), Some("plain"));
        assert_eq!(got[1].html.as_deref(), Some("<p>html</p>"));
        assert_eq!(got[1].attachments, 1);
    }

    #[test]
    fn each_kind_of_defect_is_reported() {
        for (message, expected) in [
            ("Subject: x\r\nno colon here\r\n\r\nbody", "MissingHeaderBodySeparatorDefect"),
            ("To: a@@b\r\n\r\nbody", "InvalidHeaderDefect"),
            ("Date: yesterday\r\n\r\nbody", "InvalidDateDefect"),
            ("Subject: a\r\nSubject: b\r\n\r\nbody", "RepeatedField"),
            ("Subject: bare\rreturn\r\n\r\nbody", "BareLineEnd"),
            ("Subject: x\r\n\r\nbare\nfeed", "BareLineEnd"),
            ("Subject: x\r\n\r\nnul\0", "NulOctet"),
            (
                "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n\r\nx",
                "CloseBoundaryNotFoundDefect",
            ),
            (
                "MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n\r\nA*A=\r\n",
                "InvalidBase64",
            ),
        ] {
            let got = parse_with_python(&[message.into()]);
            let found = got[0].defects.iter().any(|defect| defect.contains(expected));
            assert!(found, "{message:?}: {:?}", got[0].defects);
        }
    }

    #[test]
    fn a_thousand_messages_are_parsed_by_one_process() {
        let messages: Vec<Vec<u8>> =
            (0..1_000).map(|n| format!("Subject: {n}\r\n\r\n{n}\r\n").into_bytes()).collect();
        let got = parse_with_python(&messages);
        assert_eq!(got[999].header("Subject"), Some("999"));
        assert_eq!(parse_with_python(&[]), []);
    }
}
