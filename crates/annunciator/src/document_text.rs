//! A settings document into readable TOML and back.
//!
//! In: JSON as the server gives it; TOML as somebody edited it. Out: TOML with values before
//! tables, in the order of the reference and the same every time; JSON.
//! Standard: TOML 1.0. There is no null in it: what is not set is not written.
//! Failure: a value that TOML cannot hold is named.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use serde_json::{Map, Value};

/// Longest line that a list is kept on. Unit: characters.
const LINE_CHARS_MAX: usize = 90;
/// Keys that come first in a row, in this order.
const ROW_ORDER: [&str; 14] = [
    "name",
    "application",
    "device",
    "group",
    "enabled",
    "inherit",
    "force_children",
    "type",
    "severity",
    "conditions",
    "locked",
    "storage_term_days",
    "author",
    "comment",
];
/// Keys that come first and last in the document, in this order.
const DOCUMENT_FIRST: [&str; 2] = ["version", "groups"];
const DOCUMENT_LAST: [&str; 3] = ["event_configuration", "policies", "application_settings"];
/// Rows below rows.
const ROWS_KEY: &str = "events";

/// Groups with their settings, in the order of the reference.
pub(crate) type Order<'a> = &'a [(&'static str, Vec<&'static str>)];

/// Where in the document a table stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    /// The document itself.
    Document,
    /// An owner of entries, or an entry.
    Row,
    /// A group of settings.
    Group,
}

/// Writes a document, without the comment at its head.
pub(crate) fn write(document: &Map<String, Value>, order: Order<'_>) -> Result<String> {
    let mut writer = Writer { order, text: String::new() };
    writer.table(Level::Document, "", document)?;
    Ok(writer.text)
}

struct Writer<'a> {
    order: Order<'a>,
    text: String,
}

impl Writer<'_> {
    /// Writes the content of a table: values first, then the tables below it.
    fn table(&mut self, level: Level, path: &str, fields: &Map<String, Value>) -> Result<()> {
        let fields = self.in_order(level, path, fields);
        let (tables, values): (Vec<_>, Vec<_>) =
            fields.into_iter().partition(|(key, value)| is_table(level, key, value));
        for (key, value) in values {
            let at = join(path, key);
            let value = match value {
                Value::String(text) if text.contains('\n') => lines(text),
                Value::Array(items) => list(&at, items, key.chars().count())?,
                value => inline(&at, value)?,
            };
            let _ = writeln!(self.text, "{} = {value}", quoted_key(key));
        }
        for (key, value) in tables {
            let below = join(path, key);
            match value {
                Value::Object(fields) => {
                    let _ = write!(self.text, "\n[{below}]\n");
                    self.table(Level::Group, &below, fields)?;
                }
                value => {
                    for fields in
                        value.as_array().into_iter().flatten().filter_map(Value::as_object)
                    {
                        let _ = write!(self.text, "\n[[{below}]]\n");
                        self.table(Level::Row, &below, fields)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The fields in the order of the reference; what it does not know comes last, by name.
    fn in_order<'v>(
        &self,
        level: Level,
        path: &str,
        fields: &'v Map<String, Value>,
    ) -> Vec<(&'v String, &'v Value)> {
        let name = path.rsplit('.').next().unwrap_or_default();
        let groups = self.order.iter().map(|(group, _)| *group);
        let known: Vec<&str> = match level {
            Level::Document => {
                DOCUMENT_FIRST.into_iter().chain(groups).chain(DOCUMENT_LAST).collect()
            }
            Level::Row => ROW_ORDER.into_iter().chain(groups).collect(),
            Level::Group => {
                let group = self.order.iter().find(|(group, _)| *group == name);
                group.map(|(_, keys)| keys.clone()).unwrap_or_default()
            }
        };
        let mut fields: Vec<_> = fields.iter().collect();
        let rank = |key: &str| known.iter().position(|known| *known == key).unwrap_or(known.len());
        fields.sort_by(|(a, _), (b, _)| rank(a).cmp(&rank(b)).then_with(|| a.cmp(b)));
        fields
    }
}

fn is_table(level: Level, key: &str, value: &Value) -> bool {
    let is_rows = |items: &Vec<Value>| !items.is_empty() && items.iter().all(Value::is_object);
    match (level, value) {
        (Level::Document | Level::Row, Value::Object(_)) => true,
        (Level::Document | Level::Group, Value::Array(items)) => is_rows(items),
        (Level::Row, Value::Array(items)) => key == ROWS_KEY && is_rows(items),
        _ => false,
    }
}

fn join(path: &str, key: &str) -> String {
    let key = quoted_key(key);
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

fn quoted_key(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(is_bare) { key.to_owned() } else { quoted(key) }
}

/// A list: on one line when it is short, else an item on each.
fn list(at: &str, items: &[Value], indent: usize) -> Result<String> {
    let written: Vec<String> = items.iter().map(|item| inline(at, item)).collect::<Result<_>>()?;
    let line = format!("[{}]", written.join(", "));
    let is_long = indent + 3 + line.chars().count() > LINE_CHARS_MAX;
    let holds_tables = items.len() > 1 && items.iter().any(Value::is_object);
    if items.is_empty() || !(is_long || holds_tables) {
        return Ok(line);
    }
    Ok(format!("[\n    {},\n]", written.join(",\n    ")))
}

/// A value on one line.
fn inline(at: &str, value: &Value) -> Result<String> {
    Ok(match value {
        Value::Null => bail!("`{at}` holds null, which TOML cannot say"),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) if number.as_i64().is_some() => number.to_string(),
        Value::Number(number) if number.is_f64() => float(number.as_f64().unwrap_or_default()),
        Value::Number(number) => bail!("`{at}` holds {number}, which is too large for TOML"),
        Value::String(text) => quoted(text),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| inline(at, item)).collect::<Result<_>>()?;
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) if fields.is_empty() => "{}".to_owned(),
        Value::Object(fields) => {
            let field = |(key, value): (&String, &Value)| {
                Ok(format!("{} = {}", quoted_key(key), inline(at, value)?))
            };
            let fields: Vec<_> = fields.iter().map(field).collect::<Result<_>>()?;
            format!("{{ {} }}", fields.join(", "))
        }
    })
}

/// A float that is read back as the same float.
fn float(value: f64) -> String {
    let text = format!("{value:?}");
    // Rust writes 1e300, which is a TOML float as well; an integer it writes never.
    if text.contains(['.', 'e']) { text } else { format!("{text}.0") }
}

/// A text on one line, as it is where that can be.
fn quoted(text: &str) -> String {
    let needs_escape = text.contains(['\\', '"']);
    if needs_escape && !text.contains('\'') && !text.chars().any(char::is_control) {
        return format!("'{text}'");
    }
    format!("\"{}\"", escaped(text, false))
}

/// A text of several lines, as it is where that can be.
fn lines(text: &str) -> String {
    let is_plain = |c: char| !c.is_control() || c == '\n' || c == '\t';
    if text.chars().all(is_plain) && !text.contains("'''") && !text.ends_with('\'') {
        // The line feed after the quotes is not part of the text.
        return format!("'''\n{text}'''");
    }
    format!("\"\"\"\n{}\"\"\"", escaped(text, true))
}

fn escaped(text: &str, keeps_lines: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' if keeps_lines => escaped.push(c),
            '"' | '\\' => escaped.extend(['\\', c]),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(escaped, "\\u{:04X}", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// Reads a document; dates and times become texts.
pub(crate) fn read(text: &str) -> Result<Map<String, Value>> {
    let table: toml::Table = toml::from_str(text)?;
    table.into_iter().map(|(key, value)| Ok((key.clone(), to_json(&key, value)?))).collect()
}

fn to_json(at: &str, value: toml::Value) -> Result<Value> {
    Ok(match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => match serde_json::Number::from_f64(number) {
            Some(number) => Value::Number(number),
            None => bail!("`{at}` holds {number}: it must be a number"),
        },
        toml::Value::Boolean(value) => value.into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(items) => {
            items.into_iter().map(|item| to_json(at, item)).collect::<Result<_>>()?
        }
        toml::Value::Table(fields) => {
            let field = |(key, value): (String, toml::Value)| {
                let value = to_json(&join(at, &key), value)?;
                Ok((key, value))
            };
            fields.into_iter().map(field).collect::<Result<_>>()?
        }
    })
}

#[cfg(test)]
mod tests;
