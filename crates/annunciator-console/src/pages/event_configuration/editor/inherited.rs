//! What holds beneath the overrides that are edited, with where it comes from.

use std::collections::BTreeMap;

use annunciator_api_types::{
    BeneathInput, EffectiveRequest, EffectiveView, OriginView, StorageTermView,
};
use serde_json::Value;

use super::subject::Subject;
use crate::api::Question;
use crate::page::Visitor;
use crate::pages::event_configuration::change::SWITCH;
use crate::refusal::Stop;

/// Of so many types what they inherit is compared.
const COMPARED_MAX: usize = 10;
/// A code that events of no type have, for overrides of a severity or of all events.
const ANY_TYPE: &str = "*";

/// One inherited value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Inheritance {
    /// The value.
    pub(super) value: Value,
    /// Where it comes from.
    pub(super) origin: OriginView,
    /// Whether a farther policy locks it.
    pub(super) is_locked: bool,
}

/// What is inherited.
#[derive(Default)]
pub(super) struct Inherited {
    /// By channel and setting; nothing where the edited types inherit different values.
    values: BTreeMap<(String, String), Option<Inheritance>>,
    /// How long events are kept; nothing where that differs.
    pub(super) term: Option<StorageTermView>,
}

impl Inherited {
    /// Asks for it.
    ///
    /// # Errors
    /// The API refuses.
    pub(super) async fn read(visitor: &Visitor, subject: &Subject) -> Result<Self, Stop> {
        let mut inherited = Self::default();
        let (device, group) = subject.owner.place();
        for (at, target) in subject.targets.iter().take(COMPARED_MAX).enumerate() {
            let code = target.event_type.clone();
            let request = EffectiveRequest {
                application: subject.application.clone(),
                event_type: code.unwrap_or_else(|| ANY_TYPE.to_owned()),
                severity: Some(subject.severity_of(target)),
                device: Some(device.to_owned()),
                group: Some(group.to_owned()),
                parameters: BTreeMap::new(),
                beneath: Some(BeneathInput {
                    owner: subject.owner.input(),
                    target: target.clone(),
                }),
            };
            let path = "/api/v1/effective";
            let asked = visitor.ask(Question::Effective, &request).await;
            let view = asked.and_then(|reply| reply.json::<EffectiveView>(path));
            let view = view.map_err(|refusal| visitor.stop(refusal))?;
            inherited.add(view, at == 0);
        }
        Ok(inherited)
    }

    fn add(&mut self, view: EffectiveView, is_first: bool) {
        if is_first {
            self.term = Some(view.storage_term);
        } else if self.term.as_ref() != Some(&view.storage_term) {
            self.term = None;
        }
        for channel in view.channels {
            for one in channel.settings {
                let is_switch = one.key == SWITCH;
                let is_by_severity = is_switch && one.origin.layer == "compiled_default";
                let value = if is_switch { channel.on.into() } else { one.value };
                let found = Inheritance {
                    value,
                    origin: if is_by_severity { server() } else { one.origin },
                    is_locked: one.locked,
                };
                let key = (channel.channel.clone(), one.key);
                match self.values.get_mut(&key) {
                    Some(known) if known.as_ref() != Some(&found) => *known = None,
                    Some(_) => {}
                    None => drop(self.values.insert(key, Some(found))),
                }
            }
        }
    }

    /// What a setting inherits; nothing where it differs from type to type.
    pub(super) fn of(&self, channel: &str, key: &str) -> Option<&Inheritance> {
        self.values.get(&(channel.to_owned(), key.to_owned()))?.as_ref()
    }
}

fn server() -> OriginView {
    OriginView { layer: "server".to_owned(), name: None, words: String::new() }
}
