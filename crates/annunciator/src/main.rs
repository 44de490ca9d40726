//! The arguments of a command line into one command and its exit code.
//!
//! Exit codes: 0 done, 1 refused or failed, 2 the arguments make no sense, 78 the config of `serve`
//! cannot be used.

mod assignment;
mod client;
mod commands;
mod config;
mod demo;
mod document_text;
mod logs;
mod moment;
mod output;
mod shorthand;

use std::process::ExitCode;

use clap::Parser;

/// An event is some hundred small allocations on several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The server starts this binary again to watch over an executable; that one has no threads.
    if let Some(code) = annunciator_launcher::main_if_asked() {
        return code;
    }
    let code = commands::run(commands::Cli::parse()).unwrap_or_else(|error| {
        output::print_note(&format!("annunciator: {error:#}"));
        ExitCode::FAILURE
    });
    if output::has_failed() {
        output::print_note("annunciator: the output could not be written");
        return ExitCode::FAILURE;
    }
    code
}
