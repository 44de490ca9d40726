//! The servers of one relay, and which of them is tried next.
//!
//! In: the relay's hosts, or the mail exchangers of its domains. Out: a [`Way`] to one server.
//! Knows nothing of: connections.
//! Standard: RFC 5321 section 5.1: ascending preference, equals in random order; spec 4.1.
//!
//! What is remembered of a server outlives the answer that named it. Each lock is held for a few
//! instructions and never over an await: two who look the same domain up at once both do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use annunciator_names::literal;
use tokio::time::Instant;

use crate::relay::Relay;
use crate::route::finder::{Domain, Finder};
use crate::route::label;
use crate::server::Server;
use crate::trouble::Trouble;

/// Most hosts of a relay that are used.
const HOSTS_MAX: usize = 100;
/// Servers that are tried in one attempt.
const TRIES_MAX: usize = 100;
/// Servers that are remembered at most, as long as nobody uses more.
const SERVERS_MAX: usize = 500;
/// How long a mail exchanger is remembered that no answer names any more.
const FORGET_AFTER: Duration = Duration::from_secs(3_600);
/// Longest time that an answer is used, whatever its TTL.
const ANSWER_AGE_MAX: Duration = Duration::from_secs(24 * 3_600);

/// A server that may be tried, and how it was found.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) server: Arc<Server>,
    /// Equals are tried in random order.
    pub(crate) preference: u16,
    /// Whose mail exchanger it is.
    pub(crate) domain: Option<Arc<Domain>>,
}

/// What to do next.
pub(crate) enum Choice {
    /// Try this server.
    Server(Way),
    /// A domain leads to no server; its label, and why.
    Stuck(String, Trouble),
    /// Nothing is left.
    Nothing,
}

/// What an attempt wants.
pub(crate) struct Wish<'a> {
    /// The only server that may be tried, as long as the relay has it.
    pub(crate) only: Option<&'a str>,
    /// Labels of what was tried in vain.
    pub(crate) tried: &'a [&'a str],
    pub(crate) deadline: Instant,
}

impl Wish<'_> {
    fn has_tried(&self, label: &str) -> bool {
        self.tried.contains(&label)
    }
}

enum Group {
    Host(Vec<Way>),
    Domain { name: String, label: String },
}

/// The mail exchangers of a domain, until the answer ends.
struct Route {
    until: Instant,
    ways: Arc<[Way]>,
}

/// The servers of one relay.
pub(crate) struct Roster {
    groups: Vec<Group>,
    /// By label, with the time when they were last named.
    servers: Mutex<HashMap<String, (Arc<Server>, Instant)>>,
    /// By domain.
    routes: Mutex<HashMap<String, Route>>,
    /// A number below the given one.
    pick: fn(usize) -> usize,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Roster {
    pub(crate) fn new(relay: &Relay) -> Self {
        let mut roster = Self {
            groups: Vec::new(),
            servers: Mutex::default(),
            routes: Mutex::default(),
            pick: |below| fastrand::usize(..below),
        };
        let mut seen: Vec<String> = Vec::new();
        for host in relay.hosts.iter().take(HOSTS_MAX) {
            let label = label(host, relay.port);
            if seen.contains(&label) {
                continue;
            }
            let is_address = literal(host).is_some();
            roster.groups.push(if relay.mx.is_some() && !is_address {
                Group::Domain { name: host.clone(), label: format!("MX of {host}") }
            } else {
                let server = roster.server(host, relay.port, Instant::now());
                Group::Host(vec![Way { server, preference: 0, domain: None }])
            });
            seen.push(label);
        }
        roster
    }

    /// All that are remembered.
    pub(crate) fn servers(&self) -> Vec<Arc<Server>> {
        locked(&self.servers).values().map(|(server, _)| Arc::clone(server)).collect()
    }

    /// Forgets failures, and what was looked up.
    pub(crate) fn forget(&self) {
        locked(&self.routes).clear();
        for server in self.servers() {
            server.forget_failures();
        }
    }

    /// The server to try next, in order; those whose breaker is open only when it is open for
    /// all of them, the one that closes soonest first.
    ///
    /// A server that may already have a message is the only one that may get it again, whatever
    /// its breaker says (spec 4.1); only when the relay does not have it any more the message
    /// goes its usual way.
    pub(crate) async fn choose(&self, finder: &Finder<'_>, wish: &Wish<'_>) -> Choice {
        if let Some(name) = wish.only {
            match self.find_named(finder, wish, name).await {
                Named::Is(choice) => return choice,
                Named::Unknown => {}
            }
        }
        if wish.tried.len() >= TRIES_MAX {
            return Choice::Nothing;
        }
        let (now, mut passed) = (Instant::now(), Vec::new());
        for group in &self.groups {
            let ways = match self.ways(group, finder, wish).await {
                Ok(ways) => ways,
                Err(None) => continue,
                Err(Some((label, trouble))) => return Choice::Stuck(label, trouble),
            };
            let usable = |way: &&Way| {
                !wish.has_tried(&way.server.label) && way.server.open_until(now).is_none()
            };
            let least = ways.iter().filter(usable).map(|way| way.preference).min();
            let equals: Vec<&Way> =
                ways.iter().filter(usable).filter(|way| Some(way.preference) == least).collect();
            if !equals.is_empty() {
                return Choice::Server(equals[(self.pick)(equals.len())].clone());
            }
            passed.extend(ways.iter().cloned());
        }
        let until = |way: &Way| way.server.open_until(now);
        if passed.iter().any(|way| until(way).is_none()) {
            return Choice::Nothing;
        }
        passed.retain(|way| !wish.has_tried(&way.server.label));
        passed.into_iter().min_by_key(until).map_or(Choice::Nothing, Choice::Server)
    }

    async fn find_named(&self, finder: &Finder<'_>, wish: &Wish<'_>, name: &str) -> Named {
        for group in &self.groups {
            match self.ways(group, finder, wish).await {
                Ok(ways) => {
                    if let Some(way) = ways.iter().find(|way| way.server.is_named(name)) {
                        let is_tried = wish.has_tried(&way.server.label);
                        let way = way.clone();
                        return Named::Is(if is_tried {
                            Choice::Nothing
                        } else {
                            Choice::Server(way)
                        });
                    }
                }
                // It may be one of those that nobody can name now.
                Err(None) => return Named::Is(Choice::Nothing),
                Err(Some((label, trouble))) => return Named::Is(Choice::Stuck(label, trouble)),
            }
        }
        Named::Unknown
    }

    /// The ways of a group; `Err(None)` when it was tried in vain before.
    async fn ways(
        &self,
        group: &Group,
        finder: &Finder<'_>,
        wish: &Wish<'_>,
    ) -> Result<Arc<[Way]>, Option<(String, Trouble)>> {
        let (name, label) = match group {
            Group::Host(ways) => return Ok(ways.as_slice().into()),
            Group::Domain { name, label } => (name, label),
        };
        let now = Instant::now();
        if let Some(route) = locked(&self.routes).get(name)
            && now < route.until
        {
            return Ok(Arc::clone(&route.ways));
        }
        if wish.has_tried(label) {
            return Err(None);
        }
        let policy = finder.relay.mx.as_ref().expect("only a relay with MX has domains");
        match finder.domain(name, policy, wish.deadline).await {
            Ok(domain) => Ok(self.remember(name, domain, finder.relay.port)),
            Err(trouble) => Err(Some((label.clone(), trouble))),
        }
    }

    /// Keeps the answer as long as it holds, and its servers longer.
    fn remember(&self, name: &str, domain: Domain, port: u16) -> Arc<[Way]> {
        let now = Instant::now();
        let (until, domain) = (domain.until.min(now + ANSWER_AGE_MAX), Arc::new(domain));
        let way = |(preference, host): &(u16, String)| Way {
            server: self.server(host, port, now),
            preference: *preference,
            domain: Some(Arc::clone(&domain)),
        };
        let ways: Arc<[Way]> = domain.exchangers.iter().map(way).collect();
        let route = Route { until, ways: Arc::clone(&ways) };
        locked(&self.routes).insert(name.to_owned(), route);
        // Those that are named stand in a route, those that are used in a session.
        let mut servers = locked(&self.servers);
        let patience = if servers.len() > SERVERS_MAX { Duration::ZERO } else { FORGET_AFTER };
        servers.retain(|_, (server, named_at)| {
            Arc::strong_count(server) > 1 || now.duration_since(*named_at) < patience
        });
        ways
    }

    fn server(&self, host: &str, port: u16, now: Instant) -> Arc<Server> {
        let mut servers = locked(&self.servers);
        let label = label(host, port);
        let make = || (Arc::new(Server::new(host, port)), now);
        let (server, named_at) = servers.entry(label).or_insert_with(make);
        *named_at = now;
        Arc::clone(server)
    }
}

enum Named {
    Is(Choice),
    /// The relay has no such server.
    Unknown,
}

#[cfg(test)]
mod tests {
    use annunciator_core::Stage;
    use annunciator_names::Proof;

    use super::*;
    use crate::keeper::MemoryKeeper;
    use crate::mta_sts::policies::Policies;
    use crate::relay::MxPolicy;
    use crate::trouble::Cause;

    fn relay(hosts: &[&str], is_mx: bool) -> Relay {
        let policy = MxPolicy { dane: true, mta_sts: false };
        Relay {
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            mx: is_mx.then_some(policy),
            ..Relay::default()
        }
    }

    fn fail(roster: &Roster, name: &str, times: u32, now: Instant) {
        let server = roster.servers().into_iter().find(|server| server.is_named(name)).unwrap();
        for _ in 0..times {
            let failure = Trouble::new(Stage::Connect, Cause::Timeout).failure();
            server.record_failure(failure, now);
        }
    }

    /// The chosen server, `-` for none, or the label of the domain that led nowhere.
    async fn choose(relay: &Relay, roster: &Roster, only: Option<&str>, tried: &[&str]) -> String {
        let policies = Policies::new(Arc::new(MemoryKeeper::default()), 443);
        let finder = Finder { relay, resolver: Err("none".into()), policies: &policies };
        match roster.choose(&finder, &Wish { only, tried, deadline: Instant::now() }).await {
            Choice::Server(way) => way.server.host.clone(),
            Choice::Stuck(label, _) => label,
            Choice::Nothing => "-".to_owned(),
        }
    }

    async fn check(failing: &[(&str, u32)], only: Option<&str>, tried: &[&str], expected: &str) {
        let (relay, now) = (relay(&["a", "b", "c"], false), Instant::now());
        let roster = Roster::new(&relay);
        for (name, times) in failing {
            fail(&roster, name, *times, now);
        }
        let chosen = choose(&relay, &roster, only, tried).await;
        assert_eq!(chosen, expected, "{failing:?} {only:?} {tried:?}");
    }

    #[tokio::test]
    async fn servers_are_tried_in_order_and_failing_ones_only_when_all_fail() {
        check(&[], None, &[], "a").await;
        check(&[], None, &["a:25"], "b").await;
        check(&[], None, &["a:25", "b:25", "c:25"], "-").await;
        check(&[("a", 2)], None, &[], "a").await;
        check(&[("a", 3)], None, &[], "b").await;
        check(&[("a", 3)], None, &["b:25", "c:25"], "-").await;
        check(&[("a", 5), ("b", 3), ("c", 4)], None, &[], "b").await;
        check(&[("a", 5), ("b", 3), ("c", 4)], None, &["b:25"], "c").await;
        check(&[("a", 5), ("b", 3), ("c", 4)], None, &["b:25", "c:25"], "a").await;
        check(&[("a", 5), ("b", 3), ("c", 4)], None, &["a:25", "b:25", "c:25"], "-").await;
    }

    #[tokio::test]
    async fn a_server_that_may_have_the_message_is_the_only_one_whatever_its_breaker_says() {
        check(&[], Some("b:25"), &[], "b").await;
        check(&[], Some("b:25"), &["b:25"], "-").await;
        check(&[("b", 3)], Some("b:25"), &[], "b").await;
        check(&[], Some("gone:25"), &[], "a").await;
        check(&[], Some("gone:25"), &["a:25"], "b").await;
    }

    #[test]
    fn a_server_that_is_named_twice_is_one() {
        assert_eq!(Roster::new(&relay(&["a", "b", "a"], false)).groups.len(), 2);
    }

    fn domain(list: &[(u16, &str)], until: Instant) -> Domain {
        Domain {
            name: "example.test".into(),
            exchangers: list.iter().map(|(p, host)| (*p, (*host).to_owned())).collect(),
            is_implicit: false,
            proof: Proof::Secure,
            policy: None,
            until,
        }
    }

    #[tokio::test]
    async fn exchangers_are_tried_by_preference_and_equals_at_random() {
        let relay = relay(&["example.test"], true);
        let later = Instant::now() + Duration::from_secs(60);
        for (pick, expected) in [
            ((|_| 0) as fn(usize) -> usize, ["a", "b", "c", "d", "-"]),
            (|below| below - 1, ["c", "b", "a", "d", "-"]),
        ] {
            let roster = Roster { pick, ..Roster::new(&relay) };
            let list = [(10, "a"), (10, "b"), (10, "c"), (20, "d")];
            roster.remember("example.test", domain(&list, later), 25);
            let mut tried: Vec<String> = Vec::new();
            for expected in expected {
                let labels: Vec<&str> = tried.iter().map(String::as_str).collect();
                let chosen = choose(&relay, &roster, None, &labels).await;
                assert_eq!(chosen, expected, "after {tried:?}");
                tried.push(format!("{chosen}:25"));
            }
        }
    }

    #[tokio::test]
    async fn a_domain_that_leads_nowhere_is_told_once_and_the_next_one_is_used() {
        let relay = relay(&["one.test", "two.test", "[192.0.2.1]"], true);
        let roster = Roster::new(&relay);
        let until = Instant::now() + Duration::from_secs(60);
        roster.remember("two.test", domain(&[(10, "mx.two.test")], until), 25);
        let stuck = "MX of one.test";
        assert_eq!(choose(&relay, &roster, None, &[]).await, stuck);
        assert_eq!(choose(&relay, &roster, None, &[stuck]).await, "mx.two.test");
        let tried = [stuck, "mx.two.test:25"];
        assert_eq!(choose(&relay, &roster, None, &tried).await, "[192.0.2.1]");
        // It may be an exchanger of the domain that nobody can name now.
        let only = Some("mx.two.test:25");
        assert_eq!(choose(&relay, &roster, only, &[]).await, stuck);
        assert_eq!(choose(&relay, &roster, only, &[stuck]).await, "-");
    }

    #[tokio::test]
    async fn a_server_is_remembered_over_answers_and_an_answer_until_it_ends() {
        let relay = relay(&["example.test"], true);
        let (roster, now) = (Roster::new(&relay), Instant::now());
        let later = now + Duration::from_secs(60);
        roster.remember("example.test", domain(&[(10, "a"), (20, "b")], later), 25);
        fail(&roster, "a", 3, now);
        roster.remember("example.test", domain(&[(10, "b"), (20, "c")], later), 25);
        roster.remember("example.test", domain(&[(10, "a"), (20, "b")], later), 25);
        assert_eq!(choose(&relay, &roster, None, &[]).await, "b");
        roster.remember("example.test", domain(&[(10, "a")], now), 25);
        assert_eq!(choose(&relay, &roster, None, &[]).await, "MX of example.test");
    }
}
