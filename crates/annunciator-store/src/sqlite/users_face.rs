//! The calls about users and sessions, handed to the writer or to a reader.

use annunciator_core::Timestamp;
use async_trait::async_trait;

use super::group::Kind;
use super::session::Session;
use super::{SqliteStore, user_sessions, users};
use crate::{
    Alive, Ending, NewAudit, Result, SessionRecord, UserChange, UserOutcome, UserRecord, Users,
};

#[async_trait]
impl Users for SqliteStore {
    async fn users(&self, alive: Alive) -> Result<Vec<(UserRecord, usize)>> {
        self.read(move |connection| users::users(connection, alive)).await
    }

    async fn user(&self, name: &str) -> Result<Option<UserRecord>> {
        let name = name.to_owned();
        self.read(move |connection| users::user(connection, &name)).await
    }

    async fn insert_user(
        &self,
        user: UserRecord,
        is_first: bool,
        audit: NewAudit,
    ) -> Result<UserOutcome> {
        let work = move |session: &mut Session| {
            users::insert(&session.connection, &user, is_first, &audit)
        };
        self.write(Kind::Command, 1, work).await
    }

    async fn change_user(
        &self,
        name: &str,
        change: UserChange,
        audit: NewAudit,
    ) -> Result<UserOutcome> {
        let name = name.to_owned();
        let work =
            move |session: &mut Session| users::change(&session.connection, &name, &change, &audit);
        self.write(Kind::Command, 1, work).await
    }

    async fn delete_user(&self, name: &str, audit: NewAudit) -> Result<UserOutcome> {
        let name = name.to_owned();
        let work = move |session: &mut Session| users::delete(&session.connection, &name, &audit);
        self.write(Kind::Command, 1, work).await
    }

    async fn start_session(
        &self,
        record: SessionRecord,
        password: &str,
        instead_of: Option<[u8; 32]>,
        audit: NewAudit,
    ) -> Result<bool> {
        let password = password.to_owned();
        let work = move |session: &mut Session| {
            user_sessions::start(&session.connection, &record, &password, instead_of, &audit)
        };
        self.write(Kind::Command, 1, work).await
    }

    async fn use_key(
        &self,
        key_sha256: [u8; 32],
        password: &str,
        record: SessionRecord,
        audit: NewAudit,
    ) -> Result<bool> {
        let password = password.to_owned();
        let work = move |session: &mut Session| {
            user_sessions::use_key(&session.connection, key_sha256, &password, &record, &audit)
        };
        self.write(Kind::Command, 1, work).await
    }

    async fn user_of_key(&self, key_sha256: [u8; 32]) -> Result<Option<UserRecord>> {
        self.read(move |connection| users::user_of_key(connection, key_sha256)).await
    }

    async fn session(&self, sha256: [u8; 32]) -> Result<Option<(SessionRecord, UserRecord)>> {
        self.read(move |connection| user_sessions::session(connection, sha256)).await
    }

    async fn sessions_of(&self, user: &str) -> Result<Vec<SessionRecord>> {
        let user = user.to_owned();
        self.read(move |connection| user_sessions::sessions_of(connection, &user)).await
    }

    async fn end_sessions(&self, user: &str, which: Ending, audit: NewAudit) -> Result<usize> {
        let user = user.to_owned();
        let work = move |session: &mut Session| {
            user_sessions::end(&session.connection, &user, &which, &audit)
        };
        self.write(Kind::Command, 1, work).await
    }

    async fn touch_sessions(&self, used: Vec<([u8; 32], Timestamp)>) -> Result<()> {
        let work = move |session: &mut Session| user_sessions::touch(&session.connection, &used);
        self.write(Kind::Flow, 1, work).await
    }

    async fn forget_sessions(&self, alive: Alive) -> Result<usize> {
        let work = move |session: &mut Session| user_sessions::forget(&session.connection, alive);
        self.write(Kind::Flow, 1, work).await
    }
}
