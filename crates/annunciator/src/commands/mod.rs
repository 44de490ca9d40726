//! Arguments into the command that they name, one file per command.
//!
//! Online commands speak only the HTTP API; `serve` and `demo` run a server, and the rest works
//! without one.

mod audit;
mod backup;
mod certificate;
mod check;
mod effective;
mod event;
mod event_types;
mod explain;
mod export;
mod group;
mod incident;
pub(crate) mod ledger;
mod node;
mod overrides;
mod pages;
mod paging;
mod policy;
mod presets;
mod preview;
mod replay;
mod role;
mod serve;
mod settings;
mod settings_code;
mod silence;
mod status;
pub(crate) mod story;
mod subscription;
mod templates;
mod test_message;
mod token;
mod user;

pub(crate) use serve::Signals;
pub(crate) use settings::save as save_settings;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

/// The command line.
#[derive(Parser, Debug)]
#[command(name = "annunciator", version, about = "Self-hosted event notification server")]
#[command(
    long_about = "Self-hosted event notification server: takes events, decides who must know, mails them \
                  durably, and keeps a ledger that proves what happened.\n\nNew here? `annunciator demo` \
                  shows everything in a minute."
)]
#[command(max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the server
    Serve(serve::ServeArgs),
    /// Show everything in a minute: a server, a relay that catches mail, sample events
    Demo(crate::demo::DemoArgs),
    /// Check the config, and settings in a file, without a server
    Check(check::CheckArgs),
    /// Hand in events and look at them
    Event(event::EventArgs),
    /// Look at deliveries; retry, cancel or resend them
    Ledger(Box<ledger::LedgerArgs>),
    /// Read and change settings
    Settings(settings::SettingsArgs),
    /// Override settings for event types, in policies, for an application on a device
    Override(Box<overrides::OverrideArgs>),
    /// List, show, make and delete policies
    Policy(policy::PolicyArgs),
    /// List, add and remove device groups
    Group(group::GroupArgs),
    /// Show what holds for an event, and where each value comes from
    Effective(effective::EffectiveArgs),
    /// Explain what is decided about an event, and why
    Explain(Box<explain::ExplainArgs>),
    /// Show what changed settings would have done with past events
    Replay(replay::ReplayArgs),
    /// Send a test message and show each stage
    TestMessage(test_message::TestMessageArgs),
    /// Mute notifications for a while; list, preview and end silences
    Silence(silence::SilenceArgs),
    /// Hand in incidents, look at them, change their status
    Incident(Box<incident::IncidentArgs>),
    /// Who is told of which incidents; show who would be told of one
    Subscription(subscription::SubscriptionArgs),
    /// Upload, show, replace and delete certificates and keys
    Certificate(certificate::CertificateArgs),
    /// Make, list and revoke API tokens
    Token(token::TokenArgs),
    /// Make, list, change and delete users
    User(Box<user::UserArgs>),
    /// List, make, change and delete roles
    Role(role::RoleArgs),
    /// Show the state of the server, its queues and relays
    Status(status::StatusArgs),
    /// List the nodes that share a database, and let one drain
    Node(node::NodeArgs),
    /// Make, list and delete copies of the store
    Backup(backup::BackupArgs),
    /// Show who changed what
    Audit(audit::AuditArgs),
    /// Print a completion script for a shell
    Completions(pages::CompletionsArgs),
    /// Write manual pages into a folder
    Man(pages::ManArgs),
    /// Print a page of the reference
    #[command(hide = true)]
    Reference(pages::ReferenceArgs),
}

/// Runs a command to its end.
pub(crate) fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        Command::Serve(args) => wide_runtime()?.block_on(serve::run(args)),
        Command::Demo(args) => wide_runtime()?.block_on(crate::demo::run(args)),
        Command::Check(args) => check::run(&args),
        Command::Completions(args) => pages::print_completions(&args),
        Command::Man(args) => pages::write_manual(&args),
        Command::Reference(args) => pages::print_reference(&args),
        Command::Event(args) => online(event::run(args)),
        Command::Ledger(args) => online(ledger::run(*args)),
        Command::Settings(args) => online(settings::run(args)),
        Command::Override(args) => online(overrides::run(*args)),
        Command::Policy(args) => online(policy::run(args)),
        Command::Group(args) => online(group::run(args)),
        Command::Effective(args) => online(effective::run(args)),
        Command::Explain(args) => online(explain::run(*args)),
        Command::Replay(args) => online(replay::run(args)),
        Command::TestMessage(args) => online(test_message::run(args)),
        Command::Silence(args) => online(silence::run(args)),
        Command::Incident(args) => online(incident::run(*args)),
        Command::Subscription(args) => online(subscription::run(args)),
        Command::Certificate(args) => online(certificate::run(args)),
        Command::Token(args) => online(token::run(args)),
        Command::User(args) => online(user::run(*args)),
        Command::Role(args) => online(role::run(args)),
        Command::Status(args) => online(status::run(args)),
        Command::Node(args) => online(node::run(args)),
        Command::Backup(args) => online(backup::run(args)),
        Command::Audit(args) => online(audit::run(args)),
    }
}

/// A client needs one thread.
fn online(command: impl Future<Output = Result<ExitCode>>) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("the runtime cannot be started")?.block_on(command)
}

/// One thread per core but one: the store's writer is a thread of its own and as busy as one of
/// these. Measured on two cores: with one thread a burst of events is done a tenth sooner, and
/// the slowest mail in a hundred arrives four times sooner, than with two.
fn wide_runtime() -> Result<tokio::runtime::Runtime> {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.saturating_sub(1).max(1))
        .enable_all()
        .build()
        .context("the runtime cannot be started")
}

/// Succeeded or failed, as an exit code.
fn exit_code(is_good: bool) -> ExitCode {
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
