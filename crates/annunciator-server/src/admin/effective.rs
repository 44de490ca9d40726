//! What holds for an event: every setting with its origin, every layer with its standing.
//!
//! In: a kind of event, hypothetical or last seen. Out: what the planner's own snapshot says; it
//! is no second implementation.
//! Knows nothing of: HTTP, how layers rank.

use std::collections::HashMap;

use annunciator_api_types::{
    ApplicationInput, ConsultedLayerView, DeviceInput, EffectiveChannelView, EffectiveRequest,
    EffectiveSettingView, EffectiveView, EventInput, EventTypeChannelView, EventTypeList,
    EventTypeView, FieldError, OriginView, StorageTermView,
};
use annunciator_core::{Application, DecisionKind, Device, Event, EventUid, Severity, Timestamp};
use annunciator_planner::{LayerNumber, Selector, Standing, Switch};
use annunciator_settings::{Origin, Resolved};
use annunciator_store::EventTypeRow;
use serde_json::Value;

use super::AdminError;
use super::beneath::Place;
use crate::intake;
use crate::shared::Shared;
use crate::snapshot::{Holding, Snapshot};
use crate::upkeep::RetentionSettings;

/// What holds for such an event.
///
/// # Errors
/// [`AdminError::Invalid`] for what no event could be.
pub async fn show(shared: &Shared, request: EffectiveRequest) -> Result<EffectiveView, AdminError> {
    let row = find_type(shared, &request.application, &request.event_type).await?;
    let snapshot = shared.settings.current();
    let place = request.beneath.as_ref();
    let place = place.map(|input| Place::read(input, &request.application, &snapshot));
    let place = place.transpose().map_err(AdminError::Invalid)?;
    let event = event_of(shared, request, row.as_ref())?;
    let mut holding = snapshot.holding(&event);
    if let Some(place) = place {
        place.keep_beneath(&mut holding.layers, &snapshot);
        holding = snapshot.holding_under(holding.scope, holding.layers);
    }
    let own_days = row.and_then(|row| row.storage_term_days);
    let channels = 0..snapshot.channels().len();
    Ok(EffectiveView {
        revision: snapshot.revision,
        severity: event.severity.as_str().to_owned(),
        layers: consulted(&snapshot, &event, &holding),
        storage_term: storage_term(&snapshot, &holding.layers, event.severity, own_days),
        channels: channels.map(|at| channel_view(&snapshot, &holding, &event, at)).collect(),
    })
}

/// What is known of an event type.
pub(super) async fn find_type(
    shared: &Shared,
    application: &str,
    event_type: &str,
) -> Result<Option<EventTypeRow>, AdminError> {
    let types = shared.store.event_types().await?;
    let is_it = |row: &EventTypeRow| row.application == application && row.event_type == event_type;
    Ok(types.into_iter().find(is_it))
}

/// The event that is asked about, checked as one that is handed in.
fn event_of(
    shared: &Shared,
    request: EffectiveRequest,
    row: Option<&EventTypeRow>,
) -> Result<Event, AdminError> {
    let severity = request.severity.filter(|word| !word.is_empty());
    let last_seen = row.map(|row| row.severity.as_str().to_owned());
    let device = DeviceInput {
        name: request.device.unwrap_or_default(),
        group: request.group.unwrap_or_default(),
        ..DeviceInput::default()
    };
    let input = EventInput {
        event_type: request.event_type,
        severity: severity.or(last_seen).unwrap_or_default(),
        application: ApplicationInput { name: request.application, ..Default::default() },
        device: Some(device),
        parameters: request.parameters,
        ..EventInput::default()
    };
    let now = shared.clock.now();
    intake::check_event(input, shared.ids.event(now), now).map_err(|errors| {
        // The request names these without the objects around them.
        let flat = |mut error: FieldError| {
            error.pointer = match error.pointer.as_str() {
                "/application/name" => "/application".to_owned(),
                "/device/name" => "/device".to_owned(),
                "/device/group" => "/group".to_owned(),
                _ => error.pointer,
            };
            error
        };
        AdminError::Invalid(errors.into_iter().map(flat).collect())
    })
}

/// Every layer that is about an event, nearest first.
pub(super) fn consulted(
    snapshot: &Snapshot,
    event: &Event,
    holding: &Holding,
) -> Vec<ConsultedLayerView> {
    let consulted = snapshot.consult(event).into_iter();
    let mut overruled = overruled(snapshot, holding);
    let view = |(number, standing): (LayerNumber, Standing)| {
        let (owner, entry) = snapshot.layer(number)?;
        Some(ConsultedLayerView {
            id: snapshot.layer_id(number).to_owned(),
            origin: origin_view(&owner.origin()),
            events: entry.words(),
            standing: standing_word(standing).to_owned(),
            overruled: overruled.remove(&number).unwrap_or_default(),
        })
    };
    consulted.filter_map(view).collect()
}

/// What layers set in vain, since a layer farther away locks it.
fn overruled(snapshot: &Snapshot, holding: &Holding) -> HashMap<LayerNumber, Vec<String>> {
    let mut overruled: HashMap<LayerNumber, Vec<String>> = HashMap::new();
    for (at, channel) in snapshot.channels().iter().enumerate() {
        let locked = snapshot.effective(at, &holding.layers).into_iter().filter(|one| one.locked);
        for value in locked {
            let key = format!("{}.{}", channel.name().as_str(), value.key);
            // All that apply and stand before the one which locks.
            for number in holding.layers.iter().take(value.supplier.unwrap_or(0)) {
                if snapshot.layer(*number).is_some_and(|(_, entry)| entry.content.sets(&key)) {
                    overruled.entry(*number).or_default().push(key.clone());
                }
            }
        }
    }
    overruled
}

fn standing_word(standing: Standing) -> &'static str {
    match standing {
        Standing::Applies => "applies",
        Standing::ConditionFails => "condition_fails",
        Standing::PolicyOff => "policy_off",
        Standing::NotInherited => "not_inherited",
    }
}

/// An origin for showing.
#[must_use]
pub fn origin_view(origin: &Origin) -> OriginView {
    let json = serde_json::to_value(origin).unwrap_or_default();
    let text = |key: &str| json.get(key).and_then(Value::as_str).map(str::to_owned);
    OriginView {
        layer: text("layer").unwrap_or_default(),
        name: text("name"),
        words: origin.to_string(),
    }
}

fn channel_view(
    snapshot: &Snapshot,
    holding: &Holding,
    event: &Event,
    channel: usize,
) -> EffectiveChannelView {
    let profile = &holding.profiles[channel];
    let decision = profile.decide(event);
    let (_, reason) = profile.switch.decide(event.severity);
    EffectiveChannelView {
        channel: decision.channel.as_str().to_owned(),
        on: decision.kind != DecisionKind::Off,
        reason,
        missing: Some(profile.missing.clone()).filter(|missing| !missing.is_empty()),
        settings: settings_of(snapshot, holding, channel),
    }
}

/// Every setting of a channel, by its position, with its origin.
pub(super) fn settings_of(
    snapshot: &Snapshot,
    holding: &Holding,
    channel: usize,
) -> Vec<EffectiveSettingView> {
    let values = snapshot.effective(channel, &holding.layers).into_iter();
    let settings = values.map(|one| {
        let supplier = one.supplier.and_then(|at| holding.layers.get(at));
        EffectiveSettingView {
            key: one.key.to_owned(),
            value: one.value,
            origin: origin_view(&one.origin),
            locked: one.locked,
            layer: supplier.map(|number| snapshot.layer_id(*number).to_owned()),
        }
    });
    settings.collect()
}

/// How long an event is kept: by the nearest override that says so, by what is known of its type,
/// or by its severity.
pub(super) fn storage_term(
    snapshot: &Snapshot,
    layers: &[LayerNumber],
    severity: Severity,
    own_days: Option<u32>,
) -> StorageTermView {
    let (days, origin) = snapshot.storage_term(layers).unwrap_or_else(|| {
        let (days, key) = term_of_severity(&snapshot.retention, severity);
        let origin = snapshot.retention.origin_of(key).cloned();
        (own_days.unwrap_or(days), origin.unwrap_or(Origin::CompiledDefault))
    });
    StorageTermView { days, origin: origin_view(&origin) }
}

fn term_of_severity(
    retention: &Resolved<RetentionSettings>,
    severity: Severity,
) -> (u32, &'static str) {
    let values = &retention.values;
    match severity {
        Severity::Info => (values.info_days, "info_days"),
        Severity::Warning => (values.warning_days, "warning_days"),
        Severity::Failure => (values.failure_days, "failure_days"),
        Severity::Critical => (values.critical_days, "critical_days"),
    }
}

/// The known event types, and what holds for each, on a device of that name and group.
///
/// # Errors
/// What the store answers.
pub async fn event_types(shared: &Shared, device: Device) -> Result<EventTypeList, AdminError> {
    let rows = shared.store.event_types().await?;
    let snapshot = shared.settings.current();
    let mut counts = HashMap::<(&str, &str), usize>::new();
    for (owner, entry) in snapshot.configuration.overrides.layers() {
        if let Selector::Type(code) = &entry.selector {
            *counts.entry((owner.application(), code)).or_default() += 1;
        }
    }
    let view = |row: EventTypeRow| {
        let event = event_of_type(&row, &device);
        let holding = snapshot.holding(&event);
        let term = storage_term(&snapshot, &holding.layers, row.severity, row.storage_term_days);
        let channels = holding.profiles.iter().map(|profile| {
            let (on, reason) = profile.switch.decide(row.severity);
            let origin = match &profile.switch {
                Switch::Layer { origin, .. } => origin_view(origin),
                Switch::About(_) => origin_view(&Origin::Server),
            };
            EventTypeChannelView {
                channel: profile.channel.as_str().to_owned(),
                on,
                reason,
                origin,
            }
        });
        let count = counts.get(&(row.application.as_str(), row.event_type.as_str()));
        EventTypeView {
            channels: channels.collect(),
            override_count: count.copied().unwrap_or_default(),
            application: row.application,
            event_type: row.event_type,
            type_name: row.type_name,
            severity: row.severity,
            first_seen_at: row.first_seen_at,
            storage_term_days: term.days,
            storage_term_origin: term.origin,
        }
    };
    Ok(EventTypeList { event_types: rows.into_iter().map(view).collect() })
}

/// An event of a type, as it was last seen, on a device.
fn event_of_type(row: &EventTypeRow, device: &Device) -> Event {
    Event {
        uid: EventUid::from_parts(0, [0; 10]),
        id: String::new(),
        event_type: row.event_type.clone(),
        type_name: row.type_name.clone(),
        severity: row.severity,
        application: Application { name: row.application.clone(), version: String::new() },
        device: device.clone(),
        task: String::new(),
        description: String::new(),
        occurred_at: Timestamp(0),
        registered_at: Timestamp(0),
        parameters: [].into(),
    }
}
