//! A command line becomes verb, path and parameters, with all that is wrong about it.
//!
//! Standard: RFC 5321 section 4.1 (syntax) and 4.5.3.1 (sizes).

/// Longest command line with CRLF, without what extensions add.
const COMMAND_OCTETS_MAX: usize = 512;
/// Longest AUTH line or answer with CRLF (RFC 4954 section 4).
const AUTH_OCTETS_MAX: usize = 12_288;
/// What SIZE, 8BITMIME, SMTPUTF8, DSN and REQUIRETLS together add to MAIL (RFC 1870, 6152, 6531,
/// 3461, 8689).
const MAIL_EXTRA_OCTETS_MAX: usize = 26 + 17 + 10 + 120 + 11;
/// What DSN adds to RCPT (RFC 3461 section 5.3).
const RCPT_EXTRA_OCTETS_MAX: usize = 500 + 45;
/// Longest path with its angle brackets.
const PATH_OCTETS_MAX: usize = 256;
/// Longest local part.
const LOCAL_PART_OCTETS_MAX: usize = 64;

/// What the client was told it may use.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Announced {
    pub(crate) pipelining: bool,
    pub(crate) eight_bit: bool,
    pub(crate) smtputf8: bool,
    pub(crate) size: bool,
    pub(crate) starttls: bool,
    pub(crate) chunking: bool,
    pub(crate) dsn: bool,
    pub(crate) require_tls: bool,
    pub(crate) auth: Vec<String>,
}

impl Announced {
    /// Reads the capabilities out of a reply to EHLO, the first line being the greeting.
    pub(crate) fn from_reply(reply: &str) -> Self {
        let mut announced = Self::default();
        for line in reply.lines().skip(1) {
            let mut words = line.get(4..).unwrap_or_default().split_whitespace();
            match words.next().unwrap_or_default().to_ascii_uppercase().as_str() {
                "PIPELINING" => announced.pipelining = true,
                "8BITMIME" => announced.eight_bit = true,
                "SMTPUTF8" => announced.smtputf8 = true,
                "SIZE" => announced.size = true,
                "STARTTLS" => announced.starttls = true,
                "CHUNKING" => announced.chunking = true,
                "DSN" => announced.dsn = true,
                "REQUIRETLS" => announced.require_tls = true,
                "AUTH" => announced.auth = words.map(str::to_ascii_uppercase).collect(),
                _ => {}
            }
        }
        announced
    }
}

/// The line without its end, and the faults of its octets.
pub(crate) fn read_line(line: &[u8], in_auth: bool) -> (String, Vec<String>) {
    let mut faults = Vec::new();
    let content = line.strip_suffix(b"\n").unwrap_or(line);
    let content = if let Some(content) = content.strip_suffix(b"\r") {
        content
    } else {
        faults.push("bare LF ends a command".to_owned());
        content
    };
    if content.contains(&b'\r') {
        faults.push("bare CR in a command".to_owned());
    }
    if content.contains(&0) {
        faults.push("NUL in a command".to_owned());
    }
    if content.is_ascii() && content.iter().any(|octet| *octet < b' ' && !b"\r\0".contains(octet)) {
        faults.push("control character in a command".to_owned());
    }
    let verb = content.get(..4).unwrap_or_default().to_ascii_uppercase();
    let max = match verb.as_slice() {
        _ if in_auth => AUTH_OCTETS_MAX,
        b"AUTH" => AUTH_OCTETS_MAX,
        b"MAIL" => COMMAND_OCTETS_MAX + MAIL_EXTRA_OCTETS_MAX,
        b"RCPT" => COMMAND_OCTETS_MAX + RCPT_EXTRA_OCTETS_MAX,
        _ => COMMAND_OCTETS_MAX,
    };
    if line.len() > max {
        faults.push(format!("command of {} octets, {max} are allowed", line.len()));
    }
    if !content.is_ascii() && std::str::from_utf8(content).is_err() {
        faults.push("command is not UTF-8".to_owned());
    }
    (String::from_utf8_lossy(content).into_owned(), faults)
}

/// A MAIL or RCPT command taken apart.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct PathCommand {
    /// The path without angle brackets.
    pub(crate) path: String,
    /// Keywords in upper case with their values.
    pub(crate) parameters: Vec<(String, Option<String>)>,
    pub(crate) faults: Vec<String>,
}

/// Takes apart what follows `MAIL` or `RCPT`; `keyword` is `FROM:` or `TO:`.
pub(crate) fn read_path(arguments: &str, keyword: &str) -> Option<PathCommand> {
    let mut read = PathCommand::default();
    let rest = match arguments.get(..keyword.len()) {
        Some(start) if start.eq_ignore_ascii_case(keyword) => &arguments[keyword.len()..],
        _ => return None,
    };
    let rest = if rest.starts_with(' ') {
        read.faults.push(format!("space behind {keyword}"));
        rest.trim_start()
    } else {
        rest
    };
    let rest = rest.strip_prefix('<')?;
    let end = path_end(rest)?;
    read.path = rest[..end].to_owned();
    check_path(&read.path, &mut read.faults);
    let parameters = &rest[end + 1..];
    if parameters.is_empty() {
        return Some(read);
    }
    let Some(parameters) = parameters.strip_prefix(' ') else {
        read.faults.push("no space behind the path".to_owned());
        return Some(read);
    };
    for parameter in parameters.split(' ') {
        let (name, value) = match parameter.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (parameter, None),
        };
        let name_fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if name.is_empty() || !name.chars().all(name_fits) {
            read.faults.push(format!("malformed parameter `{parameter}`"));
        }
        read.parameters.push((name.to_ascii_uppercase(), value));
    }
    Some(read)
}

/// Where the closing angle bracket is, which may also stand in a quoted local part.
fn path_end(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, octet) in text.bytes().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

fn check_path(path: &str, faults: &mut Vec<String>) {
    if path.len() + 2 > PATH_OCTETS_MAX {
        faults.push(format!("path of {} octets, {PATH_OCTETS_MAX} are allowed", path.len() + 2));
    }
    let local_part = path.rsplit_once('@').map_or(path, |(local_part, _)| local_part);
    if local_part.len() > LOCAL_PART_OCTETS_MAX {
        faults.push(format!("local part longer than {LOCAL_PART_OCTETS_MAX} octets"));
    }
    if !local_part.starts_with('"') && path.contains([' ', '<', '\t']) {
        faults.push("space or angle bracket in a path".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_a_line_are_named() {
        let long = format!("NOOP {}\r\n", "x".repeat(506));
        let mail = format!("MAIL {}\r\n", "x".repeat(506));
        let cases: [(&[u8], &str); 9] = [
            (b"NOOP\r\n", ""),
            (b"NOOP\n", "bare LF"),
            (b"NO\rOP\r\n", "bare CR"),
            (b"NO\0OP\r\n", "NUL"),
            (b"NO\x0bOP\r\n", "control character"),
            (b"NO\xffOP\r\n", "not UTF-8"),
            (long.as_bytes(), "513 octets"),
            (mail.as_bytes(), ""),
            ("NOOP ä\r\n".as_bytes(), ""),
        ];
        for (line, expected) in cases {
            let (_, faults) = read_line(line, false);
            let found = faults.join(", ");
            assert_eq!(faults.len(), usize::from(!expected.is_empty()), "{line:?}: {found}");
            assert!(found.contains(expected), "{line:?}: {found}");
        }
    }

    #[test]
    fn paths_and_parameters_are_taken_apart() {
        let long = format!("<{}@x>", "l".repeat(65));
        for (arguments, path, parameters, fault) in [
            ("<a@x>", "a@x", "", ""),
            ("<>", "", "", ""),
            ("<a@x> SIZE=7 BODY=8BITMIME smtputf8", "a@x", "SIZE=7 BODY=8BITMIME SMTPUTF8", ""),
            (r#"<"a> \"b"@x>"#, r#""a> \"b"@x"#, "", ""),
            (" <a@x>", "a@x", "", "space behind FROM:"),
            ("<a@x>SIZE=7", "a@x", "", "no space behind"),
            ("<a@x> SIZE=7 ", "a@x", "SIZE=7 ", "malformed parameter"),
            ("<a b@x>", "a b@x", "", "space or angle"),
            (long.as_str(), &long[1..68], "", "local part"),
        ] {
            let read = read_path(&format!("From:{arguments}"), "FROM:").unwrap();
            let got: Vec<_> = read
                .parameters
                .iter()
                .map(|(name, value)| {
                    value.as_ref().map_or_else(|| name.clone(), |value| format!("{name}={value}"))
                })
                .collect();
            assert_eq!((read.path.as_str(), got.join(" ").as_str()), (path, parameters));
            assert_eq!(read.faults.len(), usize::from(!fault.is_empty()), "{arguments}");
            assert!(read.faults.join(", ").contains(fault), "{:?}", read.faults);
        }
        assert_eq!(read_path("FROM:a@x", "FROM:"), None);
        assert_eq!(read_path("FROM:<a@x", "FROM:"), None);
        assert_eq!(read_path("TO:<a@x>", "FROM:"), None);
    }

    #[test]
    fn capabilities_are_read_from_the_reply_as_it_was_sent() {
        let announced = Announced::from_reply(
            "250-PIPELINING\r\n250-SIZE 1000\r\n250-starttls\r\n250 AUTH plain LOGIN\r\n",
        );
        let auth = vec!["PLAIN".to_owned(), "LOGIN".to_owned()];
        let expected = Announced { size: true, starttls: true, auth, ..Announced::default() };
        assert_eq!(announced, expected);
        assert_eq!(Announced::from_reply("250 host"), Announced::default());
    }
}
