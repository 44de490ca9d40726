//! How a run ended, into an outcome: the one table of what an end means.
//!
//! Exit status 0 is delivered; 75 (`EX_TEMPFAIL`) and 3 are worth another try; every other end by
//! itself is final. What was ended at its time limit may have done its work: uncertain.
//! A program that cannot be started concerns all that waits for it, and its lane waits; one that
//! the settings no longer name concerns only what was planned for it.
//! Standard: sysexits.h; spec 3.3, ADR 0012.

use annunciator_core::{
    EnhancedStatus, Failure, FailureScope, Outcome, Stage, ellipsize, one_line,
};
use annunciator_launcher::{Ended, NotStarted, Status};

/// Exit statuses that ask for another try.
const TRY_AGAIN: [i32; 2] = [75, 3];
/// What is shown of the program's own last words. Unit: characters.
const WORDS_CHARS_MAX: usize = 300;

/// What an end means for the delivery; `is_current`: the settings still name the file.
#[must_use]
pub(super) fn outcome_of(ended: &Ended, is_current: bool) -> Outcome {
    let failure = |scope, status: (u8, u16, u16)| Failure {
        stage: if matches!(ended.status, Status::NotStarted(_)) {
            Stage::Prepare
        } else {
            Stage::Run
        },
        scope,
        code: None,
        status: EnhancedStatus::new(status.0, status.1, status.2),
        diagnostic: with_last_words(ended),
    };
    match &ended.status {
        Status::Exited(0) => Outcome::Delivered,
        Status::Exited(status) if TRY_AGAIN.contains(status) => {
            Outcome::TransientFailure(failure(FailureScope::Delivery, (4, 3, 0)))
        }
        Status::Exited(_) | Status::Signalled(_) | Status::TooManyProcesses => {
            Outcome::PermanentFailure(failure(FailureScope::Delivery, (5, 3, 0)))
        }
        Status::TimedOut | Status::Lost => {
            Outcome::Uncertain(failure(FailureScope::Delivery, (4, 4, 7)))
        }
        Status::NotStarted(
            NotStarted::Nul { .. } | NotStarted::EnvironmentName(_) | NotStarted::TooLong,
        ) => Outcome::PermanentFailure(failure(FailureScope::Delivery, (5, 6, 0))),
        Status::NotStarted(_) => {
            let scope = if is_current { FailureScope::Relay } else { FailureScope::Delivery };
            Outcome::TransientFailure(failure(scope, (4, 3, 5)))
        }
    }
}

/// How it ended, and the last line that it wrote to standard error.
fn with_last_words(ended: &Ended) -> String {
    let stderr = String::from_utf8_lossy(&ended.stderr);
    let last = stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    match one_line(&ellipsize(last.trim(), WORDS_CHARS_MAX), WORDS_CHARS_MAX + 1) {
        words if words.is_empty() => ended.status.to_string(),
        words => format!("{}: {words}", ended.status),
    }
}

#[cfg(test)]
mod tests {
    use annunciator_launcher::SandboxState;
    use std::time::Duration;

    use super::*;

    fn ended(status: Status, stderr: &str) -> Ended {
        Ended {
            status,
            stdout: Vec::new(),
            stderr: stderr.as_bytes().to_vec(),
            stdout_total: 0,
            stderr_total: 0,
            duration: Duration::ZERO,
            survivors_killed: 0,
            survivors_left: 0,
            folder_left: None,
            sandbox: SandboxState::Enforced,
        }
    }

    #[test]
    fn each_end_has_its_meaning() {
        use FailureScope::{Delivery, Relay};
        for (status, outcome, scope) in [
            (Status::Exited(0), "delivered", None),
            (Status::Exited(75), "transient_failure", Some(Delivery)),
            (Status::Exited(3), "transient_failure", Some(Delivery)),
            (Status::Exited(1), "permanent_failure", Some(Delivery)),
            (Status::Exited(255), "permanent_failure", Some(Delivery)),
            (Status::Signalled(11), "permanent_failure", Some(Delivery)),
            (Status::TooManyProcesses, "permanent_failure", Some(Delivery)),
            (Status::TimedOut, "uncertain", Some(Delivery)),
            (Status::Lost, "uncertain", Some(Delivery)),
            (Status::NotStarted(NotStarted::TooLong), "permanent_failure", Some(Delivery)),
            (Status::NotStarted(NotStarted::Format), "transient_failure", Some(Relay)),
            (Status::NotStarted(NotStarted::Interpreter), "transient_failure", Some(Relay)),
        ] {
            let check = |is_current: bool, scope: Option<FailureScope>| {
                let found = outcome_of(&ended(status.clone(), ""), is_current);
                assert_eq!(found.as_str(), outcome, "{status}");
                assert_eq!(found.failure().map(|failure| failure.scope), scope, "{status}");
            };
            check(true, scope);
            // What was planned for a file that the settings no longer name holds up nobody.
            check(false, scope.map(|_| Delivery));
        }
    }

    #[test]
    fn the_last_line_of_standard_error_is_told() {
        let check = |stderr: &str, expected: &str| {
            let outcome = outcome_of(&ended(Status::Exited(1), stderr), true);
            assert_eq!(outcome.failure().expect("it failed").diagnostic, expected);
        };
        check("", "exited with status 1");
        check("one\ntwo\n\n", "exited with status 1: two");
        check("\u{1b}[31mred", "exited with status 1: [31mred");
    }
}
