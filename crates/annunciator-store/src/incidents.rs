//! Incidents as they are stored: what each is now, and the statuses it had (spec 9).
//!
//! Knows nothing of: which status means what, who is told.

use annunciator_core::{Event, EventUid, Sample, Severity, Timestamp};
use async_trait::async_trait;

use crate::{Accept, Acceptance, NewAudit, Page, Paged, Result};

/// Most statuses that an incident may have had.
pub const INCIDENT_STATUSES_MAX: usize = 1_000;

/// What is stored of an incident beside its event.
#[derive(Debug, Clone, PartialEq)]
pub struct NewIncident {
    /// Kind of its detector.
    pub kind: String,
    /// Its model, may be empty.
    pub model: String,
    /// Name of its top tag, may be empty.
    pub top_tag: String,
    /// What its source gave as its group; empty: those alike are looked for.
    pub group: String,
    /// How far apart incidents of a group may begin; 0: none is looked for. Unit: milliseconds.
    pub grouping_ms: i64,
    /// When it began.
    pub starts_at: Timestamp,
    /// Its status.
    pub status: String,
    /// Whether its event tells it; taken back when the plan of that event tells nobody.
    pub told: bool,
    /// Who registered it.
    pub author: String,
    /// The course of its top tag, at most [`Sample::COUNT_MAX`].
    pub samples: Vec<Sample>,
}

/// An incident as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentRow {
    /// The event that registered it.
    pub event: Event,
    /// Its status.
    pub status: String,
    /// Whether it was told.
    pub told: bool,
    /// When its status changed last.
    pub changed_at: Timestamp,
    /// Its group.
    pub group: String,
    /// How many samples there are.
    pub sample_count: usize,
}

/// A status that an incident had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentStatusRow {
    /// When it got it.
    pub at: Timestamp,
    /// Who gave it.
    pub author: String,
    /// The status.
    pub status: String,
    /// Why.
    pub comment: String,
    /// The event that tells it.
    pub event: EventUid,
}

/// Incidents of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentGroupRow {
    /// Its name.
    pub group: String,
    /// How many there are.
    pub count: u64,
    /// When the first began.
    pub first_at: Timestamp,
    /// When the last began.
    pub last_at: Timestamp,
    /// Model of the newest.
    pub model: String,
    /// Top tag of the newest.
    pub top_tag: String,
    /// The worst severity.
    pub severity: Severity,
}

/// Which incidents are listed; what is none admits all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IncidentFilter {
    /// A text that is looked for, without case, in ids, model, asset, detector, top tag, group and
    /// description.
    pub text: Option<String>,
    /// Kind of the detector.
    pub kind: Option<String>,
    /// Name of the detector.
    pub detector: Option<String>,
    /// Model.
    pub model: Option<String>,
    /// Name of the top tag.
    pub top_tag: Option<String>,
    /// Name of the asset.
    pub device: Option<String>,
    /// Status.
    pub status: Option<String>,
    /// Group.
    pub group: Option<String>,
    /// The mildest severity.
    pub severity_min: Option<Severity>,
    /// Begun then or later.
    pub since: Option<Timestamp>,
    /// Begun before.
    pub until: Option<Timestamp>,
}

/// A change of status.
#[derive(Debug, Clone)]
pub struct StatusChange {
    /// The incident, by the event that registered it.
    pub incident: EventUid,
    /// The status that it has.
    pub from: String,
    /// Whether it was told before.
    pub was_told: bool,
    /// The status that it gets.
    pub to: String,
    /// Whether it has been told now: if it was not before, by this event, and taken back when the
    /// plan of it tells nobody.
    pub is_told: bool,
    /// Why.
    pub comment: String,
    /// The event that tells it, accepted in the same commit.
    pub event: Event,
    /// Who changes it, for the audit log.
    pub audit: NewAudit,
}

/// What became of a change of status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusOutcome {
    /// It is done.
    Changed,
    /// There is no such incident, or it has another status by now.
    Otherwise,
    /// It has had [`INCIDENT_STATUSES_MAX`].
    Full,
}

/// What the server asks of a store about incidents.
#[async_trait]
pub trait Incidents: Send + Sync + 'static {
    /// As [`crate::Store::accept`], with an incident for each event, in their order; one whose
    /// event is a duplicate is not stored again. When the id is that of an event that is no
    /// incident, nothing of the batch is stored.
    async fn accept_incidents(
        &self,
        accept: Accept,
        incidents: Vec<NewIncident>,
    ) -> Result<Acceptance>;

    /// Incidents, newest first.
    async fn incidents(&self, filter: IncidentFilter, page: Page) -> Result<Paged<IncidentRow>>;

    /// Whether the list of incidents is longer than so many, however long that takes.
    async fn incidents_exceed(&self, filter: IncidentFilter, count: usize) -> Result<bool>;

    /// An incident by the event that registered it.
    async fn incident(&self, uid: EventUid) -> Result<Option<IncidentRow>>;

    /// Incidents by the detector's id: one for each detector that used it, at most 100.
    async fn incidents_by_source_id(&self, id: &str) -> Result<Vec<IncidentRow>>;

    /// Groups of several incidents, that of the newest incident first.
    async fn incident_groups(&self, page: Page) -> Result<Paged<IncidentGroupRow>>;

    /// The statuses that an incident had, first to last.
    async fn incident_statuses(&self, uid: EventUid) -> Result<Vec<IncidentStatusRow>>;

    /// The samples of these incidents, those without any left out.
    async fn incident_samples(&self, uids: Vec<EventUid>) -> Result<Vec<(EventUid, Vec<Sample>)>>;

    /// Changes a status unless it is another one by now: the status, its event and the audit line
    /// in one commit. The event waits for planning and belongs to nobody.
    async fn change_incident_status(&self, change: StatusChange) -> Result<StatusOutcome>;
}

/// Octets of a stored sample: time and value, big-endian.
pub(crate) const SAMPLE_BYTES: usize = 16;

/// Samples as they are stored.
pub(crate) fn octets_of(samples: &[Sample]) -> Vec<u8> {
    let octets = |sample: &Sample| {
        let mut octets = [0; SAMPLE_BYTES];
        octets[..8].copy_from_slice(&sample.at.0.to_be_bytes());
        octets[8..].copy_from_slice(&sample.value.to_be_bytes());
        octets
    };
    samples.iter().flat_map(octets).collect()
}

/// Stored samples.
pub(crate) fn samples_of(octets: &[u8]) -> Vec<Sample> {
    let (samples, _) = octets.as_chunks::<SAMPLE_BYTES>();
    let sample = |octets: &[u8; SAMPLE_BYTES]| {
        let (at, value) = octets.split_at(8);
        let eight = |octets: &[u8]| octets.try_into().unwrap_or([0; 8]);
        Sample {
            at: Timestamp(i64::from_be_bytes(eight(at))),
            value: f64::from_be_bytes(eight(value)),
        }
    };
    samples.iter().map(sample).collect()
}
