//! Goal: an executable gets the event in arguments, environment and standard input, exactly as it
//! is; its exit status decides, its output stands in the ledger, and a bad file is refused at save
//! and again at start. Method: the real binary and small shell scripts.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Site, critical, eventually, text};

/// A server that may start what lies in a folder of its own.
struct Workshop {
    site: Site,
    folder: TempDir,
}

impl Workshop {
    fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let dirs = format!("executable_dirs = [\"{}\"]", folder.path().display());
        Self { site: Site::start_with(&dirs), folder }
    }

    /// A folder that what it starts may write to, beside the executables.
    fn writable(&self) -> TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        self.site.save(&json!({"executable": {"writable_dirs": [folder.path()]}}));
        folder
    }

    fn write(&self, name: &str, script: &str) -> PathBuf {
        let file = self.folder.path().join(name);
        // A file that is open for writing cannot be started: it comes whole, by its name.
        let draft = self.folder.path().join(format!("{name}.draft"));
        fs::write(&draft, format!("#!/bin/sh\n{script}\n")).expect("written");
        set_mode(&draft, 0o755);
        fs::rename(&draft, &file).expect("renamed");
        file
    }

    /// Makes a script the one that all critical events start.
    fn use_script(&self, name: &str, script: &str, arguments: &[&str]) -> PathBuf {
        let file = self.write(name, script);
        self.site.save(&json!({
            "executable": {"notify_about": "all", "file": file, "arguments": arguments},
            "delivery": {"retry_schedule_s": [1]},
        }));
        file
    }

    /// The one attempt that there is, with its delivery.
    fn wait_for(&self, state: &str) -> (Value, Value) {
        let delivery = self.site.wait_for_deliveries(1, state).remove(0);
        let detail = self.site.delivery(text(&delivery["id"]));
        let attempt = detail["attempts"].as_array().expect("a list").last().cloned();
        (attempt.expect("an attempt"), detail["delivery"].clone())
    }
}

fn set_mode(file: &Path, mode: u32) {
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).expect("its mode is set");
}

#[test]
fn text_full_of_metacharacters_reaches_it_unchanged_and_inert() {
    let workshop = Workshop::open();
    let script = r#"printf '%s\n' "$#" "$1" "$2"; printf '%s\n' "$DESCR" "$PARAM_NAME"; cat"#;
    workshop.use_script("show", script, &["--text=%DESCR%", "%PARAM:name%"]);
    let writable = workshop.writable();
    let owned = writable.path().join("owned");
    let hostile = format!(
        "$(touch {}) `id`; 'a' \"b\" %EVENT% {{{{7*7}}}} \\n ä\u{2028}\u{202e}\u{1b}[31m\r\nX: y",
        owned.display()
    );
    workshop
        .site
        .submit_event(critical("disk.full").description(&hostile).parameter("name", "; ls"));
    let (attempt, _) = workshop.wait_for("delivered");
    let stdout = text(&attempt["run"]["stdout"]);
    let expected = format!("2\n--text={hostile}\n; ls\n{hostile}\n; ls\n");
    let rest = stdout.strip_prefix(&expected).unwrap_or_else(|| panic!("{stdout}"));
    let event: Value = serde_json::from_str(rest).expect("the event as JSON");
    assert_eq!(event["description"], hostile);
    assert_eq!(event["parameters"]["name"], "; ls");
    assert!(!owned.exists(), "nothing of the text was executed");
    assert_eq!(attempt["run"]["status"], "exited with status 0");
    let shown = workshop.site.run(&["ledger", "show", text(&attempt_id(&workshop))]);
    assert!(shown.contains("exited with status 0") && shown.contains("standard output"), "{shown}");
}

fn attempt_id(workshop: &Workshop) -> Value {
    workshop.site.deliveries().remove(0)["id"].clone()
}

#[test]
fn the_exit_status_decides() {
    for (script, state, outcome, words) in [
        ("echo no >&2; exit 1", "failed", "permanent_failure", "exited with status 1: no"),
        ("kill -SEGV $$", "failed", "permanent_failure", "SIGSEGV"),
        ("test -e \"$TMPDIR/../none\"; exit 0", "delivered", "delivered", ""),
    ] {
        let workshop = Workshop::open();
        workshop.use_script("end", script, &[]);
        workshop.site.submit("disk.full");
        let (attempt, _) = workshop.wait_for(state);
        assert_eq!(attempt["outcome"], outcome, "{script}: {attempt}");
        if state == "failed" {
            let diagnostic = text(&attempt["failure"]["diagnostic"]);
            assert!(diagnostic.contains(words), "{diagnostic}");
            assert_eq!(attempt["failure"]["stage"], "run");
        }
    }
}

#[test]
fn status_75_is_tried_again_until_it_works() {
    let workshop = Workshop::open();
    workshop.use_script("later", "exit 75", &[]);
    workshop.site.submit("disk.full");
    let delivery = eventually("a second try", || {
        let delivery = workshop.site.deliveries().pop().ok_or("none yet")?;
        let is_tried = delivery["attempts"].as_u64() >= Some(1);
        if is_tried { Ok(delivery) } else { Err(delivery.to_string()) }
    });
    workshop.write("later", "exit 0");
    let detail = {
        workshop.site.wait_for_deliveries(1, "delivered");
        workshop.site.delivery(text(&delivery["id"]))
    };
    assert_eq!(detail["attempts"][0]["outcome"], "transient_failure");
    assert_eq!(detail["delivery"]["possibly_duplicated"], false);
}

#[test]
fn what_others_may_change_is_refused_at_save_and_not_started_later() {
    let workshop = Workshop::open();
    let outside = tempfile::tempdir().expect("a folder");
    let stranger = outside.path().join("stranger");
    fs::copy("/bin/true", &stranger).expect("copied");
    let loose = workshop.write("loose", "exit 0");
    set_mode(&loose, 0o777);
    let plain = workshop.write("plain", "exit 0");
    set_mode(&plain, 0o644);
    for (file, words) in [
        (loose.clone(), "writable"),
        (plain, "execut"),
        (stranger, "none of the folders"),
        (workshop.folder.path().join("none"), "none"),
        ("relative".into(), "absolute"),
    ] {
        let patch = json!({"executable": {"file": file, "notify_about": "all"}});
        let problem = workshop.site.patch_settings(&patch).expect_status(422).json();
        assert_eq!(problem["errors"][0]["pointer"], "/executable/file", "{problem}");
        let detail = text(&problem["errors"][0]["detail"]);
        assert!(detail.contains(words), "{}: {detail}", file.display());
    }
    // Good at save, loosened while an event waits: the lane waits, and goes on when it is mended.
    let file = workshop.use_script("good", "echo done", &[]);
    set_mode(&file, 0o777);
    workshop.site.submit("disk.full");
    let waiting = workshop.site.wait_for_the_delivery("a refusal", |detail| {
        detail["attempts"].as_array().is_some_and(|attempts| !attempts.is_empty())
    });
    let failure = &waiting["attempts"][0]["failure"];
    assert_eq!((&failure["stage"], &failure["scope"]), (&json!("prepare"), &json!("relay")));
    assert!(text(&failure["diagnostic"]).contains("writable"), "{failure}");
    set_mode(&file, 0o755);
    let (attempt, _) = workshop.wait_for("delivered");
    assert_eq!(attempt["run"]["stdout"], "done\n");
}

#[test]
fn a_daemon_that_it_leaves_does_not_survive_nor_hold_up_the_others() {
    let workshop = Workshop::open();
    // Two of sessions of their own that keep the output open; each carries the folder's name and the
    // number of its run, which no other process does.
    let marker = workshop.folder.path().join("survivor");
    let marker = marker.to_str().expect("text");
    let script = format!(
        "marker={marker}-$$\n\
         (setsid sh -c 'sleep 300; exit' \"$marker\" &); setsid sh -c 'sleep 300; exit' \"$marker\" &\n\
         count() {{ cat /proc/[0-9]*/cmdline 2>&- | tr '\\0' '\\n' | grep -c \"^[/]${{marker#/}}\\$\"; }}\n\
         while test \"$(count)\" -lt 2; do sleep 0.01; done; echo left"
    );
    workshop.use_script("daemon", &script, &[]);
    workshop.site.submit("one");
    workshop.site.submit("two");
    workshop.site.wait_for_deliveries(2, "delivered");
    for delivery in workshop.site.deliveries() {
        let detail = workshop.site.delivery(text(&delivery["id"]));
        let run = &detail["attempts"][0]["run"];
        assert_eq!(run["stdout"], "left\n");
        assert!(run["processes_ended"].as_u64() >= Some(2), "{run}");
    }
    assert_eq!(processes_with(marker), Vec::<String>::new(), "they survive");
}

/// Processes with an argument that begins so.
fn processes_with(argument: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").expect("a list").flatten();
    let is_one = |folder: &Path| {
        let words = fs::read(folder.join("cmdline")).unwrap_or_default();
        words.split(|byte| *byte == 0).any(|word| word.starts_with(argument.as_bytes()))
    };
    let found = processes.map(|entry| entry.path()).filter(|folder| is_one(folder));
    found.map(|folder| folder.display().to_string()).collect()
}

#[test]
fn what_kills_its_launcher_process_leaves_nothing_behind() {
    let workshop = Workshop::open();
    let writable = workshop.writable();
    let marker = workshop.folder.path().join("survivor");
    let marker = marker.to_str().expect("text");
    let script = format!(
        "setsid sh -c 'sleep 300; exit' {} &\necho $PPID >{out}/new; mv {out}/new {out}/launcher; wait",
        marker,
        out = writable.path().display(),
    );
    workshop.use_script("killer", &script, &[]);
    workshop.site.save(&json!({"delivery": {"retry_schedule_s": [600]}}));
    workshop.site.submit("disk.full");
    // The newest kernels do not let the program do it: the test does it in its place.
    let launcher = eventually("a program that runs", || match processes_with(marker).is_empty() {
        true => Err("no survivor yet".to_owned()),
        false => {
            fs::read_to_string(writable.path().join("launcher")).map_err(|error| error.to_string())
        }
    });
    let kill = std::process::Command::new("kill").args(["-9", launcher.trim()]).status();
    assert!(kill.expect("kill runs").success());
    let detail = workshop.site.wait_for_the_delivery("an end", |detail| {
        detail["attempts"].as_array().is_some_and(|attempts| !attempts.is_empty())
    });
    assert_eq!(detail["attempts"][0]["outcome"], "uncertain", "{detail}");
    assert_eq!(processes_with(marker), Vec::<String>::new(), "they survive");
    workshop.site.cancel_the_rest();
}

#[test]
fn a_renamed_one_does_not_wait_for_what_was_planned_for_the_old() {
    let workshop = Workshop::open();
    let old = workshop.use_script("page", "exit 0", &[]);
    workshop.site.save(&json!({"delivery": {"retry_schedule_s": [600]}}));
    // Not to be started while the event is planned, so that its delivery waits.
    set_mode(&old, 0o666);
    workshop.site.submit("old");
    workshop.site.wait_for_the_delivery("a refusal", |detail| {
        detail["attempts"].as_array().is_some_and(|attempts| !attempts.is_empty())
    });
    let new = workshop.write("page2", "echo new");
    fs::remove_file(&old).expect("it was there");
    workshop.site.save(&json!({"executable": {"file": new}}));
    workshop.site.submit("new");
    eventually("the new one starts", || {
        let deliveries = workshop.site.deliveries();
        let states: Vec<&str> = deliveries.iter().map(|one| text(&one["state"])).collect();
        // The newest comes first.
        if states == ["delivered", "queued"] { Ok(()) } else { Err(states.join(", ")) }
    });
    workshop.site.cancel_the_rest();
}

#[test]
fn folders_that_lay_open_data_or_executables_are_refused() {
    let workshop = Workshop::open();
    for folder in [Path::new("/"), workshop.folder.path(), &workshop.site.server.data_folder()] {
        let patch = json!({"executable": {"writable_dirs": [folder]}});
        let problem = workshop.site.patch_settings(&patch).expect_status(422).json();
        assert_eq!(problem["errors"][0]["pointer"], "/executable/writable_dirs", "{problem}");
        let detail = text(&problem["errors"][0]["detail"]);
        assert!(detail.contains("open to the executable"), "{detail}");
    }
}

#[test]
fn one_that_runs_for_ever_is_ended_and_the_delivery_is_uncertain() {
    let workshop = Workshop::open();
    let file = workshop.write("endless", "trap '' TERM; while :; do sleep 1; done");
    workshop.site.save(&json!({
        "executable": {"notify_about": "all", "file": file, "time_limit_s": 1},
        "delivery": {"retry_schedule_s": [600]},
    }));
    workshop.site.submit("disk.full");
    let detail = workshop.site.wait_for_the_delivery("an end", |detail| {
        detail["attempts"].as_array().is_some_and(|attempts| !attempts.is_empty())
    });
    assert_eq!(detail["attempts"][0]["outcome"], "uncertain", "{detail}");
    assert_eq!(detail["delivery"]["possibly_duplicated"], true);
    workshop.site.cancel_the_rest();
}

#[test]
fn a_test_run_shows_its_stages_and_its_output() {
    let workshop = Workshop::open();
    let file = workshop.write("hello", "echo hello; echo oops >&2; exit 3");
    let request = |dry_run: bool| {
        let settings = json!({"file": file, "arguments": ["%EVENT%"]});
        json!({"channel": "executable", "executable": settings, "dry_run": dry_run})
    };
    let result = |dry_run| {
        workshop.site.post("/api/v1/test-message", &request(dry_run)).expect_status(200).json()
    };
    let dry = result(true);
    assert_eq!(dry["ok"], true, "{dry}");
    assert_eq!(dry["recipients"][0]["outcome"], "would_be_accepted");
    let real = result(false);
    assert_eq!(real["ok"], false);
    assert_eq!(real["run"]["stdout"], "hello\n");
    assert_eq!(real["run"]["stderr"], "oops\n");
    let stages: Vec<&str> =
        real["stages"].as_array().unwrap().iter().map(|one| text(&one["stage"])).collect();
    assert_eq!(stages, ["settings", "prepare", "run"]);
    let command = workshop.site.command(&[
        "test-message",
        "--channel",
        "executable",
        &format!("file={}", file.display()),
    ]);
    let printed = String::from_utf8_lossy(&command.stdout).into_owned();
    assert!(printed.contains("hello") && printed.contains("status 3"), "{printed}");
}
