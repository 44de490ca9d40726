//! A process into whether it descends from this one, and so is a program that we have started.
//!
//! The launcher process is our child and the subreaper of all that a program starts: whatever
//! they do, the way up from any of them leads through it to us.

use std::fs;
use std::io;

/// Longest way up that is followed.
const STEPS_MAX: usize = 1000;
/// How often a way is followed that ends at a process which has just gone.
const TRIES: usize = 10;

/// Whether a process descends from this one; this one itself does not.
///
/// Where this is process 1 of a container, every process there without a parent descends from it.
///
/// # Errors
///
/// If the process is gone, so that nobody can tell any more.
pub fn is_descendant(process: i32) -> io::Result<bool> {
    let own = rustix::process::getpid().as_raw_nonzero().get();
    let mut tries = 0;
    'again: loop {
        tries += 1;
        let mut at = parent(process)?;
        for _ in 0..STEPS_MAX {
            if at == own {
                return Ok(true);
            }
            if at <= 1 {
                return Ok(false);
            }
            match parent(at) {
                Ok(above) => at = above,
                // Gone, and its children have another parent; or hidden from us (hidepid), as
                // none of our own is.
                Err(_) if tries < TRIES => continue 'again,
                Err(_) => return Ok(false),
            }
        }
        return Err(io::ErrorKind::InvalidData.into());
    }
}

/// The parent of a process, as the fourth field of its line tells.
fn parent(process: i32) -> io::Result<i32> {
    let line = fs::read(format!("/proc/{process}/stat"))?;
    // The name may hold blanks and parentheses: what follows the last one cannot.
    let name_end = line.iter().rposition(|byte| *byte == b')').ok_or(io::ErrorKind::InvalidData)?;
    let rest = String::from_utf8_lossy(&line[name_end + 1..]);
    let field = rest.split_ascii_whitespace().nth(1).and_then(|field| field.parse().ok());
    field.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    fn own() -> i32 {
        rustix::process::getpid().as_raw_nonzero().get()
    }

    #[test]
    fn children_and_their_children_descend_and_others_do_not() {
        // A shell names itself and its child, then waits until its standard input closes.
        let script = "exec 3<&0; echo $$; (read -r line <&3; exit) & echo $!; wait";
        let mut child = Command::new("/bin/sh")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().take(2);
        let numbers: Vec<i32> = lines.map(|line| line.unwrap().parse().unwrap()).collect();
        for number in &numbers {
            assert!(is_descendant(*number).unwrap(), "{number}");
        }
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(is_descendant(numbers[0]).is_err(), "it is gone");
        let parent = parent(own()).unwrap();
        for number in [own(), 1, parent] {
            assert!(!is_descendant(number).unwrap(), "{number}");
        }
    }

    #[test]
    fn a_name_with_parentheses_does_not_hide_a_process() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a) S 1 (b");
        std::os::unix::fs::symlink("/bin/sleep", &file).unwrap();
        let mut child = Command::new(&file).arg("1000").spawn().unwrap();
        let number = i32::try_from(child.id()).unwrap();
        assert!(is_descendant(number).unwrap());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
