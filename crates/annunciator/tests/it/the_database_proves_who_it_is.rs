//! A database is believed as far as the address says; what does not fit ends the start with words,
//! and its password is told to nobody.

use annunciator_testkit::certificates::Authority;
use annunciator_testkit::postgres::PostgresCluster;

use crate::nodes::launch;
use crate::support::Site;

const PASSWORD: &str = "Geheim-4711";

/// A server with TLS by an authority of its own, and passwords; its authority's file.
fn cluster() -> Option<(PostgresCluster, String)> {
    let cluster = PostgresCluster::start(&[])?;
    let role = format!("CREATE ROLE annunciator LOGIN PASSWORD '{PASSWORD}'");
    let _ = cluster.ask("postgres", &role);
    let _ = cluster.ask("postgres", "CREATE DATABASE annunciator OWNER annunciator");
    cluster.admit("host all all 127.0.0.1/32 scram-sha-256");
    let authority = Authority::new("Database");
    let file = cluster.folder().join("root.pem");
    std::fs::write(&file, authority.pem()).unwrap();
    let identity = authority.server(&["localhost"]);
    let certificate = cluster.put("server.pem", &identity.certificate_pem());
    let key = cluster.put("server.key", &identity.key_pem());
    cluster.set(&[
        ("ssl_cert_file", &certificate.display().to_string()),
        ("ssl_key_file", &key.display().to_string()),
    ]);
    Some((cluster, file.display().to_string()))
}

/// The start is refused with this exit status and these words, which do not hold the password.
#[track_caller]
fn check_refused(address: &str, status: u8, words: &[&str]) {
    check_refused_where("", address, status, words);
}

/// The same where the system trusts the authorities of a file.
#[track_caller]
fn check_refused_where(trusted: &str, address: &str, status: u8, words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let launched = launch(folder.path(), address, &folder.path().join("key"));
    let launched = launched.environment("SSL_CERT_FILE", trusted).try_start();
    let told = launched.err().expect("it starts although the address does not hold");
    assert!(words.iter().all(|word| told.contains(word)), "{words:?} is not in {told}");
    assert!(told.contains(&format!("exit status: {status}\n")), "{told}");
    for secret in [PASSWORD, "wrong-one"] {
        assert!(!told.contains(secret), "{told}");
    }
}

#[test]
fn a_database_is_believed_as_far_as_the_address_says() {
    let Some((cluster, root)) = cluster() else { return };
    let at = |host: &str, query: &str| {
        let place = cluster.tcp_address(&format!("annunciator:{PASSWORD}"), host, "annunciator");
        format!("{place}?{query}")
    };
    let full = format!("sslmode=verify-full&sslrootcert={root}");
    check_refused(&at("localhost", "sslmode=require"), 1, &["server does not support TLS"]);
    cluster.set(&[("ssl", "on")]);
    crate::support::eventually("a server with TLS", || {
        let on = cluster.ask("postgres", "SELECT current_setting('ssl')");
        if on == "on" { Ok(()) } else { Err(on) }
    });
    let other = cluster.folder().join("other.pem");
    std::fs::write(&other, Authority::new("Somebody else").pem()).unwrap();
    let other = format!("sslmode=verify-full&sslrootcert={}", other.display());
    let failed = "certificate verify failed";
    // Whom the address names is trusted alone, whatever the system trusts.
    check_refused_where(&root, &at("localhost", &other), 1, &[failed]);
    check_refused(&at("127.0.0.1", &full), 1, &[failed, "IP address mismatch"]);
    // The system's authorities do not know it either.
    check_refused(&at("localhost", "sslmode=verify-full"), 1, &[failed]);
    let missing = "sslmode=verify-full&sslrootcert=/nowhere/root.pem";
    check_refused(&at("localhost", missing), 78, &["sslrootcert `/nowhere/root.pem`"]);
    let wrong = cluster.tcp_address("annunciator:wrong-one", "localhost", "annunciator");
    let words = ["password authentication failed for user \"annunciator\"", "28P01"];
    check_refused(&format!("{wrong}?{full}"), 1, &words);

    let folder = tempfile::tempdir().unwrap();
    let launched = launch(folder.path(), &at("localhost", &full), &folder.path().join("key"));
    let site = Site::of(launched, folder);
    site.submit("told.over.tls");
    let count = "SELECT count(*) FILTER (WHERE s.ssl), count(*) FROM pg_stat_ssl s
         JOIN pg_stat_activity USING (pid) WHERE usename = 'annunciator'";
    let counted = cluster.ask("annunciator", count);
    let (with_tls, all) = counted.split_once('|').unwrap();
    assert!(with_tls == all && all != "0", "{counted}");
    assert!(!site.server.log().contains(PASSWORD));
    site.wait_until_idle();
}
