//! An incident into what is told to its subscribers, and why nobody is (spec 9).
//!
//! In: an incident, its audience, the profile of a channel for subscribers. Out: a decision with
//! its reason; the words for those who read alike; who waits for a later mail.

use std::collections::BTreeMap;

use annunciator_core::{
    Decision, DecisionKind, Recipient, RecipientRole, Sample, Timestamp, one_line,
};
use annunciator_template::{Reader, TimeFormat};

use super::audience::{Addressee, Audience, find_audience};
use super::incident::Incident;
use super::subscribers::IncidentRules;
use crate::{ChannelProfile, Composed, IncidentFrame};

/// Most names that a reason lists.
const NAMED_MAX: usize = 5;

/// What the mail about an incident is made from, for those who read alike.
#[derive(Clone, Debug)]
pub struct IncidentLetter<'a> {
    /// The incident.
    pub incident: Incident<'a>,
    /// Statuses with their names.
    pub rules: &'a IncidentRules,
    /// Who reads.
    pub reader: Reader,
    /// Who gets it.
    pub recipients: Vec<Recipient>,
    /// Address of the incident in the console, may be empty.
    pub link: &'a str,
    /// The course of its top tag, in the order of time; may be empty.
    pub samples: &'a [Sample],
}

/// What the mail about several incidents is made from.
#[derive(Clone, Debug)]
pub struct BundleLetter<'a> {
    /// Name of the subscription.
    pub subscription: &'a str,
    /// Statuses with their names.
    pub rules: &'a IncidentRules,
    /// Who gets it.
    pub recipients: Vec<Recipient>,
    /// The incidents, oldest first.
    pub incidents: Vec<BundledIncident<'a>>,
    /// Who reads.
    pub reader: Reader,
}

/// An incident among others.
#[derive(Clone, Copy, Debug)]
pub struct BundledIncident<'a> {
    /// The incident.
    pub incident: Incident<'a>,
    /// Its address in the console, may be empty.
    pub link: &'a str,
    /// The course of its top tag, in the order of time; may be empty.
    pub samples: &'a [Sample],
}

/// One of the mails of a bundle.
#[derive(Clone, Debug)]
pub struct BundleMail {
    /// Which incidents of the letter it tells, by their positions.
    pub told: Vec<usize>,
    /// Its words.
    pub composed: Composed,
}

/// Somebody who is told later, together with other incidents.
#[derive(Clone, PartialEq, Debug)]
pub struct Postponed {
    /// Name of the subscription.
    pub subscription: String,
    /// Who is told.
    pub addressee: Addressee,
    /// When.
    pub due_at: Timestamp,
}

/// What is told of an incident over one channel.
#[derive(Debug)]
pub(crate) struct Telling {
    pub(crate) decision: Decision,
    /// One for those who read alike.
    pub(crate) composed: Vec<Composed>,
    pub(crate) postponed: Vec<Postponed>,
}

/// Decides who is told of an incident, and writes to them; `silent` says why nobody is.
pub(crate) fn tell(
    profile: &ChannelProfile,
    frame: IncidentFrame<'_>,
    incident: Incident<'_>,
    silent: Option<&str>,
    (link, now): (&str, Timestamp),
) -> Telling {
    let decide = |kind, reason: String| Decision { channel: profile.channel.clone(), kind, reason };
    let nothing = |kind, reason: String| Telling {
        decision: decide(kind, reason),
        composed: Vec::new(),
        postponed: Vec::new(),
    };
    let (Some(rules), Some(directory)) = (frame.rules, frame.directory) else {
        return nothing(DecisionKind::Off, "there are no subscriptions".to_owned());
    };
    if let Some(reason) = silent {
        return nothing(DecisionKind::Off, reason.to_owned());
    }
    let audience = find_audience(rules, directory, &incident, now);
    if audience.matched.is_empty() {
        let reason = match rules.subscribers().is_empty() {
            true => "there are no subscriptions",
            false => "no subscription is met",
        };
        return nothing(DecisionKind::Off, reason.to_owned());
    }
    if audience.addressees.is_empty() {
        let reason = format!("{}: nobody is left to tell", words_of(rules, &audience));
        return nothing(DecisionKind::Incomplete, reason);
    }
    if !profile.missing.is_empty() {
        let count = audience.addressees.len();
        let reason = format!("{}; {count} wait until it can send", profile.missing);
        let wait = |one: Addressee| postponed(rules, one.due_at.unwrap_or(now), one);
        let postponed = audience.addressees.into_iter().map(wait).collect();
        return Telling { postponed, ..nothing(DecisionKind::Incomplete, reason) };
    }
    let decision = decide(DecisionKind::Notified, words_of(rules, &audience));
    let (now_told, later): (Vec<_>, Vec<_>) =
        audience.addressees.into_iter().partition(|one| one.due_at.is_none());
    let compose = |(reader, recipients)| {
        let letter =
            IncidentLetter { incident, rules, reader, recipients, link, samples: frame.samples };
        profile.composer.compose_incident(&letter)
    };
    let composed = group_by_reader(now_told).into_iter().map(compose).collect();
    let postpone = |one: Addressee| Some(postponed(rules, one.due_at?, one));
    Telling { decision, composed, postponed: later.into_iter().filter_map(postpone).collect() }
}

fn postponed(rules: &IncidentRules, due_at: Timestamp, addressee: Addressee) -> Postponed {
    let subscriber = &rules.subscribers()[addressee.subscriber];
    Postponed { subscription: subscriber.subscription.name.clone(), addressee, due_at }
}

/// Which subscriptions are met, in a line; how many are left out and why, but not who: decisions
/// are read by more people than subscriptions are.
fn words_of(rules: &IncidentRules, audience: &Audience) -> String {
    let name = |at: &usize| {
        let subscription = &rules.subscribers()[*at].subscription;
        format!("`{}`", one_line(&subscription.name, 60))
    };
    let named: Vec<String> = audience.matched.iter().take(NAMED_MAX).map(name).collect();
    let mut words = format!("met by subscription {}", named.join(", "));
    let more = audience.matched.len() - named.len();
    if more > 0 {
        words.push_str(&format!(" and {more} more"));
    }
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for left_out in &audience.left_out {
        *reasons.entry(left_out.reason).or_default() += 1;
    }
    for (reason, count) in reasons {
        words.push_str(&format!("; left out: {count} that {reason}"));
    }
    let due = audience.addressees.iter().filter(|one| one.due_at.is_some()).count();
    if due > 0 {
        words.push_str(&format!("; {due} told later"));
    }
    words
}

/// Those who read the same words, in the order of the first of each.
fn group_by_reader(addressees: Vec<Addressee>) -> Vec<(Reader, Vec<Recipient>)> {
    let mut groups: Vec<(Reader, Vec<Recipient>)> = Vec::new();
    for addressee in addressees {
        let reader = reader_of(&addressee);
        // Subscribers are not shown to each other.
        let recipient = Recipient { address: addressee.address, role: RecipientRole::Bcc };
        match groups.iter_mut().find(|(known, _)| *known == reader) {
            Some((_, recipients)) => recipients.push(recipient),
            None => groups.push((reader, vec![recipient])),
        }
    }
    groups
}

/// Who reads at an address.
#[must_use]
pub fn reader_of(addressee: &Addressee) -> Reader {
    Reader {
        language: addressee.language,
        time_zone: addressee.time_zone.clone(),
        time_format: TimeFormat::Local,
    }
}
