//! Keeps the open connections of one relay, and hands them out.
//!
//! A *permit* is the right to use a connection; there are as many as the relay bears
//! connections (`permits`). A connection in use stands under a permit of its user; idle ones stand here
//! without. Before a new one is opened, idle ones are closed until all together keep the limit.
//! When a user is dropped its permit and its connection go with it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::pacing::Pace;
use crate::permits::Permits;
use crate::relay::{Relay, TlsPolicy};
use crate::route::roster::Roster;
use crate::server::{Server, ServerHealth};
use crate::session::Session;
use crate::share::ShareCell;
use crate::tls::TlsContext;
use crate::trouble::Cause;

/// How long a goodbye may take.
pub(crate) const QUIT_WAIT: Duration = Duration::from_millis(500);
/// How long trusted certificates are used before they are read again.
const CONTEXT_AGE_MAX: Duration = Duration::from_secs(3600);

struct Idle {
    session: Session,
    since: Instant,
}

/// The connections of one relay and what is remembered of its servers.
pub(crate) struct Pool {
    pub(crate) relay: Relay,
    pub(crate) permits: Permits,
    pub(crate) pace: Option<Arc<Pace>>,
    pub(crate) roster: Roster,
    idle: Mutex<VecDeque<Idle>>,
    context: Mutex<Option<(Instant, Arc<TlsContext>)>>,
    used_at: Mutex<Instant>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    pub(crate) fn new(relay: Relay, share: ShareCell) -> Self {
        Self {
            permits: Permits::new(relay.limits.connections_max, share.clone()),
            pace: Pace::new(relay.limits.messages_per_minute_max, share),
            roster: Roster::new(&relay),
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
        let busy = self.permits.in_use() > 0;
        let open = self.roster.servers().iter().any(|server| server.connections_open() > 0);
        (!busy && !open).then(|| *locked(&self.used_at))
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
                found.session.chunking.rest();
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
        let (used, limit) = (self.permits.in_use(), self.permits.limit());
        loop {
            let retired = {
                let mut idle = locked(&self.idle);
                if idle.len() + used > limit { idle.pop_front() } else { None }
            };
            match retired {
                Some(idle) => retire(idle.session),
                None => return,
            }
        }
    }

    /// Closes what has been idle too long, and lets the limit of connections recover.
    pub(crate) fn reap(&self, now: Instant) {
        self.permits.fit();
        if self.roster.servers().iter().any(|server| server.connections_open() > 0) {
            self.permits.raise(now);
        }
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
        self.roster.forget();
    }

    pub(crate) fn health(&self, now: Instant) -> Vec<ServerHealth> {
        let relay = self.relay.label();
        let idle = locked(&self.idle);
        let of = |server: &Arc<Server>| {
            let count = idle.iter().filter(|i| i.session.server.label == server.label).count();
            server.health(&relay, count, self.permits.limit(), now)
        };
        self.roster.servers().iter().map(of).collect()
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
