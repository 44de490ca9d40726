//! What a program may use is bounded, and what it puts out blocks nobody.

use std::time::Duration;

use annunciator_launcher::Status;

use crate::{Stage, text};

#[test]
fn a_flood_of_output_is_counted_and_its_beginning_kept() {
    let stage = Stage::python(
        "block = b'0123456789abcde\\n' * 65536\n\
         for n in range(100): os.write(1, block) == len(block) or sys.exit(9)\n\
         os.write(2, b'end\\n')",
    );
    let ended = stage.run();
    assert_eq!(ended.status, Status::Exited(0));
    assert_eq!(ended.stdout_total, 100 << 20);
    assert_eq!(text(&ended.stdout), "0123456789abcde\n".repeat(4096));
    assert_eq!(text(&ended.stderr), "end\n");
}

#[test]
fn a_flood_that_never_ends_ends_at_the_time_limit() {
    let mut stage = Stage::shell("exec yes");
    stage.job.limits.time = Duration::from_secs(2);
    let ended = stage.run_within(Duration::from_secs(6));
    assert_eq!(ended.status, Status::TimedOut);
    assert_eq!(ended.stdout.len(), 64 << 10);
    assert!(ended.stdout_total > 1 << 20);
}

#[test]
fn the_last_octets_of_a_program_are_kept() {
    for _ in 0..20 {
        let stage = Stage::python("os.write(1, b'x' * 60000); os.write(2, b'y' * 60000)");
        let ended = stage.run();
        assert_eq!((ended.stdout.len(), ended.stderr.len()), (60_000, 60_000));
    }
}

#[test]
fn memory_is_bounded() {
    let mut stage = Stage::python(
        "try: block = bytearray(400 << 20)\n\
         except MemoryError: sys.exit(42)",
    );
    assert_eq!(stage.run().status, Status::Exited(0));
    stage.job.limits.memory_bytes_max = 200 << 20;
    assert_eq!(stage.run().status, Status::Exited(42));
}

#[test]
fn address_space_is_bounded() {
    let mut stage = Stage::python(
        "import mmap\n\
         try: block = mmap.mmap(-1, 2 << 30)\n\
         except OSError: sys.exit(42)",
    );
    assert_eq!(stage.run().status, Status::Exited(0));
    stage.job.limits.memory_bytes_max = 200 << 20;
    assert_eq!(stage.run().status, Status::Exited(42));
}

#[test]
fn cpu_time_is_bounded() {
    let mut stage = Stage::shell("while :; do :; done");
    stage.job.limits.cpu_s_max = 1;
    let ended = stage.run();
    assert_eq!(ended.status, Status::Signalled(24));
    assert!(ended.status.to_string().contains("CPU time"), "{}", ended.status);
}

#[test]
fn a_file_that_grows_too_large_ends_the_program() {
    let mut stage = Stage::shell("exec dd if=/dev/zero of=large bs=65536 2>/dev/null");
    stage.job.limits.file_bytes_max = 1 << 20;
    let ended = stage.run();
    assert_eq!(ended.status, Status::Signalled(25), "{}", text(&ended.stderr));
}

#[test]
fn descriptors_are_bounded_and_there_is_no_core() {
    let mut stage = Stage::python(
        "import resource\n\
         print(resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_CORE))\n\
         print(os.nice(0))",
    );
    stage.job.limits.open_files_max = 20;
    let nice = (rustix::process::nice(0).unwrap() + 10).min(19);
    assert_eq!(stage.output(), format!("(20, 20) (0, 0)\n{nice}\n"));
}
