//! Turns submissions into reports: chooses servers, opens or reuses sessions, fails over.
//!
//! In: relay, first submission, feed. Out: one report for each submission.
//! Knows nothing of: commands, replies.
//! Standard: RFC 5321 section 5.1; spec 4.1, 4.3, 4.6.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use annunciator_core::{AttemptFacts, EnhancedStatus, Stage};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::job::{Job, Tried};
use crate::keeper::{Keeper, MemoryKeeper};
use crate::knock::knock;
use crate::mta_sts::policies::Policies;
use crate::oauth::Tokens;
use crate::permits::Permit;
use crate::pool::{Pool, quit, retire};
use crate::relay::{Auth, Relay, TlsPolicy};
use crate::resolvers::Resolvers;
use crate::route::finder::Finder;
use crate::route::roster::{Choice, Way, Wish};
use crate::server::{Server, ServerHealth};
use crate::session::{self, Opening, OpeningFailure, Session};
use crate::share::{Share, ShareCell};
use crate::submission::{Feed, Submission};
use crate::transaction::{Ended, Terms, carry};
use crate::trouble::{Cause, Trouble};

/// How often idle connections are looked at.
const REAP_EVERY: Duration = Duration::from_secs(1);
/// How long the memory of an unused relay is kept.
const POOL_UNUSED_MAX: Duration = Duration::from_secs(15 * 60);
/// Waits before a connection is asked for again that a server refused because it had enough.
const CROWDED_WAIT_MIN: Duration = Duration::from_millis(50);
/// The longest of them; each is twice the one before.
const CROWDED_WAIT_MAX: Duration = Duration::from_secs(1);
/// Unused relays that are remembered at most.
const POOLS_MAX: usize = 1_024;

/// An SMTP client: connections, breakers and the memory of TLS failures. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    /// Of all relays, so that those with the same account share one.
    tokens: Tokens,
    resolvers: Resolvers,
    policies: Policies,
    pools: Mutex<HashMap<Relay, Arc<Pool>>>,
    /// Whether the task that closes idle connections has begun.
    reaps: AtomicBool,
    share: ShareCell,
}

impl Inner {
    fn pools(&self) -> MutexGuard<'_, HashMap<Relay, Arc<Pool>>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finder<'a>(&'a self, relay: &'a Relay) -> Finder<'a> {
        Finder { relay, resolver: self.resolvers.get(&relay.names), policies: &self.policies }
    }

    fn reap(&self) {
        let now = Instant::now();
        self.pools().retain(|_, pool| {
            pool.reap(now);
            pool.unused_since().is_none_or(|since| now.duration_since(since) < POOL_UNUSED_MAX)
        });
    }
}

impl Default for Client {
    /// A client that keeps nothing over restarts.
    fn default() -> Self {
        Self::new(Arc::new(MemoryKeeper::default()))
    }
}

impl Client {
    /// A client without connections.
    #[must_use]
    pub fn new(keeper: Arc<dyn Keeper>) -> Self {
        Self::with_policy_port(keeper, 443)
    }

    /// A client that fetches MTA-STS policies from this port, for networks (and tests) in which
    /// their servers have no other.
    #[must_use]
    pub fn with_policy_port(keeper: Arc<dyn Keeper>, port: u16) -> Self {
        let inner = Inner {
            policies: Policies::new(Arc::clone(&keeper), port),
            tokens: Tokens::new(keeper),
            resolvers: Resolvers::default(),
            pools: Mutex::default(),
            reaps: AtomicBool::new(false),
            share: ShareCell::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Makes one attempt for `first` and, while sessions stay good, for what `feed` hands on.
    ///
    /// Never fails: every end is reported through [`Feed::report`], exactly once for each
    /// submission. A submission with `fresh_connection` does not count among the relay's
    /// connections, so that a test does not wait behind a stalled queue.
    pub async fn deliver(&self, relay: &Relay, first: Submission, feed: &dyn Feed) {
        let pool = self.pool(relay);
        self.begin_reaping();
        let Some(job) = Job::new(first, feed) else { return };
        let (tokens, finder) = (&self.inner.tokens, self.inner.finder(relay));
        let backlog = VecDeque::from([job]);
        Delivery { pool: &pool, tokens, finder, feed, backlog, permit: None }.run().await;
        pool.touch(Instant::now());
    }

    /// How each server does.
    #[must_use]
    pub fn health(&self) -> Vec<ServerHealth> {
        let now = Instant::now();
        let mut health: Vec<_> = self.inner.pools().values().flat_map(|p| p.health(now)).collect();
        health.sort_by(|a, b| (&a.relay, &a.host).cmp(&(&b.relay, &b.host)));
        health
    }

    /// How many connections this client may use now: its part of what the settings allow, or fewer
    /// when the relay has refused some.
    #[must_use]
    pub fn connections_limit(&self, relay: &Relay) -> usize {
        let pools = self.inner.pools();
        let unused = || self.share_of(relay.limits.connections_max);
        pools.get(relay).map_or_else(unused, |pool| pool.permits.limit())
    }

    /// Others send over the same relays: from now on this client keeps to its part of their bounds.
    pub fn set_share(&self, share: Share) {
        self.inner.share.set(share);
    }

    /// The part of a relay's bound that this client may use now, at least 1.
    #[must_use]
    pub fn share_of(&self, bound: usize) -> usize {
        self.inner.share.of(bound)
    }

    /// Settings have changed: closes the breakers, forgets failures of TLS and what was looked
    /// up, reads trusted certificates anew.
    pub fn forget_failures(&self) {
        self.inner.resolvers.forget();
        self.inner.pools().values().for_each(|pool| pool.forget_failures());
    }

    /// Whether a server of the relay answers again; nothing is sent to it.
    pub async fn knock(&self, relay: &Relay) -> bool {
        knock(&self.inner.finder(relay)).await
    }

    /// Says QUIT on all idle connections and closes them.
    pub async fn close_idle(&self) {
        let mut farewells = JoinSet::new();
        for pool in self.inner.pools().values() {
            for session in pool.take_all_idle() {
                farewells.spawn(quit(session));
            }
        }
        farewells.join_all().await;
    }

    fn pool(&self, relay: &Relay) -> Arc<Pool> {
        let mut pools = self.inner.pools();
        if let Some(pool) = pools.get(relay) {
            return Arc::clone(pool);
        }
        if pools.len() >= POOLS_MAX {
            pools.retain(|_, pool| pool.unused_since().is_none());
        }
        let pool = Arc::new(Pool::new(relay.clone(), self.inner.share.clone()));
        pools.insert(relay.clone(), Arc::clone(&pool));
        pool
    }

    /// Begins, once, the task that closes idle connections. It holds the client weakly and ends
    /// at its next look after the last clone is dropped; the connections are closed by the drop.
    fn begin_reaping(&self) {
        if self.inner.reaps.swap(true, Ordering::Relaxed) {
            return;
        }
        let inner = Arc::downgrade(&self.inner);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(REAP_EVERY).await;
                match inner.upgrade() {
                    Some(inner) => inner.reap(),
                    None => return,
                }
            }
        });
    }
}

/// One call of [`Client::deliver`].
struct Delivery<'a, 'p> {
    pool: &'p Pool,
    tokens: &'a Tokens,
    finder: Finder<'p>,
    feed: &'a dyn Feed,
    /// Jobs that are taken and not reported, the next one first.
    backlog: VecDeque<Job<'a>>,
    permit: Option<Permit<'p>>,
}

impl<'a> Delivery<'a, '_> {
    async fn run(&mut self) {
        let pool = self.pool;
        let terms = Terms { relay: &pool.relay, pace: pool.pace.as_ref(), permits: &pool.permits };
        let mut good: Option<Session> = None;
        while let Some(mut job) = self.backlog.pop_front() {
            job.is_bound = job.submission.prefer_server.is_some() && terms.may_have_other();
            let Some(job) = self.pace(job, &mut good).await else { continue };
            let session = match good.take() {
                Some(session) if self.may_reuse(&session, &job) => Some((session, job)),
                other => {
                    self.rest(other, false);
                    self.obtain(job).await
                }
            };
            let Some((session, job)) = session else { continue };
            let fresh = job.submission.fresh_connection;
            self.backlog.push_front(job);
            match carry(session, terms, self.feed, &mut self.backlog).await {
                Ended::Rest(session) => self.rest(Some(session), fresh),
                Ended::Full(session) => {
                    self.rest(Some(session), fresh);
                    self.take_next();
                }
                Ended::Broken => {}
                Ended::Elsewhere(session) => {
                    if self.has_another_server().await {
                        self.rest(session, fresh);
                        continue;
                    }
                    if let Some(job) = self.backlog.pop_front() {
                        job.fail_everywhere();
                    }
                    // The refusal concerned one message: the session serves the next ones.
                    if session.is_some() && !fresh {
                        good = session;
                        self.take_next();
                    } else {
                        self.rest(session, fresh);
                    }
                }
            }
        }
        self.rest(good, false);
    }

    fn may_reuse(&self, session: &Session, job: &Job<'_>) -> bool {
        let submission = &job.submission;
        let preferred = submission.prefer_server.as_ref();
        !submission.fresh_connection
            && job.tried.is_empty()
            && preferred.is_none_or(|name| session.server.is_named(name))
    }

    /// Takes one more submission when the backlog is empty.
    fn take_next(&mut self) {
        if self.backlog.is_empty()
            && !self.pool.permits.are_wanted()
            && let Some(submission) = self.feed.next()
        {
            self.backlog.extend(Job::new(submission, self.feed));
        }
    }

    /// Keeps a good session for others, or ends it.
    fn rest(&self, session: Option<Session>, fresh: bool) {
        match session {
            Some(session) if fresh => retire(session),
            Some(session) => self.pool.put_idle(session, Instant::now()),
            None => {}
        }
    }

    async fn has_another_server(&self) -> bool {
        match self.backlog.front() {
            Some(job) => !matches!(self.choose(job).await, Choice::Nothing),
            None => false,
        }
    }

    async fn choose(&self, job: &Job<'_>) -> Choice {
        let tried: Vec<&str> = job.tried.iter().map(|tried| tried.label.as_str()).collect();
        let only = job.submission.prefer_server.as_deref();
        let wish = Wish { only, tried: &tried, deadline: job.submission.deadline };
        self.pool.roster.choose(&self.finder, &wish).await
    }

    /// Waits until the relay may be sent another message; without that the job is reported.
    async fn pace(&self, mut job: Job<'a>, good: &mut Option<Session>) -> Option<Job<'a>> {
        let Some(pace) = &self.pool.pace else { return Some(job) };
        if job.slot.is_some() || job.is_exempt() {
            return Some(job);
        }
        job.slot = pace.try_take(Instant::now()).ok();
        if job.slot.is_none() {
            // Others may use the session meanwhile.
            self.rest(good.take(), false);
            job.slot = pace.take(job.submission.deadline).await;
        }
        if job.slot.is_none() {
            out_of_time(job, "the relay may have no more messages this minute, by its settings");
            return None;
        }
        Some(job)
    }

    /// The way to the server that is tried next; domains that lead nowhere are noted. When nothing
    /// is left, or no time, the job is reported.
    async fn find_way(&self, mut job: Job<'a>) -> Option<(Way, Job<'a>)> {
        loop {
            let now = Instant::now();
            if now >= job.submission.deadline {
                if job.tried.is_empty() {
                    out_of_time(job, "the time for the attempt was over before it began");
                } else {
                    job.fail_everywhere();
                }
                return None;
            }
            match self.choose(&job).await {
                Choice::Server(way) => return Some((way, job)),
                Choice::Stuck(label, trouble) => {
                    job.watch().failed(&trouble, &label, now);
                    job.tried.push(stuck(label, trouble));
                }
                Choice::Nothing => {
                    job.fail_everywhere();
                    return None;
                }
            }
        }
    }

    /// A session for this job; without one the job is reported.
    async fn obtain(&mut self, mut job: Job<'a>) -> Option<(Session, Job<'a>)> {
        let deadline = job.submission.deadline;
        let fresh = job.submission.fresh_connection;
        let mut crowded_wait = CROWDED_WAIT_MIN;
        loop {
            if !fresh && self.permit.is_none() {
                self.permit = self.pool.permits.acquire(deadline).await;
                if self.permit.is_none() {
                    out_of_time(job, "no connection to the relay became free in time");
                    return None;
                }
            }
            let way;
            (way, job) = self.find_way(job).await?;
            let server = Arc::clone(&way.server);
            if !fresh
                && !job.has_fallen()
                && let Some(session) = self.pool.take_idle(&server, Instant::now())
            {
                return Some((session, job));
            }
            if !fresh {
                self.pool.make_room();
            }
            match self.open(&way, &job).await {
                Ok(session) => return Some((session, job)),
                Err(failure) if !fresh && self.is_crowded(&server, &failure.trouble) => {
                    self.stand_back(&server, &failure.trouble);
                    sleep_until(deadline.min(Instant::now() + crowded_wait)).await;
                    crowded_wait = (crowded_wait * 2).min(CROWDED_WAIT_MAX);
                }
                Err(failure) => {
                    let tried = tried(&server, failure);
                    if !fresh && tried.trouble.says_crowded() {
                        // Nobody was connected: what was refused was not one too many.
                        self.pool.permits.restore();
                    }
                    server.record_failure(tried.trouble.failure(), Instant::now());
                    let ends = !tried.trouble.verdict().next_server;
                    job.tried.push(tried);
                    if ends {
                        job.fail_everywhere();
                        return None;
                    }
                }
            }
        }
    }

    /// Uses fewer connections; who is refused waits for one of those that are open.
    fn stand_back(&mut self, server: &Server, trouble: &Trouble) {
        self.pool.permits.lower(Instant::now());
        self.permit = None;
        tracing::info!(
            server = server.label,
            reason = trouble.failure().diagnostic,
            limit = self.pool.permits.limit(),
            "the server refuses another connection: fewer are used"
        );
    }

    /// Whether a server has refused a connection because others have theirs, or are about to: then
    /// fewer are used, and the relay is not in trouble.
    fn is_crowded(&self, server: &Server, trouble: &Trouble) -> bool {
        let others_begin = self.pool.permits.in_use() > 1 && trouble.stage != Stage::Connect;
        trouble.says_crowded() && (server.connections_open() > 0 || others_begin)
    }

    /// Opens a session; in plain text when TLS is optional and has failed for long enough.
    async fn open(&self, way: &Way, job: &Job<'_>) -> Result<Session, OpeningFailure> {
        let server = &way.server;
        let context = self
            .pool
            .tls_context(Instant::now())
            .map_err(|cause| OpeningFailure::early(Trouble::new(Stage::Tls, cause), None))?;
        let mut opening = Opening {
            finder: &self.finder,
            way,
            context: context.as_deref(),
            plain: false,
            tokens: self.tokens,
            deadline: job.submission.deadline,
            trace: job.submission.trace,
            watch: job.watch(),
        };
        let result = session::open(&opening).await;
        match &result {
            Ok(session) if session.has_tls() => server.forget_tls_failure(),
            // What DANE or MTA-STS demands is never answered in plain text.
            Err(failure)
                if !failure.demands_tls
                    && failure.trouble.is_of_tls()
                    && self.may_fall_back(server) =>
            {
                tracing::info!(
                    server = server.label,
                    reason = failure.trouble.failure().diagnostic,
                    "TLS has failed for too long: the session goes on in plain text"
                );
                opening.plain = true;
                return session::open(&opening).await;
            }
            _ => {}
        }
        result
    }

    /// After a failure of TLS: remembers it; says whether plain text may be used by now.
    fn may_fall_back(&self, server: &Server) -> bool {
        let TlsPolicy::IfSupported { plaintext_after, .. } = self.pool.relay.tls else {
            return false;
        };
        let now = Instant::now();
        let first = server.record_tls_failure(now);
        let may_be_plain = match &self.pool.relay.auth {
            Auth::None => true,
            Auth::Password { guard, .. } | Auth::OAuth2 { guard, .. } => guard.allow_without_tls,
            Auth::External { .. } => false,
        };
        may_be_plain && now.duration_since(first) >= plaintext_after
    }
}

fn out_of_time(job: Job<'_>, words: &str) {
    let cause = Cause::Forbidden(EnhancedStatus::new(4, 4, 5), words.to_owned());
    job.fail(&Trouble::new(Stage::Prepare, cause), AttemptFacts::default());
}

fn tried(server: &Server, failure: OpeningFailure) -> Tried {
    let OpeningFailure { trouble, address, route, dialogue, .. } = failure;
    let server = server.label.clone();
    let label = server.clone();
    let facts = AttemptFacts { server, address, route, dialogue, ..AttemptFacts::default() };
    Tried { label, trouble, own: Vec::new(), facts }
}

/// A domain that leads to no server.
fn stuck(label: String, trouble: Trouble) -> Tried {
    let facts = AttemptFacts { server: label.clone(), ..AttemptFacts::default() };
    Tried { label, trouble, own: Vec::new(), facts }
}
