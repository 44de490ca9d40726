//! Bootstrap file and environment into what must be known before the store opens (spec 11.3).
//!
//! In: one TOML file, `ANNUNCIATOR_*` variables (they win), built-in defaults. Out: [`Config`].
//! Failure: all problems at once, each with its place and with what would be right.

mod document;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use annunciator_server::StorePlace;
use anyhow::{Context, Result, bail};

use document::{Given, GivenOptions};

pub(crate) use document::nearest;

/// Where the bootstrap file is looked for.
pub(crate) const DEFAULT_FILE: &str = "/etc/annunciator/annunciator.toml";
/// A bootstrap file is small. Unit: octets.
const FILE_SIZE_MAX: u64 = 1024 * 1024;
/// An address is small. Unit: octets.
const STORE_FILE_SIZE_MAX: u64 = 16 * 1024;
const DEFAULT_LISTEN: &str = "127.0.0.1:8650";
const SYSTEM_DATA_DIR: &str = "/var/lib/annunciator";

/// The bootstrap config, checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Config {
    /// Where the HTTP API listens.
    pub(crate) listen: SocketAddr,
    /// Folder of the store and of the command line's socket.
    pub(crate) data_dir: PathBuf,
    /// Where the store is; what `store_file` holds is known to [`load_whole`] alone.
    pub(crate) store: StorePlace,
    /// The file that says where the store is.
    pub(crate) store_file: Option<PathBuf>,
    /// The key that secrets in the store are sealed with; outside `data_dir`.
    pub(crate) secret_key_file: PathBuf,
    /// Folders that executables may lie in.
    pub(crate) executable_dirs: Vec<PathBuf>,
    /// What is logged, and how.
    pub(crate) log: LogConfig,
    /// Certificate and key of the HTTP API.
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    /// The name this host gives itself towards relays.
    pub(crate) hello_name: Option<String>,
    /// The file that was read.
    pub(crate) file: Option<PathBuf>,
    /// What works but deserves a look.
    pub(crate) warnings: Vec<String>,
}

/// What is logged, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LogConfig {
    /// A level, or levels per module: `info,annunciator_server=debug`.
    pub(crate) level: String,
    /// The form of a line.
    pub(crate) format: LogFormat,
}

/// The form of a log line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LogFormat {
    /// `ts=… level=info msg="…" key=value`.
    Logfmt,
    /// One JSON object per line.
    Json,
}

/// What surrounds the process, as an argument so that tests can choose it.
pub(crate) struct Surroundings {
    /// The environment.
    variables: BTreeMap<String, String>,
    /// Whether `/var/lib/annunciator` is ours to use: it exists, or we may make it.
    has_system_folder: bool,
}

impl Surroundings {
    /// Those of this process.
    fn of_process() -> Self {
        let text = |s: std::ffi::OsString| s.to_string_lossy().into_owned();
        Self {
            variables: std::env::vars_os().map(|(k, v)| (text(k), text(v))).collect(),
            has_system_folder: rustix::process::geteuid().is_root()
                || Path::new(SYSTEM_DATA_DIR).is_dir(),
        }
    }
}

/// Reads the config: of `file`, or of the default place when it exists, or the defaults.
pub(crate) fn load(file: Option<&Path>) -> Result<Config> {
    let around = Surroundings::of_process();
    let path = match file {
        Some(path) => path,
        None if Path::new(DEFAULT_FILE).exists() => Path::new(DEFAULT_FILE),
        None => return resolve(None, &around).map_err(|problems| failed(&problems)),
    };
    let show = || format!("the config {} cannot be read", path.display());
    let size = std::fs::metadata(path).with_context(show)?.len();
    if size > FILE_SIZE_MAX {
        bail!("{}: it has {size} octets, at most {FILE_SIZE_MAX} are read", show());
    }
    let text = std::fs::read_to_string(path).with_context(show)?;
    let path = std::path::absolute(path).with_context(show)?;
    resolve(Some((&path, &text)), &around).map_err(|problems| failed(&problems))
}

/// As [`load`], with what the files of the config hold; who only asks a server may not read them.
pub(crate) fn load_whole(file: Option<&Path>) -> Result<Config> {
    let mut config = load(file)?;
    if let Some(file) = &config.store_file {
        config.store = read_store(file)?;
    }
    Ok(config)
}

/// Reads the file of `store_file`, which nobody sees: it holds a password.
fn read_store(file: &Path) -> Result<StorePlace> {
    let show = || format!("the file {} of `store_file` cannot be used", file.display());
    if std::fs::metadata(file).with_context(show)?.len() > STORE_FILE_SIZE_MAX {
        bail!("{}: it is larger than {STORE_FILE_SIZE_MAX} octets", show());
    }
    let text = std::fs::read_to_string(file).with_context(show)?;
    parse_store(text.trim()).map_err(|advice| anyhow::anyhow!("{}: {advice}", show()))
}

fn failed(problems: &[String]) -> anyhow::Error {
    anyhow::anyhow!("the config is not valid:\n  {}", problems.join("\n  ").trim_end())
}

/// Makes the config of a file's text and the surroundings.
fn resolve(file: Option<(&Path, &str)>, around: &Surroundings) -> Result<Config, Vec<String>> {
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    let mut given = match file {
        Some((path, text)) => document::read_file(path, text, &mut problems),
        None => GivenOptions::new(),
    };
    given.extend(document::read_environment(&around.variables, &mut warnings));
    let mut options = Options { given, problems };

    let listen = options.parse("listen", parse_listen);
    let data_dir = options.path("data_dir").or_else(|| default_data_dir(around));
    options.choose("store", "store_file");
    let store = options.parse("store", parse_store);
    let store_file = options.path("store_file");
    let secret_key_file = options.path("secret_key_file");
    let executable_dirs = options.folders("executable_dirs");
    let level = options.parse("log.level", parse_log_level);
    let format = options.parse("log.format", parse_log_format);
    let tls = options.tls();
    let hello_name = options.parse("hello_name", parse_hello_name);

    let listen = listen.unwrap_or_else(|| DEFAULT_LISTEN.parse().expect("a constant"));
    options.check_exposure(listen, tls.is_some());
    let data_dir = data_dir.unwrap_or_else(|| {
        let advice = "neither XDG_DATA_HOME nor HOME is set: set `data_dir`";
        options.problems.push(advice.to_owned());
        PathBuf::new()
    });
    options.check_key_place(&data_dir, secret_key_file.as_deref());
    if !options.problems.is_empty() {
        return Err(options.problems);
    }
    Ok(Config {
        listen,
        secret_key_file: secret_key_file.unwrap_or_else(|| key_beside(&data_dir)),
        data_dir,
        store: store.unwrap_or_default(),
        store_file,
        executable_dirs,
        log: LogConfig {
            level: level.unwrap_or_else(|| "info".to_owned()),
            format: format.unwrap_or(LogFormat::Logfmt),
        },
        tls,
        hello_name,
        file: file.map(|(path, _)| path.to_owned()),
        warnings,
    })
}

/// `/var/lib/annunciator` → `/var/lib/annunciator.key`: outside the folder that backups copy.
fn key_beside(data_dir: &Path) -> PathBuf {
    let mut name = data_dir.file_name().unwrap_or_default().to_owned();
    name.push(".key");
    data_dir.with_file_name(name)
}

fn default_data_dir(around: &Surroundings) -> Option<PathBuf> {
    if around.has_system_folder {
        return Some(SYSTEM_DATA_DIR.into());
    }
    let variable = |name: &str| around.variables.get(name).filter(|value| value.starts_with('/'));
    let base = match variable("XDG_DATA_HOME") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(variable("HOME")?).join(".local/share"),
    };
    Some(base.join("annunciator"))
}

/// Options that are being checked.
struct Options {
    given: GivenOptions,
    problems: Vec<String>,
}

impl Options {
    fn parse<T>(&mut self, name: &str, parse: fn(&str) -> Result<T, String>) -> Option<T> {
        let given = self.given.get(name)?;
        let text = given.texts.first().map_or("", String::as_str);
        match parse(text) {
            Ok(value) => Some(value),
            Err(advice) => {
                self.problems.push(format!("{}: `{name}` {advice}", given.place));
                None
            }
        }
    }

    fn path(&mut self, name: &str) -> Option<PathBuf> {
        let given = self.given.get(name)?;
        let text = given.texts.first().map_or("", String::as_str);
        match place_path(given, text) {
            Ok(path) => Some(path),
            Err(advice) => {
                self.problems.push(format!("{}: `{name}` {advice}", given.place));
                None
            }
        }
    }

    /// Leaves one of two options that say the same; the environment wins here, too.
    fn choose(&mut self, one: &'static str, other: &'static str) {
        let (Some(first), Some(second)) = (self.given.get(one), self.given.get(other)) else {
            return;
        };
        match (first.is_variable(), second.is_variable()) {
            (true, false) => drop(self.given.remove(other)),
            (false, true) => drop(self.given.remove(one)),
            _ => self.problems.push(format!(
                "{}: `{other}` says what `{one}` says: set one of them",
                second.place
            )),
        }
    }

    fn folders(&mut self, name: &str) -> Vec<PathBuf> {
        let Some(given) = self.given.get(name) else { return Vec::new() };
        let mut folders = Vec::new();
        for text in &given.texts {
            // Whoever may write into the folder decides what is run: no room for a surprise.
            if text.starts_with('/') {
                folders.push(PathBuf::from(text));
            } else {
                let advice = "must hold absolute paths, such as \"/usr/local/lib/annunciator\"";
                self.problems.push(format!("{}: `{name}` {advice}", given.place));
            }
        }
        folders
    }

    fn tls(&mut self) -> Option<(PathBuf, PathBuf)> {
        let certificate = self.path("tls_certificate_file");
        let key = self.path("tls_key_file");
        let (there, missing) = match (certificate, key) {
            (Some(certificate), Some(key)) => return Some((certificate, key)),
            (Some(_), None) => ("tls_certificate_file", "tls_key_file"),
            (None, Some(_)) => ("tls_key_file", "tls_certificate_file"),
            (None, None) => return None,
        };
        let place = self.place(there);
        self.problems.push(format!("{place}: `{there}` needs `{missing}` beside it: set both"));
        None
    }

    /// Tokens and events never cross a network in clear.
    fn check_exposure(&mut self, listen: SocketAddr, has_tls: bool) {
        if listen.ip().is_loopback() || has_tls {
            return;
        }
        let place = self.place("listen");
        let port = listen.port();
        self.problems.push(format!(
            "{place}: `listen` {listen} is reachable from other machines, and there is no TLS: set \
             tls_certificate_file and tls_key_file, or listen on 127.0.0.1:{port}"
        ));
    }

    fn check_key_place(&mut self, data_dir: &Path, key: Option<&Path>) {
        if key.is_some_and(|key| key.starts_with(data_dir)) {
            let (place, beside) = (self.place("secret_key_file"), key_beside(data_dir));
            self.problems.push(format!(
                "{place}: `secret_key_file` lies inside the data folder, so that a copy of the \
                 folder would hold the secrets and their key: put it elsewhere, such as {}",
                beside.display()
            ));
        }
    }

    fn place(&self, name: &str) -> String {
        self.given.get(name).map_or_else(|| name.to_owned(), |given| given.place.clone())
    }
}

fn place_path(given: &Given, text: &str) -> Result<PathBuf, String> {
    if text.is_empty() || text.contains('\0') {
        return Err("must be a path; it is empty".to_owned());
    }
    std::path::absolute(given.folder.join(text)).map_err(|error| format!("cannot be used: {error}"))
}

fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    const FORM: &str = "must be an IP address and a port, such as 127.0.0.1:8650 or [::1]:8650";
    let Some((host, port)) = text.rsplit_once(':') else {
        let is_address = text.parse::<IpAddr>().is_ok();
        let what = if is_address { "the port is missing" } else { "it is something else" };
        return Err(format!("`{text}`: {what}; {FORM}"));
    };
    let is_number = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    if is_number && port.parse::<u16>().is_err() {
        return Err(format!("`{text}`: the port must be from 1 to 65535, not {port}"));
    }
    if host == "localhost" {
        return Err(format!("`{text}`: names are not looked up here: write 127.0.0.1:{port}"));
    }
    Err(format!("`{text}`: {FORM}"))
}

fn parse_store(text: &str) -> Result<StorePlace, String> {
    if !matches!(text, "sqlite") && !text.starts_with("postgres") {
        return Err("it must be \"sqlite\" or begin with \"postgres://\"".to_owned());
    }
    // The address holds a password: what is wrong with it is told without it.
    text.parse().map_err(|error| format!("{error}"))
}

fn parse_log_level(text: &str) -> Result<String, String> {
    const LEVELS: &[&str] = &["error", "warn", "info", "debug", "trace", "off"];
    for part in text.split(',') {
        let level = part.rsplit('=').next().unwrap_or_default().trim();
        if !LEVELS.contains(&level) {
            let near =
                nearest(level, LEVELS).map_or(String::new(), |n| format!("; did you mean {n}?"));
            return Err(format!("`{level}` must be one of {}{near}", LEVELS.join(", ")));
        }
    }
    Ok(text.to_owned())
}

fn parse_log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "logfmt" => Ok(LogFormat::Logfmt),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("`{text}` must be \"logfmt\" or \"json\"")),
    }
}

fn parse_hello_name(text: &str) -> Result<String, String> {
    let is_name = !text.is_empty()
        && text.len() <= 253
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b));
    if is_name {
        return Ok(text.to_owned());
    }
    Err(format!("`{text}` must be the full name of this host, such as notify.example.org"))
}
