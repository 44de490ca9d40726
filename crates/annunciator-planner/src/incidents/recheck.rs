//! What waited for its mail, looked at once more when its time has come.
//!
//! In: subscriptions and users as they are now; an incident that waited for an address. Out: told
//! now, told at another time by another subscription, or not told and why.
//! A changed condition of the subscription takes nothing back; that somebody may not or will not
//! read does.

use annunciator_core::{Timestamp, one_line};

use super::audience::{Directory, find_addresses, find_audience, folded};
use super::incident::Incident;
use super::settings::Subscription;
use super::subscribers::IncidentRules;
use super::telling::Postponed;

/// Longest name that a reason holds. Unit: characters.
const NAME_CHARS_MAX: usize = 60;

/// For whom something waits.
#[derive(Clone, Copy, Debug)]
pub struct Waiting<'a> {
    /// Name of the subscription that put it off.
    pub subscription: &'a str,
    /// Who is told.
    pub address: &'a str,
}

/// What becomes of an incident that waited.
#[derive(Clone, PartialEq, Debug)]
pub enum Recheck {
    /// It is told.
    Told,
    /// Another subscription tells it to the same address, later.
    Later(Postponed),
    /// It is not told.
    Untold,
}

/// Why nothing is told any more of what waited; nothing when it is.
#[must_use]
pub fn why_untold(
    rules: &IncidentRules,
    directory: &Directory,
    waiting: Waiting<'_>,
) -> Option<String> {
    let Waiting { subscription: name, address } = waiting;
    if directory.is_blocked_address(address) {
        return Some("it is the address of a blocked user".to_owned());
    }
    let is_meant = |one: &&Subscription| one.name.to_lowercase() == name.to_lowercase();
    let shown = one_line(name, NAME_CHARS_MAX);
    let mut all = rules.subscribers().iter().map(|subscriber| &subscriber.subscription);
    let Some(subscription) = all.find(is_meant) else {
        return Some(format!("there is no subscription `{shown}` any more"));
    };
    if !subscription.enabled {
        return Some(format!("the subscription `{shown}` is turned off"));
    }
    let address = folded(address);
    if find_addresses(subscription, directory).contains(&address) {
        return None;
    }
    let has_paused = |user: &&str| {
        let known = directory.user(user).is_some_and(|known| folded(&known.address) == address);
        known && directory.has_paused(&subscription.name, user)
    };
    let paused = subscription.users.iter().find(has_paused);
    Some(match paused {
        Some(user) => format!("user `{}` has paused it", one_line(user, NAME_CHARS_MAX)),
        None => format!("the subscription `{shown}` does not lead to this address any more"),
    })
}

/// What becomes of an incident whose own subscription does not tell it any more: another may.
#[must_use]
pub fn recheck(
    rules: &IncidentRules,
    directory: &Directory,
    incident: &Incident<'_>,
    waiting: Waiting<'_>,
    now: Timestamp,
) -> Recheck {
    let audience = find_audience(rules, directory, incident, now);
    let address = folded(waiting.address);
    let mut told = audience.addressees.into_iter();
    let Some(addressee) = told.find(|one| folded(&one.address) == address) else {
        return Recheck::Untold;
    };
    let Some(due_at) = addressee.due_at else { return Recheck::Told };
    let subscription = rules.subscribers()[addressee.subscriber].subscription.name.clone();
    Recheck::Later(Postponed { subscription, addressee, due_at })
}
