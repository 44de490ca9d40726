//! One layer of a group: JSON into the settings that this layer sets, and back.
//!
//! Standard: RFC 7396 (merge patch: `null` clears); spec 10.3 (secrets are write-only).
//! Failure: a layer is changed wholly or not at all, and all problems are reported at once.

use serde_json::{Map, Value};

use crate::definition::Definition;
use crate::problem::Problem;
use crate::rules::Rules;
use crate::secret::SECRET_MASK;
use crate::value::{SettingValue, collect, parse_object};

/// The place of one setting in a layer: set, or not set.
pub trait Slot {
    /// Whether this layer sets it.
    fn is_set(&self) -> bool;
    /// Makes the layer not set it.
    fn clear(&mut self);
    /// Sets it to a JSON value.
    ///
    /// # Errors
    /// The value breaks the rules.
    fn set(&mut self, value: &Value, rules: &Rules) -> Result<(), Vec<Problem>>;
    /// The JSON form of its value, a secret masked.
    fn to_json(&self) -> Option<Value>;
    /// The secret in clear, when it is one and set.
    fn secret(&self) -> Option<&str>;
}

impl<T: SettingValue> Slot for Option<T> {
    fn is_set(&self) -> bool {
        self.is_some()
    }

    fn clear(&mut self) {
        *self = None;
    }

    fn set(&mut self, value: &Value, rules: &Rules) -> Result<(), Vec<Problem>> {
        *self = Some(T::parse(value, rules)?);
        Ok(())
    }

    fn to_json(&self) -> Option<Value> {
        self.as_ref().map(SettingValue::to_json)
    }

    fn secret(&self) -> Option<&str> {
        self.as_ref().and_then(SettingValue::secret)
    }
}

/// What every layer type made by `settings!` can do.
pub trait SettingsLayer: Clone + Default + 'static {
    /// The settings of the group, in the order of their definition.
    fn definitions() -> &'static [Definition];
    /// The places of the settings, in the order of their definition.
    fn slots(&self) -> Vec<&dyn Slot>;
    /// The places of the settings, in the order of their definition.
    fn slots_mut(&mut self) -> Vec<&mut dyn Slot>;

    /// Reads a layer.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    fn from_json(value: &Value) -> Result<Self, Vec<Problem>> {
        read(Self::default(), &Self::default(), value)
    }

    /// Reads a layer that replaces `previous`, from which secrets given as `<secret>` are taken.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    fn from_json_replacing(previous: &Self, value: &Value) -> Result<Self, Vec<Problem>> {
        read(Self::default(), previous, value)
    }

    /// Changes what the patch names: `null` clears a setting, `<secret>` leaves a secret.
    ///
    /// # Errors
    /// Everything that is wrong with it; nothing is changed then. A secret that would reach
    /// another server than it was typed for must be typed again (code `retype`, spec 4.3).
    fn merge_patch(&mut self, patch: &Value) -> Result<(), Vec<Problem>> {
        *self = read(self.clone(), self, patch)?;
        Ok(())
    }

    /// The settings that this layer sets, secrets masked.
    fn to_json(&self) -> Value {
        self.to_json_with(&mut |_, _| SECRET_MASK.to_owned())
    }

    /// The settings that this layer sets, for the store: `seal` gets the key and the clear text
    /// of each non-empty secret.
    fn to_stored_json(&self, seal: &mut dyn FnMut(&str, &str) -> String) -> Value {
        self.to_json_with(seal)
    }

    /// Reads what [`Self::to_stored_json`] wrote: `open` gets the key and the sealed text.
    ///
    /// # Errors
    /// A secret that cannot be opened (the text of `open`), or anything else that is wrong.
    fn from_stored_json(
        stored: &Value,
        open: &mut dyn FnMut(&str, &str) -> Result<String, String>,
    ) -> Result<Self, Vec<Problem>> {
        let mut clear = stored.clone();
        for definition in Self::definitions().iter().filter(|definition| definition.is_secret()) {
            if let Some(Value::String(sealed)) = clear.get_mut(definition.key)
                && !sealed.is_empty()
            {
                *sealed = open(definition.key, sealed)
                    .map_err(|detail| vec![Problem::new("secret", detail).under(definition.key)])?;
            }
        }
        Self::from_json(&clear)
    }

    /// Settings of a unit that this layer sets without its leader, so that they have no effect
    /// where another layer sets it (spec 4.3). For layers that override others.
    fn find_incomplete_units(&self) -> Vec<Problem> {
        let slots = self.slots();
        let mut problems = Vec::new();
        for (definition, slot) in Self::definitions().iter().zip(&slots) {
            let Some(leader) = leader_of(Self::definitions(), definition.unit()) else { continue };
            if slot.is_set() && !slots[leader].is_set() {
                let key = Self::definitions()[leader].key;
                let detail = format!(
                    "has no effect without `{key}`, which belongs to it: set `{key}` here too, \
                     or clear this with null"
                );
                problems.push(Problem::new("incomplete_unit", detail).under(definition.key));
            }
        }
        problems
    }

    #[doc(hidden)]
    fn to_json_with(&self, write_secret: &mut dyn FnMut(&str, &str) -> String) -> Value {
        let mut map = Map::new();
        for (definition, slot) in Self::definitions().iter().zip(self.slots()) {
            let value = match slot.secret() {
                Some(secret) if !secret.is_empty() => {
                    Some(Value::from(write_secret(definition.key, secret)))
                }
                _ => slot.to_json(),
            };
            if let Some(value) = value {
                map.insert(definition.key.to_owned(), value);
            }
        }
        Value::Object(map)
    }
}

/// All problems in one error, for callers that read a layer inside a larger document.
pub fn serde_error<E: serde::de::Error>(problems: &[Problem]) -> E {
    let texts: Vec<_> = problems.iter().map(Problem::to_string).collect();
    E::custom(texts.join("; "))
}

/// The position of the unit's leader.
pub(crate) fn leader_of(definitions: &[Definition], unit: Option<&str>) -> Option<usize> {
    let unit = unit?;
    definitions.iter().position(|other| other.unit() == Some(unit) && other.leads_unit())
}

/// Reads a document into `base`; secrets that stay come from `previous`.
fn read<L: SettingsLayer>(base: L, previous: &L, value: &Value) -> Result<L, Vec<Problem>> {
    let definitions = L::definitions();
    let mut problems = Vec::new();
    let map = parse_object(value, definitions, &mut problems)?;
    let mut next = base;
    let stored = previous.slots();
    let secret_of = |at: usize| stored[at].secret().filter(|secret| !secret.is_empty());
    for ((at, definition), slot) in definitions.iter().enumerate().zip(next.slots_mut()) {
        let result = match map.get(definition.key) {
            None => continue,
            Some(Value::Null) => {
                slot.clear();
                continue;
            }
            Some(Value::String(text)) if text == SECRET_MASK && definition.is_secret() => {
                // With nothing stored, the mask itself is refused as a value.
                let kept = Value::from(secret_of(at).unwrap_or(SECRET_MASK));
                slot.set(&kept, &definition.rules)
            }
            Some(value) => slot.set(value, &definition.rules),
        };
        if let Err(found) = result {
            collect(&mut problems, definition.key, found);
        }
    }
    if problems.is_empty() {
        problems = find_secrets_to_retype(previous, &next, map);
    }
    if problems.is_empty() { Ok(next) } else { Err(problems) }
}

/// Secrets that stay while the server they were typed for changes (spec 4.3, 10.3).
fn find_secrets_to_retype<L: SettingsLayer>(
    previous: &L,
    next: &L,
    map: &Map<String, Value>,
) -> Vec<Problem> {
    let definitions = L::definitions();
    let (before, after) = (previous.slots(), next.slots());
    let effective = |slot: &dyn Slot, definition: &Definition| {
        slot.to_json().or_else(|| (definition.default)()).unwrap_or(Value::Null)
    };
    let mut problems = Vec::new();
    for (at, definition) in definitions.iter().enumerate() {
        let Some(leader) = leader_of(definitions, definition.unit()) else { continue };
        let stays = after[at]
            .secret()
            .is_some_and(|secret| !secret.is_empty() && before[at].secret() == Some(secret));
        let is_typed =
            matches!(map.get(definition.key), Some(Value::String(text)) if text != SECRET_MASK);
        // Without a leader before, the secret was typed for no server yet.
        let was_bound = !is_empty(&effective(before[leader], &definitions[leader]));
        if !stays || is_typed || !was_bound {
            continue;
        }
        let changed = definitions.iter().enumerate().find(|(other, candidate)| {
            candidate.unit() == definition.unit()
                && candidate.rules.binds_secrets
                && effective(before[*other], candidate) != effective(after[*other], candidate)
        });
        if let Some((_, changed)) = changed {
            let key = changed.key;
            let detail = format!("`{key}` changes: type this again, or clear it with null");
            problems.push(Problem::new("retype", detail).under(definition.key));
        }
    }
    problems
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}
