//! Keeps the open connections of one relay, and hands them out.
//!
//! A *permit* is the right to use a connection; there are as many as the relay allows
//! connections. A connection in use stands under a permit of its user; idle ones stand here
//! without. Before a new one is opened, idle ones are closed until all together keep the limit.
//! When a user is dropped its permit and its connection go with it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::relay::{Relay, TlsPolicy};
use crate::route::label;
use crate::server::{Server, ServerHealth};
use crate::session::Session;
use crate::tls::TlsContext;
use crate::trouble::Cause;

/// How long a goodbye may take.
pub(crate) const QUIT_WAIT: Duration = Duration::from_millis(500);
/// How long trusted certificates are used before they are read again.
const CONTEXT_AGE_MAX: Duration = Duration::from_secs(3600);
/// Most servers of a relay that are used.
const SERVERS_MAX: usize = 100;

struct Idle {
    session: Session,
    since: Instant,
}

/// The connections of one relay and what is remembered of its servers.
pub(crate) struct Pool {
    pub(crate) relay: Relay,
    pub(crate) permits: Semaphore,
    permits_count: usize,
    servers: Vec<Arc<Server>>,
    idle: Mutex<VecDeque<Idle>>,
    context: Mutex<Option<(Instant, Arc<TlsContext>)>>,
    used_at: Mutex<Instant>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    pub(crate) fn new(relay: Relay) -> Self {
        let mut servers: Vec<Arc<Server>> = Vec::new();
        for host in relay.hosts.iter().take(SERVERS_MAX) {
            let known = |server: &Arc<Server>| server.label == label(host, relay.port);
            if !servers.iter().any(known) {
                servers.push(Arc::new(Server::new(host, relay.port)));
            }
        }
        let permits_count = relay.limits.connections_max.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            permits: Semaphore::new(permits_count),
            permits_count,
            servers,
            idle: Mutex::default(),
            context: Mutex::default(),
            used_at: Mutex::new(Instant::now()),
            relay,
        }
    }

    pub(crate) fn touch(&self, now: Instant) {
        *locked(&self.used_at) = now;
    }

    /// When it was last used, if nobody uses it now.
    pub(crate) fn unused_since(&self) -> Option<Instant> {
        let busy = self.permits.available_permits() < self.permits_count;
        let open = self.servers.iter().any(|server| server.connections_open() > 0);
        (!busy && !open).then(|| *locked(&self.used_at))
    }

    /// The server to try next: the preferred one first, then in order; those whose breaker is
    /// open only when it is open for all of them, and then the one that closes soonest.
    pub(crate) fn choose(
        &self,
        preferred: Option<&str>,
        is_tried: impl Fn(&Server) -> bool,
        now: Instant,
    ) -> Option<&Arc<Server>> {
        let open_until = |server: &Arc<Server>| server.open_until(now);
        let preferred = |server: &&Arc<Server>| preferred.is_some_and(|name| server.is_named(name));
        let first = self.servers.iter().filter(preferred);
        let mut usable =
            first.chain(&self.servers).filter(|s| !is_tried(s) && open_until(s).is_none());
        if let Some(server) = usable.next() {
            return Some(server);
        }
        if self.servers.iter().any(|server| is_tried(server) || open_until(server).is_none()) {
            return None;
        }
        self.servers.iter().min_by_key(|server| open_until(server))
    }

    /// An idle session with that server that is still good.
    pub(crate) fn take_idle(&self, server: &Server, now: Instant) -> Option<Session> {
        let mut idle = locked(&self.idle);
        // The one used last is the likeliest to live.
        while let Some(at) = idle.iter().rposition(|i| i.session.server.label == server.label) {
            let mut found = idle.remove(at)?;
            if now.duration_since(found.since) >= self.relay.limits.idle {
                retire(found.session);
            } else if found.session.connection.is_quiet() {
                found.session.reused = true;
                return Some(found.session);
            }
        }
        None
    }

    /// Takes a good session back.
    pub(crate) fn put_idle(&self, session: Session, now: Instant) {
        let max = self.relay.limits.messages_per_connection_max;
        if self.relay.limits.idle.is_zero() || (max > 0 && session.messages >= max) {
            retire(session);
            return;
        }
        locked(&self.idle).push_back(Idle { session, since: now });
    }

    /// Closes idle sessions until one more connection keeps the limit. The caller has a permit.
    pub(crate) fn make_room(&self) {
        let used = self.permits_count - self.permits.available_permits();
        loop {
            let retired = {
                let mut idle = locked(&self.idle);
                if idle.len() + used > self.permits_count { idle.pop_front() } else { None }
            };
            match retired {
                Some(idle) => retire(idle.session),
                None => return,
            }
        }
    }

    /// Closes what has been idle too long.
    pub(crate) fn reap(&self, now: Instant) {
        let limit = self.relay.limits.idle;
        let mut idle = locked(&self.idle);
        while let Some(oldest) = idle.front() {
            if now.duration_since(oldest.since) < limit {
                return;
            }
            if let Some(oldest) = idle.pop_front() {
                retire(oldest.session);
            }
        }
    }

    /// Takes all idle sessions out.
    pub(crate) fn take_all_idle(&self) -> Vec<Session> {
        locked(&self.idle).drain(..).map(|idle| idle.session).collect()
    }

    /// The shared part of the handshakes; read anew from time to time, because the system's
    /// trusted certificates change.
    pub(crate) fn tls_context(&self, now: Instant) -> Result<Option<Arc<TlsContext>>, Cause> {
        if self.relay.tls == TlsPolicy::Off {
            return Ok(None);
        }
        let mut context = locked(&self.context);
        if let Some((made_at, context)) = &*context
            && now.duration_since(*made_at) < CONTEXT_AGE_MAX
        {
            return Ok(Some(Arc::clone(context)));
        }
        let client = self.relay.client_certificate.as_ref();
        let made = Arc::new(TlsContext::new(&self.relay.tls, client)?);
        *context = Some((now, Arc::clone(&made)));
        Ok(Some(made))
    }

    pub(crate) fn forget_failures(&self) {
        *locked(&self.context) = None;
        for server in &self.servers {
            server.forget_failures();
        }
    }

    pub(crate) fn health(&self, now: Instant) -> Vec<ServerHealth> {
        let relay = self.relay.label();
        let idle = locked(&self.idle);
        let of = |server: &Arc<Server>| {
            let count = idle.iter().filter(|i| i.session.server.label == server.label).count();
            server.health(&relay, count, now)
        };
        self.servers.iter().map(of).collect()
    }
}

/// Says goodbye without making anybody wait. The task ends by itself within [`QUIT_WAIT`].
pub(crate) fn retire(session: Session) {
    tokio::spawn(quit(session));
}

/// Says goodbye; the connection counts as open until it is closed.
pub(crate) async fn quit(session: Session) {
    let (connection, count) = session.into_parts();
    connection.quit(QUIT_WAIT).await;
    drop(count);
}

#[cfg(test)]
mod tests {
    use annunciator_core::Stage;

    use super::*;
    use crate::trouble::Trouble;

    fn pool(hosts: &[&str]) -> Pool {
        Pool::new(Relay {
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            port: 25,
            tls: TlsPolicy::Off,
            hello_name: "test".into(),
            ..Relay::default()
        })
    }

    fn check(
        failing: &[(&str, u32)],
        preferred: Option<&str>,
        tried: &[&str],
        expected: Option<&str>,
    ) {
        let (pool, now) = (pool(&["a", "b", "c"]), Instant::now());
        for (name, failures) in failing {
            let server = pool.servers.iter().find(|server| server.is_named(name)).unwrap();
            for _ in 0..*failures {
                let failure = Trouble::new(Stage::Connect, Cause::Timeout).failure();
                server.record_failure(failure, now);
            }
        }
        let is_tried = |server: &Server| tried.iter().any(|name| server.is_named(name));
        let chosen = pool.choose(preferred, is_tried, now).map(|server| server.host.as_str());
        assert_eq!(chosen, expected, "{failing:?} {preferred:?} {tried:?}");
    }

    #[test]
    fn servers_are_tried_in_order_and_failing_ones_only_when_all_fail() {
        check(&[], None, &[], Some("a"));
        check(&[], None, &["a"], Some("b"));
        check(&[], None, &["a", "b", "c"], None);
        check(&[], Some("b:25"), &[], Some("b"));
        check(&[], Some("b:25"), &["b"], Some("a"));
        check(&[], Some("gone:25"), &[], Some("a"));
        check(&[("a", 2)], None, &[], Some("a"));
        check(&[("a", 3)], None, &[], Some("b"));
        check(&[("a", 3)], None, &["b", "c"], None);
        check(&[("a", 5), ("b", 3), ("c", 4)], None, &[], Some("b"));
        check(&[("a", 5), ("b", 3), ("c", 4)], None, &["b"], None);
    }

    #[test]
    fn a_server_that_is_named_twice_is_one() {
        assert_eq!(pool(&["a", "b", "a"]).servers.len(), 2);
    }
}
