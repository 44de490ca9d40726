//! Connections: made, lent, given back; a transaction that ends, or whose connection is given up.
//!
//! Concurrency: a permit for each connection that is lent. Whoever drops a lent one in the middle
//! (its caller is gone) drops the connection: the database undoes what was open.
//! Failure: a connection that fails is not lent again; the next one is made anew, in the order of
//! the hosts, so that a fail-over is followed by itself.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use postgres_openssl::MakeTlsConnector;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::{Client, Config, Row};

use super::bind::Bound;
use super::fault::{Outcome, Trouble, store_error, unreadable};
use crate::{Result, StoreError};

/// Longest wait for a connection to be free.
const FREE_WAIT: Duration = Duration::from_secs(30);

/// What every connection begins with. A pooler may forget these: nothing relies on them but the
/// bounds of what goes wrong. The last ones are of the other end: the connections of a machine that
/// is gone would be held open for hours, and what they locked.
pub(super) const BEGINNING: &str = "SET statement_timeout = '60s'; SET lock_timeout = '20s';
    SET idle_in_transaction_session_timeout = '5s'; SET standard_conforming_strings = on;
    SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;
    SET tcp_user_timeout = '20s'";

/// Makes and keeps connections.
pub(super) struct Pool {
    config: Config,
    tls: MakeTlsConnector,
    idle: Mutex<Vec<Client>>,
    permits: Arc<Semaphore>,
    is_closed: AtomicBool,
    /// Why the last attempt to connect failed; none when it did not.
    ailment: Mutex<Option<StoreError>>,
    /// Connections made so far.
    made: AtomicU64,
}

/// A connection that is lent.
pub(super) struct Lent {
    client: Option<Client>,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    pub(super) fn new(config: Config, tls: MakeTlsConnector, count_max: usize) -> Arc<Self> {
        Arc::new(Self {
            config,
            tls,
            idle: Mutex::default(),
            permits: Arc::new(Semaphore::new(count_max)),
            is_closed: AtomicBool::new(false),
            ailment: Mutex::default(),
            made: AtomicU64::new(0),
        })
    }

    /// A new connection with the task that drives it.
    pub(super) async fn connect(&self) -> Result<Client> {
        let connected = self.try_connect().await;
        let ailment = connected.as_ref().err().cloned();
        *self.ailment.lock().expect("no panic while held") = ailment;
        connected
    }

    async fn try_connect(&self) -> Result<Client> {
        let connecting = self.config.connect(self.tls.clone());
        let (client, connection) = connecting.await.map_err(|error| store_error(&error))?;
        // Ends with the client, or with the connection.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = %super::fault::words_of(&error), "a connection ended");
            }
        });
        client.batch_execute(BEGINNING).await.map_err(|error| store_error(&error))?;
        self.made.fetch_add(1, Ordering::Relaxed);
        Ok(client)
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
        let client = match self.take_idle() {
            Some(client) => client,
            None => self.connect().await?,
        };
        Ok(Lent { client: Some(client), pool: self.clone(), _permit: permit })
    }

    /// What lies idle is not trusted any more.
    fn forget_idle(&self) {
        self.idle.lock().expect("no panic while held").clear();
    }

    fn take_idle(&self) -> Option<Client> {
        let mut idle = self.idle.lock().expect("no panic while held");
        while let Some(client) = idle.pop() {
            if !client.is_closed() {
                return Some(client);
            }
        }
        None
    }

    /// Lends a connection with an open transaction.
    pub(super) async fn begin(self: &Arc<Self>) -> Result<Lent> {
        self.begin_as("BEGIN").await
    }

    /// Lends a connection with an open transaction that holds a lock of the database.
    pub(super) async fn begin_holding(self: &Arc<Self>, lock: i64) -> Result<Lent> {
        self.begin_as(&format!("BEGIN; SELECT pg_advisory_xact_lock({lock})")).await
    }

    async fn begin_as(self: &Arc<Self>, beginning: &str) -> Result<Lent> {
        // A connection that lay idle may have died unnoticed: then another one is tried once.
        for _ in 0..2 {
            let lent = self.lend().await?;
            match lent.client().batch_execute(beginning).await {
                Ok(()) => return Ok(lent),
                Err(error) if error.is_closed() || lent.client().is_closed() => {
                    self.forget_idle();
                }
                Err(error) => return Err(store_error(&error)),
            }
        }
        let lent = self.lend().await?;
        lent.client().batch_execute(beginning).await.map_err(|error| store_error(&error))?;
        Ok(lent)
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

    pub(super) fn ailment(&self) -> Option<StoreError> {
        self.ailment.lock().expect("no panic while held").clone()
    }
}

impl Lent {
    fn client(&self) -> &Client {
        self.client.as_ref().expect("it is given back only at the end")
    }

    /// Rows of a statement.
    pub(super) async fn rows(&self, text: &str, values: &[Bound<'_>]) -> Outcome<Vec<Row>> {
        Ok(self.client().query_typed(text, values).await?)
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
        Ok(self.client().execute_typed(text, values).await?)
    }

    /// Runs statements without parameters.
    pub(super) async fn batch(&self, text: &str) -> Outcome<()> {
        Ok(self.client().batch_execute(text).await?)
    }

    /// Commits what went well, undoes what did not.
    pub(super) async fn end<T>(self, outcome: Outcome<T>) -> Result<T> {
        self.end_as(outcome).await.map_err(Trouble::into_error)
    }

    /// The same, with the trouble as it was.
    pub(super) async fn end_as<T>(self, outcome: Outcome<T>) -> Outcome<T> {
        match outcome {
            Ok(value) => {
                self.client().batch_execute("COMMIT").await?;
                self.give_back();
                Ok(value)
            }
            Err(trouble) if trouble.is_about_connection() => {
                self.pool.forget_idle();
                Err(trouble)
            }
            Err(trouble) => {
                if self.client().batch_execute("ROLLBACK").await.is_ok() {
                    self.give_back();
                }
                Err(trouble)
            }
        }
    }

    /// Gives a connection back that has no transaction open.
    pub(super) fn done<T>(self, outcome: Outcome<T>) -> Result<T> {
        if outcome.as_ref().is_err_and(Trouble::is_about_connection) {
            self.pool.forget_idle();
        } else {
            self.give_back();
        }
        outcome.map_err(Trouble::into_error)
    }

    fn give_back(mut self) {
        let client = self.client.take().expect("it is given back once");
        if !client.is_closed() && !self.pool.is_closed() {
            self.pool.idle.lock().expect("no panic while held").push(client);
        }
    }
}
