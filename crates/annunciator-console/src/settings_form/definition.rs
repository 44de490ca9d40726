//! What the API says of the settings there are, read once.

use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::page::Visitor;
use crate::refusal::Stop;

/// The settings there are do not change while the server runs.
static DEFINITIONS: OnceLock<Arc<Definitions>> = OnceLock::new();

/// All groups with their settings.
#[derive(Debug)]
pub(crate) struct Definitions(Vec<(String, Vec<Setting>)>);

/// One setting, or one field of an object.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    /// Its group, such as `email`.
    pub(crate) group: String,
    /// Its key within the group; a field of an object after a dot: `limit.count`.
    pub(crate) key: String,
    /// The manual's text, in English.
    pub(crate) doc: String,
    /// What values it takes.
    pub(crate) kind: Kind,
    /// The value when no layer sets it; null for a field that must be given.
    pub(crate) default: Value,
    /// The setting of the same group, and its value, without which this one does not matter.
    pub(crate) only_when: Option<(String, String)>,
    /// The unit that it belongs to: settings that are taken together from one layer.
    pub(crate) unit: Option<String>,
    /// Whether it leads its unit.
    pub(crate) leads_unit: bool,
    /// Whether its change asks for the secrets of its unit again.
    pub(crate) binds_secrets: bool,
    /// At which layers it can be set.
    pub(crate) place: Place,
}

/// At which layers a setting can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// At every layer.
    Anywhere,
    /// In the server-wide settings alone.
    ServerOnly,
    /// In the layers that override them alone.
    OverrideOnly,
}

/// What values a setting takes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// Yes or no.
    Bool,
    /// A whole number, and what it counts.
    Integer { min: u64, max: u64, measure: String },
    /// A text; the format is `line`, `text`, `template`, `mailbox` or `host name`.
    Text { chars_max: u64, format: String },
    /// A text that is never shown.
    Secret { chars_max: u64 },
    /// One of a few words, each with its meaning.
    Choice(Vec<(String, String)>),
    /// Several values; `is_separable` when `;` may stand between them.
    List { of: Box<Kind>, is_separable: bool },
    /// What is notified about.
    Severities,
    /// Fields that are set together: keys with their kinds and defaults, as settings.
    Object(Vec<Part>),
    /// A value or `none`.
    Optional(Box<Kind>),
    /// A kind that this console does not know: shown and sent as JSON.
    Other,
}

/// A field of an object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    pub(crate) key: String,
    pub(crate) doc: String,
    pub(crate) kind: Kind,
    pub(crate) default: Value,
}

impl Definitions {
    /// The definitions, asked for as this visitor the first time.
    ///
    /// # Errors
    /// The API refuses.
    pub(crate) async fn of(visitor: &Visitor) -> Result<Arc<Self>, Stop> {
        if let Some(known) = DEFINITIONS.get() {
            return Ok(Arc::clone(known));
        }
        let answer: Value = visitor.get("/api/v1/settings/definitions").await?;
        Ok(Arc::clone(DEFINITIONS.get_or_init(|| Arc::new(Self::parse(&answer)))))
    }

    /// Reads what the API answers.
    pub(crate) fn parse(answer: &Value) -> Self {
        let none = serde_json::Map::new();
        let groups = answer["groups"].as_object().unwrap_or(&none);
        let rows = |group: &str, rows: &Value| -> Vec<Setting> {
            let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
            rows.iter().map(|row| Setting::parse(group, row)).collect()
        };
        Self(groups.iter().map(|(name, value)| (name.clone(), rows(name, value))).collect())
    }

    /// The groups with their settings.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (&str, &[Setting])> {
        self.0.iter().map(|(name, settings)| (name.as_str(), settings.as_slice()))
    }

    /// The settings of a group, in the order of their definition; none when there is no such.
    pub(crate) fn group(&self, name: &str) -> &[Setting] {
        let found = self.groups().find(|(known, _)| *known == name);
        found.map(|(_, settings)| settings).unwrap_or_default()
    }
}

impl Setting {
    fn parse(group: &str, row: &Value) -> Self {
        let schema = &row["schema"];
        let only_when = schema["x-only-when"].as_array();
        Self {
            group: group.to_owned(),
            key: text(&row["key"]),
            doc: text(&row["doc"]),
            kind: Kind::parse(schema),
            default: row["default"].clone(),
            only_when: only_when.and_then(|pair| Some((text(pair.first()?), text(pair.get(1)?)))),
            unit: schema["x-unit"].as_str().map(str::to_owned),
            leads_unit: schema["x-leads-unit"] == true,
            binds_secrets: schema["x-binds-secrets"] == true,
            place: match schema["x-place"].as_str() {
                Some("server") => Place::ServerOnly,
                Some("override") => Place::OverrideOnly,
                _ => Place::Anywhere,
            },
        }
    }

    /// Its name in forms, patches and words: `email.port`.
    pub(crate) fn name(&self) -> String {
        format!("{}.{}", self.group, self.key)
    }

    /// Where it stands in a patch: `/email/port`.
    pub(crate) fn pointer(&self) -> String {
        format!("/{}", self.name().replace('.', "/"))
    }

    /// Whether its value is never shown.
    pub(crate) fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Secret { .. })
    }

    /// The fields of an object, or of an optional one, each as a setting.
    pub(crate) fn fields(&self) -> Vec<Self> {
        let fields = match &self.kind {
            Kind::Object(fields) => fields,
            Kind::Optional(of) => match of.as_ref() {
                Kind::Object(fields) => fields,
                _ => return Vec::new(),
            },
            _ => return Vec::new(),
        };
        let of_object = |field: &Part| Self {
            group: self.group.clone(),
            key: format!("{}.{}", self.key, field.key),
            doc: field.doc.clone(),
            kind: field.kind.clone(),
            default: field.default.clone(),
            only_when: None,
            unit: None,
            leads_unit: false,
            binds_secrets: false,
            place: self.place,
        };
        fields.iter().map(of_object).collect()
    }
}

impl Kind {
    fn parse(schema: &Value) -> Self {
        let number = |name: &str| schema[name].as_u64();
        let chars_max = number("maxLength").unwrap_or(u64::MAX);
        match schema["x-kind"].as_str().unwrap_or_default() {
            "bool" => Self::Bool,
            "integer" => Self::Integer {
                min: number("minimum").unwrap_or(0),
                max: number("maximum").unwrap_or(u64::MAX),
                measure: text(&schema["x-measure"]),
            },
            "text" => Self::Text { chars_max, format: text(&schema["x-format"]) },
            "secret" => Self::Secret { chars_max },
            "choice" => {
                let choices = schema["x-choices"].as_array().map(Vec::as_slice).unwrap_or_default();
                Self::Choice(choices.iter().map(|c| (text(&c["word"]), text(&c["doc"]))).collect())
            }
            "list" => Self::List {
                of: Box::new(Self::parse(&schema["x-of"])),
                is_separable: schema["x-separable"] == true,
            },
            "severities" => Self::Severities,
            "object" => Self::Object(Part::parse_all(schema)),
            "optional" => Self::Optional(Box::new(Self::parse(&schema["x-of"]))),
            _ => Self::Other,
        }
    }
}

impl Part {
    fn parse_all(schema: &Value) -> Vec<Self> {
        let order = schema["x-order"].as_array().map(Vec::as_slice).unwrap_or_default();
        let field = |key: &Value| {
            let key = key.as_str()?;
            let schema = &schema["properties"][key];
            Some(Self {
                key: key.to_owned(),
                doc: text(&schema["description"]),
                kind: Kind::parse(schema),
                default: schema["default"].clone(),
            })
        };
        order.iter().filter_map(field).collect()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
