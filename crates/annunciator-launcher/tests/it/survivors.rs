//! Nothing of a program survives it, wherever its processes have gone.

use std::time::Duration;

use annunciator_launcher::Status;

use crate::{Stage, text};

/// A daemon by the book: two forks, a session of its own, the pipes still open.
const DAEMON: &str = "
def daemon(ignore):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            if ignore: signal.signal(signal.SIGTERM, signal.SIG_IGN)
            print('daemon', flush=True)
            time.sleep(1000)
        os._exit(0)
    os.wait()
";

#[test]
fn a_child_in_the_background_ends_with_its_parent() {
    let ended = Stage::shell("sleep 1000 & echo done").run_within(Duration::from_secs(5));
    assert_eq!((ended.status, text(&ended.stdout)), (Status::Exited(0), "done\n".into()));
    assert_eq!(ended.survivors_killed, 1);
}

#[test]
fn a_daemon_that_holds_the_pipes_ends_with_the_program() {
    let stage = Stage::python(&format!("{DAEMON}daemon(False)\ntime.sleep(0.3)\nprint('done')"));
    let ended = stage.run_within(Duration::from_secs(6));
    assert_eq!((ended.status, text(&ended.stdout)), (Status::Exited(0), "daemon\ndone\n".into()));
    assert_eq!(ended.survivors_killed, 1);
}

#[test]
fn a_daemon_that_ignores_sigterm_is_killed() {
    let stage = Stage::python(&format!("{DAEMON}daemon(True)\ntime.sleep(0.3)\nsys.exit(75)"));
    let ended = stage.run_within(Duration::from_secs(8));
    assert_eq!((ended.status, ended.survivors_killed), (Status::Exited(75), 1));
}

#[test]
fn daemons_end_at_the_time_limit() {
    let mut stage =
        Stage::python(&format!("{DAEMON}for n in range(5): daemon(n % 2 == 0)\ntime.sleep(1000)"));
    stage.job.limits.time = Duration::from_secs(3);
    stage.job.limits.grace = Duration::from_millis(500);
    let ended = stage.run_within(Duration::from_secs(9));
    assert_eq!((ended.status, ended.survivors_killed), (Status::TimedOut, 5));
}

#[test]
fn many_children_end_with_their_parent() {
    let mut stage = Stage::python(
        "for n in range(300):\n    \
             if os.fork() == 0:\n        \
                 if n % 2: os.setsid()\n        \
                 time.sleep(1000)\n\
         print('made')",
    );
    stage.job.limits.processes_max = 400;
    let ended = stage.run();
    assert_eq!((ended.status, text(&ended.stdout)), (Status::Exited(0), "made\n".into()));
    assert_eq!(ended.survivors_killed, 300);
}

#[test]
fn too_many_processes_end_the_program() {
    let mut stage = Stage::shell("for n in 1 2 3 4 5 6 7 8 9 10; do sleep 1000 & done; wait");
    stage.job.limits.processes_max = 8;
    let ended = stage.run_within(Duration::from_secs(6));
    assert_eq!(ended.status, Status::TooManyProcesses);
}

/// A bomb with a bound of its own, so that a failure of ours does no harm: each process makes two
/// in new sessions, until a thousand were made.
#[test]
fn a_fork_bomb_ends() {
    let mut stage = Stage::python(
        "made = open('made', 'ab', 0)\n\
         while os.path.getsize('made') < 1000:\n    \
             made.write(b'.')\n    \
             if os.fork() == 0: os.setsid()\n\
         time.sleep(1000)",
    );
    stage.job.limits.processes_max = 50;
    let ended = stage.run_within(Duration::from_secs(12));
    assert_eq!(ended.status, Status::TooManyProcesses);
    assert!(ended.survivors_killed >= 50, "{ended:?}");
}

/// One process that is never the same: it forks and ends, into new sessions, for a quarter of
/// a minute at most.
#[test]
fn a_process_that_flees_is_caught() {
    let mut stage = Stage::python(
        "end = time.monotonic() + 15\n\
         if os.fork(): sys.exit(0)\n\
         while time.monotonic() < end:\n    \
             if os.fork(): os._exit(0)\n    \
             os.setsid()",
    );
    stage.job.limits.grace = Duration::from_millis(100);
    let ended = stage.run_within(Duration::from_secs(8));
    assert_eq!(ended.status, Status::Exited(0));
    assert!(ended.survivors_killed >= 1, "{ended:?}");
}

#[test]
fn zombies_of_a_program_are_reaped() {
    let stage = Stage::python(
        "for n in range(100):\n    \
             if os.fork() == 0: os._exit(0)\n\
         print('zombies')",
    );
    assert_eq!(stage.output(), "zombies\n");
}
