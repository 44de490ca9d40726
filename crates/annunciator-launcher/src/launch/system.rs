//! The calls of the system that Rust cannot see to be sound, each with the reason why it is.
//!
//! They are only made in the launcher process, which has one thread.

use std::ffi::{CStr, CString};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::ptr;

/// Signals that end a process and that others may send to all of a terminal or unit.
const TO_ALL: [i32; 4] = [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM];

/// Closes every descriptor but standard input, output and error: those that the server got from
/// its own parent do not close by themselves.
pub(super) fn close_inherited() -> io::Result<()> {
    let (first, last, flags) = (3_u32, u32::MAX, 0_u32);
    #[expect(unsafe_code, reason = "no crate in the tree has a safe close_range")]
    // SAFETY: called first in `main`: no value of this process owns a descriptor above 2 yet.
    let answer = unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Lets signals that are sent to the server and its whole family wait for ever.
pub(super) fn block_signals() -> io::Result<()> {
    #[expect(unsafe_code, reason = "no crate in the tree has a safe sigprocmask")]
    // SAFETY: the set is initialised by sigemptyset before it is read, it and the signals are
    // valid, and the old set is not asked for.
    let answer = unsafe {
        let mut set = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&raw mut set);
        for signal in TO_ALL {
            libc::sigaddset(&raw mut set, signal);
        }
        libc::sigprocmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut())
    };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Lets every signal through and do what it usually does. Blocked and ignored ones stay so over
/// an execution, and a shell that puts the server into the background ignores SIGINT.
pub(super) fn reset_signals() -> io::Result<()> {
    for signal in 1..=libc::SIGRTMAX() {
        #[expect(unsafe_code, reason = "no crate in the tree has a safe signal")]
        // SAFETY: SIG_DFL installs no function of ours. SIGKILL, SIGSTOP and those that the C
        // library keeps for itself are refused, which does no harm.
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
        }
    }
    #[expect(unsafe_code, reason = "no crate in the tree has a safe sigprocmask")]
    // SAFETY: the set is initialised by sigemptyset before it is read, and the old set is not
    // asked for.
    let answer = unsafe {
        let mut set = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&raw mut set);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const set, ptr::null_mut())
    };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Lets a command run `enter` in the new process before it would execute its program.
pub(super) fn enter_with(
    command: &mut Command,
    enter: impl FnMut() -> io::Result<()> + Send + Sync + 'static,
) {
    #[expect(unsafe_code, reason = "the limits are those of the new process, not ours")]
    // SAFETY: what runs between fork and execution must not rely on other threads. This process
    // has one thread, so that no lock can be held by another, and allocating is allowed.
    unsafe {
        command.pre_exec(enter);
    }
}

/// Executes a file in place of this process; what comes back is the error.
///
/// The standard library would call `execvp`, which hands a file without `#!` to a shell.
pub(super) fn execute(file: &CStr, arguments: &[CString], environment: &[CString]) -> io::Error {
    let pointers = |texts: &[CString]| {
        let ends = texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]);
        ends.collect::<Vec<_>>()
    };
    let (arguments, environment) = (pointers(arguments), pointers(environment));
    #[expect(unsafe_code, reason = "there is no safe execve")]
    // SAFETY: the file is a C string; both lists hold pointers to C strings that outlive the call
    // and end with a null pointer.
    unsafe {
        libc::execve(file.as_ptr(), arguments.as_ptr(), environment.as_ptr());
    }
    io::Error::last_os_error()
}
