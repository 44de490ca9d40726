//! What is remembered of one server of a relay: its breaker, its TLS failures, its connections.
//!
//! Shared by all who use the relay; each lock is held for a few instructions and never over an
//! await.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use annunciator_core::Failure;
use tokio::time::Instant;

use crate::breaker::{Breaker, BreakerState};
use crate::route;

/// How a server does, for the console.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerHealth {
    /// The relay: its servers and port.
    pub relay: String,
    /// The server as configured, with its port.
    pub host: String,
    /// Whether it is used.
    pub breaker: BreakerState,
    /// Failures since the last success.
    pub consecutive_failures: u32,
    /// The last of them.
    pub last_failure: Option<Failure>,
    /// Open connections, in use and idle.
    pub connections_open: usize,
    /// Idle ones among them.
    pub connections_idle: usize,
    /// Most connections that the relay bears now, over all its servers: fewer than its settings
    /// allow while it refuses more.
    pub connections_limit: usize,
}

/// One server of a relay.
#[derive(Debug)]
pub(crate) struct Server {
    /// As configured.
    pub(crate) host: String,
    /// With its port.
    pub(crate) label: String,
    open: AtomicUsize,
    /// Whether there is anything to forget on success; spares the lock for each message.
    failing: AtomicBool,
    /// Whether it announced BDAT and did not take it.
    lacks_bdat: AtomicBool,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    breaker: Breaker,
    last_failure: Option<Failure>,
    tls_failed_at: Option<Instant>,
}

impl Server {
    pub(crate) fn new(host: &str, port: u16) -> Self {
        Self {
            host: host.to_owned(),
            label: route::label(host, port),
            open: AtomicUsize::new(0),
            failing: AtomicBool::new(false),
            lacks_bdat: AtomicBool::new(false),
            memory: Mutex::default(),
        }
    }

    /// Whether a report or a setting means this server.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.label == name || self.host == name
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn record_failure(&self, failure: Failure, now: Instant) {
        let mut memory = self.memory();
        memory.breaker.record_failure(now);
        memory.last_failure = Some(failure);
        self.failing.store(true, Ordering::Relaxed);
    }

    pub(crate) fn record_success(&self) {
        if self.failing.swap(false, Ordering::Relaxed) {
            self.memory().breaker.record_success();
        }
    }

    /// When the breaker lets it be used again; `None` when it is used.
    pub(crate) fn open_until(&self, now: Instant) -> Option<Instant> {
        if !self.failing.load(Ordering::Relaxed) {
            return None;
        }
        match self.memory().breaker.state(now) {
            BreakerState::Closed => None,
            BreakerState::Open { until } => Some(until),
        }
    }

    /// Remembers a failure of TLS; gives the time of the first one since TLS last worked.
    pub(crate) fn record_tls_failure(&self, now: Instant) -> Instant {
        *self.memory().tls_failed_at.get_or_insert(now)
    }

    pub(crate) fn forget_tls_failure(&self) {
        self.memory().tls_failed_at = None;
    }

    pub(crate) fn forget_failures(&self) {
        *self.memory() = Memory::default();
        self.failing.store(false, Ordering::Relaxed);
        self.lacks_bdat.store(false, Ordering::Relaxed);
    }

    /// It announced BDAT and does not know it: it gets DATA from now on.
    pub(crate) fn record_lack_of_bdat(&self) {
        self.lacks_bdat.store(true, Ordering::Relaxed);
    }

    pub(crate) fn lacks_bdat(&self) -> bool {
        self.lacks_bdat.load(Ordering::Relaxed)
    }

    pub(crate) fn connections_open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    pub(crate) fn health(
        &self,
        relay: &str,
        idle: usize,
        connections_limit: usize,
        now: Instant,
    ) -> ServerHealth {
        let memory = self.memory();
        ServerHealth {
            relay: relay.to_owned(),
            host: self.label.clone(),
            breaker: memory.breaker.state(now),
            consecutive_failures: memory.breaker.failures(),
            last_failure: memory.last_failure.clone(),
            connections_open: self.connections_open(),
            connections_idle: idle,
            connections_limit,
        }
    }
}

/// Counts as one open connection of a server while it lives.
#[derive(Debug)]
pub(crate) struct OpenCount(Arc<Server>);

impl OpenCount {
    pub(crate) fn new(server: &Arc<Server>) -> Self {
        server.open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(server))
    }
}

impl Drop for OpenCount {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
