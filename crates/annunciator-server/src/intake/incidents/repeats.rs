//! Whether an incident that comes again says something else than when it came first.
//!
//! In: both events. Out: whether a fact differs. What the source left out and intake filled in, the
//! start, is no fact of the source.
//! Standard: ADR 0037, an incident's facts are those of its first event.

use annunciator_core::Event;

/// What intake adds: the ledger's id, which is another each time.
const MADE_HERE: &str = "incident_uid";

/// Whether an incident that comes again has other facts than the first of its id.
pub(in crate::intake) fn differs(again: &Event, first: &Event) -> bool {
    let is_start_given = again.occurred_at != again.registered_at;
    let is_fact = |name: &str| name != MADE_HERE && (is_start_given || name != "start");
    let facts = |event: &Event| {
        let facts = event.parameters.iter().filter(|(name, _)| is_fact(name));
        facts.map(|(name, value)| (name.clone(), value.clone())).collect::<Vec<_>>()
    };
    again.event_type != first.event_type
        || again.severity != first.severity
        || again.application != first.application
        || again.device != first.device
        || again.description != first.description
        || facts(again) != facts(first)
}
