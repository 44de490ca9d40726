//! What the bootstrap config takes, and what it says when it does not.

use super::*;

fn around(variables: &[(&str, &str)]) -> Surroundings {
    let variables = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Surroundings { variables, has_system_folder: true }
}

fn from_text(text: &str) -> Result<Config, Vec<String>> {
    resolve(Some((Path::new("/etc/a.toml"), text)), &around(&[]))
}

#[track_caller]
fn check_problems(text: &str, expected: &[&str]) {
    let problems = from_text(text).expect_err("it must be refused");
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.contains(expected), "{problem:?} does not say {expected:?}");
    }
}

#[test]
fn an_unknown_option_is_refused_with_place_and_nearest_name() {
    check_problems(
        "lisen = \"127.0.0.1:1\"",
        &["/etc/a.toml:1:1: unknown option `lisen`; did you mean `listen`?"],
    );
    check_problems(
        "\n  tls_cert_file = \"a\"",
        &["/etc/a.toml:2:3: unknown option `tls_cert_file`; did you mean `tls_certificate_file`?"],
    );
    check_problems(
        "[log]\nlevle = \"info\"",
        &["/etc/a.toml:2:1: unknown option `log.levle`; did you mean `log.level`?"],
    );
    check_problems("quux = 1", &["the options are listen, data_dir"]);
}

#[test]
fn a_wrong_type_is_refused_with_an_example() {
    check_problems(
        "listen = 8650",
        &["/etc/a.toml:1:1: `listen` cannot be of type integer: write listen = \"127.0.0.1:8650\""],
    );
    check_problems("executable_dirs = \"/bin\"", &["`executable_dirs` cannot be of type string"]);
    check_problems("executable_dirs = [\"/bin\", 1]", &["/etc/a.toml:1:28: `executable_dirs`"]);
    check_problems("log = 3", &["`log` cannot be of type integer"]);
    check_problems("[log]\nlevel = true", &["write level = \"info\""]);
}

#[test]
fn an_impossible_value_is_refused_with_what_would_be_right() {
    for (text, expected) in [
        ("listen = \"127.0.0.1:70000\"", "the port must be from 1 to 65535, not 70000"),
        ("listen = \"127.0.0.1\"", "the port is missing"),
        ("listen = \"localhost:8650\"", "write 127.0.0.1:8650"),
        ("listen = \"x\"", "must be an IP address and a port"),
        (
            "listen = \"0.0.0.0:8650\"",
            "set tls_certificate_file and tls_key_file, or listen on 127.0.0.1:8650",
        ),
        ("store = \"postgres://u:geheim@db:x/a\"", "the address of the store is not readable"),
        ("store = \"mysql\"", "it must be \"sqlite\" or begin with"),
        ("log = \"inof\"", "did you mean info?"),
        ("log = \"info,annunciator_smtp=louder\"", "`louder` must be one of"),
        ("[log]\nformat = \"xml\"", "must be \"logfmt\" or \"json\""),
        ("data_dir = \"\"", "must be a path"),
        (
            "data_dir = \"/d\"\nsecret_key_file = \"/d/secret.key\"",
            "put it elsewhere, such as /d.key",
        ),
        ("tls_key_file = \"k\"", "`tls_key_file` needs `tls_certificate_file` beside it"),
        ("executable_dirs = [\"bin\"]", "must hold absolute paths"),
        ("hello_name = \"a b\"", "must be the full name of this host"),
    ] {
        check_problems(text, &[expected]);
    }
}

#[test]
fn all_problems_are_told_at_once() {
    check_problems("lisen = 1\nstore = \"x\"\nlog = \"loud\"", &["lisen", "store", "log.level"]);
}

#[test]
fn broken_toml_is_told_with_line_and_column() {
    let problems = from_text("listen = \n").expect_err("broken");
    assert!(problems[0].contains("line 1, column 10"), "{problems:?}");
}

#[test]
fn without_a_file_the_defaults_hold() {
    let config = resolve(None, &around(&[])).unwrap();
    assert_eq!(config.listen, "127.0.0.1:8650".parse().unwrap());
    assert_eq!(config.data_dir, Path::new("/var/lib/annunciator"));
    assert_eq!(config.secret_key_file, Path::new("/var/lib/annunciator.key"));
    assert_eq!(config.log, LogConfig { level: "info".into(), format: LogFormat::Logfmt });
}

#[test]
fn the_data_folder_of_a_plain_user_is_under_the_home_folder() {
    for (variables, expected) in [
        (&[("HOME", "/home/a")][..], Some("/home/a/.local/share/annunciator")),
        (&[("HOME", "/home/a"), ("XDG_DATA_HOME", "/data")], Some("/data/annunciator")),
        (&[("HOME", "relative")], None),
    ] {
        let around = Surroundings { has_system_folder: false, ..around(variables) };
        let config = resolve(None, &around);
        assert_eq!(config.ok().map(|c| c.data_dir), expected.map(PathBuf::from));
    }
}

#[test]
fn the_environment_wins_over_the_file() {
    let around = around(&[
        ("ANNUNCIATOR_LISTEN", "[::1]:1"),
        ("ANNUNCIATOR_LOG_LEVEL", "debug"),
        ("ANNUNCIATOR_EXECUTABLE_DIRS", "/a:/b"),
        ("ANNUNCIATOR_TOKEN", "ann_x"),
        ("ANNUNCIATOR_DATADIR", "/x"),
    ]);
    let text = "listen = \"127.0.0.1:2\"\ndata_dir = \"data\"\nlog = { format = \"json\" }";
    let config = resolve(Some((Path::new("/etc/a.toml"), text)), &around).unwrap();
    assert_eq!(config.listen, "[::1]:1".parse().unwrap());
    assert_eq!(config.log, LogConfig { level: "debug".into(), format: LogFormat::Json });
    assert_eq!(config.executable_dirs, [Path::new("/a"), Path::new("/b")]);
    assert_eq!(config.data_dir, Path::new("/etc/data"), "relative to the file's folder");
    assert_eq!(
        config.warnings,
        ["the variable ANNUNCIATOR_DATADIR is unknown; did you mean ANNUNCIATOR_DATA_DIR?"]
    );
}

#[test]
fn a_bad_variable_is_named() {
    let problems = resolve(None, &around(&[("ANNUNCIATOR_LISTEN", "x")])).expect_err("bad");
    assert!(problems[0].starts_with("ANNUNCIATOR_LISTEN: `listen` `x`"), "{problems:?}");
}

#[test]
fn with_tls_any_address_may_be_listened_on() {
    let config = from_text(
        "listen = \"0.0.0.0:8650\"\ntls_certificate_file = \"a.pem\"\ntls_key_file = \"/k\"",
    )
    .unwrap();
    assert_eq!(config.tls, Some(("/etc/a.pem".into(), "/k".into())));
}

#[test]
fn the_address_of_the_store_may_stand_in_a_file() {
    let place = |text: &str, variables: &[(&str, &str)]| {
        resolve(Some((Path::new("/etc/a.toml"), text)), &around(variables))
            .map(|config| (config.store, config.store_file))
    };
    let database = "postgres://u:geheim@db/a";
    let there = Some(PathBuf::from("/etc/store"));
    let file = "store_file = \"store\"";
    assert_eq!(place(file, &[]), Ok((StorePlace::File, there.clone())));
    assert_eq!(
        place("", &[("ANNUNCIATOR_STORE_FILE", "/etc/store")]),
        Ok((StorePlace::File, there.clone()))
    );
    let expected = database.parse().expect("it is an address");
    assert_eq!(place(file, &[("ANNUNCIATOR_STORE", database)]), Ok((expected, None)));
    let text = format!("store = \"{database}\"");
    assert_eq!(
        place(&text, &[("ANNUNCIATOR_STORE_FILE", "/etc/store")]),
        Ok((StorePlace::File, there))
    );
    check_problems(&format!("{text}\n{file}"), &["a.toml:2:1: `store_file` says what `store`"]);
}

#[test]
fn the_file_of_the_store_holds_one_address_and_shows_no_password() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store");
    let read = |text: &str| {
        std::fs::write(&file, text).unwrap();
        read_store(&file)
    };
    assert_eq!(read("sqlite").unwrap(), StorePlace::File);
    let address = "postgres://u:geheim@db/a";
    assert_eq!(read(&format!(" {address}\n")).unwrap(), address.parse().unwrap());
    for text in ["", "mysql", "postgres://u:geheim@db:x/a", &"x".repeat(20_000)] {
        let told = format!("{:#}", read(text).expect_err("it is refused"));
        assert!(told.contains("`store_file` cannot be used"), "{told}");
        assert!(!told.contains("geheim"), "{told}");
    }
    std::fs::remove_file(&file).unwrap();
    assert!(read_store(&file).is_err(), "there is none");
}
