//! `annunciator serve`: a config into a running server, until a signal ends it.
//!
//! SIGTERM and SIGINT drain it (a second one ends it at once), SIGHUP reads the log level again.
//! Failure: an essential task that ends by itself ends the process with exit code 1, so that a
//! service manager starts it again; a config that cannot be used ends it with 78, so that it does not.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use annunciator_api_types::Role;
use annunciator_server::{Bootstrap, BootstrapToken, RunningServer, ServerConfig, TlsFiles};
use anyhow::{Context, Result, bail};
use clap::Args;
use rustix::process::{Resource, getrlimit, setrlimit};
use sd_notify::NotifyState;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::client::read_token;
use crate::config::{self, Config};
use crate::logs::{self, LevelSwitch};
use crate::output;

/// `EX_CONFIG` of `sysexits.h`: the config cannot be used as it is.
const EXIT_CONFIG: u8 = 78;
/// A bootstrap file is small. Unit: octets.
const FILE_SIZE_MAX: u64 = 4 * 1024 * 1024;

/// Arguments of `serve`.
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// The bootstrap config [default: /etc/annunciator/annunciator.toml, when it exists]
    #[arg(long, value_name = "FILE", env = "ANNUNCIATOR_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
    /// A TOML file of settings and tokens for an empty store
    ///
    /// `[settings.email]` and its like are saved when no settings were saved yet; each `[[token]]`
    /// (name, role, `token_file`) is made unless a token of the same ID exists. The server is ready
    /// only when this is done. A token has the form `ann_ID_SECRET`: ID of 8 to 32 lower case
    /// letters and digits, SECRET of 32 or more letters and digits.
    #[arg(long, value_name = "FILE")]
    bootstrap: Option<PathBuf>,
    /// Start once although the key file is not the one of the store, or is missing
    ///
    /// For when the right one is lost for good. What was sealed with it is lost as well: passwords
    /// of relays and keys of certificates have to be given again. Where several nodes share the
    /// store, stop them all first, and then give each the key file of this one.
    #[arg(long)]
    accept_new_key: bool,
}

/// The file of `--bootstrap`.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct BootstrapFile {
    /// Tokens.
    #[serde(default)]
    token: Vec<TokenEntry>,
    /// Settings, group by group.
    #[serde(default)]
    settings: Map<String, Value>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct TokenEntry {
    name: String,
    role: Role,
    token_file: PathBuf,
}

/// Runs `serve`.
pub(crate) async fn run(args: ServeArgs) -> Result<ExitCode> {
    let config = match config::load_whole(args.config.as_deref()) {
        Ok(config) => config,
        Err(error) => return Ok(refuse_config(&error)),
    };
    let level = logs::start(&config.log, None)?;
    let mut signals = Signals::new()?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    raise_open_files();
    if let Err(error) = annunciator_launcher::adopt_strays() {
        tracing::warn!(%error, "What an executable leaves when it kills its watcher cannot be ended");
    }
    let bootstrap = args.bootstrap.as_deref().map(read_bootstrap).transpose()?;
    let mut server_config = server_config(&config);
    server_config.wait_for_bootstrap = bootstrap.is_some();
    server_config.accept_new_key = args.accept_new_key;
    let server = match annunciator_server::start(server_config).await {
        Ok(server) => server,
        Err(error) if error.is_about_config() => return Ok(refuse_config(&error.into())),
        Err(error) => return Err(error.into()),
    };
    if let Some(bootstrap) = bootstrap {
        server.bootstrap(bootstrap).await.context("the bootstrap file was refused")?;
    }
    let (listen, version) = (server.address(), env!("CARGO_PKG_VERSION"));
    tracing::info!(%listen, socket = %server.socket_path().display(), version, "ready");
    if server.needs_setup() {
        let link = server.console_link();
        tracing::info!(
            link = link.as_str(),
            "No administrator can sign in yet: open this link once"
        );
    }
    tell_service_manager(NotifyState::Ready);
    let ending = wait(&server, &mut signals, &args, &level).await;
    tell_service_manager(NotifyState::Stopping);
    let is_good = match ending {
        Ending::Failed => false,
        Ending::Asked => drain(server, &mut signals, true).await,
        Ending::Signal => drain(server, &mut signals, false).await,
    };
    Ok(super::exit_code(is_good))
}

/// Says what is wrong with the config; the exit code tells a service manager that starting again is
/// no use.
fn refuse_config(error: &anyhow::Error) -> ExitCode {
    output::print_note(&format!("annunciator: {error:#}"));
    ExitCode::from(EXIT_CONFIG)
}

/// Why the server ends.
enum Ending {
    /// It cannot go on.
    Failed,
    /// An operator lets this node drain.
    Asked,
    /// A signal came.
    Signal,
}

/// Waits for the end.
async fn wait(
    server: &RunningServer,
    signals: &mut Signals,
    args: &ServeArgs,
    level: &LevelSwitch,
) -> Ending {
    loop {
        tokio::select! {
            () = server.failed() => {
                tracing::error!("an essential task has ended: the server stops");
                return Ending::Failed;
            }
            () = server.drain_asked() => {
                tracing::info!("draining, as an operator asked for");
                return Ending::Asked;
            }
            received = signals.next() => match received {
                Received::End(name) => {
                    tracing::info!(signal = name, "draining; a second signal ends at once");
                    return Ending::Signal;
                }
                Received::Reload => reload(args.config.as_deref(), level),
            },
        }
    }
}

/// Ends the server gracefully; `false` when a signal did not wait for it: the first after another
/// one began the drain, the second after an operator did.
async fn drain(server: RunningServer, signals: &mut Signals, is_first_awaited: bool) -> bool {
    let cut_short = async {
        if is_first_awaited {
            let name = signals.end().await;
            tracing::info!(signal = name, "draining already; a second signal ends at once");
        }
        signals.end().await
    };
    tokio::select! {
        () = server.drain() => {
            tracing::info!("drained");
            true
        }
        name = cut_short => {
            tracing::warn!(signal = name, "ended before everything was drained");
            false
        }
    }
}

/// Only the log level can change while the server runs; settings change through the API.
fn reload(file: Option<&Path>, level: &LevelSwitch) {
    let result = config::load(file).and_then(|config| {
        level.set(&config.log.level)?;
        Ok(config.log.level)
    });
    match result {
        Ok(level) => tracing::info!(level, "log level read again; all else needs a restart"),
        Err(error) => tracing::error!("the config was not read again: {error:#}"),
    }
}

/// What the server needs of the config.
pub(crate) fn server_config(config: &Config) -> ServerConfig {
    let tls = config.tls.clone().map(|(certificate, key)| TlsFiles { certificate, key });
    ServerConfig {
        listen: config.listen,
        data_dir: config.data_dir.clone(),
        store: config.store.clone(),
        secret_key_file: Some(config.secret_key_file.clone()),
        accept_new_key: false,
        tls,
        executable_dirs: config.executable_dirs.clone(),
        hello_name: config.hello_name.clone(),
        pages: Some(annunciator_console::router),
        wait_for_bootstrap: false,
    }
}

fn read_bootstrap(path: &Path) -> Result<Bootstrap> {
    let show = || format!("the bootstrap file {} cannot be used", path.display());
    if std::fs::metadata(path).with_context(show)?.len() > FILE_SIZE_MAX {
        bail!("{}: it is larger than {FILE_SIZE_MAX} octets", show());
    }
    let text = std::fs::read_to_string(path).with_context(show)?;
    let file: BootstrapFile = toml::from_str(&text).with_context(show)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut tokens = Vec::new();
    for TokenEntry { name, role, token_file } in file.token {
        let token = read_token(&folder.join(token_file)).with_context(show)?;
        if !has_token_form(&token) {
            bail!(
                "{}: the token of `{name}` must have the form ann_ID_SECRET: ID of 8 to 32 lower \
                 case letters and digits, SECRET of 32 or more letters and digits",
                show()
            );
        }
        tokens.push(BootstrapToken { name, role, token });
    }
    Ok(Bootstrap { tokens, settings: file.settings })
}

fn has_token_form(token: &str) -> bool {
    let Some((id, secret)) = token.strip_prefix("ann_").and_then(|rest| rest.split_once('_'))
    else {
        return false;
    };
    let is_id = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (8..=32).contains(&id.len())
        && id.bytes().all(is_id)
        && secret.len() >= 32
        && secret.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// A signal that came.
enum Received {
    /// Its name.
    End(&'static str),
    Reload,
}

/// The signals that a server listens to.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    reload: Signal,
}

impl Signals {
    /// Listens from now on.
    pub(crate) fn new() -> Result<Self> {
        let listen = |kind| signal(kind).context("signals cannot be received");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            reload: listen(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Received {
        tokio::select! {
            _ = self.terminate.recv() => Received::End("SIGTERM"),
            _ = self.interrupt.recv() => Received::End("SIGINT"),
            _ = self.reload.recv() => Received::Reload,
        }
    }

    /// Waits for a signal to end; gives its name.
    pub(crate) async fn end(&mut self) -> &'static str {
        loop {
            if let Received::End(name) = self.next().await {
                return name;
            }
        }
    }
}

fn tell_service_manager(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "the service manager was not told");
    }
}

/// Every connection is an open file; the soft limit of many systems is 1,024.
pub(crate) fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "ann_abcd0123_0123456789abcdefABCDEF0123456789";

    #[test]
    fn a_token_has_an_id_and_a_long_secret() {
        for (token, expected) in [
            (TOKEN, true),
            ("ann_abcd012_0123456789abcdefABCDEF0123456789", false),
            ("ann_ABCD0123_0123456789abcdefABCDEF0123456789", false),
            ("ann_abcd0123_0123456789abcdefABCDEF", false),
            ("ann_abcd0123_0123456789abcdefABCDEF01234567_9", false),
            ("abcd0123_0123456789abcdefABCDEF0123456789", false),
        ] {
            assert_eq!(has_token_form(token), expected, "{token}");
        }
    }

    #[track_caller]
    fn check_bootstrap(text: &str, expected: Result<(usize, usize), &str>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), format!("{TOKEN}\n")).unwrap();
        std::fs::write(folder.path().join("short"), "ann_x").unwrap();
        let file = folder.path().join("bootstrap.toml");
        std::fs::write(&file, text).unwrap();
        match (read_bootstrap(&file), expected) {
            (Ok(read), Ok(counts)) => {
                assert_eq!((read.tokens.len(), read.settings.len()), counts);
                assert!(read.tokens.iter().all(|token| token.token == TOKEN));
            }
            (Err(error), Err(expected)) => {
                assert!(format!("{error:#}").contains(expected), "{error:#}");
            }
            (read, _) => panic!("{:?}", read.map(|read| read.settings)),
        }
    }

    #[test]
    fn a_bootstrap_file_names_tokens_and_settings() {
        let token = "[[token]]\nname = \"a\"\nrole = \"ingest\"\ntoken_file = \"token\"\n";
        check_bootstrap("", Ok((0, 0)));
        check_bootstrap(&format!("{token}[settings.email]\nport = 25\n"), Ok((1, 1)));
        check_bootstrap(&token.replace("\"token\"", "\"short\""), Err("must have the form"));
        check_bootstrap(&token.replace("\"token\"", "\"none\""), Err("none cannot be read"));
        check_bootstrap(&token.replace("ingest", "king"), Err("unknown variant `king`"));
        check_bootstrap("tokens = []", Err("unknown field `tokens`"));
    }
}
