//! Roles and saved views: rows that are few.

use async_trait::async_trait;
use tokio_postgres::Row;

use super::PostgresStore;
use super::bind::{count, text, values};
use super::changes::note_change;
use super::fault::Outcome;
use super::pool::Lent;
use super::records::insert_audit;
use super::rows::{from_json, get, number, to_json};
use super::schema::lock;
use crate::{
    Change, NewAudit, ROLES_MAX, Result, RoleDeletion, RoleRecord, Roles, SavedView, SavedViews,
    VIEWS_PER_USER_MAX,
};

#[async_trait]
impl Roles for PostgresStore {
    async fn roles(&self) -> Result<Vec<RoleRecord>> {
        let db = self.inner.readers.lend().await?;
        let outcome = roles(&db).await;
        db.done(outcome)
    }

    async fn put_role(&self, role: RoleRecord, audit: NewAudit) -> Result<bool> {
        let db = self.inner.writers.begin_holding(lock::USERS).await?;
        let outcome = put_role(&db, &role, &audit).await;
        db.end(outcome).await
    }

    async fn delete_role(&self, name: &str, audit: NewAudit) -> Result<RoleDeletion> {
        let db = self.inner.writers.begin_holding(lock::USERS).await?;
        let outcome = delete_role(&db, name, &audit).await;
        db.end(outcome).await
    }
}

#[async_trait]
impl SavedViews for PostgresStore {
    async fn saved_views(&self, owner: &str, page: Option<&str>) -> Result<Vec<SavedView>> {
        let db = self.inner.readers.lend().await?;
        let outcome = views(&db, owner, page).await;
        db.done(outcome)
    }

    async fn put_view(&self, view: SavedView, audit: NewAudit) -> Result<bool> {
        let db = self.inner.writers.begin_holding(lock::USERS).await?;
        let outcome = put_view(&db, &view, &audit).await;
        db.end(outcome).await
    }

    async fn delete_view(
        &self,
        owner: &str,
        page: &str,
        name: &str,
        audit: NewAudit,
    ) -> Result<bool> {
        let db = self.inner.writers.begin().await?;
        let outcome = delete_view(&db, (owner, page, name), &audit).await;
        db.end(outcome).await
    }
}

async fn roles(db: &Lent) -> Outcome<Vec<RoleRecord>> {
    let rows = db.rows("SELECT name, rights FROM roles ORDER BY name", &[]).await?;
    let read =
        |row: &Row| Ok(RoleRecord { name: get(row, 0)?, rights: from_json(get(row, 1)?, "role")? });
    rows.iter().map(read).collect()
}

async fn put_role(db: &Lent, role: &RoleRecord, audit: &NewAudit) -> Outcome<bool> {
    let all = roles(db).await?;
    if all.iter().filter(|other| other.name != role.name).count() >= ROLES_MAX {
        return Ok(false);
    }
    let before = all.into_iter().find(|before| before.name == role.name);
    if before.is_some_and(|before| role.rights.iter().any(|new| !before.rights.contains(new))) {
        let end = "UPDATE users SET key_sha256 = NULL, key_expires_at = NULL WHERE role = $1";
        db.run(end, values![text(&role.name)]).await?;
    }
    let put = "INSERT INTO roles (name, rights) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET rights = excluded.rights";
    db.run(put, values![text(&role.name), to_json(&role.rights)]).await?;
    note_change(db, audit, Change::Roles).await?;
    Ok(true)
}

async fn delete_role(db: &Lent, name: &str, audit: &NewAudit) -> Outcome<RoleDeletion> {
    let find = "SELECT (SELECT count(*) FROM users WHERE role = $1),
           (SELECT count(*) FROM tokens WHERE role = $1)";
    let row = db.one(find, values![text(name)]).await?;
    let (users, tokens): (usize, usize) = (number(&row, 0)?, number(&row, 1)?);
    if users + tokens > 0 {
        return Ok(RoleDeletion::InUse { users, tokens });
    }
    if db.run("DELETE FROM roles WHERE name = $1", values![text(name)]).await? == 0 {
        return Ok(RoleDeletion::NotFound);
    }
    note_change(db, audit, Change::Roles).await?;
    Ok(RoleDeletion::Done)
}

async fn views(db: &Lent, owner: &str, page: Option<&str>) -> Outcome<Vec<SavedView>> {
    let find = "SELECT owner, page, name, query, is_shared FROM saved_views
         WHERE (lower(owner) = lower($1) OR is_shared) AND ($2::text IS NULL OR page = $2)
         ORDER BY lower(owner) <> lower($1), page, name, lower(owner) LIMIT 1000";
    let read = |row: &Row| {
        Ok(SavedView {
            owner: get(row, 0)?,
            page: get(row, 1)?,
            name: get(row, 2)?,
            query: get(row, 3)?,
            is_shared: get(row, 4)?,
        })
    };
    db.rows(find, values![text(owner), page]).await?.iter().map(read).collect()
}

async fn put_view(db: &Lent, view: &SavedView, audit: &NewAudit) -> Outcome<bool> {
    let others = "SELECT count(*) FROM saved_views
         WHERE lower(owner) = lower($1) AND NOT (page = $2 AND name = $3)";
    let (owner, page, name) = (text(&view.owner), text(&view.page), text(&view.name));
    let others: i64 = get(&db.one(others, values![owner, page, name]).await?, 0)?;
    if others >= count(VIEWS_PER_USER_MAX) {
        return Ok(false);
    }
    let put = "INSERT INTO saved_views (owner, page, name, query, is_shared)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (lower(owner), page, name) DO UPDATE SET owner = excluded.owner,
           query = excluded.query, is_shared = excluded.is_shared";
    db.run(put, values![owner, page, name, text(&view.query), view.is_shared]).await?;
    insert_audit(db, audit).await?;
    Ok(true)
}

async fn delete_view(
    db: &Lent,
    (owner, page, name): (&str, &str, &str),
    audit: &NewAudit,
) -> Outcome<bool> {
    let delete = "DELETE FROM saved_views
         WHERE lower(owner) = lower($1) AND page = $2 AND name = $3";
    let gone = db.run(delete, values![text(owner), text(page), text(name)]).await? > 0;
    if gone {
        insert_audit(db, audit).await?;
    }
    Ok(gone)
}
