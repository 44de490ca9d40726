//! Definitions into a JSON schema and into a page of the reference.
//!
//! Out: a schema that validators understand; members that begin with `x-` say what a form needs
//! beyond that: the kind by name, the words of a choice with their meaning, units and conditions.
//! Standard: JSON Schema 2020-12, as OpenAPI 3.1 uses it.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::definition::{Definition, Kind};
use crate::rules::{Format, Place};
use crate::value::either;

/// The schema of one layer of a group and of its merge patch: every setting may be absent, `null`
/// clears it.
#[must_use]
pub fn group_schema(definitions: &'static [Definition]) -> Value {
    let mut schema = object_schema(definitions.iter());
    schema["required"] = json!([]);
    for definition in definitions {
        allow_null(&mut schema["properties"][definition.key]);
    }
    schema
}

/// The schema of each setting among these, which may stem from several groups.
#[must_use]
pub fn rows_schema(definitions: &[&'static Definition]) -> serde_json::Map<String, Value> {
    let mut schema = object_schema(definitions.iter().copied());
    let Value::Object(mut properties) = schema["properties"].take() else {
        return serde_json::Map::new();
    };
    properties.values_mut().for_each(allow_null);
    properties
}

fn allow_null(schema: &mut Value) {
    if let Some(forms) = schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        forms.push(json!({"type": "null"}));
        return;
    }
    schema["type"] = json!([schema["type"], "null"]);
    if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        words.push(Value::Null);
    }
}

fn object_schema(definitions: impl IntoIterator<Item = &'static Definition>) -> Value {
    let mut properties = serde_json::Map::new();
    let (mut required, mut order) = (Vec::new(), Vec::new());
    for definition in definitions {
        order.push(definition.key);
        let mut schema = kind_schema(&definition.kind());
        schema["description"] = definition.doc().into();
        match (definition.default)() {
            Some(default) => schema["default"] = default,
            None => required.push(definition.key),
        }
        if definition.is_secret() {
            schema["writeOnly"] = true.into();
        }
        hint_rules(&mut schema, definition);
        properties.insert(definition.key.to_owned(), schema);
    }
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
        "x-order": order,
    })
}

/// What a form needs to know of a setting's rules.
fn hint_rules(schema: &mut Value, definition: &Definition) {
    if let Some((key, value)) = definition.only_when() {
        schema["x-only-when"] = json!([key, value]);
    }
    if let Some(unit) = definition.unit() {
        schema["x-unit"] = unit.into();
    }
    if definition.leads_unit() {
        schema["x-leads-unit"] = true.into();
    }
    if definition.binds_secrets() {
        schema["x-binds-secrets"] = true.into();
    }
    match definition.place() {
        Place::Anywhere => {}
        Place::ServerOnly => schema["x-place"] = "server".into(),
        Place::OverrideOnly => schema["x-place"] = "override".into(),
    }
}

fn kind_schema(kind: &Kind) -> Value {
    let mut schema = plain_schema(kind);
    schema["x-kind"] = match kind {
        Kind::Bool => "bool",
        Kind::Integer { .. } => "integer",
        Kind::Text { .. } => "text",
        Kind::Secret { .. } => "secret",
        Kind::Choice(_) => "choice",
        Kind::List { .. } => "list",
        Kind::Severities => "severities",
        Kind::Scalars { .. } => "scalars",
        Kind::Object(_) => "object",
        Kind::Optional(_) => "optional",
    }
    .into();
    match kind {
        Kind::Integer { measure, .. } if !measure.is_empty() => {
            schema["x-measure"] = (*measure).into();
        }
        Kind::Text { format, .. } => schema["x-format"] = format.as_str().into(),
        Kind::Choice(choices) => {
            let choices = choices.iter().map(|one| json!({"word": one.value, "doc": one.doc()}));
            schema["x-choices"] = choices.collect();
        }
        Kind::List { of, is_separable, .. } => {
            schema["x-of"] = kind_schema(of);
            schema["x-separable"] = (*is_separable).into();
        }
        Kind::Optional(of) => schema["x-of"] = kind_schema(of),
        _ => {}
    }
    schema
}

fn plain_schema(kind: &Kind) -> Value {
    match kind {
        Kind::Bool => json!({"type": "boolean"}),
        Kind::Integer { min, max, .. } => {
            json!({"type": "integer", "minimum": min, "maximum": max})
        }
        Kind::Text { chars_max, .. } => json!({"type": "string", "maxLength": chars_max}),
        Kind::Secret { chars_max } => {
            json!({"type": "string", "maxLength": chars_max, "format": "password"})
        }
        Kind::Choice(choices) => {
            let words: Vec<_> = choices.iter().map(|choice| choice.value).collect();
            json!({"type": "string", "enum": words})
        }
        Kind::List { of, items_max, is_separable } => {
            let list = json!({"type": "array", "items": plain_schema(of), "maxItems": items_max});
            if *is_separable { json!({"anyOf": [list, {"type": "string"}]}) } else { list }
        }
        Kind::Severities => json!({"anyOf": [
            {"type": "string"},
            {"type": "array", "items": {
                "type": "string",
                "enum": annunciator_core::Severity::ALL.map(annunciator_core::Severity::as_str),
            }},
        ]}),
        Kind::Scalars { chars_max, items_max } => {
            let scalar = [
                json!({"type": "string", "maxLength": chars_max}),
                json!({"type": "number"}),
                json!({"type": "boolean"}),
            ];
            let list = json!({"type": "array", "items": {"anyOf": scalar}, "maxItems": items_max});
            let forms: Vec<Value> =
                scalar.into_iter().chain([list, json!({"type": "null"})]).collect();
            json!({"anyOf": forms})
        }
        Kind::Object(fields) => object_schema(fields.iter()),
        Kind::Optional(of) => {
            json!({"anyOf": [{"type": "string", "const": "none"}, plain_schema(of)]})
        }
    }
}

/// The settings as a table of the reference, in Markdown, with a prefix such as `email.`.
#[must_use]
pub fn reference_markdown<'a>(
    prefix: &str,
    definitions: impl IntoIterator<Item = &'a Definition>,
) -> String {
    let mut page = String::from(
        "| setting | default | values | meaning |\n\
         |---|---|---|---|\n",
    );
    for definition in definitions {
        push_rows(&mut page, prefix, std::slice::from_ref(definition));
    }
    page
}

fn push_rows(page: &mut String, prefix: &str, definitions: &[Definition]) {
    for definition in definitions {
        let default = (definition.default)().map_or_else(|| "–".to_owned(), |v| format!("`{v}`"));
        let mut doc = definition.doc().replace("\n\n", "<br>").replace('\n', " ");
        if let Some((key, value)) = definition.only_when() {
            write!(doc, "<br>Only when `{prefix}{key}` is `{value}`.")
                .expect("a String takes everything");
        }
        let kind = definition.kind();
        if let Kind::Choice(choices) = kind {
            for choice in choices {
                write!(doc, "<br>`{}`: {}", choice.value, choice.doc().replace('\n', " "))
                    .expect("a String takes everything");
            }
        }
        let key = definition.key;
        // A bar would end the cell.
        let cells = [default, describe_kind(&kind), doc].map(|cell| cell.replace('|', "\\|"));
        writeln!(page, "| `{prefix}{key}` | {} |", cells.join(" | "))
            .expect("a String takes everything");
        match kind {
            Kind::Object(fields) => push_rows(page, &format!("{prefix}{key}."), fields),
            Kind::Optional(of) => {
                if let Kind::Object(fields) = *of {
                    push_rows(page, &format!("{prefix}{key}."), fields);
                }
            }
            _ => {}
        }
    }
}

fn describe_kind(kind: &Kind) -> String {
    match kind {
        Kind::Bool => "`true` or `false`".to_owned(),
        Kind::Integer { min, max, measure } => {
            let count = match (min, max) {
                (0, &u64::MAX) => "a whole number".to_owned(),
                (_, &u64::MAX) => format!("{min} or more"),
                _ => format!("{min} to {max}"),
            };
            if measure.is_empty() { count } else { format!("{count} {measure}") }
        }
        Kind::Text { chars_max, format: Format::Plain } => format!("text, {chars_max} characters"),
        Kind::Text { chars_max, format } => {
            format!("{}, {chars_max} characters", format.as_str())
        }
        Kind::Secret { .. } => "secret".to_owned(),
        Kind::Choice(choices) => either(choices.iter().map(|choice| choice.value)),
        Kind::List { of, items_max, is_separable } => {
            let form = if *is_separable { ", or one text with `;` between them" } else { "" };
            format!("at most {items_max} × {}{form}", describe_kind(of))
        }
        Kind::Severities => {
            "`all`, `configured`, or a list of `info`, `warning`, `failure`, `critical`, or one text \
             with `;` between them"
                .to_owned()
        }
        Kind::Scalars { .. } => "text, a number, `true` or `false`, or a list of these".to_owned(),
        Kind::Object(_) => "an object".to_owned(),
        Kind::Optional(of) => format!("`none`, or {}", describe_kind(of)),
    }
}
