//! A job into the frame that the launcher process gets, and back.
//!
//! Jobs travel over a socket: arguments and environment of a process can be seen by others.

use std::time::Duration;

use crate::ended::NotStarted;
use crate::job::{COMMAND_BYTES_MAX, INPUT_BYTES_MAX, Job, Limits, Sandbox};
use crate::wire::{Reader, Writer};

/// The frame of a job.
///
/// # Errors
///
/// What no program can be given, or too much of it.
pub(crate) fn encode(job: &Job) -> Result<Vec<u8>, NotStarted> {
    bounds(job)?;
    let mut out = Writer::new();
    out.path(&job.file);
    out.list(&job.folders, |out, folder| out.path(folder));
    out.list(&job.arguments, |out, argument| out.octets(argument.as_bytes()));
    out.list(&job.environment, |out, (name, value)| {
        out.octets(name.as_bytes());
        out.octets(value.as_bytes());
    });
    out.octets(&job.stdin);
    let Limits { time, grace, output_bytes_max, memory_bytes_max, cpu_s_max, .. } = job.limits;
    out.number(micros(time));
    out.number(micros(grace));
    out.number(output_bytes_max as u64);
    out.number(memory_bytes_max);
    out.number(cpu_s_max);
    out.number(job.limits.file_bytes_max);
    out.number(job.limits.open_files_max);
    out.number(job.limits.processes_max as u64);
    out.list(&job.sandbox.writable, |out, folder| out.path(folder));
    out.list(&job.sandbox.hidden, |out, folder| out.path(folder));
    out.path(&job.sandbox.temporary);
    out.finish().ok_or(NotStarted::TooLong)
}

/// The job of a frame; none if it is no job's.
pub(crate) fn decode(frame: &[u8]) -> Option<Job> {
    let mut from = Reader::new(frame);
    let job = Job {
        file: from.path()?,
        folders: from.list(Reader::path)?,
        arguments: from.list(Reader::text)?,
        environment: from.list(|from| Some((from.text()?, from.text()?)))?,
        stdin: from.octets()?.to_vec(),
        limits: Limits {
            time: Duration::from_micros(from.number()?),
            grace: Duration::from_micros(from.number()?),
            output_bytes_max: from.size()?,
            memory_bytes_max: from.number()?,
            cpu_s_max: from.number()?,
            file_bytes_max: from.number()?,
            open_files_max: from.number()?,
            processes_max: from.size()?,
        },
        sandbox: Sandbox {
            writable: from.list(Reader::path)?,
            hidden: from.list(Reader::path)?,
            temporary: from.path()?,
        },
    };
    from.end()?;
    Some(job)
}

/// Longest time limit that is told apart from none: ten years.
fn micros(time: Duration) -> u64 {
    let longest = Duration::from_secs(10 * 365 * 24 * 3600);
    u64::try_from(time.min(longest).as_micros()).expect("ten years are not so many microseconds")
}

fn bounds(job: &Job) -> Result<(), NotStarted> {
    for (index, argument) in job.arguments.iter().enumerate() {
        if argument.contains('\0') {
            return Err(NotStarted::Nul { place: format!("argument {}", index + 1) });
        }
    }
    for (name, value) in &job.environment {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(NotStarted::EnvironmentName(name.clone()));
        }
        if value.contains('\0') {
            return Err(NotStarted::Nul { place: format!("environment variable {name}") });
        }
    }
    let arguments = job.arguments.iter().map(String::len);
    let environment = job.environment.iter().map(|(name, value)| name.len() + value.len());
    let command = arguments.chain(environment).sum::<usize>();
    let is_too_long = command > COMMAND_BYTES_MAX || command + job.stdin.len() > INPUT_BYTES_MAX;
    if is_too_long { Err(NotStarted::TooLong) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::LENGTH_BYTES;

    fn job() -> Job {
        Job {
            file: "/a/b".into(),
            folders: vec!["/a".into(), "/c".into()],
            arguments: vec![String::new(), "ä\n%".to_owned()],
            environment: vec![("A".to_owned(), "=b".to_owned())],
            stdin: vec![0, 255],
            limits: Limits { processes_max: 7, ..Limits::default() },
            sandbox: Sandbox {
                writable: vec!["/w".into()],
                hidden: vec!["/h".into()],
                temporary: "/t".into(),
            },
        }
    }

    #[test]
    fn a_job_arrives_as_it_was() {
        let frame = encode(&job()).unwrap();
        assert_eq!(decode(&frame[LENGTH_BYTES..]), Some(job()));
    }

    #[test]
    fn what_is_cut_or_has_more_is_no_job() {
        let mut frame = encode(&job()).unwrap().split_off(LENGTH_BYTES);
        for length in 0..frame.len() {
            assert_eq!(decode(&frame[..length]), None, "{length}");
        }
        frame.push(0);
        assert_eq!(decode(&frame), None);
    }

    #[test]
    fn what_no_program_can_be_given_is_refused() {
        let check = |change: fn(&mut Job), expected: NotStarted| {
            let mut job = job();
            change(&mut job);
            assert_eq!(encode(&job), Err(expected));
        };
        check(
            |job| job.arguments[1] = "a\0b".to_owned(),
            NotStarted::Nul { place: "argument 2".to_owned() },
        );
        check(
            |job| job.environment[0].1 = "\0".to_owned(),
            NotStarted::Nul { place: "environment variable A".to_owned() },
        );
        for name in ["", "A=B", "A\0"] {
            let mut job = job();
            job.environment[0].0 = name.to_owned();
            assert_eq!(encode(&job), Err(NotStarted::EnvironmentName(name.to_owned())));
        }
        check(|job| job.stdin = vec![0; INPUT_BYTES_MAX], NotStarted::TooLong);
        check(|job| job.arguments[0] = "x".repeat(COMMAND_BYTES_MAX), NotStarted::TooLong);
    }
}
