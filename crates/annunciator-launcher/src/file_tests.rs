//! Which files may be executed.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    fs::create_dir_all(root.join("allowed/below")).unwrap();
    fs::create_dir(root.join("outside")).unwrap();
    for file in ["allowed/good", "allowed/below/good", "outside/bad"] {
        fs::write(root.join(file), "#!/bin/sh\n").unwrap();
        set_mode(&root.join(file), 0o755);
    }
    (folder, root)
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// `expected` is the flaw and the last part of the path that it is about.
#[track_caller]
fn check_in(root: &Path, file: &str, expected: Result<&str, (Flaw, &str)>) {
    let found = check_file(&root.join(file), &[root.join("none"), root.join("allowed")]);
    let expected = match expected {
        Ok(path) => Ok(root.join(path)),
        Err((flaw, path)) => Err(FileProblem { path: root.join(path), flaw }),
    };
    assert_eq!(found.map(|checked| checked.path), expected);
}

#[test]
fn a_file_in_an_allowed_folder_is_good() {
    let (_guard, root) = folder();
    check_in(&root, "allowed/good", Ok("allowed/good"));
    check_in(&root, "allowed/below/good", Ok("allowed/below/good"));
    check_in(&root, "allowed/./good", Ok("allowed/good"));
    symlink("good", root.join("allowed/link")).unwrap();
    check_in(&root, "allowed/link", Ok("allowed/good"));
}

#[test]
fn a_path_that_leads_out_is_refused() {
    let (_guard, root) = folder();
    let relative = check_file(Path::new("allowed/good"), &[root.join("allowed")]);
    assert_eq!(relative.unwrap_err().flaw, Flaw::NotAbsolute);
    check_in(&root, "allowed/../allowed/good", Err((Flaw::DotSegments, "allowed/../allowed/good")));
    check_in(&root, "outside/bad", Err((Flaw::Outside, "outside/bad")));
    symlink("../outside/bad", root.join("allowed/link")).unwrap();
    check_in(&root, "allowed/link", Err((Flaw::Outside, "allowed/link")));
    symlink("../outside", root.join("allowed/folder")).unwrap();
    check_in(&root, "allowed/folder/bad", Err((Flaw::Outside, "allowed/folder/bad")));
    // No folder is allowed by a name that it merely begins with.
    fs::rename(root.join("outside"), root.join("allowed-not")).unwrap();
    check_in(&root, "allowed-not/bad", Err((Flaw::Outside, "allowed-not/bad")));
}

#[test]
fn what_is_no_program_is_refused() {
    let (_guard, root) = folder();
    check_in(&root, "allowed/none", Err((Flaw::Missing, "allowed/none")));
    check_in(&root, "allowed/good/none", Err((Flaw::Missing, "allowed/good/none")));
    check_in(&root, "allowed/below", Err((Flaw::NotRegular, "allowed/below")));
    check_in(&root, "allowed", Err((Flaw::Outside, "allowed")));
    symlink("loop", root.join("allowed/loop")).unwrap();
    check_in(&root, "allowed/loop", Err((Flaw::Unreachable(libc::ELOOP), "allowed/loop")));
}

#[test]
fn what_others_can_change_is_refused() {
    let (_guard, root) = folder();
    for (path, mode, flaw) in [
        ("allowed/below/good", 0o644, Flaw::NotExecutable),
        ("allowed/below/good", 0o4755, Flaw::Privileged),
        ("allowed/below/good", 0o2755, Flaw::Privileged),
        ("allowed/below/good", 0o757, Flaw::OthersWritable),
        ("allowed/below/good", 0o775, Flaw::GroupWritable),
        ("allowed/below", 0o757, Flaw::OthersWritable),
        ("allowed/below", 0o775, Flaw::GroupWritable),
        ("allowed", 0o777, Flaw::OthersWritable),
        ("", 0o775, Flaw::GroupWritable),
    ] {
        let path = if path.is_empty() { root.clone() } else { root.join(path) };
        let before = fs::metadata(&path).unwrap().permissions();
        set_mode(&path, mode);
        let found = check_file(&root.join("allowed/below/good"), &[root.join("allowed")]);
        assert_eq!(found, Err(FileProblem { path: path.clone(), flaw }), "{mode:o}");
        fs::set_permissions(&path, before).unwrap();
    }
    check_in(&root, "allowed/below/good", Ok("allowed/below/good"));
}

#[test]
fn owners_and_modes_decide_who_can_change_a_file() {
    let (_guard, root) = folder();
    let path = root.join("allowed/good");
    let own = rustix::process::geteuid().as_raw();
    if own != 0 {
        println!("only root can give files away");
        return;
    }
    std::os::unix::fs::chown(&path, Some(12345), None).unwrap();
    check_in(&root, "allowed/good", Err((Flaw::ForeignOwner, "allowed/good")));
    std::os::unix::fs::chown(&path, Some(0), None).unwrap();
    // A sticky folder of root, as /tmp is.
    set_mode(&root.join("allowed"), 0o1777);
    check_in(&root, "allowed/good", Ok("allowed/good"));
    std::os::unix::fs::chown(root.join("allowed"), Some(12345), None).unwrap();
    check_in(&root, "allowed/good", Err((Flaw::ForeignOwner, "allowed")));
}

#[test]
fn another_file_in_its_place_is_noticed() {
    let (_guard, root) = folder();
    let path = root.join("allowed/good");
    let check = || check_file(&path, &[root.join("allowed")]).unwrap();
    let checked = check();
    assert!(checked.is_in_place());
    set_mode(&path, 0o700);
    assert!(!checked.is_in_place());
    let checked = check();
    fs::rename(root.join("allowed/below/good"), &path).unwrap();
    set_mode(&path, 0o700);
    assert!(!checked.is_in_place());
    fs::remove_file(&path).unwrap();
    assert!(!checked.is_in_place());
}

#[test]
fn a_problem_says_what_to_do() {
    for (flaw, expected) in [
        (Flaw::OthersWritable, "/a/b is writable by others: chmod o-w /a/b"),
        (Flaw::GroupWritable, "/a/b is writable by its group: chmod g-w /a/b"),
        (
            Flaw::Outside,
            "/a/b lies in none of the folders that `executable_dirs` of the server's \
             configuration names: move it into one of them",
        ),
        (
            Flaw::Unreachable(13),
            "/a/b cannot be looked at (Permission denied (os error 13)): let the server's user \
             reach it",
        ),
    ] {
        assert_eq!(FileProblem { path: "/a/b".into(), flaw }.to_string(), expected);
    }
    for code in 0.. {
        let Some(flaw) = Flaw::from_numbers(code, 7) else { break };
        let words = FileProblem { path: "/a".into(), flaw }.to_string();
        assert!(words.starts_with("/a ") && words.contains(": "), "{words}");
        assert_eq!(flaw.to_numbers(), (code, if code == 4 { 7 } else { 0 }));
    }
}
