//! What a look at a store finds: its version, how much is in it, and what is wrong with it.
//!
//! Nothing in it is changed by the look, and a server may go on using it meanwhile.

/// Between which versions of its tables a store was brought; nothing was to do when they are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// The version that was found, 0 where there was no store.
    pub from: u64,
    /// The version of this program.
    pub to: u64,
}

/// Something that is wrong with a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub advice: String,
}

impl Flaw {
    /// A flaw and what to do about it.
    #[must_use]
    pub fn new(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what: what.into(), advice: advice.into() }
    }
}

/// How many rows a table has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableCount {
    /// The table.
    pub table: String,
    /// Its rows.
    pub rows: u64,
}

/// A secret that the store keeps for a certificate object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedKey {
    /// Id of the object.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The sealed text.
    pub sealed: String,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Examination {
    /// Version of the engine.
    pub engine: String,
    /// Version of the tables.
    pub schema_version: u64,
    /// Rows by table, by name.
    pub tables: Vec<TableCount>,
    /// What is wrong.
    pub flaws: Vec<Flaw>,
    /// The newest settings document; none when nothing was saved.
    pub settings: Option<String>,
    /// What is sealed of certificate objects.
    pub sealed_keys: Vec<SealedKey>,
    /// The mark of the key that secrets are sealed with; none before the first start.
    pub key_mark: Option<String>,
}

/// Rows that must agree with others: a count of those that do not, and the words about them.
pub(crate) struct Agreement {
    /// Gives how many rows do not agree.
    pub(crate) count: &'static str,
    /// What is wrong, behind the number.
    pub(crate) what: &'static str,
}

impl Agreement {
    /// The flaw of so many rows; none when there are none.
    pub(crate) fn flaw_of(&self, count: u64) -> Option<Flaw> {
        let what = format!("{count} {}", self.what);
        (count > 0).then(|| {
            let advice = "restore a backup from before; what is whole goes on working meanwhile";
            Flaw::new(what, advice)
        })
    }
}

/// The flaw of tables whose version is not this program's; none when it is.
pub(crate) fn version_flaw(found: u64, known: u64) -> Option<Flaw> {
    let what = format!("the tables have version {found}, and this program has {known}");
    match found.cmp(&known) {
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Less => Some(Flaw::new(
            what,
            "run `annunciator store migrate`, or start the server, which does the same",
        )),
        std::cmp::Ordering::Greater => {
            Some(Flaw::new(what, "use a newer program, or restore a copy from before the upgrade"))
        }
    }
}
