//! Programs that misbehave: nothing of them survives, nothing blocks, and each story is told.

#![expect(clippy::unwrap_used, reason = "what the tests share is test code too")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use annunciator_launcher::{Ended, Job, Launcher, Limits, NotStarted, PATH_USUAL, Sandbox, Status};

mod abandoned;
mod endings;
mod files;
mod given;
mod limits;
mod sandbox;
mod survivors;

/// A folder with one program, and the job that runs it.
struct Stage {
    folder: tempfile::TempDir,
    job: Job,
}

impl Stage {
    /// A program: a script with its `#!` line.
    fn new(program: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let programs = folder.path().join("programs");
        let temporary = folder.path().join("temporary");
        fs::create_dir(&programs).unwrap();
        fs::create_dir(&temporary).unwrap();
        let file = programs.join("program");
        write_program(&file, program, 0o755);
        // No other process on this machine has a name like that in its environment.
        let mark = folder.path().to_str().unwrap().to_owned();
        let environment = [("PATH", PATH_USUAL), ("MARK", &mark)];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let job = Job {
            file,
            folders: vec![programs],
            arguments: Vec::new(),
            environment: environment.into(),
            stdin: Vec::new(),
            limits: Limits { time: Duration::from_secs(20), ..Limits::default() },
            sandbox: Sandbox { temporary, ..Sandbox::default() },
        };
        Self { folder, job }
    }

    fn shell(lines: &str) -> Self {
        Self::new(&format!("#!/bin/sh\n{lines}\n"))
    }

    fn python(lines: &str) -> Self {
        Self::new(&format!("#!/usr/bin/python3\nimport os, signal, sys, time\n{lines}\n"))
    }

    /// A folder that the program may write to, and that we can look into.
    fn writable(&mut self) -> PathBuf {
        let folder = self.folder.path().join("writable");
        fs::create_dir(&folder).unwrap();
        self.job.sandbox.writable.push(folder.clone());
        self.job.environment.push(("OUT".to_owned(), folder.to_str().unwrap().to_owned()));
        folder
    }

    /// Runs the job; when it comes back, nothing may be left, and it may not have taken longer.
    #[track_caller]
    fn run_within(&self, longest: Duration) -> Ended {
        let began = Instant::now();
        let ended = block_on(async {
            let launcher = Launcher::with_binary(binary());
            launcher.run(&self.job).await
        });
        let took = began.elapsed();
        assert!(took < longest, "took {took:?}: {ended:?}");
        self.nothing_is_left();
        assert_eq!(ended.survivors_left, 0, "{ended:?}");
        assert_eq!(ended.folder_left, None, "{ended:?}");
        ended
    }

    #[track_caller]
    fn run(&self) -> Ended {
        self.run_within(Duration::from_secs(15))
    }

    /// Runs a job that ends by itself, and gives what it has written.
    #[track_caller]
    fn output(&self) -> String {
        let ended = self.run();
        assert_eq!(ended.status, Status::Exited(0), "{}", text(&ended.stderr));
        text(&ended.stdout)
    }

    /// Processes with our mark, alive or dead.
    fn marked(&self) -> Vec<u32> {
        let mark = format!("MARK={}", self.folder.path().display());
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let is_marked = |number: &u32| {
            let environment = fs::read(format!("/proc/{number}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|line| line == mark.as_bytes())
        };
        numbers.filter(is_marked).collect()
    }

    #[track_caller]
    fn nothing_is_left(&self) {
        assert_eq!(self.marked(), [], "processes survive");
        let left: Vec<_> = fs::read_dir(&self.job.sandbox.temporary).unwrap().flatten().collect();
        assert!(left.is_empty(), "{left:?}");
        let mut children = String::new();
        for thread in fs::read_dir("/proc/self/task").unwrap().flatten() {
            children += &fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        }
        assert_eq!(children, "", "children of ours, zombies among them");
    }
}

fn write_program(file: &Path, program: &str, mode: u32) {
    fs::write(file, program).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
}

fn binary() -> PathBuf {
    env!("CARGO_BIN_EXE_annunciator-launcher").into()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future)
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// Waits until something is so; it must become so.
#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[track_caller]
fn check_not_started(stage: &Stage, expected: &NotStarted) {
    let ended = stage.run();
    assert_eq!(ended.status, Status::NotStarted(expected.clone()), "{}", text(&ended.stderr));
}
