//! A database is brought to today's version, or looked over, without a node.
//!
//! Concurrency: the look reads one snapshot in a transaction that cannot write.

use super::accept::DATABASE_MS;
use super::bind::{count, values};
use super::fault::Outcome;
use super::nodes::DEAD_MS;
use super::partitions::{self, Week};
use super::pool::{Lent, Pool};
use super::records::kept;
use super::rows::{get, number};
use super::{CONNECTIONS_MAX, PostgresAddress, schema};
use crate::soundness::{Agreement, version_flaw};
use crate::{Examination, Flaw, KEY_MARK_PLACE, Migration, Result, SealedKey, TableCount};

/// The oldest version of PostgreSQL that has all that is asked of it.
const SERVER_MIN: i64 = 130_000;

/// One snapshot, however long it takes.
const READING: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
     SET LOCAL statement_timeout = 0";
/// A step of the schema, however long it takes.
const STEPPING: &str = "BEGIN; SET LOCAL statement_timeout = 0";

const AGREEMENTS: &[Agreement] = &[
    Agreement {
        count: "SELECT count(*) FROM events e
                WHERE NOT EXISTS (SELECT FROM inbox WHERE event = e.uid)
                  AND NOT EXISTS (SELECT FROM plans WHERE event = e.uid)
                  AND NOT EXISTS (SELECT FROM parked WHERE event = e.uid)",
        what: "events neither wait for planning nor are planned or parked",
    },
    Agreement {
        count: "SELECT count(*) FROM inbox i JOIN plans p ON p.event = i.event",
        what: "events are planned and wait for planning all the same",
    },
    Agreement {
        count: "SELECT count(*) FROM (SELECT event FROM inbox UNION ALL SELECT event FROM plans
                  UNION ALL SELECT event FROM parked UNION ALL SELECT uid FROM event_ids) w
                WHERE NOT EXISTS (SELECT FROM events WHERE uid = w.event)",
        what: "rows of inbox, plans, parked and event_ids are of events that are not there",
    },
    Agreement {
        count: "SELECT count(*) FROM notifications n
                WHERE NOT EXISTS (SELECT FROM events WHERE uid = n.event)",
        what: "notifications are of events that are not there",
    },
    Agreement {
        count: "SELECT count(*) FROM queue q
                WHERE NOT EXISTS (SELECT FROM notifications WHERE id = q.notification)",
        what: "deliveries in the queue have no notification",
    },
    Agreement {
        count: "SELECT count(*) FROM deliveries d
                WHERE NOT EXISTS (SELECT FROM notifications WHERE id = d.notification)",
        what: "deliveries in the ledger have no notification",
    },
    Agreement {
        count: "SELECT count(*) FROM queue q JOIN deliveries d ON d.id = q.id",
        what: "deliveries are finished and stand in the queue all the same",
    },
    Agreement {
        count:
            "SELECT count(*) FROM notifications n CROSS JOIN LATERAL unnest(n.deliveries) AS x(id)
                WHERE NOT EXISTS (SELECT FROM all_deliveries d WHERE d.id = x.id)",
        what: "deliveries of notifications stand neither in the queue nor in the ledger",
    },
    Agreement {
        count: "SELECT count(*) FROM attempts a
                WHERE NOT EXISTS (SELECT FROM all_deliveries d WHERE d.id = a.delivery)",
        what: "attempts are of deliveries that are not there",
    },
];

/// Brings a database, which may be empty, to today's version; safe beside nodes and others that do
/// the same.
///
/// # Errors
/// [`crate::StoreError::Io`] when the database cannot be reached, [`crate::StoreError::Corrupt`]
/// when it is of a newer version, [`crate::StoreError::BadRequest`] when it cannot be used.
pub async fn migrate(address: &PostgresAddress) -> Result<Migration> {
    let pool = Pool::new(address.config("annunciator store migrate"), address.tls()?, 1);
    let mut db = pool.begin_as(STEPPING).await?;
    db.be_patient();
    let outcome = schema::migrate(&db).await;
    let stepped = db.end(outcome).await;
    let migration = stepped.map(|from| Migration { from, to: schema::known() });
    if migration.is_ok() {
        // Where somebody reads for long, the nodes make them.
        let _ = partitions::make_soon(&pool).await;
    }
    pool.close();
    migration
}

/// Looks over a database.
///
/// # Errors
/// [`crate::StoreError::Io`] when the database cannot be reached.
pub async fn examine(address: &PostgresAddress) -> Result<Examination> {
    let pool = Pool::new(address.config("annunciator store check"), address.tls()?, 1);
    let mut db = pool.begin_as(READING).await?;
    db.be_patient();
    let outcome = look(&db).await;
    let examination = db.end(outcome).await;
    pool.close();
    examination
}

async fn look(db: &Lent) -> Outcome<Examination> {
    let engine = get(&db.one("SELECT current_setting('server_version')", values![]).await?, 0)?;
    let mut flaws = server_flaws(db).await?;
    let there = "SELECT to_regclass('schema_version') IS NOT NULL";
    let has_tables: bool = get(&db.one(there, values![]).await?, 0)?;
    let schema_version = if has_tables { schema::version(db).await? } else { 0 };
    let mut found = Examination { engine, schema_version, ..Examination::default() };
    if has_tables {
        found.tables = counts(db).await?;
    }
    if let Some(flaw) = version_flaw(schema_version, schema::known()) {
        flaws.push(flaw);
    } else {
        flaws.extend(connection_flaw(db).await?);
        flaws.extend(week_flaw(db).await?);
        for agreement in AGREEMENTS {
            let rows = number(&db.one(agreement.count, values![]).await?, 0)?;
            flaws.extend(agreement.flaw_of(rows));
        }
        found.settings = newest_settings(db).await?;
        found.sealed_keys = sealed_keys(db).await?;
        found.key_mark = kept(db, KEY_MARK_PLACE).await?.map(|mark| mark.text);
    }
    found.flaws = flaws;
    Ok(found)
}

/// What is wrong with the server and the database as such.
async fn server_flaws(db: &Lent) -> Outcome<Vec<Flaw>> {
    let find = "SELECT current_setting('server_version_num')::bigint,
           current_setting('server_encoding'), current_setting('fsync'),
           current_setting('synchronous_commit'), current_setting('full_page_writes'),
           pg_is_in_recovery(),
           coalesce(has_schema_privilege(current_schema(), 'CREATE'), false), current_user::text";
    let row = db.one(find, values![]).await?;
    let mut flaws = Vec::new();
    let mut flaw = |is_wrong: bool, what: String, advice: &str| {
        if is_wrong {
            flaws.push(Flaw::new(what, advice));
        }
    };
    let version: i64 = get(&row, 0)?;
    let what = format!("the server has version {version}, which is older than {SERVER_MIN}");
    flaw(version < SERVER_MIN, what, "use PostgreSQL 13 or later");
    let encoding: String = get(&row, 1)?;
    let what = format!("the database has the encoding {encoding}");
    flaw(encoding != "UTF8", what, "make a database with UTF8 and copy the rows into it");
    for (column, name) in [(2, "fsync"), (3, "synchronous_commit"), (4, "full_page_writes")] {
        let value: String = get(&row, column)?;
        let what = format!("{name} is off: a crash may take events that were answered 202");
        let advice = "turn it on in postgresql.conf, and see that ALTER ROLE or ALTER DATABASE \
                      does not turn it off";
        flaw(value == "off", what, advice);
    }
    let is_standby: bool = get(&row, 5)?;
    let advice = "add target_session_attrs=read-write to the address, with all hosts in it";
    flaw(is_standby, "the address leads to a standby, which takes no writes".to_owned(), advice);
    let (may_create, user): (bool, String) = (get(&row, 6)?, get(&row, 7)?);
    let what = format!("the user {user} may not make tables, which each week needs");
    flaw(!may_create && !is_standby, what, "make this user the owner of the database");
    Ok(flaws)
}

/// Whether there are connections for all nodes that live, or for one.
async fn connection_flaw(db: &Lent) -> Outcome<Option<Flaw>> {
    let find = format!(
        "SELECT least(current_setting('max_connections')::bigint
                 - current_setting('superuser_reserved_connections')::bigint,
               (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database()),
               (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user)),
           greatest(1, (SELECT count(*) FROM nodes WHERE beat_at > {DATABASE_MS} - $1))"
    );
    let row = db.one(&find, values![DEAD_MS]).await?;
    let (allowed, nodes): (i64, i64) = (get(&row, 0)?, get(&row, 1)?);
    let needed = nodes * count(CONNECTIONS_MAX);
    Ok((allowed < needed).then(|| {
        Flaw::new(
            format!("{allowed} connections are allowed, and {nodes} nodes need up to {needed}"),
            "raise max_connections, or the limit of the database or its user",
        )
    }))
}

/// Whether the ledger has a place for this week and the next.
async fn week_flaw(db: &Lent) -> Outcome<Option<Flaw>> {
    let now = partitions::database_time(db).await?;
    let there = partitions::weeks(db).await?;
    let wanted = [Week::of(now), Week::of(Week::of(now).end())];
    let is_missing = wanted.iter().any(|week| !there.contains(week));
    Ok(is_missing.then(|| {
        Flaw::new(
            "the ledger has no tables for this week or the next",
            "run `annunciator store migrate`, or start a node; when one runs, see its log",
        )
    }))
}

async fn counts(db: &Lent) -> Outcome<Vec<TableCount>> {
    let find = "SELECT relname::text, quote_ident(relname) FROM pg_class
         WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
           AND NOT relispartition AND pg_has_role(relowner, 'USAGE') ORDER BY relname";
    let mut counts = Vec::new();
    for row in db.rows(find, values![]).await? {
        let (table, quoted): (String, String) = (get(&row, 0)?, get(&row, 1)?);
        let text = format!("SELECT count(*) FROM {quoted}");
        let rows = number(&db.one(&text, values![]).await?, 0)?;
        counts.push(TableCount { table, rows });
    }
    Ok(counts)
}

async fn newest_settings(db: &Lent) -> Outcome<Option<String>> {
    let find = "SELECT document FROM settings WHERE layer = 'server'
         ORDER BY revision DESC LIMIT 1";
    db.row(find, values![]).await?.map(|row| get(&row, 0)).transpose()
}

async fn sealed_keys(db: &Lent) -> Outcome<Vec<SealedKey>> {
    let find = "SELECT id, name, sealed_key FROM certificates
         WHERE sealed_key IS NOT NULL ORDER BY id";
    let read = |row: &tokio_postgres::Row| {
        Ok(SealedKey { id: get(row, 0)?, name: get(row, 1)?, sealed: get(row, 2)? })
    };
    db.rows(find, values![]).await?.iter().map(read).collect()
}
