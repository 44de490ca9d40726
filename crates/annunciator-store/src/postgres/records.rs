//! Settings, tokens, certificates, kept texts and the audit log: rows that are few.
//!
//! Concurrency: what must hold over several rows is decided under a lock of the database that nodes
//! hold against each other (schema.rs).

use annunciator_core::Timestamp;
use tokio_postgres::Row;

use super::bind::{count, text, values};
use super::changes::note_change;
use super::fault::Outcome;
use super::pool::Lent;
use super::rows::{get, sha256_of, some_time, time};
use super::schema::{hold, lock};
use super::search::{Conditions, count_of, cut, number_cursor_of};
use crate::{
    AuditEntry, AuditFilter, CertificateRecord, Change, KEPT_MAX, KeptText, NewAudit, Page, Paged,
    REVISIONS_MAX, SavedSettings, SettingsChange, SettingsSave, TokenRecord,
};

/// Rows of the audit log that one look reads.
const WINDOW: i64 = 20_000;
/// Most looks of one page.
const WINDOWS_MAX: usize = 10;

/// Writes a line of the audit log.
pub(super) async fn insert_audit(db: &Lent, audit: &NewAudit) -> Outcome<()> {
    let NewAudit { at, author, action, target, detail } = audit;
    let insert = "INSERT INTO audit (at, author, action, target, detail)
         VALUES ($1, $2, $3, $4, $5)";
    db.run(insert, values![at.0, text(author), text(action), text(target), text(detail)])
        .await
        .map(drop)
}

/// Saves a revision unless somebody else did in between.
pub(super) async fn save_settings(db: &Lent, change: &SettingsChange) -> Outcome<SettingsSave> {
    let layer = text(&change.layer);
    let newest = "SELECT coalesce(max(revision) FILTER (WHERE layer = $1), 0),
           coalesce(max(revision), 0) FROM settings";
    let row = db.one(newest, values![layer]).await?;
    let (newest, newest_of_all): (i64, i64) = (get(&row, 0)?, get(&row, 1)?);
    if change.expected_revision.is_some_and(|expected| expected != newest) {
        return Ok(SettingsSave::Conflict(newest));
    }
    let revision = newest_of_all + 1;
    let insert = "INSERT INTO settings (revision, layer, document, author, saved_at, comment)
         VALUES ($1, $2, $3, $4, $5, $6)";
    let (document, author) = (text(&change.document), text(&change.audit.author));
    let saved_at = change.audit.at.0;
    db.run(insert, values![revision, layer, document, author, saved_at, text(&change.comment)])
        .await?;
    let forget = "DELETE FROM settings WHERE layer = $1 AND revision <= (
           SELECT revision FROM settings WHERE layer = $1
           ORDER BY revision DESC LIMIT 1 OFFSET $2)";
    db.run(forget, values![layer, count(REVISIONS_MAX)]).await?;
    note_change(db, &change.audit, Change::Settings).await?;
    Ok(SettingsSave::Saved(revision))
}

const SETTINGS_COLUMNS: &str = "revision, layer, document, author, saved_at, comment";

fn settings_of(row: &Row) -> Outcome<SavedSettings> {
    Ok(SavedSettings {
        revision: get(row, 0)?,
        layer: get(row, 1)?,
        document: get(row, 2)?,
        author: get(row, 3)?,
        saved_at: time(row, 4)?,
        comment: get(row, 5)?,
    })
}

/// The newest revision of a layer.
pub(super) async fn newest_settings(db: &Lent, layer: &str) -> Outcome<Option<SavedSettings>> {
    let text = format!(
        "SELECT {SETTINGS_COLUMNS} FROM settings WHERE layer = $1 ORDER BY revision DESC LIMIT 1"
    );
    db.row(&text, values![layer]).await?.as_ref().map(settings_of).transpose()
}

/// A revision of a layer and the one before it.
pub(super) async fn settings_revision(
    db: &Lent,
    layer: &str,
    revision: i64,
) -> Outcome<Vec<SavedSettings>> {
    let text = format!(
        "SELECT {SETTINGS_COLUMNS} FROM settings WHERE layer = $1 AND revision <= $2
         ORDER BY revision DESC LIMIT 2"
    );
    let rows = db.rows(&text, values![layer, revision]).await?;
    let found = rows.iter().map(settings_of).collect::<Outcome<Vec<_>>>()?;
    let is_there = found.first().is_some_and(|newest| newest.revision == revision);
    Ok(if is_there { found } else { Vec::new() })
}

/// The revisions of a layer.
pub(super) async fn settings_history(
    db: &Lent,
    layer: &str,
    page: &Page,
) -> Outcome<Paged<SavedSettings>> {
    let text = format!(
        "SELECT {SETTINGS_COLUMNS} FROM settings WHERE layer = $1 AND revision < $2
         ORDER BY revision DESC LIMIT $3"
    );
    let (after, most) = (number_cursor_of(page)?, count(count_of(page) + 1));
    let read = |row| settings_of(row).map(|saved| (saved.revision, saved));
    paged(
        db.rows(&text, values![layer, after, most])
            .await?
            .iter()
            .map(read)
            .collect::<Outcome<_>>()?,
        page,
    )
}

/// A page of rows that were read one too far, each with its number.
pub(super) fn paged<T>(mut rows: Vec<(i64, T)>, page: &Page) -> Outcome<Paged<T>> {
    let next = cut(&mut rows, count_of(page));
    Ok(Paged { rows: rows.into_iter().map(|(_, row)| row).collect(), next, searched_until: None })
}

fn audit_of(row: &Row) -> Outcome<(i64, AuditEntry)> {
    let entry = NewAudit {
        at: time(row, 1)?,
        author: get(row, 2)?,
        action: get(row, 3)?,
        target: get(row, 4)?,
        detail: get(row, 5)?,
    };
    let number = get(row, 0)?;
    Ok((number, AuditEntry { number, entry }))
}

/// The audit log: windows of numbers, from the newest.
pub(super) async fn audit(
    db: &Lent,
    filter: &AuditFilter,
    page: &Page,
    fold: &str,
) -> Outcome<Paged<AuditEntry>> {
    let mut all = Conditions::default();
    let author = filter.author.as_deref().map(|name| text(name).to_ascii_lowercase());
    all.add_some("position({} IN lower(author COLLATE \"C\")) > 0", author);
    all.add_some("action = {}", filter.action.clone());
    all.add_needle("author, action, target, detail", filter.text.as_deref(), fold);
    let (next, condition) = (all.next(), all.all());
    let look = format!(
        "WITH w AS MATERIALIZED (
           SELECT number, at, author, action, target, detail, ({condition}) AS fits FROM audit
           WHERE number < ${next} ORDER BY number DESC LIMIT ${})
         SELECT number, at, author, action, target, detail, fits FROM (
           (SELECT * FROM w WHERE fits ORDER BY number DESC LIMIT ${})
           UNION ALL (SELECT number, at, '', '', '', '', false FROM w ORDER BY number LIMIT 1)) o
         ORDER BY fits DESC, number DESC",
        next + 1,
        next + 2
    );
    let since = filter.since.unwrap_or(Timestamp(i64::MIN));
    let (mut after, mut found) = (number_cursor_of(page)?, Vec::new());
    for _ in 0..WINDOWS_MAX {
        let wanted = count(count_of(page) + 1 - found.len());
        let more = values![after, WINDOW, wanted];
        let rows = db.rows(&look, &all.with(more)).await?;
        let Some(last) = rows.last() else { return paged(found, page) };
        for row in rows.iter().filter(|row| get(row, 6).unwrap_or(false)) {
            let one = audit_of(row)?;
            if one.1.entry.at < since {
                return paged(found, page);
            }
            found.push(one);
        }
        if found.len() > count_of(page) || time(last, 1)? < since {
            return paged(found, page);
        }
        after = get(last, 0)?;
    }
    let searched_until = (found.len() < count_of(page)).then_some(()).map(|()| found.last());
    let until = searched_until.flatten().map(|(_, one)| one.entry.at);
    let mut list = paged(found, page)?;
    list.next = Some(format!("{after:016x}"));
    list.searched_until = until;
    Ok(list)
}

/// Stores a token; one of the same id is replaced.
pub(super) async fn insert_token(db: &Lent, token: &TokenRecord, audit: &NewAudit) -> Outcome<()> {
    let insert = "INSERT INTO tokens (id, name, role, secret_sha256, created_at, created_by,
           expires_at, last_used_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, role = excluded.role,
           secret_sha256 = excluded.secret_sha256, created_at = excluded.created_at,
           created_by = excluded.created_by, expires_at = excluded.expires_at,
           last_used_at = excluded.last_used_at";
    let ends = [token.expires_at, token.last_used_at].map(|at| at.map(|at| at.0));
    let (hash, created_at) = (token.secret_sha256.as_slice(), token.created_at.0);
    let (id, name, role) = (text(&token.id), text(&token.name), text(&token.role));
    let by = text(&token.created_by);
    db.run(insert, values![id, name, role, hash, created_at, by, ends[0], ends[1]]).await?;
    note_change(db, audit, Change::Tokens).await
}

/// Removes a token; false when there is none.
pub(super) async fn delete_token(db: &Lent, id: &str, audit: &NewAudit) -> Outcome<bool> {
    let gone = db.run("DELETE FROM tokens WHERE id = $1", values![text(id)]).await? > 0;
    if gone {
        note_change(db, audit, Change::Tokens).await?;
    }
    Ok(gone)
}

/// Notes when tokens were used; never back in time.
pub(super) async fn touch_tokens(db: &Lent, used: &[(String, Timestamp)]) -> Outcome<()> {
    let ids: Vec<&str> = used.iter().map(|(id, _)| id.as_str()).collect();
    let times: Vec<i64> = used.iter().map(|(_, at)| at.0).collect();
    let touch = "UPDATE tokens t SET last_used_at = g.at
         FROM (SELECT id, max(at) AS at FROM unnest($1::text[], $2::bigint[]) AS g(id, at)
               GROUP BY id ORDER BY id) g
         WHERE t.id = g.id AND (t.last_used_at IS NULL OR t.last_used_at < g.at)";
    db.run(touch, values![ids, times]).await.map(drop)
}

/// All tokens, oldest first.
pub(super) async fn tokens(db: &Lent) -> Outcome<Vec<TokenRecord>> {
    let text = "SELECT id, name, role, secret_sha256, created_at, created_by, expires_at,
           last_used_at FROM tokens ORDER BY created_at, id LIMIT 10000";
    let read = |row: &Row| {
        Ok(TokenRecord {
            id: get(row, 0)?,
            name: get(row, 1)?,
            role: get(row, 2)?,
            secret_sha256: sha256_of(row, 3)?,
            created_at: time(row, 4)?,
            created_by: get(row, 5)?,
            expires_at: some_time(row, 6)?,
            last_used_at: some_time(row, 7)?,
        })
    };
    db.rows(text, &[]).await?.iter().map(read).collect()
}

/// All certificate objects, oldest first.
pub(super) async fn certificates(db: &Lent) -> Outcome<Vec<CertificateRecord>> {
    let text = "SELECT id, name, kind, public, sealed_key, created_at, created_by, replaced_at
         FROM certificates ORDER BY created_at, id LIMIT 10000";
    let read = |row: &Row| {
        Ok(CertificateRecord {
            id: get(row, 0)?,
            name: get(row, 1)?,
            kind: get(row, 2)?,
            public: get(row, 3)?,
            sealed_key: get(row, 4)?,
            created_at: time(row, 5)?,
            created_by: get(row, 6)?,
            replaced_at: some_time(row, 7)?,
        })
    };
    db.rows(text, &[]).await?.iter().map(read).collect()
}

/// Stores an object; one of the same id is replaced.
pub(super) async fn put_certificate(
    db: &Lent,
    record: &CertificateRecord,
    audit: &NewAudit,
) -> Outcome<()> {
    let put = "INSERT INTO certificates
           (id, name, kind, public, sealed_key, created_at, created_by, replaced_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, kind = excluded.kind,
           public = excluded.public, sealed_key = excluded.sealed_key,
           created_at = excluded.created_at, created_by = excluded.created_by,
           replaced_at = excluded.replaced_at";
    let (id, name, kind) = (text(&record.id), text(&record.name), text(&record.kind));
    let (created_at, by) = (record.created_at.0, text(&record.created_by));
    let replaced_at = record.replaced_at.map(|at| at.0);
    let (public, key) = (record.public.clone(), record.sealed_key.clone());
    db.run(put, values![id, name, kind, public, key, created_at, by, replaced_at]).await?;
    note_change(db, audit, Change::Certificates).await
}

/// Removes an object; false when there is none.
pub(super) async fn delete_certificate(db: &Lent, id: &str, audit: &NewAudit) -> Outcome<bool> {
    let gone = db.run("DELETE FROM certificates WHERE id = $1", values![text(id)]).await? > 0;
    if gone {
        note_change(db, audit, Change::Certificates).await?;
    }
    Ok(gone)
}

/// The text kept at a place.
pub(super) async fn kept(db: &Lent, place: &str) -> Outcome<Option<KeptText>> {
    let find = "SELECT text, saved_at FROM kept WHERE place = $1";
    let row = db.row(find, values![text(place)]).await?;
    let read = |row: &Row| Ok(KeptText { text: get(row, 0)?, saved_at: time(row, 1)? });
    row.as_ref().map(read).transpose()
}

/// Keeps a text at a place where there is none; gives the one that is there then. The lock on them
/// is held.
pub(super) async fn keep_first(db: &Lent, place: &str, new: &KeptText) -> Outcome<KeptText> {
    if let Some(there) = kept(db, place).await? {
        return Ok(there);
    }
    keep(db, &[(place, new)]).await?;
    Ok(new.clone())
}

/// Keeps texts at places, each once; beyond the bound the oldest go.
pub(super) async fn keep(db: &Lent, all: &[(&str, &KeptText)]) -> Outcome<()> {
    if all.is_empty() {
        return Ok(());
    }
    hold(db, lock::KEPT).await?;
    let places: Vec<_> = all.iter().map(|(place, _)| text(place)).collect();
    let texts: Vec<_> = all.iter().map(|(_, kept)| text(&kept.text)).collect();
    let times: Vec<i64> = all.iter().map(|(_, kept)| kept.saved_at.0).collect();
    let put = "INSERT INTO kept (place, text, saved_at)
         SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
         ON CONFLICT (place) DO UPDATE SET text = excluded.text, saved_at = excluded.saved_at";
    db.run(put, values![places, texts, times]).await?;
    let forget = "DELETE FROM kept WHERE place IN (
           SELECT place FROM kept ORDER BY saved_at, place
           LIMIT greatest((SELECT count(*) FROM kept) - $1, 0))";
    db.run(forget, values![count(KEPT_MAX)]).await.map(drop)
}
