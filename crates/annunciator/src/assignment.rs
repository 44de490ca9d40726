//! `KEY=VALUE` of the command line into a merge patch of the settings.
//!
//! In: `email.port=587`, `email.servers=a;b`, `email.password@FILE`, `email.password` (asked for).
//! Out: JSON values of the kind that the setting has now. Standard: RFC 7396 (merge patch).

use std::io::{BufRead, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use serde_json::{Map, Value};

/// Longest value from a file. Unit: octets.
const FILE_SIZE_MAX: u64 = 2 * 1024 * 1024;
/// Keys whose values must not stand on the command line.
const SECRETS: [&str; 3] = ["password", "oauth_client_secret", "oauth_refresh_token"];

/// One `KEY=VALUE`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Assignment {
    /// Group and setting; deeper for fields of an object.
    pub(crate) path: Vec<String>,
    source: Source,
}

/// Where the value comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Source {
    Text(String),
    File(PathBuf),
    StandardInput,
    Prompt,
}

impl std::str::FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, source) = match text.find(['=', '@']) {
            Some(at) if text[at..].starts_with('=') => {
                (&text[..at], Source::Text(text[at + 1..].into()))
            }
            Some(at) => match &text[at + 1..] {
                "" => return Err(format!("`{text}` names no file after the @")),
                "-" => (&text[..at], Source::StandardInput),
                file => (&text[..at], Source::File(file.into())),
            },
            None => (text, Source::Prompt),
        };
        Ok(Self { path: parse_key(key)?, source })
    }
}

/// `email.port` → its parts.
///
/// # Errors
/// A part is empty or holds what no key holds.
pub(crate) fn parse_key(key: &str) -> Result<Vec<String>, String> {
    let parts: Vec<String> = key.split('.').map(|part| part.trim().to_owned()).collect();
    let is_name = |part: &String| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    if parts.iter().all(is_name) && parts.len() <= 4 {
        return Ok(parts);
    }
    Err(format!("`{key}` is no key: write KEY=VALUE such as email.port=587"))
}

impl Assignment {
    /// The key as people write it.
    pub(crate) fn key(&self) -> String {
        self.path.join(".")
    }

    /// Whether a secret would stand on the command line, where other users see it.
    pub(crate) fn shows_secret(&self) -> bool {
        let is_secret = self.path.last().is_some_and(|name| is_secret(name));
        is_secret && matches!(&self.source, Source::Text(text) if !text.is_empty())
    }

    /// Puts the first of these groups in front of a key that names none of them.
    pub(crate) fn within(mut self, groups: &[&str]) -> Self {
        let is_named = |first: &String| groups.contains(&first.as_str());
        if !self.path.first().is_some_and(is_named)
            && let Some(group) = groups.first()
        {
            self.path.insert(0, (*group).to_owned());
        }
        self
    }

    /// The value as text: given, read or asked for.
    pub(crate) fn text(&self) -> Result<String> {
        match &self.source {
            Source::Text(text) => Ok(text.clone()),
            Source::File(file) => read_file(file),
            Source::StandardInput => read_standard_input(),
            Source::Prompt => prompt(&self.key()),
        }
    }
}

/// Whether a setting of that name is a secret.
pub(crate) fn is_secret(name: &str) -> bool {
    SECRETS.contains(&name)
}

/// A short file as text, without its last line feed.
pub(crate) fn read_file(file: &Path) -> Result<String> {
    let name = file.display().to_string();
    let opened = std::fs::File::open(file).with_context(|| format!("{name} cannot be read"))?;
    read_limited(opened, &name)
}

/// Standard input as text, without its last line feed.
pub(crate) fn read_standard_input() -> Result<String> {
    read_limited(std::io::stdin().lock(), "standard input")
}

fn read_limited(source: impl Read, name: &str) -> Result<String> {
    let mut text = String::new();
    let read = source.take(FILE_SIZE_MAX + 1).read_to_string(&mut text);
    if read.with_context(|| format!("{name} cannot be read as text"))? as u64 > FILE_SIZE_MAX {
        bail!("{name} is longer than {FILE_SIZE_MAX} octets");
    }
    // Editors and `echo` end a file with a line feed that nobody means.
    let text = text.strip_suffix('\n').map_or(text.as_str(), |t| t.strip_suffix('\r').unwrap_or(t));
    Ok(text.to_owned())
}

/// Asks at the terminal, without showing what is typed.
pub(crate) fn prompt(key: &str) -> Result<String> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        bail!(
            "`{key}` has no value: write {key}=VALUE, or {key}@FILE ({key}@- reads standard input)"
        );
    }
    let before = tcgetattr(&input).context("the terminal cannot be asked")?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    let _ = write!(std::io::stderr(), "{key} (not shown): ");
    tcsetattr(&input, OptionalActions::Flush, &silent).context("the terminal cannot be asked")?;
    let mut line = String::new();
    let read = input.lock().take(FILE_SIZE_MAX).read_line(&mut line);
    tcsetattr(&input, OptionalActions::Flush, &before).context("the terminal keeps silent")?;
    let _ = writeln!(std::io::stderr());
    read.context("nothing could be read")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// The merge patch of some assignments; `current` holds the values as they are now, group by
/// group, and tells what kind each setting has.
pub(crate) fn build_patch(
    assignments: &[Assignment],
    current: &Map<String, Value>,
) -> Result<Map<String, Value>> {
    let mut patch = Map::new();
    for assignment in assignments {
        check_group(&assignment.path, current)?;
        let text = assignment.text()?;
        let value = coerce(&text, find(current, &assignment.path));
        put(&mut patch, &assignment.path, value)?;
    }
    Ok(patch)
}

/// A setting written without its group.
fn check_group(path: &[String], current: &Map<String, Value>) -> Result<()> {
    let [name] = path else { return Ok(()) };
    let group = current.iter().find(|(_, settings)| settings.get(name).is_some());
    match group {
        Some((group, _)) if !current.contains_key(name) => {
            bail!("there is no group `{name}`; did you mean `{group}.{name}`?")
        }
        _ => Ok(()),
    }
}

/// Finds the value at a path.
pub(crate) fn find<'v>(values: &'v Map<String, Value>, path: &[String]) -> Option<&'v Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(values.get(first)?, |value, name| value.get(name))
}

/// Puts a value at a path, making the objects on the way.
pub(crate) fn put(patch: &mut Map<String, Value>, path: &[String], value: Value) -> Result<()> {
    let [group, setting @ ..] = path else { return Ok(()) };
    if setting.is_empty() {
        bail!("`{group}` is a group: write {group}.SETTING=VALUE");
    }
    let mut place = patch.entry(group.clone()).or_insert_with(|| Value::Object(Map::new()));
    for name in setting {
        let Some(object) = place.as_object_mut() else {
            bail!("`{}` is given twice", path.join("."));
        };
        place = object.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
    }
    if place.as_object().is_none_or(|object| !object.is_empty()) {
        bail!("`{}` is given twice", path.join("."));
    }
    *place = value;
    Ok(())
}

/// Makes a value of a text: of the kind that the setting has now, else JSON, else text.
fn coerce(text: &str, current: Option<&Value>) -> Value {
    let json = serde_json::from_str::<Value>(text);
    match (current, json) {
        (Some(Value::Array(items)), json) => match json {
            Ok(list @ Value::Array(_)) => list,
            _ => list_of(text, items),
        },
        // `1.2` is a TLS version and `25` may be a user name. The word `none` stands for an unset
        // value of any kind.
        (Some(Value::String(now)), Ok(json)) if now != "none" => match json {
            Value::String(_) => json,
            _ => Value::from(text),
        },
        (_, Ok(json)) => json,
        (_, Err(_)) => Value::from(text),
    }
}

/// `a; b` → `["a", "b"]`, numbers where the list holds numbers.
fn list_of(text: &str, items: &[Value]) -> Value {
    // A word in the place of a list of severities, and addresses whose quoted names may hold
    // separators: the server understands both as text. It refuses a JSON list that is broken.
    if matches!(text, "all" | "configured" | "none") || text.contains('"') || text.starts_with('[')
    {
        return Value::from(text);
    }
    let is_numeric = items.iter().any(Value::is_number);
    let parts = text.split([';', ',']).map(str::trim).filter(|part| !part.is_empty());
    let item = |part: &str| match serde_json::from_str::<Value>(part) {
        Ok(number @ Value::Number(_)) if is_numeric => number,
        _ => Value::from(part),
    };
    parts.map(item).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn current() -> Map<String, Value> {
        let json = json!({"email": {"servers": [], "port": 25, "tls_version_min": "1.2",
            "limit": "none", "notify_about": ["critical"], "retry_s": [60]}});
        json.as_object().unwrap().clone()
    }

    #[track_caller]
    fn check(texts: &[&str], expected: Result<Value, &str>) {
        let patch = texts
            .iter()
            .map(|text| text.parse::<Assignment>())
            .collect::<Result<Vec<_>, _>>()
            .and_then(|list| build_patch(&list, &current()).map_err(|error| error.to_string()));
        match (patch, expected) {
            (Ok(patch), Ok(expected)) => assert_eq!(Value::Object(patch), expected),
            (Err(error), Err(expected)) => assert!(error.contains(expected), "{error}"),
            (patch, expected) => panic!("{patch:?} is not {expected:?}"),
        }
    }

    #[test]
    fn a_value_takes_the_kind_that_its_setting_has() {
        for (text, expected) in [
            ("email.port=587", json!({"email": {"port": 587}})),
            ("email.port=abc", json!({"email": {"port": "abc"}})),
            ("email.servers=mail.example.org", json!({"email": {"servers": ["mail.example.org"]}})),
            ("email.servers=a; b,c;", json!({"email": {"servers": ["a", "b", "c"]}})),
            ("email.servers=[\"a\"]", json!({"email": {"servers": ["a"]}})),
            ("email.servers=[\"a\"", json!({"email": {"servers": "[\"a\""}})),
            ("email.servers=[a", json!({"email": {"servers": "[a"}})),
            ("email.servers=", json!({"email": {"servers": []}})),
            ("email.servers=\"a;b\" <c@d>", json!({"email": {"servers": "\"a;b\" <c@d>"}})),
            ("email.retry_s=60;120", json!({"email": {"retry_s": [60, 120]}})),
            ("email.notify_about=all", json!({"email": {"notify_about": "all"}})),
            ("email.tls_version_min=1.2", json!({"email": {"tls_version_min": "1.2"}})),
            ("email.tls_version_min=\"any\"", json!({"email": {"tls_version_min": "any"}})),
            ("email.limit={\"count\":1}", json!({"email": {"limit": {"count": 1}}})),
            ("email.limit.count=1", json!({"email": {"limit": {"count": 1}}})),
            ("email.new=true", json!({"email": {"new": true}})),
            ("email.subject=a=b@c", json!({"email": {"subject": "a=b@c"}})),
        ] {
            check(&[text], Ok(expected));
        }
    }

    #[test]
    fn several_assignments_make_one_patch() {
        check(
            &["email.port=1", "delivery.x=2"],
            Ok(json!({"email": {"port": 1}, "delivery": {"x": 2}})),
        );
        check(&["email.port=1", "email.port=2"], Err("`email.port` is given twice"));
        check(&["email.limit=1", "email.limit.count=2"], Err("given twice"));
    }

    #[test]
    fn what_is_no_assignment_is_refused() {
        check(&["email=1"], Err("`email` is a group"));
        check(&["port=1"], Err("did you mean `email.port`?"));
        check(&["nothing=1"], Err("`nothing` is a group"));
        check(&["=1"], Err("is no key"));
        check(&["a b=1"], Err("is no key"));
        check(&["email.password@"], Err("names no file"));
        check(&["email.password@/nonexistent"], Err("cannot be read"));
    }

    #[test]
    fn a_value_from_a_file_loses_its_last_line_feed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, " a=1\n\n").unwrap();
        let text = format!("email.password@{}", file.display());
        check(&[&text], Ok(json!({"email": {"password": " a=1\n"}})));
    }

    #[test]
    fn a_secret_on_the_command_line_is_noticed() {
        for (text, expected) in [
            ("email.password=x", true),
            ("email.password=", false),
            ("email.password@x", false),
            ("email.port=1", false),
            ("oauth_refresh_token=x", true),
            ("oauth_client_secret=x", true),
            ("oauth_secret_expires=2027-01-01", false),
        ] {
            assert_eq!(text.parse::<Assignment>().unwrap().shows_secret(), expected);
        }
    }

    #[test]
    fn a_key_without_its_group_gets_it() {
        let key =
            |text: &str| text.parse::<Assignment>().unwrap().within(&["email", "names"]).key();
        assert_eq!(key("port=1"), "email.port");
        assert_eq!(key("email.port=1"), "email.port");
        assert_eq!(key("names.dnssec=off"), "names.dnssec");
    }
}
