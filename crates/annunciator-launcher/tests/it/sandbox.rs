//! What a program may write, must not read, and cannot reach. These need a kernel with Landlock
//! (6.12 for signals): elsewhere the state says so, and nothing else is promised.

use std::path::Path;

use annunciator_launcher::{NotStarted, SandboxState};

use crate::{Stage, check_not_started};

/// Whether the kernel enforces all; the rest of a test has no meaning elsewhere.
#[expect(clippy::print_stderr, reason = "whoever runs the test must see that it shows nothing")]
fn is_enforced() -> bool {
    let state = Stage::shell("exit 0").run().sandbox;
    if state != SandboxState::Enforced {
        eprintln!("this kernel does not enforce all of the sandbox: {state:?}");
    }
    state == SandboxState::Enforced
}

#[test]
fn a_program_writes_to_its_own_folders_and_nowhere_else() {
    if !is_enforced() {
        return;
    }
    let mut stage = Stage::shell(
        "try() { (echo x >\"$1\") 2>/dev/null && echo \"wrote $2\" || echo \"refused $2\"; }\n\
         try \"$OUTSIDE/new\" outside; try \"$OUTSIDE/old\" over\n\
         try \"$0\" itself; try /proc/self/oom_score_adj proc\n\
         try \"$TMPDIR/new\" private; try relative relative; try \"$OUT/new\" given\n\
         try /dev/null null\n\
         mkdir \"$OUTSIDE/folder\" 2>/dev/null || echo refused mkdir\n\
         rm -f \"$OUTSIDE/old\" 2>/dev/null || echo refused rm\n\
         ln -s a \"$OUTSIDE/link\" 2>/dev/null || echo refused ln",
    );
    let out = stage.writable();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("old"), "old").unwrap();
    let path = outside.path().to_str().unwrap().to_owned();
    stage.job.environment.push(("OUTSIDE".to_owned(), path));
    assert_eq!(
        stage.output(),
        "refused outside\nrefused over\nrefused itself\nrefused proc\nwrote private\n\
         wrote relative\nwrote given\nwrote null\nrefused mkdir\nrefused rm\nrefused ln\n"
    );
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
    assert_eq!(std::fs::read(outside.path().join("old")).unwrap(), b"old");
    assert_eq!(std::fs::read(out.join("new")).unwrap(), b"x\n");
}

#[test]
fn a_program_does_not_read_what_is_hidden() {
    if !is_enforced() {
        return;
    }
    let mut stage = Stage::shell(
        "try() { cat \"$1\" 2>/dev/null || echo refused; }\n\
         try \"$SECRETS/key\"; try \"/proc/self/root$SECRETS/key\"; try \"$LINK\"\n\
         try \"$SECRETS/../beside\"; ls \"$SECRETS\" 2>/dev/null || echo refused",
    );
    let outside = tempfile::tempdir().unwrap();
    let secrets = outside.path().join("secrets");
    std::fs::create_dir(&secrets).unwrap();
    std::fs::write(secrets.join("key"), "secret\n").unwrap();
    std::fs::write(outside.path().join("beside"), "beside\n").unwrap();
    let link = outside.path().join("link");
    std::os::unix::fs::symlink(secrets.join("key"), &link).unwrap();
    for (name, path) in [("SECRETS", &secrets), ("LINK", &link)] {
        stage.job.environment.push((name.to_owned(), path.to_str().unwrap().to_owned()));
    }
    assert_eq!(stage.output(), "secret\nsecret\nsecret\nbeside\nkey\n");
    stage.job.sandbox.hidden = vec![secrets];
    assert_eq!(stage.output(), "refused\nrefused\nrefused\nbeside\nrefused\n");
    // The program itself may lie in a folder that is hidden.
    stage.job.sandbox.hidden.push(stage.folder.path().to_owned());
    assert_eq!(stage.output(), "refused\nrefused\nrefused\nbeside\nrefused\n");
}

#[test]
fn a_program_reaches_no_process_outside() {
    if !is_enforced() {
        return;
    }
    let mut stage = Stage::python(
        "def attempt(name, what):\n    \
             try: what(); print(name, 'done')\n    \
             except OSError: print(name, 'refused')\n\
         for name, pid in ('launcher', os.getppid()), ('server', int(os.environ['SERVER'])):\n    \
             attempt(name + ' signal', lambda: os.kill(pid, 0))\n    \
             os.geteuid() and attempt(name + ' environment', lambda: open(f'/proc/{pid}/environ').read())\n    \
             attempt(name + ' descriptors', lambda: os.readlink(f'/proc/{pid}/fd/0'))\n    \
             attempt(name + ' memory', lambda: open(f'/proc/{pid}/mem', 'rb'))\n\
         child = os.fork()\n\
         if child == 0: time.sleep(100)\n\
         attempt('child signal', lambda: os.kill(child, 9))",
    );
    stage.job.environment.push(("SERVER".to_owned(), std::process::id().to_string()));
    // Root may read environments by another right (CAP_PERFMON), which no rule takes away.
    let is_root = rustix::process::geteuid().is_root();
    let attempts = ["signal", "environment", "descriptors", "memory"];
    let attempts: Vec<_> =
        attempts.into_iter().filter(|what| !(is_root && *what == "environment")).collect();
    let refused = |name| attempts.iter().map(move |what| format!("{name} {what} refused\n"));
    let expected: String = ["launcher", "server"].into_iter().flat_map(refused).collect();
    assert_eq!(stage.output(), expected + "child signal done\n");
}

#[test]
fn a_folder_that_would_lay_open_what_is_kept_is_not_given() {
    let mut stage = Stage::shell("echo started >\"$OUT/started\"");
    let out = stage.writable();
    let secrets = stage.folder.path().join("secrets");
    std::fs::create_dir(&secrets).unwrap();
    stage.job.sandbox.hidden = vec![secrets.clone()];
    let programs = stage.job.folders[0].clone();
    let link = stage.folder.path().join("link");
    std::os::unix::fs::symlink(&secrets, &link).unwrap();
    for (given, kept) in [
        (Path::new("/"), &secrets),
        (stage.folder.path(), &secrets),
        (&link, &secrets),
        (&programs, &programs),
    ] {
        let mut stage = Stage { job: stage.job.clone(), folder: tempfile::tempdir().unwrap() };
        stage.job.sandbox.writable.push(given.to_owned());
        let folder = given.canonicalize().unwrap();
        check_not_started(&stage, &NotStarted::Writable { folder, kept: kept.clone() });
        assert!(!out.join("started").exists());
    }
    // One that is not there is no reason: it is not given.
    stage.job.sandbox.writable.push("/none/of/that".into());
    stage.run();
    assert!(out.join("started").exists());
}
