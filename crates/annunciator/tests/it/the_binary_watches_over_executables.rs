//! The binary is its own launcher process: it starts a program, watches over it and reports.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use annunciator_launcher::{Job, Launcher, Limits, PATH_USUAL, Sandbox, Status};

use crate::support::BINARY;

#[test]
fn a_program_is_started_by_the_binary() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("program");
    fs::write(&file, "#!/bin/sh\necho \"$1\"; cat; sleep 1000 & exit 75\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    let job = Job {
        file,
        folders: vec![folder.path().to_owned()],
        arguments: vec!["$(id) %HOME% 'ä'".to_owned()],
        environment: vec![("PATH".to_owned(), PATH_USUAL.to_owned())],
        stdin: b"{}\n".to_vec(),
        limits: Limits::default(),
        sandbox: Sandbox::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let launcher = Launcher::with_binary(BINARY.into());
    let ended = runtime.block_on(async { launcher.run(&job).await });
    assert_eq!(ended.status, Status::Exited(75));
    assert_eq!(String::from_utf8(ended.stdout).unwrap(), "$(id) %HOME% 'ä'\n{}\n");
    assert_eq!((ended.survivors_killed, ended.survivors_left), (1, 0));
}

#[test]
fn the_word_of_the_launcher_process_is_not_for_people() {
    let mut command = Command::new(BINARY);
    let output = command.arg("launch-executable").stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.contains("only the server calls it"), "{words}");
}
