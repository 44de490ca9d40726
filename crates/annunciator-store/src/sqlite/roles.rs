//! Roles and saved views: rows that are few.
//!
//! Failure: a row that cannot be read is `Corrupt`.

use async_trait::async_trait;
use rusqlite::Connection;

use super::SqliteStore;
use super::fault::{Trouble, unreadable};
use super::group::Kind;
use super::records::insert_audit;
use super::session::Session;
use crate::{
    NewAudit, ROLES_MAX, Result, RoleDeletion, RoleRecord, Roles, SavedView, SavedViews,
    VIEWS_PER_USER_MAX,
};

#[async_trait]
impl Roles for SqliteStore {
    async fn roles(&self) -> Result<Vec<RoleRecord>> {
        self.read(roles).await
    }

    async fn put_role(&self, role: RoleRecord, audit: NewAudit) -> Result<bool> {
        let work = move |session: &mut Session| put_role(&session.connection, &role, &audit);
        self.write(Kind::Command, 1, work).await
    }

    async fn delete_role(&self, name: &str, audit: NewAudit) -> Result<RoleDeletion> {
        let name = name.to_owned();
        let work = move |session: &mut Session| delete_role(&session.connection, &name, &audit);
        self.write(Kind::Command, 1, work).await
    }
}

#[async_trait]
impl SavedViews for SqliteStore {
    async fn saved_views(&self, owner: &str, page: Option<&str>) -> Result<Vec<SavedView>> {
        let (owner, page) = (owner.to_owned(), page.map(str::to_owned));
        self.read(move |connection| views(connection, &owner, page.as_deref())).await
    }

    async fn put_view(&self, view: SavedView, audit: NewAudit) -> Result<bool> {
        let work = move |session: &mut Session| put_view(&session.connection, &view, &audit);
        self.write(Kind::Command, 1, work).await
    }

    async fn delete_view(
        &self,
        owner: &str,
        page: &str,
        name: &str,
        audit: NewAudit,
    ) -> Result<bool> {
        let key = (owner.to_owned(), page.to_owned(), name.to_owned());
        let work = move |session: &mut Session| delete_view(&session.connection, &key, &audit);
        self.write(Kind::Command, 1, work).await
    }
}

fn roles(connection: &Connection) -> rusqlite::Result<Vec<RoleRecord>> {
    let mut select = connection.prepare_cached("SELECT name, rights FROM roles ORDER BY name")?;
    let rows = select.query_map([], |row| {
        let rights: String = row.get(1)?;
        let rights = serde_json::from_str(&rights).map_err(|_| unreadable("role"))?;
        Ok(RoleRecord { name: row.get(0)?, rights })
    })?;
    rows.collect()
}

fn put_role(
    connection: &Connection,
    role: &RoleRecord,
    audit: &NewAudit,
) -> std::result::Result<bool, Trouble> {
    let others: usize = connection
        .prepare_cached("SELECT count(*) FROM roles WHERE name <> ?1")?
        .query_row([&role.name], |row| row.get(0))?;
    if others >= ROLES_MAX {
        return Ok(false);
    }
    let before = roles(connection)?.into_iter().find(|before| before.name == role.name);
    if before.is_some_and(|before| role.rights.iter().any(|new| !before.rights.contains(new))) {
        connection
            .prepare_cached(
                "UPDATE users SET key_sha256 = NULL, key_expires_at = NULL WHERE role = ?1",
            )?
            .execute([&role.name])?;
    }
    let rights = serde_json::to_string(&role.rights).expect("words are texts");
    connection
        .prepare_cached("INSERT OR REPLACE INTO roles (name, rights) VALUES (?1, ?2)")?
        .execute((&role.name, rights))?;
    insert_audit(connection, audit)?;
    Ok(true)
}

fn delete_role(
    connection: &Connection,
    name: &str,
    audit: &NewAudit,
) -> std::result::Result<RoleDeletion, Trouble> {
    let count = |text: &str| -> rusqlite::Result<usize> {
        connection.prepare_cached(text)?.query_row([name], |row| row.get(0))
    };
    let users = count("SELECT count(*) FROM users WHERE role = ?1")?;
    let tokens = count("SELECT count(*) FROM tokens WHERE role = ?1")?;
    if users + tokens > 0 {
        return Ok(RoleDeletion::InUse { users, tokens });
    }
    let gone = connection.prepare_cached("DELETE FROM roles WHERE name = ?1")?.execute([name])?;
    if gone == 0 {
        return Ok(RoleDeletion::NotFound);
    }
    insert_audit(connection, audit)?;
    Ok(RoleDeletion::Done)
}

fn views(
    connection: &Connection,
    owner: &str,
    page: Option<&str>,
) -> rusqlite::Result<Vec<SavedView>> {
    let mut select = connection.prepare_cached(
        "SELECT owner, page, name, query, is_shared FROM saved_views
         WHERE (owner = ?1 OR is_shared = 1) AND (?2 IS NULL OR page = ?2)
         ORDER BY owner <> ?1, page, name, owner LIMIT 1000",
    )?;
    let rows = select.query_map((owner, page), |row| {
        Ok(SavedView {
            owner: row.get(0)?,
            page: row.get(1)?,
            name: row.get(2)?,
            query: row.get(3)?,
            is_shared: row.get(4)?,
        })
    })?;
    rows.collect()
}

fn put_view(
    connection: &Connection,
    view: &SavedView,
    audit: &NewAudit,
) -> std::result::Result<bool, Trouble> {
    let others: usize = connection
        .prepare_cached(
            "SELECT count(*) FROM saved_views WHERE owner = ?1 AND NOT (page = ?2 AND name = ?3)",
        )?
        .query_row((&view.owner, &view.page, &view.name), |row| row.get(0))?;
    if others >= VIEWS_PER_USER_MAX {
        return Ok(false);
    }
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO saved_views (owner, page, name, query, is_shared)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((&view.owner, &view.page, &view.name, &view.query, view.is_shared))?;
    insert_audit(connection, audit)?;
    Ok(true)
}

fn delete_view(
    connection: &Connection,
    (owner, page, name): &(String, String, String),
    audit: &NewAudit,
) -> std::result::Result<bool, Trouble> {
    let gone = connection
        .prepare_cached("DELETE FROM saved_views WHERE owner = ?1 AND page = ?2 AND name = ?3")?
        .execute((owner, page, name))?;
    if gone > 0 {
        insert_audit(connection, audit)?;
    }
    Ok(gone > 0)
}
