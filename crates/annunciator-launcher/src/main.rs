//! The launcher as a program of its own, for the tests of its crate: `FOLDER FILE [ARGUMENT]…`
//! runs a file with the usual limits and shows its end.

use std::env;
use std::io::Write as _;
use std::process::ExitCode;

use annunciator_launcher::{Job, Launcher, Limits, Sandbox, adopt_strays, main_if_asked};

fn main() -> ExitCode {
    if let Some(code) = main_if_asked() {
        return code;
    }
    // As the server does it.
    if adopt_strays().is_err() {
        return ExitCode::FAILURE;
    }
    let mut words = env::args().skip(1);
    let (Some(folder), Some(file)) = (words.next(), words.next()) else {
        return ExitCode::from(2);
    };
    let job = Job {
        file: file.into(),
        folders: vec![folder.into()],
        arguments: words.collect(),
        environment: env::vars().collect(),
        stdin: Vec::new(),
        limits: Limits::default(),
        sandbox: Sandbox::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return ExitCode::FAILURE };
    let ended = runtime.block_on(Launcher::default().run(&job));
    let written = writeln!(std::io::stdout(), "{ended:?}");
    if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
