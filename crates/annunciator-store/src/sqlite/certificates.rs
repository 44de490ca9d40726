//! Certificate objects and kept texts: rows that are few.
//!
//! In: records whose secrets are sealed already. Out: the same.
//! Failure: a row that cannot be read is `Corrupt`.

use annunciator_core::Timestamp;
use rusqlite::{Connection, OptionalExtension, Result, Row};

use super::fault::{Trouble, unreadable};
use super::records::insert_audit;
use crate::{CertificateRecord, KEPT_MAX, KeptText, NewAudit};

const COLUMNS: &str = "id, name, kind, public, sealed_key, created_at, created_by, replaced_at";

/// All objects, oldest first.
pub(super) fn certificates(connection: &Connection) -> Result<Vec<CertificateRecord>> {
    let text = format!("SELECT {COLUMNS} FROM certificates ORDER BY created_at, id LIMIT 10000");
    connection.prepare_cached(&text)?.query_map([], certificate_of)?.collect()
}

fn certificate_of(row: &Row<'_>) -> Result<CertificateRecord> {
    let public: Vec<u8> = row.get(3)?;
    Ok(CertificateRecord {
        id: row.get(0)?,
        name: row.get(1)?,
        kind: row.get(2)?,
        public: split(&public).ok_or_else(|| unreadable("certificate"))?,
        sealed_key: row.get(4)?,
        created_at: Timestamp(row.get(5)?),
        created_by: row.get(6)?,
        replaced_at: row.get::<_, Option<i64>>(7)?.map(Timestamp),
    })
}

/// Stores an object; one of the same id is replaced.
pub(super) fn put_certificate(
    connection: &Connection,
    record: &CertificateRecord,
    audit: &NewAudit,
) -> std::result::Result<(), Trouble> {
    let text = format!(
        "INSERT OR REPLACE INTO certificates ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
    );
    connection.prepare_cached(&text)?.execute((
        &record.id,
        &record.name,
        &record.kind,
        join(&record.public),
        &record.sealed_key,
        record.created_at.0,
        &record.created_by,
        record.replaced_at.map(|at| at.0),
    ))?;
    insert_audit(connection, audit)?;
    Ok(())
}

/// Removes an object; false when there is none.
pub(super) fn delete_certificate(
    connection: &Connection,
    id: &str,
    audit: &NewAudit,
) -> std::result::Result<bool, Trouble> {
    let count = connection.execute("DELETE FROM certificates WHERE id = ?1", [id])?;
    if count > 0 {
        insert_audit(connection, audit)?;
    }
    Ok(count > 0)
}

/// The text kept at a place.
pub(super) fn kept(connection: &Connection, place: &str) -> Result<Option<KeptText>> {
    connection
        .prepare_cached("SELECT text, saved_at FROM kept WHERE place = ?1")?
        .query_row([place], |row| {
            Ok(KeptText { text: row.get(0)?, saved_at: Timestamp(row.get(1)?) })
        })
        .optional()
}

/// Keeps a text at a place where there is none; gives the one that is there then.
pub(super) fn keep_first(
    connection: &Connection,
    place: &str,
    new: &KeptText,
) -> std::result::Result<KeptText, Trouble> {
    if let Some(there) = kept(connection, place)? {
        return Ok(there);
    }
    keep(connection, place, new)?;
    Ok(new.clone())
}

/// Keeps a text at a place; beyond the bound the oldest goes.
pub(super) fn keep(
    connection: &Connection,
    place: &str,
    kept: &KeptText,
) -> std::result::Result<(), Trouble> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO kept (place, text, saved_at) VALUES (?1, ?2, ?3)")?
        .execute((place, &kept.text, kept.saved_at.0))?;
    let count: usize =
        connection.prepare_cached("SELECT count(*) FROM kept")?.query_row([], |row| row.get(0))?;
    if count > KEPT_MAX {
        connection
            .prepare_cached(
                "DELETE FROM kept WHERE place IN
                   (SELECT place FROM kept ORDER BY saved_at, place LIMIT ?1)",
            )?
            .execute([count - KEPT_MAX])?;
    }
    Ok(())
}

fn join(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(parts.iter().map(|part| part.len() + 4).sum());
    for part in parts {
        let length = u32::try_from(part.len()).expect("uploads are far smaller");
        octets.extend_from_slice(&length.to_be_bytes());
        octets.extend_from_slice(part);
    }
    octets
}

fn split(mut octets: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut parts = Vec::new();
    while let Some((length, rest)) = octets.split_first_chunk() {
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (part, rest) = rest.split_at_checked(length)?;
        parts.push(part.to_vec());
        octets = rest;
    }
    octets.is_empty().then_some(parts)
}
