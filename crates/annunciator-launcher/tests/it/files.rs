//! A file is checked again when it is started.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use annunciator_launcher::{FileProblem, Flaw, NotStarted, Status, check_file};

use crate::{Stage, check_not_started, write_program};

#[test]
fn a_file_that_was_replaced_by_a_writable_one_is_not_started() {
    let stage = Stage::shell("exit 0");
    let checked = check_file(&stage.job.file, &stage.job.folders).unwrap();
    assert_eq!(stage.run().status, Status::Exited(0));
    let other = stage.folder.path().join("other");
    write_program(&other, "#!/bin/sh\necho replaced\n", 0o757);
    fs::rename(&other, &stage.job.file).unwrap();
    let problem = FileProblem { path: checked.path, flaw: Flaw::OthersWritable };
    check_not_started(&stage, &NotStarted::File(problem));
}

#[test]
fn a_file_that_was_replaced_by_a_good_one_is_started() {
    let stage = Stage::shell("exit 0");
    check_file(&stage.job.file, &stage.job.folders).unwrap();
    let other = stage.folder.path().join("other");
    write_program(&other, "#!/bin/sh\necho replaced\n", 0o755);
    fs::rename(&other, &stage.job.file).unwrap();
    assert_eq!(stage.output(), "replaced\n");
}

#[test]
fn a_file_that_was_replaced_by_a_link_that_leads_out_is_not_started() {
    let stage = Stage::shell("exit 0");
    fs::remove_file(&stage.job.file).unwrap();
    std::os::unix::fs::symlink("/bin/true", &stage.job.file).unwrap();
    let problem = FileProblem { path: stage.job.file.clone(), flaw: Flaw::Outside };
    check_not_started(&stage, &NotStarted::File(problem));
}

#[test]
fn a_file_that_is_gone_is_not_started() {
    let stage = Stage::shell("exit 0");
    fs::remove_file(&stage.job.file).unwrap();
    let problem = FileProblem { path: stage.job.file.clone(), flaw: Flaw::Missing };
    check_not_started(&stage, &NotStarted::File(problem));
}

#[test]
fn a_folder_that_everybody_may_write_to_is_told() {
    let stage = Stage::shell("exit 0");
    let folder = stage.job.folders[0].canonicalize().unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let problem = FileProblem { path: folder, flaw: Flaw::OthersWritable };
    check_not_started(&stage, &NotStarted::File(problem));
}
