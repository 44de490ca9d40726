//! When the server is gone or no longer interested, its programs end too.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use annunciator_launcher::{Launcher, Status};

use crate::{Stage, binary, block_on, until};

/// Says that it runs, and with what parent; stays, with a daemon and a child in the background.
const STAYS: &str = "setsid sleep 1000 & sleep 1000 &\n\
                     echo $PPID >\"$OUT/new\"; mv \"$OUT/new\" \"$OUT/parent\"; trap '' TERM; wait";

/// The launcher process, as soon as the program has named it.
async fn parent(out: &Path) -> String {
    let named = async {
        loop {
            match fs::read_to_string(out.join("parent")) {
                Ok(parent) => return parent,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), named).await.expect("the program has started")
}

/// The other binary is the server here; it passes its environment on, with our mark.
fn start_server(stage: &Stage) -> Child {
    Command::new(binary())
        .args([stage.job.folders[0].as_os_str(), stage.job.file.as_os_str()])
        .env_clear()
        .envs(stage.job.environment.iter().cloned())
        .env("TMPDIR", &stage.job.sandbox.temporary)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn nothing_survives_a_server_that_is_killed() {
    let stage = Stage::shell("sleep 1000 & setsid sleep 1000 & trap '' TERM; sleep 1000; wait");
    let mut server = start_server(&stage);
    // The server itself, the program, and three that sleep.
    until("all of them run", || stage.marked().len() == 5);
    server.kill().unwrap();
    server.wait().unwrap();
    until("all of them are gone", || stage.marked().is_empty());
    until("the folder is removed", || {
        fs::read_dir(&stage.job.sandbox.temporary).unwrap().count() == 0
    });
}

#[test]
fn nothing_survives_a_future_that_is_dropped() {
    let mut stage = Stage::shell(STAYS);
    let out = stage.writable();
    block_on(async {
        let launcher = Launcher::with_binary(binary());
        let run = launcher.run(&stage.job);
        tokio::select! {
            ended = run => panic!("{ended:?}"),
            _ = parent(&out) => {}
        }
        // Those of the runtime's children that nobody waits for are reaped by it.
        while !stage.marked().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    until("the folder is removed", || {
        fs::read_dir(&stage.job.sandbox.temporary).unwrap().count() == 0
    });
}

#[test]
fn a_launcher_process_that_is_killed_takes_the_program_with_it() {
    let mut stage = Stage::shell(&STAYS.replace("setsid sleep 1000 &", ""));
    let out = stage.writable();
    let ended = block_on(async {
        let launcher = Launcher::with_binary(binary());
        let kill = async {
            let parent = parent(&out).await;
            let killed = Command::new("kill").args(["-9", parent.trim()]).status().unwrap();
            assert!(killed.success());
        };
        tokio::join!(launcher.run(&stage.job), kill).0
    });
    assert_eq!(ended.status, Status::Lost);
    until("all of them are gone", || stage.marked().is_empty());
}

#[test]
fn what_outlives_its_launcher_process_is_ended_by_the_server() {
    // Two that nobody's group holds, one below the other; the private folder is the working folder.
    let stage = Stage::shell(
        "setsid sh -c 'setsid sleep 1000 & wait' &\n\
         echo $PPID >new; mv new parent; trap '' TERM; wait",
    );
    let mut server = start_server(&stage);
    // The server itself, the program, a shell and one that sleeps.
    until("all of them run", || stage.marked().len() == 4);
    let folder = fs::read_dir(&stage.job.sandbox.temporary).unwrap().next().unwrap().unwrap();
    let parent = folder.path().join("parent");
    until("the program has named its parent", || parent.exists());
    let parent = fs::read_to_string(parent).unwrap();
    assert!(Command::new("kill").args(["-9", parent.trim()]).status().unwrap().success());
    until("only the server is left", || stage.marked().len() <= 1);
    assert!(server.wait().unwrap().success());
    let mut words = String::new();
    server.stdout.take().unwrap().read_to_string(&mut words).unwrap();
    assert!(words.contains("status: Lost"), "{words}");
    assert_eq!(stage.marked(), [], "none was handed to somebody else");
}

#[test]
fn signals_to_the_servers_group_do_not_end_the_launcher_process() {
    let mut stage = Stage::shell(
        "echo $PPID >\"$OUT/new\"; mv \"$OUT/new\" \"$OUT/parent\"\n\
         while ! test -e \"$OUT/go\"; do sleep 0.01; done; echo done",
    );
    let out = stage.writable();
    let ended = block_on(async {
        let launcher = Launcher::with_binary(binary());
        let signal = async {
            let parent = parent(&out).await;
            for signal in ["-TERM", "-INT", "-HUP", "-QUIT"] {
                Command::new("kill").args([signal, parent.trim()]).status().unwrap();
            }
            fs::write(out.join("go"), "").unwrap();
        };
        tokio::join!(launcher.run(&stage.job), signal).0
    });
    assert_eq!(ended.status, Status::Exited(0));
    stage.nothing_is_left();
}

#[test]
fn who_types_the_word_of_the_launcher_process_is_told() {
    let output =
        Command::new(binary()).arg("launch-executable").stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.contains("only the server calls it"), "{words}");
}
