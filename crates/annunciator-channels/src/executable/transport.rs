//! Orders into runs of an executable, and their ends into reports.
//!
//! The file is the one that was planned for, which the notification names as its recipient; what
//! it may use is taken from the settings in force at the attempt. It is checked again at each
//! start.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use annunciator_core::{AttemptFacts, Outcome, RunFacts, Stage, Stages};
use annunciator_launcher::{Ended, Job, Launcher, Limits, Sandbox, SandboxState, check_file};
use annunciator_smtp::StageReport;

use crate::executable::exit_status::outcome_of;
use crate::executable::settings::ExecutableSettings;
use crate::{AttemptReport, Executables, Order, OrderFeed, Transport, TransportFuture};

/// Room that an attempt keeps for the end of a run below its deadline.
const END_MARGIN: Duration = Duration::from_secs(15);
const MIB: u64 = 1 << 20;

/// The settings of one executable, ready to run.
pub(super) struct ExecutableTransport {
    settings: ExecutableSettings,
    executables: Arc<Executables>,
    launcher: Launcher,
    missing: &'static str,
}

impl ExecutableTransport {
    pub(super) fn new(settings: ExecutableSettings, executables: Arc<Executables>) -> Self {
        let missing = match (settings.file.is_empty(), executables.dirs.is_empty()) {
            (true, _) => "no executable is set",
            (false, true) => "the bootstrap config names no folder for executables",
            (false, false) => "",
        };
        Self { settings, executables, launcher: Launcher::default(), missing }
    }

    fn job(&self, order: &Order, file: &str) -> Job {
        let settings = &self.settings;
        let content = &order.notification.content;
        let command = content.command.clone().unwrap_or_default();
        let time = Duration::from_secs(u64::from(settings.time_limit_s));
        let left = order.deadline.saturating_duration_since(tokio::time::Instant::now());
        Job {
            file: file.into(),
            folders: self.executables.dirs.clone(),
            arguments: command.arguments,
            environment: command.environment,
            stdin: content.text.clone().into_bytes(),
            limits: Limits {
                time: time.min(left.saturating_sub(END_MARGIN)).max(Duration::from_secs(1)),
                memory_bytes_max: u64::from(settings.memory_mb_max) * MIB,
                cpu_s_max: u64::from(settings.time_limit_s),
                processes_max: settings.processes_max as usize,
                ..Limits::default()
            },
            sandbox: Sandbox {
                writable: settings.writable_dirs.iter().map(Into::into).collect(),
                hidden: self.executables.hidden.clone(),
                ..Sandbox::default()
            },
        }
    }

    /// One run for each recipient; there is one.
    async fn run(&self, order: &Order, feed: &dyn OrderFeed) -> AttemptReport {
        let mut report = AttemptReport { outcomes: Vec::new(), facts: Vec::new() };
        for recipient in &order.recipients {
            let file = recipient.address.as_str();
            let began = Instant::now();
            let checked = check_file(Path::new(file), &self.executables.dirs);
            let is_watched = order.trace || order.fresh_connection;
            if is_watched {
                let (ok, words) = match &checked {
                    Ok(_) => (true, format!("{file} may be started")),
                    Err(problem) => (false, problem.to_string()),
                };
                feed.stage(order.tag, &stage(Stage::Prepare, ok, words, began.elapsed()));
            }
            if order.dry_run && checked.is_ok() {
                report.outcomes.push(Outcome::Delivered);
                report.facts.push(Arc::default());
                continue;
            }
            let ended = self.launcher.run(&self.job(order, file)).await;
            let outcome = outcome_of(&ended, file == self.settings.file);
            if is_watched && checked.is_ok() {
                let ok = outcome == Outcome::Delivered;
                feed.stage(
                    order.tag,
                    &stage(Stage::Run, ok, ended.status.to_string(), ended.duration),
                );
            }
            report.outcomes.push(outcome);
            report.facts.push(Arc::new(facts(file, &ended)));
        }
        report
    }
}

fn stage(stage: Stage, ok: bool, detail: String, elapsed: Duration) -> StageReport {
    let advice = match (stage, ok) {
        (_, true) => "",
        (Stage::Prepare, false) => "correct the file or `executable.file`",
        _ => "see what it wrote below; 0 means delivered, 75 and 3 ask for another try",
    };
    StageReport {
        stage,
        server: String::new(),
        ok,
        detail: vec![detail],
        advice: advice.to_owned(),
        elapsed,
    }
}

fn facts(file: &str, ended: &Ended) -> AttemptFacts {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    AttemptFacts {
        server: file.to_owned(),
        stages: Stages {
            transaction_us: u64::try_from(ended.duration.as_micros()).ok(),
            ..Stages::default()
        },
        run: Some(RunFacts {
            status: ended.status.to_string(),
            stdout: text(&ended.stdout),
            stderr: text(&ended.stderr),
            stdout_bytes: ended.stdout_total,
            stderr_bytes: ended.stderr_total,
            processes_ended: ended.survivors_killed,
            sandbox: match ended.sandbox {
                SandboxState::Enforced => "enforced",
                SandboxState::Partial => "partial",
                SandboxState::NotAvailable => "not_available",
            }
            .to_owned(),
        }),
        ..AttemptFacts::default()
    }
}

impl Transport for ExecutableTransport {
    fn concurrency_max(&self) -> usize {
        self.settings.concurrency_max as usize
    }

    fn missing(&self) -> &str {
        self.missing
    }

    fn attempt<'a>(&'a self, first: Order, feed: &'a dyn OrderFeed) -> TransportFuture<'a> {
        Box::pin(async move {
            let mut next = Some(first);
            while let Some(order) = next {
                let report = self.run(&order, feed).await;
                feed.report(order.tag, report);
                next = feed.next();
            }
        })
    }

    fn knock(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        let file = Path::new(&self.settings.file);
        Box::pin(async move { check_file(file, &self.executables.dirs).is_ok() })
    }
}
