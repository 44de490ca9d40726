//! An executable and what it is given into how it ended; nothing of it survives (spec 3.3).
//!
//! The server calls [`Launcher::run`]. That starts our own binary again as a small process of one
//! thread, the *launcher process*, which the first word of its arguments sends to
//! [`main_if_asked`]. It applies the limits, starts the program, and ends and reaps every
//! descendant, also one that has called `setsid`, because it is their subreaper. When the socket
//! to the server closes, because the server was killed or has lost interest, it ends them too.
//! Where a launcher process itself is killed, what it leaves becomes the server's child, if that has
//! called [`adopt_strays`], and is ended by it.
//!
//! In: a [`Job`]. Out: [`Ended`].
//! Knows nothing of: events, channels, what an exit status means, how many may run at once.
//! Failure: [`NotStarted`] says why no program ran; [`Status`] says how one ended.

mod capture;
mod descent;
mod ended;
mod file;
mod job;
mod launch;
mod launcher;
mod order;
mod report;
mod strays;
mod wire;
mod writable;

pub use descent::is_descendant;
pub use ended::{Ended, NotStarted, SandboxState, Status, Step};
pub use file::{Checked, FileProblem, Flaw, check_file};
pub use job::{
    COMMAND_BYTES_MAX, INPUT_BYTES_MAX, Job, Limits, MEMORY_BYTES_MIN, PATH_USUAL, Sandbox,
};
pub use launch::main_if_asked;
pub use launcher::Launcher;
pub use strays::adopt_strays;
pub use writable::laid_open;
