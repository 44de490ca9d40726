//! What one node changes is known to the others: a number for each topic, in the database.
//!
//! A change adds to its topic's number in its own transaction and wakes who listens; who listens
//! reads the numbers, and reads them every second anyway: a poller that nobody wakes, behind a
//! pooler without `LISTEN`, is late by a second at most. That events or deliveries wait has no
//! number: who is not woken finds them by its own looks at what waits, every few seconds.
//! Standard: `NOTIFY` and `LISTEN` of PostgreSQL.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_postgres::AsyncMessage;
use uuid::Uuid;

use super::Inner;
use super::bind::{text, values};
use super::fault::{Outcome, store_error};
use super::pool::{BEGINNING, Lent};
use super::rows::get;
use crate::{Change, NewAudit, Result};

/// Name of the channel that nodes wake each other by.
const CHANNEL: &str = "annunciator";
/// Wait between two looks, woken or not.
const LOOK_WAIT: Duration = Duration::from_secs(1);
/// Wait before listening again.
const LISTEN_WAIT: Duration = Duration::from_secs(2);
/// Work is told to the other nodes this often at most: telling makes commits wait for each other.
const WORK_WAIT: Duration = Duration::from_millis(100);

/// Notes a change with its line of the audit log, within its transaction.
pub(super) async fn note_change(db: &Lent, audit: &NewAudit, change: Change) -> Outcome<()> {
    let NewAudit { at, author, action, target, detail } = audit;
    let (author, action, target) = (text(author), text(action), text(target));
    let note = "WITH line AS (
           INSERT INTO audit (at, author, action, target, detail) VALUES ($1, $2, $3, $4, $5)),
         topic AS (UPDATE changes SET number = number + 1 WHERE topic = $6)
         SELECT pg_notify($7, $6)";
    let word = change.as_str();
    db.rows(note, values![at.0, author, action, target, text(detail), word, CHANNEL])
        .await
        .map(drop)
}

/// Notes a change that is nobody's deed, within its transaction.
pub(super) async fn note_news(db: &Lent, change: Change) -> Outcome<()> {
    let word = change.as_str();
    let note = "WITH topic AS (UPDATE changes SET number = number + 1 WHERE topic = $1)
         SELECT pg_notify($2, $1)";
    db.rows(note, values![word, CHANNEL]).await.map(drop)
}

/// Looks for changes until the end.
pub(super) async fn watch(inner: Arc<Inner>) {
    let woken = Arc::new(Notify::new());
    let listener = tokio::spawn(listen(inner.clone(), woken.clone()));
    // Ends with this task, however that ends.
    let _ends = AbortOnDrop(listener.abort_handle());
    let mut known: Option<HashMap<String, i64>> = None;
    while !inner.writers.is_closed() {
        match look(&inner).await {
            Ok(now) => {
                if let Some(before) = &known {
                    for change in Change::ALL {
                        let word = change.as_str();
                        if now.get(word) != before.get(word) {
                            inner.tell(change);
                        }
                    }
                }
                known = Some(now);
            }
            Err(error) => tracing::debug!(%error, "cannot look for changes"),
        }
        tokio::select! {
            () = woken.notified() => {}
            () = tokio::time::sleep(LOOK_WAIT) => {}
            () = inner.stopped.notified() => break,
        }
    }
}

async fn look(inner: &Inner) -> Result<HashMap<String, i64>> {
    let db = inner.readers.lend().await?;
    let rows = db.rows("SELECT topic, number FROM changes", values![]).await;
    let read = |row: &tokio_postgres::Row| Ok((get(row, 0)?, get(row, 1)?));
    db.done(rows.and_then(|rows| rows.iter().map(read).collect()))
}

/// Listens on a connection of its own, again when it breaks.
async fn listen(inner: Arc<Inner>, woken: Arc<Notify>) {
    loop {
        if let Err(error) = listen_once(&inner, &woken).await {
            tracing::debug!(%error, "not woken by other nodes; looking every second");
        }
        tokio::time::sleep(LISTEN_WAIT).await;
    }
}

async fn listen_once(inner: &Arc<Inner>, woken: &Arc<Notify>) -> Result<()> {
    let tls = inner.address.tls()?;
    let config = inner.address.config(&inner.application);
    let connected = config.connect(tls).await;
    let (client, mut connection) = connected.map_err(|error| store_error(&error))?;
    let (inner, woken) = (inner.clone(), woken.clone());
    let driven = tokio::spawn(async move {
        while let Some(message) =
            std::future::poll_fn(|context| connection.poll_message(context)).await
        {
            match message {
                Ok(AsyncMessage::Notification(told)) => match told.payload().split_once(' ') {
                    Some((word, node)) => inner.hear(word, node),
                    None => woken.notify_one(),
                },
                Ok(_) => {}
                Err(_) => return,
            }
        }
    });
    let ends = AbortOnDrop(driven.abort_handle());
    let heard = client.batch_execute(&format!("{BEGINNING}; LISTEN {CHANNEL}")).await;
    heard.map_err(|error| store_error(&error))?;
    // Ends with the connection.
    let _ = driven.await;
    drop((client, ends));
    Ok(())
}

struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Inner {
    /// A node says what waits; who leaves work knows it already.
    fn hear(&self, word: &str, node: &str) {
        let waiting = [Change::Work, Change::Events].into_iter().find(|it| it.as_str() == word);
        if let Some(work) = waiting.filter(|_| node != self.node.to_string()) {
            self.tell(work);
        }
    }
}

/// Wakes the other nodes: something waits that this one leaves.
pub(super) async fn wake_others(db: &Lent, work: Change, node: Uuid) -> Outcome<()> {
    let words = format!("{} {node}", work.as_str());
    db.rows("SELECT pg_notify($1, $2)", values![CHANNEL, words]).await.map(drop)
}

/// Tells other nodes that deliveries or events wait, not too often, until the end.
pub(super) async fn tell_of(inner: Arc<Inner>, work: Change) {
    let has_some = if work == Change::Events { &inner.has_events } else { &inner.has_work };
    loop {
        tokio::select! {
            () = has_some.notified() => {}
            () = inner.stopped.notified() => return,
        }
        if let Ok(db) = inner.readers.lend().await {
            let told = wake_others(&db, work, inner.node).await;
            // Who is not told finds it within a poll.
            let _ = db.done(told);
        } else if inner.writers.is_closed() {
            return;
        }
        tokio::time::sleep(WORK_WAIT).await;
    }
}
