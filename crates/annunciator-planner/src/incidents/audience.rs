//! Subscriptions that an incident meets into addresses, each once, in its reader's language.
//!
//! In: the subscriptions, users. Out: whom to tell and when; who is left out, and why.

use std::collections::{HashMap, HashSet};

use annunciator_core::Timestamp;
use annunciator_template::{Language, TimeZone};

use super::incident::Incident;
use super::settings::{IncidentSettings, Subscription};
use super::subscribers::{IncidentRules, Subscriber};

/// What is known of a user.
#[derive(Clone, PartialEq, Debug)]
pub struct DirectoryUser {
    /// Name.
    pub name: String,
    /// Address of the account, may be empty.
    pub address: String,
    /// The user's own language.
    pub language: Option<Language>,
    /// The user's own time zone.
    pub time_zone: Option<TimeZone>,
    /// Whether the user may not sign in, and is told nothing.
    pub is_blocked: bool,
}

/// All users, and which subscriptions they have paused.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    /// By name in small letters.
    users: HashMap<String, DirectoryUser>,
    /// Names in small letters, in their order, by folded address.
    by_address: HashMap<String, Vec<String>>,
    /// Subscription and user, in small letters.
    paused: HashSet<(String, String)>,
}

impl Directory {
    /// A directory of these users, with the pauses by names of subscription and user.
    pub fn new(
        users: impl IntoIterator<Item = DirectoryUser>,
        paused: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let users: HashMap<String, DirectoryUser> =
            users.into_iter().map(|user| (user.name.to_lowercase(), user)).collect();
        let mut by_address: HashMap<String, Vec<String>> = HashMap::new();
        for (name, user) in users.iter().filter(|(_, user)| !user.address.is_empty()) {
            by_address.entry(folded(&user.address)).or_default().push(name.clone());
        }
        // The order of a map is another one each time, and who is told must not be.
        by_address.values_mut().for_each(|names| names.sort_unstable());
        let paused = paused.into_iter().map(|(one, two)| (one.to_lowercase(), two.to_lowercase()));
        Self { by_address, paused: paused.collect(), users }
    }

    /// The user of that name, in any case.
    #[must_use]
    pub fn user(&self, name: &str) -> Option<&DirectoryUser> {
        self.users.get(&name.to_lowercase())
    }

    /// Whether a user has paused a subscription.
    #[must_use]
    pub fn has_paused(&self, subscription: &str, user: &str) -> bool {
        self.paused.contains(&(subscription.to_lowercase(), user.to_lowercase()))
    }

    /// Whether an address is told nothing: it belongs to users, and all of them are blocked.
    #[must_use]
    pub fn is_blocked_address(&self, address: &str) -> bool {
        let address = folded(address);
        let mut users = self.users_at(&address).peekable();
        users.peek().is_some() && users.all(|user| user.is_blocked)
    }

    /// Whether all users of an address who may be told have paused a subscription.
    #[must_use]
    pub fn has_paused_address(&self, subscription: &str, address: &str) -> bool {
        let address = folded(address);
        let mut users = self.users_at(&address).filter(|user| !user.is_blocked).peekable();
        users.peek().is_some() && users.all(|user| self.has_paused(subscription, &user.name))
    }

    /// The users of an address, by name.
    fn users_at(&self, folded: &str) -> impl Iterator<Item = &DirectoryUser> {
        let names = self.by_address.get(folded).map(Vec::as_slice).unwrap_or_default();
        names.iter().filter_map(|name| self.users.get(name))
    }
}

/// The form that all spellings of one address share: for people case means nothing, and a domain
/// in its own script is the one in ASCII (RFC 5890).
pub(super) fn folded(address: &str) -> String {
    let address = address.trim().to_lowercase();
    let Some((local, domain)) = address.rsplit_once('@') else { return address };
    match idna::domain_to_ascii(domain) {
        Ok(ascii) if !domain.is_ascii() => format!("{local}@{ascii}"),
        _ => address,
    }
}

/// An address that is told.
#[derive(Clone, PartialEq, Debug)]
pub struct Addressee {
    /// The address.
    pub address: String,
    /// What it reads.
    pub language: Language,
    /// In which time zone.
    pub time_zone: TimeZone,
    /// Position of the subscription that decides when it is told.
    pub subscriber: usize,
    /// When it is told; nothing for "now".
    pub due_at: Option<Timestamp>,
}

/// A user or address that would be told and is not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeftOut {
    /// Name of the subscription.
    pub subscription: String,
    /// Name or address.
    pub who: String,
    /// Why, such as `is blocked`.
    pub reason: &'static str,
}

/// Who is told of an incident.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Audience {
    /// The subscriptions that it meets, by their positions.
    pub matched: Vec<usize>,
    /// Whom to tell, each address once, in the order of the subscriptions.
    pub addressees: Vec<Addressee>,
    /// Who would be told and is not.
    pub left_out: Vec<LeftOut>,
}

/// Finds who is told of an incident, whatever its status says.
#[must_use]
pub fn find_audience(
    rules: &IncidentRules,
    directory: &Directory,
    incident: &Incident<'_>,
    now: Timestamp,
) -> Audience {
    let mut audience =
        Audience { matched: rules.find_subscribers(incident), ..Audience::default() };
    let mut places: HashMap<String, usize> = HashMap::new();
    for at in audience.matched.clone() {
        let subscriber = &rules.subscribers()[at];
        let due_at = subscriber.timing.due_at(incident.severity, &subscriber.time_zone, now);
        let mut gather = Gather { audience: &mut audience, places: &mut places, at, due_at };
        gather.subscription(subscriber, directory);
    }
    audience
}

/// Who of a subscription is told nothing, whatever the incident.
#[must_use]
pub fn find_left_out(subscription: &Subscription, directory: &Directory) -> Vec<LeftOut> {
    gather_all(subscription, directory).left_out
}

/// The addresses that a subscription leads to, folded.
pub(super) fn find_addresses(
    subscription: &Subscription,
    directory: &Directory,
) -> HashSet<String> {
    let audience = gather_all(subscription, directory);
    audience.addressees.iter().map(|one| folded(&one.address)).collect()
}

/// All of a subscription, whatever the incident.
fn gather_all(subscription: &Subscription, directory: &Directory) -> Audience {
    let settings = IncidentSettings {
        subscriptions: vec![subscription.clone()],
        ..IncidentSettings::default()
    };
    let rules = IncidentRules::new(&settings);
    let (mut audience, mut places) = (Audience::default(), HashMap::new());
    let mut gather = Gather { audience: &mut audience, places: &mut places, at: 0, due_at: None };
    gather.subscription(&rules.subscribers()[0], directory);
    audience
}

/// One subscription on its way into the audience.
struct Gather<'a> {
    audience: &'a mut Audience,
    /// Folded address → position among the addressees.
    places: &'a mut HashMap<String, usize>,
    at: usize,
    due_at: Option<Timestamp>,
}

impl Gather<'_> {
    fn subscription(&mut self, subscriber: &Subscriber, directory: &Directory) {
        let subscription = &subscriber.subscription;
        for name in subscription.users.iter() {
            match directory.user(name) {
                None => self.leave_out(subscriber, name, "is no user"),
                Some(user) if user.is_blocked => self.leave_out(subscriber, name, "is blocked"),
                Some(_) if directory.has_paused(&subscription.name, name) => {
                    self.leave_out(subscriber, name, "has paused it");
                }
                Some(user) if user.address.is_empty() => {
                    self.leave_out(subscriber, name, "has no address");
                }
                Some(user) => self.add(subscriber, &user.address, Some(user)),
            }
        }
        for address in subscription.addresses.iter() {
            let reason = if directory.is_blocked_address(address) {
                "is the address of a blocked user"
            } else if directory.has_paused_address(&subscription.name, address) {
                "is the address of a user who has paused it"
            } else {
                let folded = folded(address);
                let user = directory.users_at(&folded).find(|user| !user.is_blocked);
                self.add(subscriber, address, user);
                continue;
            };
            self.leave_out(subscriber, address, reason);
        }
    }

    fn leave_out(&mut self, subscriber: &Subscriber, who: &str, reason: &'static str) {
        let subscription = subscriber.subscription.name.clone();
        self.audience.left_out.push(LeftOut { subscription, who: who.to_owned(), reason });
    }

    /// Adds an address, or hastens it when it is told later by a subscription before.
    fn add(&mut self, subscriber: &Subscriber, address: &str, user: Option<&DirectoryUser>) {
        let folded = folded(address);
        if let Some(place) = self.places.get(&folded) {
            let known = &mut self.audience.addressees[*place];
            if self.due_at < known.due_at {
                (known.due_at, known.subscriber) = (self.due_at, self.at);
            }
            return;
        }
        self.places.insert(folded, self.audience.addressees.len());
        let own_language = user.and_then(|user| user.language);
        let own_zone = user.and_then(|user| user.time_zone.clone());
        self.audience.addressees.push(Addressee {
            address: address.to_owned(),
            language: own_language.unwrap_or(subscriber.subscription.language.language()),
            time_zone: own_zone.unwrap_or_else(|| subscriber.time_zone.clone()),
            subscriber: self.at,
            due_at: self.due_at,
        });
    }
}
