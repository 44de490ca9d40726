//! Statements that are prepared: once for a connection, and never where it is shared.

use super::{database, open_at};
use crate::Store as _;
use crate::contract::samples::{accept, event};
use crate::postgres::PostgresStore;
use crate::postgres::bind::values;
use crate::postgres::fault::Outcome;
use crate::postgres::pool::Lent;

impl PostgresStore {
    /// A connection of a writer, within a transaction.
    async fn lend_begun(&self) -> Lent {
        let db = self.inner.gatherers.lend().await.unwrap();
        db.begin().await.unwrap();
        db
    }

    /// Says something on a writer's connection, as whoever shares it might.
    async fn say(&self, words: &str) {
        let db = self.lend_begun().await;
        db.batch(words).await.unwrap();
        db.end(Ok(())).await.unwrap();
    }

    /// How many statements a writer's connection has prepared that name this table.
    async fn prepared_of(&self, table: &str) -> i64 {
        let db = self.lend_begun().await;
        let find = "SELECT count(*) FROM pg_prepared_statements
             WHERE statement LIKE '%' || $1 || '%' AND statement NOT LIKE '%pg_prepared%'";
        let row = db.one(find, values![table]).await.unwrap();
        db.end(Ok(row.get(0))).await.unwrap()
    }

    /// Accepts an event; answers how many statements are prepared then for its table.
    async fn accept_one(&self, number: u32) -> i64 {
        assert!(!accept(self, vec![event(number)]).await[0].duplicate);
        self.prepared_of("INTO events ").await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_again_is_prepared_once_until_a_pooler_shows() {
    let Some((cluster, name)) = database() else { return };
    let store = open_at(&cluster.address(&name), 1).await;
    assert_eq!(store.accept_one(1).await, 1);
    assert_eq!(store.accept_one(2).await, 1);
    // As it is where a pooler has lent our connection to somebody else.
    store.say("SET annunciator.mark = 'of somebody else'").await;
    assert_eq!(store.accept_one(3).await, 0, "the new connection prepares nothing");
    assert_eq!(store.accept_one(4).await, 0);
    assert_eq!(store.facts_count().await, 4);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_that_somebody_forgot_are_asked_without_their_names() {
    let Some((cluster, name)) = database() else { return };
    let store = open_at(&cluster.address(&name), 1).await;
    assert_eq!(store.accept_one(1).await, 1);
    store.say("DEALLOCATE ALL").await;
    assert_eq!(store.accept_one(2).await, 0);
    assert_eq!(store.facts_count().await, 2);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_gives_other_columns_now_is_prepared_anew() {
    let Some((cluster, name)) = database() else { return };
    let store = open_at(&cluster.address(&name), 1).await;
    store.say("CREATE TABLE t (a integer)").await;
    let look = async |db: &Lent| -> Outcome<usize> {
        let columns = "SELECT * FROM (SELECT 1) one LEFT JOIN t ON true";
        let row = db.one(columns, values![]).await?;
        db.prepare_asked().await?;
        Ok(row.len())
    };
    for expected in [2, 2] {
        let db = store.lend_begun().await;
        let columns = look(&db).await;
        assert_eq!(db.end(columns).await.unwrap(), expected);
    }
    drop(cluster.ask(&name, "ALTER TABLE t ADD COLUMN b integer"));
    let db = store.lend_begun().await;
    let trouble = look(&db).await.unwrap_err();
    assert!(db.is_misnamed(&trouble), "{trouble:?}");
    drop(db);
    let db = store.lend_begun().await;
    assert_eq!(look(&db).await.unwrap(), 3);
    drop(db);
    assert_eq!(store.accept_one(1).await, 1, "there is no pooler");
    assert_eq!(store.facts_count().await, 1);
    store.close().await;
}
