//! What a program is given, and what it may use.

use std::path::PathBuf;
use std::time::Duration;

/// Most octets of arguments, environment and standard input together.
pub const INPUT_BYTES_MAX: usize = 32 << 20;

/// Most octets of arguments and environment together: Linux hands over no more to any program.
pub const COMMAND_BYTES_MAX: usize = 6 << 20;

/// Least memory that a program is given: less does not even start it. Unit: octets.
pub const MEMORY_BYTES_MIN: u64 = 16 << 20;

/// A search path for jobs whose environment shall have one; none is set by itself.
pub const PATH_USUAL: &str = "/usr/local/bin:/usr/bin:/bin";

/// One run of one executable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Job {
    /// The executable: an absolute path.
    pub file: PathBuf,
    /// Folders that it may lie in, at any depth.
    pub folders: Vec<PathBuf>,
    /// Its arguments after its own name, each handed over as it is.
    pub arguments: Vec<String>,
    /// Its whole environment, but for `TMPDIR`, which names the private folder of the run.
    pub environment: Vec<(String, String)>,
    /// What it can read from standard input.
    pub stdin: Vec<u8>,
    /// What it may use.
    pub limits: Limits,
    /// What it may write and must not read.
    pub sandbox: Sandbox,
}

/// What a program may use. The system counts memory, CPU time, files and their size for each
/// process; time, output and processes are counted for the run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// From the start until it is asked to end.
    pub time: Duration,
    /// From SIGTERM, at the end of the time, to SIGKILL.
    pub grace: Duration,
    /// Octets of each output stream that are kept; the rest is read, counted and dropped.
    pub output_bytes_max: usize,
    /// Private memory that can be written, at least [`MEMORY_BYTES_MIN`]. The address space, which runtimes reserve and do not
    /// use, may be eight times as large.
    pub memory_bytes_max: u64,
    /// Seconds of CPU time.
    pub cpu_s_max: u64,
    /// Octets of a file that it writes.
    pub file_bytes_max: u64,
    /// Open descriptors.
    pub open_files_max: u64,
    /// Processes at one time. Looked at ten times a second: the system's own limit counts all
    /// processes of the user, those of the server and of other runs too.
    pub processes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(60),
            grace: Duration::from_secs(2),
            output_bytes_max: 64 << 10,
            memory_bytes_max: 1 << 30,
            cpu_s_max: 60,
            file_bytes_max: 64 << 20,
            open_files_max: 256,
            processes_max: 128,
        }
    }
}

/// What a program may write and must not read, where the kernel has Landlock.
///
/// It may always write to its private folder, which is its working folder and `TMPDIR`, and to
/// `/dev/null`; it may read and execute all that is not hidden. It cannot send signals to
/// processes outside, nor look into their memory, descriptors and environment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sandbox {
    /// Further folders that it may write to.
    pub writable: Vec<PathBuf>,
    /// Folders and files that it must not read, such as the server's data and its key.
    pub hidden: Vec<PathBuf>,
    /// Where the private folder is made.
    pub temporary: PathBuf,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self { writable: Vec::new(), hidden: Vec::new(), temporary: std::env::temp_dir() }
    }
}
