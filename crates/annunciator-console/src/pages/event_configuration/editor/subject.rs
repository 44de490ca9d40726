//! Which overrides are edited: out of an address or a posted form.

use annunciator_api_types::{
    EntryView, EventTypeView, OverrideChange, OverrideList, OwnerView, TargetInput,
};
use serde_json::Value;

use super::is_none;
use crate::api::with_query;
use crate::form::Form;
use crate::page::Visitor;
use crate::pages::event_configuration::owner::Owner;
use crate::pages::event_configuration::types::PICK_SEPARATOR;
use crate::pages::silences::{MatcherRow, matcher_rows};
use crate::refusal::Stop;

/// Most types that are edited at once; a page shows a hundred.
const TARGETS_MAX: usize = 1_000;

/// The overrides that are edited.
pub(super) struct Subject {
    /// Whose they are.
    pub(super) owner: Owner,
    /// Of which application.
    pub(super) application: String,
    /// For which events.
    pub(super) targets: Vec<TargetInput>,
    /// The override of each target that is there already.
    pub(super) entries: Vec<Option<EntryView>>,
    /// Revision of the settings.
    pub(super) revision: i64,
    /// The known types of the application.
    pub(super) types: Vec<EventTypeView>,
    /// What names the events in the form.
    pub(super) fields: Vec<(String, String)>,
}

impl Subject {
    /// Reads it; the owner alone when types of several applications are named.
    ///
    /// # Errors
    /// The API refuses, or there is no such override.
    pub(super) async fn read(visitor: &Visitor, form: &Form) -> Result<Result<Self, Owner>, Stop> {
        let owner = Owner::read(visitor, form).await?;
        let list: OverrideList = visitor.get("/api/v1/overrides").await?;
        let id = form.text("entry");
        let fields = named(form);
        let mut subject = Self {
            application: owner.application().unwrap_or(form.trimmed("application")).to_owned(),
            owner,
            targets: Vec::new(),
            entries: Vec::new(),
            revision: list.revision,
            types: Vec::new(),
            fields,
        };
        if id.is_empty() {
            if !subject.take_targets(form) {
                return Ok(Err(subject.owner));
            }
            subject.find_entries(&list.owners, form.is_on("new"));
        } else if !subject.take_entry(&list.owners, id) {
            return Err(Stop::not_found(&visitor.guest));
        }
        if subject.application.is_empty() {
            return Err(Stop::not_found(&visitor.guest));
        }
        let mut types = subject.owner.types(visitor).await?.event_types;
        types.retain(|row| row.application == subject.application);
        subject.types = types;
        Ok(Ok(subject))
    }

    fn take_entry(&mut self, owners: &[OwnerView], id: &str) -> bool {
        let own = owners.iter().filter(|view| self.owner.owns(view));
        let mut found = own.flat_map(|view| view.events.iter().map(move |entry| (view, entry)));
        let Some((view, entry)) = found.find(|(_, entry)| entry.id == id) else { return false };
        self.application.clone_from(&view.application);
        self.targets.push(target_of(entry));
        self.entries.push(Some(entry.clone()));
        true
    }

    /// Whether the targets are of one application.
    fn take_targets(&mut self, form: &Form) -> bool {
        let mut applications: Vec<&str> = Vec::new();
        for pick in form.all("pick").into_iter().take(TARGETS_MAX) {
            let Some((application, code)) = pick.split_once(PICK_SEPARATOR) else { continue };
            applications.push(application);
            self.targets
                .push(TargetInput { event_type: Some(code.to_owned()), ..TargetInput::default() });
        }
        applications.sort_unstable();
        applications.dedup();
        if let [application] = applications.as_slice() {
            (*application).clone_into(&mut self.application);
        }
        if self.targets.is_empty() {
            let text = |name: &str| Some(form.trimmed(name).to_owned()).filter(|t| !t.is_empty());
            let (event_type, severity) = (text("type"), text("severity"));
            self.targets.push(TargetInput { event_type, severity, conditions: None });
        }
        applications.len() <= 1
    }

    /// The overrides without conditions that are there for the targets.
    fn find_entries(&mut self, owners: &[OwnerView], is_new: bool) {
        let own = owners
            .iter()
            .filter(|view| self.owner.owns(view) && view.application == self.application);
        let entries: Vec<&EntryView> = own.flat_map(|view| &view.events).collect();
        let find = |target: &TargetInput| {
            let is_it = |entry: &&&EntryView| {
                entry.event_type == target.event_type
                    && entry.severity == target.severity
                    && entry.conditions.as_ref().is_none_or(is_none)
            };
            entries.iter().find(is_it).map(|entry| (*entry).clone())
        };
        self.entries = self.targets.iter().map(|target| find(target).filter(|_| !is_new)).collect();
    }

    /// A request about them that changes nothing yet.
    pub(super) fn request(&self) -> OverrideChange {
        let named = !self.owner.can_lock();
        OverrideChange {
            owner: self.owner.input(),
            application: named.then(|| self.application.clone()),
            targets: self.targets.clone(),
            ..OverrideChange::default()
        }
    }

    /// Whether there is one override, whose conditions are edited.
    pub(super) fn is_one(&self) -> bool {
        self.targets.len() == 1
    }

    /// The code of the type, when it is about one.
    pub(super) fn one_type(&self) -> Option<&String> {
        self.targets.first().filter(|_| self.is_one())?.event_type.as_ref()
    }

    /// Why an event of the one type would be told, or not.
    pub(super) fn why_path(&self) -> Option<String> {
        let (device, group) = self.owner.place();
        let severity = self.severity_of(self.targets.first()?);
        let pairs = [
            ("application", self.application.as_str()),
            ("type", self.one_type()?),
            ("severity", &severity),
            ("device", device),
            ("group", group),
        ];
        Some(with_query("/event-configuration/explain", &pairs))
    }

    /// An editor of one more override for the same events, with conditions of its own.
    pub(super) fn another_path(&self) -> Option<String> {
        let target = self.targets.first().filter(|_| self.is_one() && self.is_there())?;
        let mut pairs = self.owner.pairs();
        if self.owner == Owner::Server {
            pairs.push(("application", &self.application));
        }
        let text = |text: &'_ Option<String>| text.clone().unwrap_or_default();
        let (code, severity) = (text(&target.event_type), text(&target.severity));
        pairs.extend([("type", code.as_str()), ("severity", &severity), ("new", "1")]);
        Some(with_query("/event-configuration/override", &pairs))
    }

    /// Whether something is overridden.
    pub(super) fn is_there(&self) -> bool {
        self.entries.iter().any(Option::is_some)
    }

    /// The conditions as rows of the form.
    pub(super) fn condition_rows(&self) -> Vec<MatcherRow> {
        let conditions = self.targets.first().and_then(|target| target.conditions.clone());
        let matchers = conditions.and_then(|rows| serde_json::from_value(rows).ok());
        let matchers: Vec<_> = matchers.unwrap_or_default();
        matchers.into_iter().map(MatcherRow::of).collect()
    }

    /// Puts the conditions of the form into a request.
    pub(super) fn take_conditions(&self, form: &Form, request: &mut OverrideChange) {
        if !self.is_one() || !form.has("conditions") {
            return;
        }
        let rows: Vec<Value> = matcher_rows(form).iter().map(MatcherRow::matcher).collect();
        let before = self.condition_rows().iter().map(MatcherRow::matcher).collect::<Vec<_>>();
        if rows == before {
            return;
        }
        if self.is_there() {
            request.conditions = Some(rows.into());
        } else if let Some(target) = request.targets.first_mut() {
            target.conditions = Some(rows.into());
        }
    }

    /// The severity that an event of a target would have.
    pub(super) fn severity_of(&self, target: &TargetInput) -> String {
        let known = |code: &String| self.types.iter().find(|view| view.event_type == *code);
        let of_type = target.event_type.as_ref().and_then(known);
        let of_type = of_type.map(|view| view.severity.as_str().to_owned());
        target.severity.clone().or(of_type).unwrap_or_else(|| "critical".to_owned())
    }
}

fn target_of(entry: &EntryView) -> TargetInput {
    TargetInput {
        event_type: entry.event_type.clone(),
        severity: entry.severity.clone(),
        conditions: entry.conditions.clone(),
    }
}

/// The fields of a form that name the events.
fn named(form: &Form) -> Vec<(String, String)> {
    let names = ["entry", "pick", "type", "severity", "all", "new"];
    let is_named =
        |(name, value): &&(String, String)| names.contains(&name.as_str()) && !value.is_empty();
    form.0.iter().filter(is_named).take(TARGETS_MAX).cloned().collect()
}
