//! HTML as Python's parsers of HTML and XML read it: the judges that we did not write.
//!
//! In: texts of pages. Out: elements, attributes, text and defects, one [`ParsedPage`] each.
//! Failure: panics with the judge's own words when `python3` is missing or breaks.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

const SCRIPT: &str = include_str!("python_html.py");
/// Most pages for one run of the judge.
const PAGES_MAX: usize = 10_000;

/// A page in the eyes of Python.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ParsedPage {
    /// Tags that are not closed, close another, repeat an attribute, or are no XML.
    pub defects: Vec<String>,
    /// Names of the elements, in order.
    pub elements: Vec<String>,
    /// Element, name and value of every attribute, in order.
    pub attributes: Vec<(String, String, String)>,
    /// All text, character references resolved.
    pub text: String,
}

/// Has one `python3` process parse all these pages.
///
/// # Panics
/// When `python3` is missing, fails, or does not answer for each page.
#[must_use]
pub fn parse_html_with_python(pages: &[String]) -> Vec<ParsedPage> {
    assert!(pages.len() <= PAGES_MAX, "at most {PAGES_MAX} pages in one run");
    let mut child = Command::new("python3")
        .args(["-c", SCRIPT])
        .env("PYTHONIOENCODING", "utf-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3 is installed (apt install python3)");
    let mut input = child.stdin.take().expect("stdin is piped");
    let order = serde_json::to_vec(pages).expect("texts are JSON");
    let output = std::thread::scope(|scope| {
        // Written beside the reading, else both ends could wait on full pipes.
        scope.spawn(move || input.write_all(&order));
        child.wait_with_output().expect("python3 can be waited for")
    });
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "python3 failed: {complaint}");
    let answers = String::from_utf8(output.stdout).expect("the script answers in ASCII");
    let parsed: Vec<_> = answers.lines().map(read_answer).collect();
    assert_eq!(parsed.len(), pages.len(), "one answer for each page: {complaint}");
    parsed
}

fn read_answer(line: &str) -> ParsedPage {
    let value: Value = serde_json::from_str(line).expect("the script answers in JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let texts = |value: &Value| value.as_array().into_iter().flatten().map(text).collect();
    let attributes = value["attributes"].as_array().into_iter().flatten();
    ParsedPage {
        defects: texts(&value["defects"]),
        elements: texts(&value["elements"]),
        attributes: attributes.map(|one| (text(&one[0]), text(&one[1]), text(&one[2]))).collect(),
        text: text(&value["text"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_page_has_no_defects_and_a_bad_one_is_told() {
        for (page, expected) in [
            ("<!DOCTYPE html>\n<p title=\"a\">x &amp; y<br /></p>", None),
            ("<p><b>x</p>", Some("closes")),
            ("<p>x", Some("not closed")),
            ("<p a=\"1\" a=\"2\">x</p>", Some("twice")),
            ("<p>x<!-- y --></p>", Some("comment")),
            ("<p>x<br></p>", Some("as XML")),
            ("<p>a & b</p>", Some("as XML")),
        ] {
            let parsed = parse_html_with_python(&[page.to_owned()]).remove(0);
            match expected {
                None => assert_eq!((parsed.defects, parsed.text.trim()), (vec![], "x & y")),
                Some(words) => {
                    let is_told = parsed.defects.iter().any(|defect| defect.contains(words));
                    assert!(is_told, "{page}: {:?}", parsed.defects);
                }
            }
        }
    }
}
