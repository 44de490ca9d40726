//! Layers of several groups under one key, such as `email`, as one thing.
//!
//! In: the object under the key. Out: the same as a [`SettingsLayer`] gives, over all parts.
//! Failure: a group is changed wholly or not at all; the caller works on a copy.

use serde_json::{Map, Value};

use crate::definition::Definition;
use crate::layer::SettingsLayer;
use crate::problem::Problem;
use crate::rules::Place;

/// One or several layers whose keys share one object. Their keys differ.
pub trait LayerGroup {
    /// The layers that it is made of; a single layer has none.
    fn parts(&self) -> Vec<&dyn LayerGroup>;

    /// The layers that it is made of; a single layer has none.
    fn parts_mut(&mut self) -> Vec<&mut dyn LayerGroup>;

    /// The settings, in the order of their definition.
    fn rows(&self) -> Vec<&'static Definition> {
        self.parts().into_iter().flat_map(LayerGroup::rows).collect()
    }

    /// Makes it set nothing.
    fn clear(&mut self) {
        self.parts_mut().into_iter().for_each(LayerGroup::clear);
    }

    /// Changes what the object names; keys that it does not know are left to others. When there
    /// are problems, a part may be changed: throw the copy away.
    ///
    /// # Errors
    /// As [`SettingsLayer::merge_patch`].
    fn patch(&mut self, patch: &Value) -> Result<(), Vec<Problem>> {
        gather(self.parts_mut().into_iter().map(|part| part.patch(patch)))
    }

    /// Takes the object as the whole layer; secrets given as `<secret>` stay as they were.
    ///
    /// # Errors
    /// As [`SettingsLayer::from_json_replacing`].
    fn replace_with(&mut self, value: &Value) -> Result<(), Vec<Problem>> {
        gather(self.parts_mut().into_iter().map(|part| part.replace_with(value)))
    }

    /// What is set, secrets masked.
    fn shown(&self) -> Map<String, Value> {
        self.parts().into_iter().flat_map(LayerGroup::shown).collect()
    }

    /// What is set, for the store.
    fn stored(&self, seal: &mut dyn FnMut(&str, &str) -> String) -> Map<String, Value> {
        self.parts().into_iter().flat_map(|part| part.stored(seal)).collect()
    }

    /// Takes what [`Self::stored`] gave.
    ///
    /// # Errors
    /// As [`SettingsLayer::from_stored_json`].
    fn restore(
        &mut self,
        stored: &Value,
        open: &mut dyn FnMut(&str, &str) -> Result<String, String>,
    ) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        for part in self.parts_mut() {
            problems.extend(part.restore(stored, open).err().into_iter().flatten());
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// As [`SettingsLayer::find_incomplete_units`].
    fn incomplete_units(&self) -> Vec<Problem> {
        self.parts().into_iter().flat_map(LayerGroup::incomplete_units).collect()
    }

    /// The keys that are set.
    fn set_keys(&self) -> Vec<&'static str> {
        self.parts().into_iter().flat_map(LayerGroup::set_keys).collect()
    }

    /// The secrets that are set, with their keys, in clear.
    fn secrets(&self) -> Vec<(&'static str, &str)> {
        self.parts().into_iter().flat_map(LayerGroup::secrets).collect()
    }

    /// Whether nothing is set.
    fn is_empty(&self) -> bool {
        self.set_keys().is_empty()
    }
}

impl<L: SettingsLayer> LayerGroup for L {
    fn parts(&self) -> Vec<&dyn LayerGroup> {
        Vec::new()
    }

    fn parts_mut(&mut self) -> Vec<&mut dyn LayerGroup> {
        Vec::new()
    }

    fn rows(&self) -> Vec<&'static Definition> {
        L::definitions().iter().collect()
    }

    fn clear(&mut self) {
        *self = L::default();
    }

    fn patch(&mut self, patch: &Value) -> Result<(), Vec<Problem>> {
        SettingsLayer::merge_patch(self, &only::<L>(patch))
    }

    fn replace_with(&mut self, value: &Value) -> Result<(), Vec<Problem>> {
        *self = L::from_json_replacing(self, &only::<L>(value))?;
        Ok(())
    }

    fn shown(&self) -> Map<String, Value> {
        as_map(SettingsLayer::to_json(self))
    }

    fn stored(&self, seal: &mut dyn FnMut(&str, &str) -> String) -> Map<String, Value> {
        as_map(SettingsLayer::to_stored_json(self, seal))
    }

    fn restore(
        &mut self,
        stored: &Value,
        open: &mut dyn FnMut(&str, &str) -> Result<String, String>,
    ) -> Result<(), Vec<Problem>> {
        *self = L::from_stored_json(&only::<L>(stored), open)?;
        Ok(())
    }

    fn incomplete_units(&self) -> Vec<Problem> {
        SettingsLayer::find_incomplete_units(self)
    }

    fn set_keys(&self) -> Vec<&'static str> {
        let slots = L::definitions().iter().zip(self.slots());
        slots.filter(|(_, slot)| slot.is_set()).map(|(row, _)| row.key).collect()
    }

    fn secrets(&self) -> Vec<(&'static str, &str)> {
        let slots = L::definitions().iter().zip(self.slots());
        let secrets = slots.filter_map(|(row, slot)| Some((row.key, slot.secret()?)));
        secrets.filter(|(_, text)| !text.is_empty()).collect()
    }
}

/// Keys of an object that cannot be set there, with the remedy.
///
/// `is_override` tells the layers that override from the server-wide settings.
#[must_use]
pub fn find_misplaced(
    definitions: &[&'static Definition],
    keys: &Map<String, Value>,
    is_override: bool,
) -> Vec<Problem> {
    let problem = |row: &&'static Definition| {
        let detail = match (row.place(), is_override) {
            (Place::ServerOnly, true) => "is set for the whole server only: remove it here",
            (Place::OverrideOnly, false) => {
                "is set in event configuration, policies and application settings only: the \
                 server-wide switch is `notify_about`"
            }
            _ => return None,
        };
        keys.contains_key(row.key).then(|| Problem::new("misplaced", detail).under(row.key))
    };
    definitions.iter().filter_map(problem).collect()
}

fn gather(results: impl Iterator<Item = Result<(), Vec<Problem>>>) -> Result<(), Vec<Problem>> {
    let problems: Vec<_> = results.filter_map(Result::err).flatten().collect();
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn as_map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// The part of an object that a layer type knows.
fn only<L: SettingsLayer>(value: &Value) -> Value {
    let Some(fields) = value.as_object() else { return value.clone() };
    let is_known = |key: &str| L::definitions().iter().any(|definition| definition.key == key);
    let known = fields.iter().filter(|(key, _)| is_known(key));
    Value::Object(known.map(|(key, value)| (key.clone(), value.clone())).collect())
}
