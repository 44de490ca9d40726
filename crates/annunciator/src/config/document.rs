//! A bootstrap file and the environment into option values that know where they come from.
//!
//! Out: every value as text or list, with its place; and every problem, not only the first.
//! Knows nothing of: what the values mean.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What kind of value an option takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// One text.
    Text,
    /// A list of texts; in the environment separated by `:`.
    List,
}

/// An option of the bootstrap config.
#[derive(Debug)]
pub(super) struct BootstrapOption {
    /// Its name; `log.level` stands in the section `log`.
    pub(super) name: &'static str,
    /// What it takes.
    pub(super) kind: Kind,
    /// A value in TOML, for error texts.
    pub(super) example: &'static str,
}

const fn option(name: &'static str, kind: Kind, example: &'static str) -> BootstrapOption {
    BootstrapOption { name, kind, example }
}

/// All options, once.
pub(super) const OPTIONS: &[BootstrapOption] = &[
    option("listen", Kind::Text, "\"127.0.0.1:8650\""),
    option("data_dir", Kind::Text, "\"/var/lib/annunciator\""),
    option("store", Kind::Text, "\"sqlite\""),
    option("store_file", Kind::Text, "\"/etc/annunciator/store\""),
    option("secret_key_file", Kind::Text, "\"/etc/annunciator/secret.key\""),
    option("executable_dirs", Kind::List, "[\"/usr/local/lib/annunciator\"]"),
    option("log.level", Kind::Text, "\"info\""),
    option("log.format", Kind::Text, "\"logfmt\""),
    option("tls_certificate_file", Kind::Text, "\"/etc/annunciator/server.pem\""),
    option("tls_key_file", Kind::Text, "\"/etc/annunciator/server.key\""),
    option("hello_name", Kind::Text, "\"notify.example.org\""),
];

/// Variables that are read elsewhere in this program.
const OTHER_VARIABLES: &[&str] =
    &["ANNUNCIATOR_CONFIG", "ANNUNCIATOR_SERVER", "ANNUNCIATOR_TOKEN", "ANNUNCIATOR_TOKEN_FILE"];

const PREFIX: &str = "ANNUNCIATOR_";

/// A value and where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Given {
    /// `file:line:column`, or the name of the variable.
    pub(super) place: String,
    /// What relative paths are relative to.
    pub(super) folder: PathBuf,
    /// The texts: one, or a list.
    pub(super) texts: Vec<String>,
}

impl Given {
    /// Whether the environment gives it.
    pub(super) fn is_variable(&self) -> bool {
        self.place.starts_with(PREFIX)
    }
}

/// Option name → value.
pub(super) type GivenOptions = BTreeMap<&'static str, Given>;

/// Reads the text of a bootstrap file.
pub(super) fn read_file(path: &Path, text: &str, problems: &mut Vec<String>) -> GivenOptions {
    let mut reading = Reading { path, text, given: BTreeMap::new(), problems };
    match DeTable::parse(text) {
        Ok(table) => reading.table("", table.get_ref()),
        Err(error) => reading.problems.push(format!("{}: {error}", path.display())),
    }
    reading.given
}

/// Reads the environment. A variable that only resembles an option is a warning, because others
/// (container platforms) set variables with our prefix as well.
pub(super) fn read_environment(
    variables: &BTreeMap<String, String>,
    warnings: &mut Vec<String>,
) -> GivenOptions {
    let mut given = BTreeMap::new();
    for (variable, value) in variables.range(PREFIX.to_owned()..) {
        if !variable.starts_with(PREFIX) {
            break;
        }
        match OPTIONS.iter().find(|option| variable_of(option.name) == *variable) {
            Some(option) => {
                let texts = match option.kind {
                    Kind::Text => vec![value.clone()],
                    Kind::List => {
                        value.split(':').filter(|s| !s.is_empty()).map(str::to_owned).collect()
                    }
                };
                let place = variable.clone();
                given.insert(option.name, Given { place, folder: PathBuf::from("."), texts });
            }
            None if OTHER_VARIABLES.contains(&variable.as_str()) => {}
            None => {
                let known = OPTIONS.iter().map(|option| variable_of(option.name));
                if let Some(near) = nearest(variable, known) {
                    warnings
                        .push(format!("the variable {variable} is unknown; did you mean {near}?"));
                }
            }
        }
    }
    given
}

/// `log.level` → `ANNUNCIATOR_LOG_LEVEL`.
pub(super) fn variable_of(option: &str) -> String {
    format!("{PREFIX}{}", option.replace('.', "_").to_uppercase())
}

/// The known name that is most like `name`, when one is like it at all.
pub(crate) fn nearest<S: AsRef<str>>(
    name: &str,
    known: impl IntoIterator<Item = S>,
) -> Option<String> {
    /// Names less alike than this are no help.
    const LIKENESS_MIN: f64 = 0.8;
    /// `tls_cert_file` is short for `tls_certificate_file`.
    const LIKENESS_SHORT: f64 = 0.95;
    let likeness = |known: &str| {
        let mut letters = known.chars();
        let is_short =
            name.len() * 2 >= known.len() && name.chars().all(|c| letters.any(|l| l == c));
        let short = if is_short { LIKENESS_SHORT } else { 0.0 };
        strsim::jaro_winkler(name, known).max(short)
    };
    known
        .into_iter()
        .map(|known| (likeness(known.as_ref()), known))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, known)| known.as_ref().to_owned())
}

/// A file that is being read.
struct Reading<'a> {
    path: &'a Path,
    text: &'a str,
    given: GivenOptions,
    problems: &'a mut Vec<String>,
}

impl Reading<'_> {
    /// Reads a table; `section` is empty or ends with a dot.
    fn table(&mut self, section: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let name = format!("{section}{}", key.get_ref());
            let begin = key.span().start;
            if name == "log" {
                match value.get_ref() {
                    DeValue::Table(table) => self.table("log.", table),
                    // A level alone is the usual wish.
                    DeValue::String(_) => self.option("log.level", begin, value),
                    other => self.wrong_type("log", begin, other, "\"info\""),
                }
                continue;
            }
            match OPTIONS.iter().find(|option| option.name == name) {
                Some(option) => self.option(option.name, begin, value),
                None => self.unknown(section, &name, begin),
            }
        }
    }

    fn option(&mut self, name: &'static str, begin: usize, value: &Spanned<DeValue<'_>>) {
        let Some(option) = OPTIONS.iter().find(|option| option.name == name) else {
            return;
        };
        let texts = match (option.kind, value.get_ref()) {
            (Kind::Text, DeValue::String(text)) => vec![text.to_string()],
            (Kind::List, DeValue::Array(items)) => {
                let mut texts = Vec::new();
                for item in items {
                    match item.get_ref() {
                        DeValue::String(text) => texts.push(text.to_string()),
                        other => {
                            return self.wrong_type(name, item.span().start, other, option.example);
                        }
                    }
                }
                texts
            }
            (_, other) => return self.wrong_type(name, begin, other, option.example),
        };
        let folder = self.path.parent().unwrap_or(Path::new(".")).to_owned();
        self.given.insert(name, Given { place: self.place(begin), folder, texts });
    }

    fn wrong_type(&mut self, name: &str, begin: usize, value: &DeValue<'_>, example: &str) {
        let (place, kind) = (self.place(begin), value.type_str());
        let key = name.rsplit('.').next().unwrap_or(name);
        self.problems
            .push(format!("{place}: `{name}` cannot be of type {kind}: write {key} = {example}"));
    }

    fn unknown(&mut self, section: &str, name: &str, begin: usize) {
        let place = self.place(begin);
        let known = OPTIONS.iter().map(|option| option.name);
        let advice = match nearest(name, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None if section.is_empty() => {
                let mut names: Vec<_> = OPTIONS
                    .iter()
                    .map(|option| option.name)
                    .filter(|name| !name.contains('.'))
                    .collect();
                names.push("log");
                format!("the options are {}", names.join(", "))
            }
            None => "the section `log` has `level` and `format`".to_owned(),
        };
        self.problems.push(format!("{place}: unknown option `{name}`; {advice}"));
    }

    /// `file:line:column` of an octet.
    fn place(&self, begin: usize) -> String {
        let before = self.text.get(..begin).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("{}:{line}:{column}", self.path.display())
    }
}
