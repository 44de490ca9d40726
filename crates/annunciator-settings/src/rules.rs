//! The rules of one setting, as its definition gives them after the default.

/// Checks one text; the error says what is wrong and what to do.
pub type TextCheck = fn(&str) -> Result<(), String>;

/// What a text is, for checks and for the form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// One line without control characters.
    Plain,
    /// Text of several lines.
    Lines,
    /// A `%NAME%` template; its grammar is the definition's `check`.
    Template,
    /// An e-mail address; its grammar is the definition's `check`.
    Mailbox,
    /// A DNS or Windows name or an IP address.
    HostName,
}

impl Format {
    /// The word of the schema and the reference.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "line",
            Self::Lines => "text",
            Self::Template => "template",
            Self::Mailbox => "mailbox",
            Self::HostName => "host name",
        }
    }
}

/// At which layers a setting can be set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// At every layer.
    Anywhere,
    /// In the server-wide settings alone.
    ServerOnly,
    /// In the layers that override them alone.
    OverrideOnly,
}

/// The rules of a setting. Made by naming the methods after the default in `settings!`.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub(crate) min: u64,
    pub(crate) max: u64,
    pub(crate) measure: &'static str,
    pub(crate) remedy: &'static str,
    pub(crate) chars_max: usize,
    pub(crate) items_max: usize,
    pub(crate) format: Format,
    pub(crate) check: Option<TextCheck>,
    pub(crate) unit: Option<&'static str>,
    pub(crate) leads_unit: bool,
    pub(crate) binds_secrets: bool,
    pub(crate) only_when: Option<(&'static str, &'static str)>,
    pub(crate) place: Place,
}

impl Rules {
    /// What holds when the definition names no rule.
    pub const DEFAULT: Self = Self {
        min: 0,
        max: u64::MAX,
        measure: "",
        remedy: "",
        chars_max: 1024,
        items_max: 100,
        format: Format::Plain,
        check: None,
        unit: None,
        leads_unit: false,
        binds_secrets: false,
        only_when: None,
        place: Place::Anywhere,
    };

    /// Smallest and largest whole number, both allowed.
    #[must_use]
    pub const fn range(self, min: u64, max: u64) -> Self {
        Self { min, max, ..self }
    }

    /// What the number counts, as `seconds`; for form and reference.
    #[must_use]
    pub const fn measure(self, measure: &'static str) -> Self {
        Self { measure, ..self }
    }

    /// What to do instead of a number out of range, where that is not plain.
    #[must_use]
    pub const fn remedy(self, remedy: &'static str) -> Self {
        Self { remedy, ..self }
    }

    /// Longest text, and longest item of a list. Unit: characters.
    #[must_use]
    pub const fn chars_max(self, chars_max: usize) -> Self {
        Self { chars_max, ..self }
    }

    /// Longest list.
    #[must_use]
    pub const fn items_max(self, items_max: usize) -> Self {
        Self { items_max, ..self }
    }

    /// What the text is.
    #[must_use]
    pub const fn format(self, format: Format) -> Self {
        Self { format, ..self }
    }

    /// A further check of each non-empty text.
    #[must_use]
    pub const fn check(self, check: TextCheck) -> Self {
        Self { check: Some(check), ..self }
    }

    /// Belongs to a unit: taken whole from the layer that sets the unit's leader (spec 4.3).
    #[must_use]
    pub const fn unit(self, unit: &'static str) -> Self {
        Self { unit: Some(unit), ..self }
    }

    /// Leads a unit. Its stored secrets are bound to the leader.
    #[must_use]
    pub const fn leads_unit(self, unit: &'static str) -> Self {
        Self { unit: Some(unit), leads_unit: true, binds_secrets: true, ..self }
    }

    /// Decides who would see the unit's secrets: when it changes, they must be typed again.
    #[must_use]
    pub const fn binds_secrets(self) -> Self {
        Self { binds_secrets: true, ..self }
    }

    /// Matters only while the setting `key` has that value; for form and reference.
    #[must_use]
    pub const fn only_when(self, key: &'static str, value: &'static str) -> Self {
        Self { only_when: Some((key, value)), ..self }
    }

    /// Can be set in the server-wide settings alone.
    #[must_use]
    pub const fn server_only(self) -> Self {
        Self { place: Place::ServerOnly, ..self }
    }

    /// Can be set in layers that override the server-wide settings alone.
    #[must_use]
    pub const fn override_only(self) -> Self {
        Self { place: Place::OverrideOnly, ..self }
    }
}
