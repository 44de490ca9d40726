//! What the launcher process tells the server: frames, and back.

use std::path::PathBuf;
use std::time::Duration;

use crate::ended::{NotStarted, SandboxState, Status, Step};
use crate::file::{FileProblem, Flaw};
use crate::wire::{Reader, Writer};

/// A report. Either `NotStarted` comes, or `Started` and then `Ended`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Report {
    /// No program ran, and none will.
    NotStarted(NotStarted),
    /// The program runs.
    Started {
        /// Its process, and so its process group and session.
        process: i32,
        /// What it is closed into.
        sandbox: SandboxState,
    },
    /// Nothing of it is left, unless it says so.
    Ended(RunEnd),
}

/// The end of a run as the launcher process saw it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct RunEnd {
    pub(crate) status: Status,
    pub(crate) duration: Duration,
    pub(crate) survivors_killed: u32,
    pub(crate) survivors_left: u32,
    pub(crate) folder_left: Option<PathBuf>,
}

impl Report {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        match self {
            Self::NotStarted(reason) => {
                out.number(0);
                put_reason(&mut out, reason);
            }
            Self::Started { process, sandbox } => {
                out.number(1);
                out.signed(*process);
                out.number(position(&SandboxState::ALL, sandbox));
            }
            Self::Ended(end) => {
                out.number(2);
                put_status(&mut out, &end.status);
                let micros = u64::try_from(end.duration.as_micros()).unwrap_or(u64::MAX);
                out.number(micros);
                out.number(end.survivors_killed.into());
                out.number(end.survivors_left.into());
                out.list(end.folder_left.as_slice(), |out, folder| out.path(folder));
            }
        }
        out.finish().expect("a report is short")
    }

    pub(crate) fn decode(frame: &[u8]) -> Option<Self> {
        let mut from = Reader::new(frame);
        let report = match from.number()? {
            0 => Self::NotStarted(take_reason(&mut from)?),
            1 => Self::Started {
                process: from.signed()?,
                sandbox: *SandboxState::ALL.get(from.size()?)?,
            },
            2 => Self::Ended(RunEnd {
                status: take_status(&mut from)?,
                duration: Duration::from_micros(from.number()?),
                survivors_killed: u32::try_from(from.number()?).ok()?,
                survivors_left: u32::try_from(from.number()?).ok()?,
                folder_left: from.list(Reader::path)?.pop(),
            }),
            _ => return None,
        };
        from.end()?;
        Some(report)
    }
}

fn position<T: PartialEq>(all: &[T], one: &T) -> u64 {
    all.iter().position(|each| each == one).expect("the list holds all of them") as u64
}

fn put_status(out: &mut Writer, status: &Status) {
    let (code, number) = match status {
        Status::Exited(status) => (0, *status),
        Status::Signalled(signal) => (1, *signal),
        Status::TimedOut => (2, 0),
        Status::TooManyProcesses => (3, 0),
        Status::Lost | Status::NotStarted(_) => (4, 0),
    };
    out.number(code);
    out.signed(number);
}

fn take_status(from: &mut Reader<'_>) -> Option<Status> {
    let (code, number) = (from.number()?, from.signed()?);
    Some(match code {
        0 => Status::Exited(number),
        1 => Status::Signalled(number),
        2 => Status::TimedOut,
        3 => Status::TooManyProcesses,
        4 => Status::Lost,
        _ => return None,
    })
}

fn put_reason(out: &mut Writer, reason: &NotStarted) {
    match reason {
        NotStarted::File(FileProblem { path, flaw }) => {
            let (code, errno) = flaw.to_numbers();
            out.number(0);
            out.number(code);
            out.signed(errno);
            out.path(path);
        }
        NotStarted::Nul { place: words } => put_words(out, 1, words),
        NotStarted::EnvironmentName(words) => put_words(out, 2, words),
        NotStarted::TooLong => out.number(3),
        NotStarted::Format => out.number(4),
        NotStarted::Interpreter => out.number(5),
        NotStarted::Denied => out.number(6),
        NotStarted::System { step, errno } => {
            out.number(7);
            out.number(position(&Step::ALL, step));
            out.signed(*errno);
        }
        NotStarted::Launcher(words) => put_words(out, 8, words),
        NotStarted::Writable { folder, kept } => {
            out.number(9);
            out.path(folder);
            out.path(kept);
        }
    }
}

fn put_words(out: &mut Writer, code: u64, words: &str) {
    out.number(code);
    out.octets(words.as_bytes());
}

fn take_reason(from: &mut Reader<'_>) -> Option<NotStarted> {
    Some(match from.number()? {
        0 => {
            let flaw = Flaw::from_numbers(from.number()?, from.signed()?)?;
            NotStarted::File(FileProblem { flaw, path: from.path()? })
        }
        1 => NotStarted::Nul { place: from.text()? },
        2 => NotStarted::EnvironmentName(from.text()?),
        3 => NotStarted::TooLong,
        4 => NotStarted::Format,
        5 => NotStarted::Interpreter,
        6 => NotStarted::Denied,
        7 => NotStarted::System { step: *Step::ALL.get(from.size()?)?, errno: from.signed()? },
        8 => NotStarted::Launcher(from.text()?),
        9 => NotStarted::Writable { folder: from.path()?, kept: from.path()? },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::LENGTH_BYTES;

    #[test]
    fn every_report_arrives_as_it_was() {
        let file = |flaw| NotStarted::File(FileProblem { path: "/a".into(), flaw });
        let reasons = [
            file(Flaw::NotAbsolute),
            file(Flaw::Unreachable(13)),
            file(Flaw::Replaced),
            NotStarted::Nul { place: "argument 1".to_owned() },
            NotStarted::EnvironmentName("=".to_owned()),
            NotStarted::TooLong,
            NotStarted::Format,
            NotStarted::Interpreter,
            NotStarted::Denied,
            NotStarted::System { step: Step::Execute, errno: 5 },
            NotStarted::Launcher("words".to_owned()),
            NotStarted::Writable { folder: "/a".into(), kept: "/a/b".into() },
        ];
        let end = |status| {
            Report::Ended(RunEnd {
                status,
                duration: Duration::from_micros(3),
                survivors_killed: 4,
                survivors_left: 5,
                folder_left: Some("/left".into()),
            })
        };
        let ends = [Status::Exited(-1), Status::Signalled(9), Status::TimedOut, Status::Lost];
        let started = Report::Started { process: 7, sandbox: SandboxState::Partial };
        let reports = reasons.map(Report::NotStarted).into_iter().chain(ends.map(end));
        for report in reports.chain([end(Status::TooManyProcesses), started]) {
            assert_eq!(Report::decode(&report.encode()[LENGTH_BYTES..]), Some(report));
        }
    }
}
