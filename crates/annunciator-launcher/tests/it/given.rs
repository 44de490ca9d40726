//! A program gets exactly what it is given: arguments, environment, standard input, descriptors.

use annunciator_launcher::{NotStarted, Status};

use crate::{Stage, check_not_started};

/// Texts that mean something to shells, templates, mail or terminals.
const TEXTS: &[&str] = &[
    "",
    " ",
    "two words",
    "$(touch /tmp/owned) `id` ${HOME} $PATH $$",
    "; rm -rf / # && || | & > < >> 2>&1",
    "'single' \"double\" \\ \\' \\\" \\\\",
    "line\nline\r\n\ttab\x0b\x0c\x1b[31m\x07\x08\x7f",
    "%PHONE% %% %s %n %%COMPUTER%%",
    "*?[a-z]{a,b}~!^",
    "--option=value",
    "-",
    "--",
    "Grüße, 東京 🦀 \u{202e}\u{feff}\u{fffd}",
    "=",
    "A=B",
    "\u{1}\u{2}\u{ff}",
];

#[test]
fn arguments_arrive_as_they_are() {
    let mut stage = Stage::python(
        "out = open(os.environ['OUT'] + '/arguments', 'wb')\n\
         out.write(open('/proc/self/cmdline', 'rb').read())",
    );
    let out = stage.writable();
    stage.job.arguments = TEXTS.iter().map(|text| (*text).to_owned()).collect();
    stage.job.arguments.push("long ".repeat(20_000));
    assert_eq!(stage.output(), "");
    // Interpreter and script come before.
    let file = stage.job.file.canonicalize().unwrap();
    let mut expected = format!("/usr/bin/python3\0{}\0", file.display()).into_bytes();
    for argument in &stage.job.arguments {
        expected.extend(argument.as_bytes());
        expected.push(0);
    }
    assert!(std::fs::read(out.join("arguments")).unwrap() == expected);
}

#[test]
fn a_program_without_interpreter_is_called_by_its_path() {
    let mut stage = Stage::shell("");
    std::fs::copy("/bin/cat", &stage.job.file).unwrap();
    stage.job.arguments = vec!["/proc/self/cmdline".to_owned()];
    let file = stage.job.file.canonicalize().unwrap();
    assert_eq!(stage.output(), format!("{}\0/proc/self/cmdline\0", file.display()));
}

#[test]
fn the_environment_is_what_was_given_and_the_private_folder() {
    let mut stage = Stage::shell("");
    std::fs::copy("/bin/cat", &stage.job.file).unwrap();
    stage.job.arguments = vec!["/proc/self/environ".to_owned()];
    let values = TEXTS.iter().enumerate();
    stage.job.environment =
        values.map(|(index, text)| (format!("V{index}"), (*text).to_owned())).collect();
    let output = stage.output();
    let mut lines: Vec<_> = output.split_terminator('\0').collect();
    let own = lines.pop().unwrap();
    let temporary = stage.job.sandbox.temporary.canonicalize().unwrap();
    assert!(own.starts_with(&format!("TMPDIR={}/annunciator-run-", temporary.display())), "{own}");
    let expected: Vec<_> =
        TEXTS.iter().enumerate().map(|(index, text)| format!("V{index}={text}")).collect();
    assert_eq!(lines, expected);
}

#[test]
fn standard_input_arrives_as_it_is_and_ends() {
    let mut stage = Stage::python(
        "import hashlib\n\
         content = sys.stdin.buffer.read()\n\
         print(len(content), hashlib.md5(content).hexdigest(), open('/dev/stdin', 'rb').read(4))",
    );
    stage.job.stdin = b"{\"event\": 1}\n".repeat(100_000);
    assert_eq!(stage.output(), "1300000 ab066a300890690b4b738d14cdb6e98f b'{\"ev'\n");
    stage.job.stdin = Vec::new();
    assert_eq!(stage.output(), "0 d41d8cd98f00b204e9800998ecf8427e b''\n");
}

#[test]
fn a_program_that_never_reads_or_closes_its_input_is_no_trouble() {
    for lines in ["exec <&-; echo fine", "echo fine", "head -c 10 >/dev/null; echo fine"] {
        let mut stage = Stage::shell(lines);
        stage.job.stdin = vec![b'x'; 1 << 20];
        assert_eq!(stage.output(), "fine\n");
    }
}

#[test]
fn no_other_descriptor_is_inherited() {
    // One that does not close by itself, as a parent of the server might leave it.
    let file = std::fs::File::open("/dev/null").unwrap();
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).unwrap();
    let mut stage = Stage::shell("");
    std::fs::copy("/bin/ls", &stage.job.file).unwrap();
    stage.job.arguments = vec!["/proc/self/fd".to_owned()];
    // The third is the folder that is being listed.
    assert_eq!(stage.output(), "0\n1\n2\n3\n");
    drop(file);
}

#[test]
fn session_folder_mask_and_signals_are_its_own() {
    let stage = Stage::python(
        "print(os.getsid(0) == os.getpid() == os.getpgid(0), os.getcwd() == os.environ['TMPDIR'])\n\
         print(oct(os.umask(0)), oct(os.stat('.').st_mode))\n\
         status = open('/proc/self/status').read()\n\
         print([line for line in status.splitlines() if line.startswith(('SigBlk', 'NoNewPrivs'))])\n\
         # Python itself ignores SIGPIPE and SIGXFSZ; 32 and 33 belong to the C library.\n\
         ignored = int([line for line in status.splitlines() if line.startswith('SigIgn')][0][8:], 16)\n\
         print(hex(ignored & ~(3 << 31)))\n\
         open('file', 'w').close(); print(oct(os.stat('file').st_mode))",
    );
    assert_eq!(
        stage.output(),
        "True True\n0o77 0o40700\n['SigBlk:\\t0000000000000000', 'NoNewPrivs:\\t1']\n0x1001000\n\
         0o100666\n"
    );
}

#[test]
fn what_no_program_can_be_given_is_told() {
    let mut stage = Stage::shell("exit 0");
    stage.job.arguments = vec!["a\0b".to_owned()];
    check_not_started(&stage, &NotStarted::Nul { place: "argument 1".to_owned() });
    stage.job.arguments = vec!["x".repeat(1 << 20)];
    check_not_started(&stage, &NotStarted::TooLong);
    stage.job.arguments = Vec::new();
    stage.job.environment.push(("A=".to_owned(), String::new()));
    check_not_started(&stage, &NotStarted::EnvironmentName("A=".to_owned()));
    stage.job.environment.pop();
    assert_eq!(stage.run().status, Status::Exited(0));
}
