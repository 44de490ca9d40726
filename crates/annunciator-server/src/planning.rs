//! An event under a snapshot of the settings: what holds for it, and what must be sent.
//!
//! The one way from an event to a plan: the planner task commits what comes out, *explain* shows
//! it, *replay* compares it, so that none of them can disagree with another (spec 6.3).

use annunciator_core::{Event, Timestamp};
use annunciator_planner::{
    ChannelProfile, Circumstances, IncidentFrame, NotificationIds, Plan, Silence,
};

use crate::incident_supply::IncidentSupply;
use crate::snapshot::{Holding, Snapshot};

/// Turns an event into a plan; [`annunciator_planner::plan`] but for tests.
pub type Planner = fn(&Event, &[&ChannelProfile], Circumstances<'_>, &dyn NotificationIds) -> Plan;

/// What is the same for all events of a batch.
#[derive(Clone, Copy)]
pub struct PlanningFrame<'a> {
    /// The settings.
    pub snapshot: &'a Snapshot,
    /// The silences.
    pub silences: &'a [Silence],
    /// The right-hand side of Message-IDs.
    pub domain: &'a str,
    /// Address of the console, empty when there is none to link to.
    pub console: &'a str,
    /// What is needed for incidents.
    pub supply: &'a IncidentSupply,
    /// Where ids come from.
    pub ids: &'a dyn NotificationIds,
    /// The planner.
    pub planner: Planner,
}

/// Plans an event at a time.
#[must_use]
pub fn plan_event(frame: PlanningFrame<'_>, event: &Event, now: Timestamp) -> (Holding, Plan) {
    let holding = frame.snapshot.holding(event);
    let profiles: Vec<&ChannelProfile> = holding.profiles.iter().map(AsRef::as_ref).collect();
    let circumstances = Circumstances {
        scope: &holding.scope,
        domain: frame.domain,
        console: frame.console,
        now,
        silences: frame.silences,
        incidents: IncidentFrame {
            rules: Some(&frame.snapshot.incident_rules),
            directory: Some(&frame.supply.directory),
            samples: frame.supply.samples_of(event),
        },
    };
    let plan = (frame.planner)(event, &profiles, circumstances, frame.ids);
    (holding, plan)
}
