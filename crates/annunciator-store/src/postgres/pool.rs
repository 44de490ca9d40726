//! Connections: made, lent, given back; a transaction that ends, or whose connection is given up.
//!
//! Concurrency: a permit for each connection that is lent. Whoever drops a lent one in the middle
//! (its caller is gone) drops the connection: the database undoes what was open.
//! Standard: nothing of a session is relied on unseen (prepared.rs), as a pooler gives each
//! transaction another one: what bounds a transaction is said at its beginning, and an answer is
//! waited for here.
//! Failure: a connection that fails is not lent again; the next one is made anew, in the order of
//! the hosts, so that a fail-over is followed by itself.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use postgres_openssl::MakeTlsConnector;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Error, Row, Statement};

use super::bind::Bound;
use super::fault::{Outcome, Trouble, store_error, unreadable};
use super::prepared::{Misnamed, Prepared, misnamed};
use crate::{Connections, Result, StoreError};

/// Longest wait for a connection to be free.
const FREE_WAIT: Duration = Duration::from_secs(30);

/// Longest wait for the answer to a statement; then the database is asked to give it up.
const ANSWER_WAIT: Duration = Duration::from_secs(60);
/// Longest wait for a commit: without its standby a primary confirms none. What is given up then may
/// be called done by the primary; here it is told as failed.
const COMMIT_WAIT: Duration = Duration::from_secs(20);
/// Longest wait for a new connection, over all hosts.
const CONNECT_WAIT: Duration = Duration::from_secs(30);
/// Longest wait for what is said of a statement that is given up.
const GIVE_UP_WAIT: Duration = Duration::from_secs(5);

/// What bounds a transaction of whom the database hears no more, or who waits for a lock.
const BEGIN: &str = "BEGIN; SET LOCAL lock_timeout = '20s';
    SET LOCAL idle_in_transaction_session_timeout = '5s'";

/// What every connection begins with, about its other end: the connections of a machine that is gone
/// would be held open for hours, and what they locked.
pub(super) const BEGINNING: &str = "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5;
    SET tcp_keepalives_count = 3; SET tcp_user_timeout = '20s'";

/// Makes and keeps connections.
pub(super) struct Pool {
    config: Config,
    tls: MakeTlsConnector,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
    is_closed: AtomicBool,
    condition: Arc<Condition>,
    /// Connections made so far.
    made: AtomicU64,
    /// Attempts that failed so far.
    failed: AtomicU64,
    count_max: usize,
    /// Whether new connections prepare what is asked.
    prepares: AtomicBool,
}

/// What is known of the database by those who use it.
#[derive(Default)]
struct Condition {
    /// Why the last attempt to connect failed; none when it did not.
    ailment: Mutex<Option<StoreError>>,
    /// Why something was refused that takes room; none when there is room.
    fullness: Mutex<Option<StoreError>>,
}

/// A connection with what is prepared at its other end.
pub(super) struct Connection {
    client: Client,
    /// None when nothing is.
    prepared: Option<Prepared>,
}

/// A connection that is lent.
pub(super) struct Lent {
    connection: Option<Connection>,
    pool: Arc<Pool>,
    /// Longest wait for the answer to a statement.
    answer_wait: Duration,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    pub(super) fn new(config: Config, tls: MakeTlsConnector, count_max: usize) -> Arc<Self> {
        Self::with(config, tls, count_max, Arc::default(), false)
    }

    /// One to the same database that learns with this one how it is. Its connections prepare what is
    /// asked, and are lent for [`Lent::begin`] alone.
    pub(super) fn preparing(&self, count_max: usize) -> Arc<Self> {
        let (config, tls) = (self.config.clone(), self.tls.clone());
        Self::with(config, tls, count_max, self.condition.clone(), true)
    }

    fn with(
        config: Config,
        tls: MakeTlsConnector,
        count_max: usize,
        condition: Arc<Condition>,
        prepares: bool,
    ) -> Arc<Self> {
        Arc::new(Self {
            config,
            tls,
            idle: Mutex::default(),
            permits: Arc::new(Semaphore::new(count_max)),
            is_closed: AtomicBool::new(false),
            condition,
            made: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            count_max,
            prepares: AtomicBool::new(prepares),
        })
    }

    /// A new connection with the task that drives it.
    pub(super) async fn connect(&self) -> Result<Connection> {
        let connected = self.try_connect().await;
        if connected.is_err() {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        let ailment = connected.as_ref().err().cloned();
        *self.condition.ailment.lock().expect("no panic while held") = ailment;
        connected
    }

    async fn try_connect(&self) -> Result<Connection> {
        let connecting = self.config.connect(self.tls.clone());
        let connected = tokio::time::timeout(CONNECT_WAIT, connecting).await;
        let connected = connected.map_err(|_| Trouble::Silent(CONNECT_WAIT).into_error())?;
        let (client, connection) = connected.map_err(|error| store_error(&error))?;
        // Ends with the client, or with the connection.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = %super::fault::words_of(&error), "a connection ended");
            }
        });
        let prepared = self.prepares.load(Ordering::Relaxed).then(Prepared::new).flatten();
        let setting = prepared.as_ref().map(|it| format!("{BEGINNING}; {}", it.setting()));
        let beginning = setting.as_deref().unwrap_or(BEGINNING);
        client.batch_execute(beginning).await.map_err(|error| store_error(&error))?;
        self.made.fetch_add(1, Ordering::Relaxed);
        Ok(Connection { client, prepared })
    }

    /// Lends a connection, outside any transaction.
    pub(super) async fn lend(self: &Arc<Self>) -> Result<Lent> {
        if self.is_closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed);
        }
        let free = tokio::time::timeout(FREE_WAIT, self.permits.clone().acquire_owned());
        let permit = match free.await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) => return Err(StoreError::Closed),
            Err(_) => {
                return Err(StoreError::Busy("all connections to the database are in use".into()));
            }
        };
        let connection = match self.take_idle() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let (connection, pool) = (Some(connection), self.clone());
        Ok(Lent { connection, pool, answer_wait: ANSWER_WAIT, _permit: permit })
    }

    /// What lies idle is not trusted any more.
    fn forget_idle(&self) {
        self.idle.lock().expect("no panic while held").clear();
    }

    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().expect("no panic while held");
        while let Some(connection) = idle.pop() {
            if !connection.client.is_closed() {
                return Some(connection);
            }
        }
        None
    }

    /// Lends a connection with an open transaction.
    pub(super) async fn begin(self: &Arc<Self>) -> Result<Lent> {
        self.begin_as(BEGIN).await
    }

    /// Lends a connection with an open transaction that holds a lock of the database.
    pub(super) async fn begin_holding(self: &Arc<Self>, lock: i64) -> Result<Lent> {
        self.begin_as(&format!("{BEGIN}; SELECT pg_advisory_xact_lock({lock})")).await
    }

    /// Lends a connection whose transaction was opened with these words.
    pub(super) async fn begin_as(self: &Arc<Self>, beginning: &str) -> Result<Lent> {
        let mut tried = false;
        loop {
            let lent = self.lend().await?;
            match lent.batch(beginning).await {
                Ok(()) => return Ok(lent),
                // One that lay idle may have died unnoticed: then another one is tried.
                Err(trouble) if trouble.is_of_dead_connection() && !tried => {
                    tried = true;
                    self.forget_idle();
                }
                Err(trouble) => return Err(trouble.into_error()),
            }
        }
    }

    /// Lends nothing any more; what is lent is closed when it comes back.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.permits.close();
        self.idle.lock().expect("no panic while held").clear();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Adds its connections to those of others.
    pub(super) fn add_to(&self, sum: Connections) -> Connections {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        Connections {
            in_use: sum.in_use + count(self.count_max - self.permits.available_permits()),
            most: sum.most + count(self.count_max),
            made: sum.made + self.made.load(Ordering::Relaxed),
            failed: sum.failed + self.failed.load(Ordering::Relaxed),
        }
    }

    /// Why nothing can be written, as far as is known.
    pub(super) fn ailment(&self) -> Option<StoreError> {
        let ailment = self.condition.ailment.lock().expect("no panic while held").clone();
        ailment.or_else(|| self.fullness())
    }

    /// Why something was refused that takes room.
    pub(super) fn fullness(&self) -> Option<StoreError> {
        self.condition.fullness.lock().expect("no panic while held").clone()
    }

    /// There is room again.
    pub(super) fn note_room(&self) {
        *self.condition.fullness.lock().expect("no panic while held") = None;
    }

    /// What went wrong with a connection tells something of the others.
    fn learn(&self, trouble: &Trouble) {
        if trouble.is_about_connection() {
            self.forget_idle();
        }
        if let Some(full) = trouble.fullness() {
            *self.condition.fullness.lock().expect("no panic while held") = Some(full);
        }
    }
}

impl Lent {
    fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("it is given back only at the end")
    }

    fn client(&self) -> &Client {
        &self.connection().client
    }

    /// The statement with these words, where it is prepared.
    fn statement(&self, text: &str, values: &[Bound<'_>]) -> Option<Statement> {
        self.connection().prepared.as_ref()?.find(text, values)
    }

    /// Statements may take as long as they do on a large database.
    pub(super) fn be_patient(&mut self) {
        self.answer_wait = Duration::from_secs(24 * 3600);
    }

    /// Statements are answered in the usual time again.
    pub(super) fn be_brief(&mut self) {
        self.answer_wait = ANSWER_WAIT;
    }

    /// Waits for an answer; a statement that takes too long is given up at the database, too.
    async fn answer<T>(
        &self,
        wait: Duration,
        asked: impl Future<Output = std::result::Result<T, Error>>,
    ) -> Outcome<T> {
        if let Ok(answer) = tokio::time::timeout(wait, asked).await {
            return Ok(answer?);
        }
        let (token, tls) = (self.client().cancel_token(), self.pool.tls.clone());
        tokio::spawn(async move {
            // Who does not hear it is gone, and the connection goes with this call.
            let given_up = tokio::time::timeout(GIVE_UP_WAIT, token.cancel_query(tls)).await;
            tracing::debug!(is_heard = given_up.is_ok(), "a statement took too long");
        });
        Err(Trouble::Silent(wait))
    }

    /// Rows of a statement.
    pub(super) async fn rows(&self, text: &str, values: &[Bound<'_>]) -> Outcome<Vec<Row>> {
        let client = self.client();
        if let Some(statement) = self.statement(text, values) {
            return self.answer(self.answer_wait, client.query(&statement, &bare(values))).await;
        }
        self.answer(self.answer_wait, client.query_typed(text, values)).await
    }

    /// The only row of a statement, if there is one.
    pub(super) async fn row(&self, text: &str, values: &[Bound<'_>]) -> Outcome<Option<Row>> {
        Ok(self.rows(text, values).await?.into_iter().next())
    }

    /// The only row of a statement that always has one.
    pub(super) async fn one(&self, text: &str, values: &[Bound<'_>]) -> Outcome<Row> {
        self.row(text, values).await?.ok_or_else(|| unreadable("row"))
    }

    /// Runs a statement; answers how many rows it touched.
    pub(super) async fn run(&self, text: &str, values: &[Bound<'_>]) -> Outcome<u64> {
        let client = self.client();
        if let Some(statement) = self.statement(text, values) {
            return self.answer(self.answer_wait, client.execute(&statement, &bare(values))).await;
        }
        self.answer(self.answer_wait, client.execute_typed(text, values)).await
    }

    /// Runs statements without parameters.
    pub(super) async fn batch(&self, text: &str) -> Outcome<()> {
        self.answer(self.answer_wait, self.client().batch_execute(text)).await
    }

    /// Commits what went well, undoes what did not.
    pub(super) async fn end<T>(self, outcome: Outcome<T>) -> Result<T> {
        self.end_as(outcome).await.map_err(Trouble::into_error)
    }

    /// The same, with the trouble as it was.
    pub(super) async fn end_as<T>(self, outcome: Outcome<T>) -> Outcome<T> {
        let trouble = match outcome {
            Ok(value) => match self.commit().await {
                Ok(()) => {
                    self.give_back();
                    return Ok(value);
                }
                Err(trouble) => trouble,
            },
            Err(trouble) => trouble,
        };
        self.pool.learn(&trouble);
        if !trouble.is_about_connection() && self.batch("ROLLBACK").await.is_ok() {
            self.give_back();
        }
        Err(trouble)
    }

    /// Opens a transaction on a connection that was lent without one.
    pub(super) async fn begin(&self) -> Outcome<()> {
        match &self.connection().prepared {
            Some(prepared) => self.batch(&format!("{BEGIN}; {}", prepared.looking())).await,
            None => self.batch(BEGIN).await,
        }
    }

    /// Prepares for the next transactions what was asked in this one.
    pub(super) async fn prepare_asked(&self) -> Outcome<()> {
        match &self.connection().prepared {
            Some(prepared) => {
                self.answer(self.answer_wait, prepared.prepare_asked(self.client())).await
            }
            None => Ok(()),
        }
    }

    /// Whether this went wrong for what is prepared alone, so that the same on a new connection will
    /// do. Where a pooler is at work nothing is prepared from now on.
    pub(super) fn is_misnamed(&self, trouble: &Trouble) -> bool {
        let Some(misnamed) = self.connection().prepared.as_ref().and_then(|_| misnamed(trouble))
        else {
            return false;
        };
        if misnamed == Misnamed::Elsewhere && self.pool.prepares.swap(false, Ordering::Relaxed) {
            tracing::info!("a pooler stands before the database: statements are not prepared");
        }
        self.pool.forget_idle();
        true
    }

    async fn commit(&self) -> Outcome<()> {
        let wait = COMMIT_WAIT.max(self.answer_wait.saturating_sub(ANSWER_WAIT));
        self.answer(wait, self.client().batch_execute("COMMIT")).await
    }

    /// Sends COMMIT together with what is last in the transaction, which undoes all when that fails.
    /// It must send all it has at once. What comes of it is for [`Lent::end_committed`].
    pub(super) async fn commit_with(&self, last: impl Future<Output = Outcome<()>>) -> Outcome<()> {
        let (stored, committed) = tokio::join!(biased; last, self.commit());
        stored.and(committed)
    }

    /// Gives the connection back after a commit, and undoes what was not committed.
    pub(super) async fn end_committed<T>(self, outcome: Outcome<T>) -> Outcome<T> {
        if outcome.is_err() {
            return self.end_as(outcome).await;
        }
        self.give_back();
        outcome
    }

    /// Gives a connection back that has no transaction open.
    pub(super) fn done<T>(self, outcome: Outcome<T>) -> Result<T> {
        match outcome {
            Err(trouble) => {
                self.pool.learn(&trouble);
                if !trouble.is_about_connection() {
                    self.give_back();
                }
                Err(trouble.into_error())
            }
            Ok(value) => {
                self.give_back();
                Ok(value)
            }
        }
    }

    fn give_back(mut self) {
        let connection = self.connection.take().expect("it is given back once");
        // It answered: what ailed another one is over, or of no matter.
        *self.pool.condition.ailment.lock().expect("no panic while held") = None;
        if !connection.client.is_closed() && !self.pool.is_closed() {
            self.pool.idle.lock().expect("no panic while held").push(connection);
        }
    }
}

/// Values whose types are known from the statement.
fn bare<'a>(values: &[Bound<'a>]) -> Vec<&'a (dyn ToSql + Sync)> {
    values.iter().map(|(value, _)| *value).collect()
}
