//! How a program ends is told as it was.

use std::time::Duration;

use annunciator_launcher::{NotStarted, Status};

use crate::{Stage, check_not_started, text};

#[test]
fn an_exit_status_is_told() {
    for status in [0, 1, 3, 75, 126, 127, 255] {
        let ended = Stage::shell(&format!("echo out; echo err >&2; exit {status}")).run();
        assert_eq!(ended.status, Status::Exited(status));
        assert_eq!((text(&ended.stdout), text(&ended.stderr)), ("out\n".into(), "err\n".into()));
        assert_eq!((ended.stdout_total, ended.stderr_total), (4, 4));
        assert_eq!(ended.survivors_killed, 0);
    }
}

#[test]
fn a_signal_of_its_own_is_told() {
    for signal in [9, 15, 6] {
        let ended = Stage::shell(&format!("kill -{signal} $$")).run();
        assert_eq!(ended.status, Status::Signalled(signal));
    }
}

#[test]
fn a_program_that_runs_for_ever_ends_at_its_time_limit() {
    let mut stage = Stage::shell("echo begun; exec sleep 1000");
    stage.job.limits.time = Duration::from_secs(2);
    let ended = stage.run_within(Duration::from_secs(6));
    assert_eq!(ended.status, Status::TimedOut);
    assert_eq!(text(&ended.stdout), "begun\n");
    // It has all of its time.
    assert!(ended.duration >= Duration::from_secs(2), "{:?}", ended.duration);
}

#[test]
fn a_program_that_is_done_just_before_its_limit_is_not_disturbed() {
    let mut stage = Stage::shell("sleep 2; echo finished");
    stage.job.limits.time = Duration::from_secs(4);
    assert_eq!(stage.output(), "finished\n");
}

#[test]
fn a_program_that_ignores_sigterm_is_killed() {
    let mut stage = Stage::python(
        "signal.signal(signal.SIGTERM, lambda *_: print('asked', flush=True))\n\
         print('begun', flush=True)\n\
         while True: time.sleep(1)",
    );
    stage.job.limits.time = Duration::from_secs(3);
    stage.job.limits.grace = Duration::from_secs(1);
    let ended = stage.run_within(Duration::from_secs(8));
    assert_eq!(ended.status, Status::TimedOut);
    assert_eq!(text(&ended.stdout), "begun\nasked\n");
}

#[test]
fn a_program_that_stops_itself_is_killed() {
    let mut stage = Stage::shell("kill -STOP $$");
    stage.job.limits.time = Duration::from_secs(2);
    assert_eq!(stage.run_within(Duration::from_secs(7)).status, Status::TimedOut);
}

#[test]
fn a_file_that_is_no_program_is_not_handed_to_a_shell() {
    check_not_started(&Stage::new("echo by a shell\n"), &NotStarted::Format);
    check_not_started(&Stage::new(""), &NotStarted::Format);
    check_not_started(&Stage::new("\x7fELF and nothing else"), &NotStarted::Format);
}

#[test]
fn an_interpreter_that_is_missing_is_told() {
    check_not_started(&Stage::new("#!/no/such/shell\n"), &NotStarted::Interpreter);
    check_not_started(&Stage::new("#!/bin/sh\r\nexit\r\n"), &NotStarted::Interpreter);
    check_not_started(&Stage::new("#!/etc/passwd\n"), &NotStarted::Denied);
}

#[test]
fn a_launcher_process_that_cannot_be_started_is_told() {
    let stage = Stage::shell("exit 0");
    for (binary, expected) in [("/no/such/binary", "No such file"), ("/bin/false", "before")] {
        let launcher = annunciator_launcher::Launcher::with_binary(binary.into());
        let ended = crate::block_on(async { launcher.run(&stage.job).await });
        let Status::NotStarted(reason @ NotStarted::Launcher(_)) = &ended.status else {
            panic!("{ended:?}");
        };
        assert!(reason.to_string().contains(expected), "{reason}");
        assert!(reason.is_transient());
        stage.nothing_is_left();
    }
}

#[test]
fn many_run_beside_each_other() {
    let stages: Vec<_> = (0..8).map(|n| Stage::shell(&format!("sleep 0.3; echo {n}"))).collect();
    let launcher = annunciator_launcher::Launcher::with_binary(crate::binary());
    let all = crate::block_on(async {
        let mut set = tokio::task::JoinSet::new();
        for (index, stage) in stages.iter().enumerate() {
            let (launcher, job) = (launcher.clone(), stage.job.clone());
            set.spawn(async move { (index, launcher.run(&job).await) });
        }
        set.join_all().await
    });
    for (index, ended) in all {
        assert_eq!(ended.status, Status::Exited(0));
        assert_eq!(text(&ended.stdout), format!("{index}\n"));
    }
    stages.iter().for_each(Stage::nothing_is_left);
}
