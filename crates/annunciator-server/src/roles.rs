//! Rights, what the built-in roles may do, and the roles that administrators make (spec 10.2).
//!
//! In: the name of a role. Out: its rights, as they are now.
//! Knows nothing of: who has a role, which operation needs which right (see `api::rights`).
//! Failure: a role that is not known has no right.

use std::collections::HashMap;
use std::sync::Arc;

use annunciator_api_types::Role;
use annunciator_store::{RoleRecord, Store, StoreError};
use arc_swap::ArcSwap;
use tokio::sync::{Mutex, MutexGuard};

macro_rules! rights {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $words:literal;)*) => {
        /// What somebody may be allowed to do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Right {
            $($(#[$doc])* $name,)*
        }

        impl Right {
            /// All rights.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The word of the API.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word),* }
            }

            /// The right in words: "may not …".
            #[must_use]
            pub fn words(self) -> &'static str {
                match self { $(Self::$name => $words),* }
            }
        }
    };
}

rights! {
    /// Hand in events.
    SubmitEvents = "submit_events", "hand in events";
    /// Read events and event types.
    ReadEvents = "read_events", "read events";
    /// Read notifications, deliveries and attempts.
    ReadLedger = "read_ledger", "read the ledger";
    /// Retry, cancel and resend deliveries.
    OperateDeliveries = "operate_deliveries", "retry, cancel or resend deliveries";
    /// Read the state of the server and its metrics.
    ReadStatus = "read_status", "read the state of the server";
    /// Read settings, preview templates.
    ReadSettings = "read_settings", "read settings";
    /// Ask what is decided about an event, and why.
    Explain = "explain", "ask why an event is told or not";
    /// Change settings.
    ChangeSettings = "change_settings", "change settings";
    /// Send a test message.
    SendTestMessage = "send_test_message", "send a test message";
    /// Read silences and preview matchers.
    ReadSilences = "read_silences", "read silences";
    /// Make, change and end silences.
    ManageSilences = "manage_silences", "make, change or end silences";
    /// Upload, show, replace, delete and download certificate objects.
    ManageCertificates = "manage_certificates", "manage certificates";
    /// List, make and delete tokens.
    ManageTokens = "manage_tokens", "manage tokens";
    /// List, make, change and delete users and roles.
    ManageUsers = "manage_users", "manage users and roles";
    /// Read the audit log.
    ReadAudit = "read_audit", "read the audit log";
    /// Make, list and delete copies of the store.
    ManageBackups = "manage_backups", "make, list or delete backups";
    /// Change the status of incidents.
    ChangeIncidents = "change_incidents", "change the status of incidents";
    /// Read one's own subscriptions to incidents.
    ReadSubscriptions = "read_subscriptions", "read subscriptions";
    /// Pause one's own subscriptions to incidents.
    PauseSubscriptions = "pause_subscriptions", "pause subscriptions";
    /// Let nodes drain.
    ManageNodes = "manage_nodes", "let nodes drain";
}

impl Right {
    /// The right of this word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|right| right.as_str() == word)
    }

    /// The right without which this one is of no use: nobody changes what they cannot see.
    #[must_use]
    pub fn needs(self) -> Option<Self> {
        match self {
            Self::OperateDeliveries => Some(Self::ReadLedger),
            Self::Explain | Self::ChangeIncidents => Some(Self::ReadEvents),
            Self::PauseSubscriptions => Some(Self::ReadSubscriptions),
            Self::ChangeSettings | Self::SendTestMessage => Some(Self::ReadSettings),
            Self::ManageSilences => Some(Self::ReadSilences),
            Self::ManageBackups | Self::ManageNodes => Some(Self::ReadStatus),
            _ => None,
        }
    }
}

/// A set of rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rights(u32);

impl Rights {
    /// The set with these rights.
    #[must_use]
    pub fn of(rights: impl IntoIterator<Item = Right>) -> Self {
        Self(rights.into_iter().fold(0, |set, right| set | 1 << right as u32))
    }

    /// Whether a right is among them.
    #[must_use]
    pub fn have(self, right: Right) -> bool {
        self.0 & 1 << right as u32 != 0
    }

    /// Whether all of them are among others.
    #[must_use]
    pub fn are_within(self, others: Self) -> bool {
        self.0 & !others.0 == 0
    }

    /// The rights, in their order.
    pub fn iter(self) -> impl Iterator<Item = Right> {
        Right::ALL.iter().copied().filter(move |right| self.have(*right))
    }

    /// Their words.
    #[must_use]
    pub fn to_words(self) -> Vec<String> {
        self.iter().map(|right| right.as_str().to_owned()).collect()
    }
}

/// The rights of a built-in role (spec 10.2).
#[must_use]
pub fn built_in(role: Role) -> Rights {
    let rights: &[Right] = match role {
        Role::Administrator => Right::ALL,
        Role::Operator => &[
            Right::ReadEvents,
            Right::ReadLedger,
            Right::OperateDeliveries,
            Right::ChangeIncidents,
            Right::ReadSubscriptions,
            Right::PauseSubscriptions,
            Right::Explain,
            Right::ReadStatus,
            Right::ReadSilences,
            Right::ManageSilences,
        ],
        Role::Viewer => &[
            Right::ReadEvents,
            Right::ReadLedger,
            Right::ReadStatus,
            Right::ReadSilences,
            Right::ReadSubscriptions,
        ],
        Role::Ingest => &[Right::SubmitEvents],
    };
    Rights::of(rights.iter().copied())
}

/// Whether a built-in role has a right.
#[must_use]
pub fn may(role: Role, right: Right) -> bool {
    built_in(role).have(right)
}

type Entries = HashMap<String, Rights>;

/// All roles. Reading takes no lock; whoever gives, changes or deletes a role holds the book steady
/// from its look at it until the store has answered.
#[derive(Default)]
pub struct RoleBook {
    entries: ArcSwap<Entries>,
    changing: Mutex<()>,
}

impl RoleBook {
    /// Reads all roles.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn load(store: &dyn Store) -> Result<Self, StoreError> {
        let book = Self::default();
        book.reload(store).await?;
        Ok(book)
    }

    /// Reads all roles again.
    ///
    /// # Errors
    /// What the store answers; the roles are as before then.
    pub async fn reload(&self, store: &dyn Store) -> Result<(), StoreError> {
        let _steady = self.steady().await;
        let entries = store.roles().await?.into_iter().map(|RoleRecord { name, rights }| {
            // A right of a newer version is none here.
            let rights = rights.iter().filter_map(|word| Right::named(word));
            (name, Rights::of(rights))
        });
        self.entries.store(Arc::new(entries.collect()));
        Ok(())
    }

    /// The rights of a role, if there is such a role.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Rights> {
        match Role::named(name) {
            Some(role) => Some(built_in(role)),
            None => self.entries.load().get(name).copied(),
        }
    }

    /// The rights of a role; none when there is no such role.
    #[must_use]
    pub fn rights_of(&self, name: &str) -> Rights {
        self.find(name).unwrap_or_default()
    }

    /// The roles that are not built in, by name.
    #[must_use]
    pub fn list(&self) -> Vec<(String, Rights)> {
        let entries = self.entries.load();
        let mut list: Vec<_> =
            entries.iter().map(|(name, rights)| (name.clone(), *rights)).collect();
        list.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        list
    }

    /// Keeps the roles as they are until the guard is dropped.
    pub async fn steady(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().await
    }

    /// Puts a role in force, or removes it. The caller holds the book steady.
    pub fn replace(&self, name: &str, rights: Option<Rights>) {
        let mut entries = Entries::clone(&self.entries.load());
        match rights {
            Some(rights) => entries.insert(name.to_owned(), rights),
            None => entries.remove(name),
        };
        self.entries.store(Arc::new(entries));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_right_has_a_word_and_words_of_its_own() {
        let mut words: Vec<_> = Right::ALL.iter().map(|right| right.as_str()).collect();
        words.extend(Right::ALL.iter().map(|right| right.words()));
        words.sort_unstable();
        words.dedup();
        // "explain" is told in other words, so that no two are the same.
        assert_eq!(words.len(), 2 * Right::ALL.len());
        for right in Right::ALL {
            assert_eq!(Right::named(right.as_str()), Some(*right));
        }
        assert_eq!(Right::named("everything"), None);
    }

    #[test]
    fn the_built_in_roles_have_what_their_rights_need() {
        for role in Role::ALL {
            for needed in built_in(role).iter().filter_map(Right::needs) {
                assert!(may(role, needed), "{role:?} lacks {needed:?}");
                assert_eq!(needed.needs(), None, "what is needed stands by itself");
            }
        }
    }

    #[test]
    fn a_set_of_rights_is_within_another_or_not() {
        let check = |few: &[Right], many: &[Right], expected: bool| {
            let (few, many) = (few.iter().copied(), many.iter().copied());
            assert_eq!(Rights::of(few).are_within(Rights::of(many)), expected);
        };
        check(&[], &[], true);
        check(&[], Right::ALL, true);
        check(&[Right::ReadAudit], Right::ALL, true);
        check(&[Right::ReadAudit], &[Right::ReadAudit], true);
        check(&[Right::ReadAudit], &[Right::ReadEvents], false);
        check(&[Right::SubmitEvents, Right::ReadAudit], &[Right::ReadAudit], false);
        check(Right::ALL, &[], false);
    }

    #[test]
    fn a_role_is_found_as_it_is_now() {
        let book = RoleBook::default();
        let rights = Rights::of([Right::ReadAudit]);
        assert_eq!(book.find("auditor"), None);
        book.replace("auditor", Some(rights));
        assert_eq!(book.find("auditor"), Some(rights));
        book.replace("viewer", Some(rights));
        assert_eq!(book.find("viewer"), Some(built_in(Role::Viewer)), "built-in ones go first");
        book.replace("auditor", None);
        assert_eq!(book.rights_of("auditor"), Rights::default());
    }
}
