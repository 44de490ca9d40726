//! A checked file into a running program, or why it does not run.
//!
//! The new process tells its steps through a pipe that the execution closes: the last step told
//! is the one that failed.

use std::ffi::{CString, NulError};
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use landlock::RulesetCreated;
use rustix::fs::MemfdFlags;
use rustix::process::{Pid, Resource, Rlimit, Signal};

use super::{sandbox, system, system_failure};
use crate::ended::{NotStarted, SandboxState, Step};
use crate::file::{Checked, FileProblem, Flaw};
use crate::job::{Job, Limits, MEMORY_BYTES_MIN};

/// How many times the memory the address space may be: runtimes reserve much and use little.
const ADDRESS_SPACE: u64 = 8;
/// The program gives way to the server, and is the first to go when memory is short.
const NICE: i32 = 10;
const OUT_OF_MEMORY_SCORE: &[u8] = b"500";
/// Told instead of a step: this and the number of a [`SandboxState`].
const STATE: u8 = 100;

/// A program that runs.
pub(super) struct Started {
    pub(super) process: Pid,
    pub(super) sandbox: SandboxState,
}

/// What the new process does before it becomes the program.
struct Entry {
    checked: Checked,
    file: CString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
    folder: std::path::PathBuf,
    limits: Limits,
    rules: Option<RulesetCreated>,
    parent: Pid,
    steps: PipeWriter,
}

/// Starts the program.
pub(super) fn start(job: &Job, checked: Checked, folder: &Path) -> Result<Started, NotStarted> {
    let failed = |step| move |error: io::Error| system_failure(step, &error);
    let rules = sandbox::rules(job, &checked.path, folder)?;
    let (told, steps) = io::pipe().map_err(failed(Step::Fork))?;
    let path = checked.path.clone();
    let entry = Entry::new(job, checked, folder, rules, steps)
        .map_err(|_| NotStarted::Nul { place: "its path".to_owned() })?;
    // Standard output and error are those of this process.
    let mut command = Command::new(&path);
    command.stdin(Stdio::from(stdin(&job.stdin).map_err(failed(Step::Stdin))?));
    let mut entry = entry;
    system::enter_with(&mut command, move || Err(entry.enter()));
    let spawned = command.spawn();
    // With it goes our end of the pipe.
    drop(command);
    let (last, sandbox) = read_steps(told);
    match spawned {
        Ok(child) => {
            let number = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            let process = number.expect("a process has a positive number");
            Ok(Started { process, sandbox })
        }
        Err(error) => Err(reason(path.as_path(), last, &error)),
    }
}

/// A file in memory: no program has to read it, and none can make us wait.
fn stdin(content: &[u8]) -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::memfd_create("annunciator-stdin", flags)?);
    file.write_all(content)?;
    // A description of its own, at the beginning, that can only be read.
    let number = std::os::fd::AsRawFd::as_raw_fd(&file);
    File::open(format!("/proc/self/fd/{number}"))
}

impl Entry {
    fn new(
        job: &Job,
        checked: Checked,
        folder: &Path,
        rules: RulesetCreated,
        steps: PipeWriter,
    ) -> Result<Self, NulError> {
        let file = CString::new(checked.path.as_os_str().as_bytes())?;
        let arguments = job.arguments.iter().map(|argument| CString::new(argument.as_str()));
        let arguments = std::iter::once(Ok(file.clone())).chain(arguments);
        let given = job.environment.iter().filter(|(name, _)| name != "TMPDIR");
        let given = given.map(|(name, value)| CString::new(format!("{name}={value}")));
        let own = CString::new([b"TMPDIR=", folder.as_os_str().as_bytes()].concat());
        Ok(Self {
            file,
            arguments: arguments.collect::<Result<_, _>>()?,
            environment: given.chain([own]).collect::<Result<_, _>>()?,
            folder: folder.to_owned(),
            limits: job.limits.clone(),
            rules: Some(rules),
            parent: rustix::process::getpid(),
            checked,
            steps,
        })
    }

    /// Becomes the program; what comes back is the error.
    fn enter(&mut self) -> io::Error {
        match self.prepare() {
            Ok(()) => system::execute(&self.file, &self.arguments, &self.environment),
            Err(error) => error,
        }
    }

    fn prepare(&mut self) -> io::Result<()> {
        self.tell(Step::Session)?;
        system::reset_signals()?;
        // A process that is killed takes the program with it.
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        if rustix::process::getppid() != Some(self.parent) {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
        rustix::process::setsid()?;
        rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
        rustix::process::chdir(&self.folder)?;
        self.tell(Step::Limits)?;
        // Both are wishes: a system that does not grant them runs the program all the same.
        let _ = rustix::process::nice(NICE);
        let _ = std::fs::write("/proc/self/oom_score_adj", OUT_OF_MEMORY_SCORE);
        set_limits(&self.limits)?;
        self.tell(Step::Sandbox)?;
        rustix::thread::set_no_new_privs(true)?;
        let rules = self.rules.take().ok_or(io::ErrorKind::Other)?;
        let state = sandbox::close_in(rules).map_err(io::Error::from_raw_os_error)?;
        let at = SandboxState::ALL.iter().position(|each| *each == state).unwrap_or_default();
        self.tell_byte(STATE + u8::try_from(at).unwrap_or_default())?;
        self.tell(Step::Execute)?;
        if self.checked.is_in_place() {
            return Ok(());
        }
        Err(io::Error::from_raw_os_error(libc::ESTALE))
    }

    fn tell(&mut self, step: Step) -> io::Result<()> {
        let at = Step::ALL.iter().position(|each| *each == step).unwrap_or_default();
        self.tell_byte(u8::try_from(at).unwrap_or_default())
    }

    fn tell_byte(&mut self, byte: u8) -> io::Result<()> {
        self.steps.write_all(&[byte])
    }
}

fn set_limits(limits: &Limits) -> io::Result<()> {
    let exact = |resource, value| {
        let most = Rlimit { current: Some(value), maximum: Some(value) };
        // Nobody but root can have more than we have ourselves.
        let own = rustix::process::getrlimit(resource).maximum.unwrap_or(u64::MAX);
        let least = Rlimit { current: Some(value.min(own)), maximum: Some(value.min(own)) };
        rustix::process::setrlimit(resource, if value > own { least } else { most })
    };
    exact(Resource::Core, 0)?;
    let memory = limits.memory_bytes_max.max(MEMORY_BYTES_MIN);
    exact(Resource::Data, memory)?;
    exact(Resource::As, memory.saturating_mul(ADDRESS_SPACE))?;
    exact(Resource::Fsize, limits.file_bytes_max)?;
    exact(Resource::Nofile, limits.open_files_max)?;
    // At the soft limit comes SIGXCPU, which says what happened; a second later SIGKILL.
    let second_later = limits.cpu_s_max.saturating_add(1);
    exact(Resource::Cpu, second_later)?;
    let cpu = Rlimit { current: Some(limits.cpu_s_max), maximum: Some(second_later) };
    let own = rustix::process::getrlimit(Resource::Cpu).maximum.unwrap_or(u64::MAX);
    if own >= second_later {
        rustix::process::setrlimit(Resource::Cpu, cpu)?;
    }
    Ok(())
}

/// The last step that was told, and the state of the sandbox.
fn read_steps(mut told: PipeReader) -> (Step, SandboxState) {
    let (mut last, mut state) = (Step::Fork, SandboxState::NotAvailable);
    let mut bytes = Vec::new();
    // What was read before an error counts.
    let _ = told.read_to_end(&mut bytes);
    for byte in bytes {
        if let Some(step) = Step::ALL.get(usize::from(byte)) {
            last = *step;
        } else if let Some(known) = SandboxState::ALL.get(usize::from(byte.wrapping_sub(STATE))) {
            state = *known;
        }
    }
    (last, state)
}

/// What the error of a step means.
fn reason(path: &Path, step: Step, error: &io::Error) -> NotStarted {
    let errno = error.raw_os_error().unwrap_or(libc::EIO);
    match (step, errno) {
        (Step::Execute, libc::E2BIG) => NotStarted::TooLong,
        (Step::Execute, libc::ENOEXEC) => NotStarted::Format,
        (Step::Execute, libc::ENOENT | libc::ENOTDIR) => NotStarted::Interpreter,
        (Step::Execute, libc::EACCES | libc::EPERM) => NotStarted::Denied,
        (Step::Execute, libc::ESTALE) => {
            NotStarted::File(FileProblem { path: path.to_owned(), flaw: Flaw::Replaced })
        }
        _ => NotStarted::System { step, errno },
    }
}
