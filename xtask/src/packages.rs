//! Turns the list of Debian packages that building and testing need into installed packages.
//!
//! Failure: who is not root is told the command; a system without dpkg is told the list.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::command::Run;

/// Each package with what needs it. `.ci/run` installs the first three before cargo runs.
const PACKAGES: &[(&str, &str)] = &[
    ("gcc", "links, and compiles SQLite"),
    ("pkg-config", "finds OpenSSL"),
    ("libssl-dev", "the one TLS stack"),
    ("openssl", "TLS servers and certificates that are not made by us"),
    ("postfix", "a real relay for behaviour tests"),
    ("dovecot-core", "a real SASL peer behind Postfix"),
    ("gsasl", "brings GNU SASL, which judges SCRAM and CRAM-MD5"),
    ("python3", "its e-mail parser judges our messages"),
    ("python3-dkim", "its verifier judges our signatures"),
    ("faketime", "moves the clock of a whole process"),
    ("strace", "makes fsync and write fail"),
    ("curl", "an HTTP client that is not ours"),
    ("knot", "DNS zones for tests"),
    ("knot-dnsutils", "asks DNS servers as kdig"),
    ("bind9-utils", "signs zones, well and badly"),
    ("bind9-dnsutils", "a validating resolver that judges our zones"),
    ("unbound", "a validating resolver that is trusted with its AD bit"),
    ("samba", "a NetBIOS name service and WINS server"),
    ("samba-common-bin", "asks it as nmblookup"),
    ("postgresql", "the store that several nodes share"),
    ("pgbouncer", "a pooler before it, which keeps no sessions"),
    ("haproxy", "the load balancer of the guide"),
    ("systemd", "judges our unit as systemd-analyze"),
    ("iproute2", "networks for one test alone"),
    ("chromium", "a browser that judges the console"),
    ("chromium-driver", "does in it what a person would do"),
    ("fonts-dejavu-core", "letters and arrows for its pictures"),
    ("util-linux", "ends servers of tests with the tests"),
];

/// Keeps a freshly installed service from starting: tests start their own.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Checks the packages; root installs what is missing.
pub(crate) fn setup() -> Result<()> {
    if !Run::new("dpkg", &["--version"]).succeeds() {
        eprintln!("setup: this is not Debian; these must be there: {}", names(PACKAGES).join(" "));
        return Ok(());
    }
    let missing: Vec<_> =
        PACKAGES.iter().filter(|(name, _)| !is_installed(name)).copied().collect();
    if missing.is_empty() {
        return Ok(());
    }
    for (name, reason) in &missing {
        eprintln!("setup: {name} is missing ({reason})");
    }
    let list = names(&missing);
    if !is_root() {
        bail!("as root: apt-get update && apt-get install --yes {}", list.join(" "));
    }
    install(&list)
}

fn names<'a>(packages: &[(&'a str, &str)]) -> Vec<&'a str> {
    packages.iter().map(|(name, _)| *name).collect()
}

fn is_installed(name: &str) -> bool {
    let query = Run::new("dpkg-query", &["--show", "--showformat=${db:Status-Status}", name]);
    // dpkg also knows packages that were removed: only the word tells.
    query.succeeds() && query.output().is_ok_and(|status| status == "installed")
}

/// Whether this process may install packages and tools for the whole machine.
pub(crate) fn is_root() -> bool {
    Run::new("id", &["-u"]).output().is_ok_and(|id| id.trim() == "0")
}

fn install(list: &[&str]) -> Result<()> {
    let apt = |arguments: &[&str]| {
        Run::new("apt-get", arguments).with("DEBIAN_FRONTEND", "noninteractive").run()
    };
    apt(&["update", "--quiet"])?;
    if list.contains(&"postfix") {
        let answer = "postfix postfix/main_mailer_type select No configuration";
        let preseed = format!("echo '{answer}' | debconf-set-selections");
        Run::new("sh", &["-c", &preseed]).run()?;
    }
    let policy = Policy::set(Path::new(POLICY))?;
    let mut arguments = vec!["install", "--yes", "--quiet", "--no-install-recommends"];
    arguments.extend(list);
    let installed = apt(&arguments);
    drop(policy);
    installed
}

/// A policy that no service starts; taken away when dropped, unless the machine had one.
struct Policy<'a>(Option<&'a Path>);

impl<'a> Policy<'a> {
    fn set(path: &'a Path) -> Result<Self> {
        if path.exists() {
            return Ok(Self(None));
        }
        let about = || path.display().to_string();
        fs::write(path, "#!/bin/sh\nexit 101\n").with_context(about)?;
        let policy = Self(Some(path));
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).with_context(about)?;
        Ok(policy)
    }
}

impl Drop for Policy<'_> {
    fn drop(&mut self) {
        if let Some(path) = self.0
            && let Err(error) = fs::remove_file(path)
        {
            eprintln!("setup: remove {} by hand: {error}", path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_has_a_reason_and_stands_once() {
        for (index, (name, reason)) in PACKAGES.iter().enumerate() {
            assert!(reason.len() > 5, "{name}");
            assert!(!names(&PACKAGES[..index]).contains(name), "{name}");
        }
    }

    #[test]
    fn the_ci_script_installs_what_cargo_needs() {
        let script = include_str!("../../.ci/run");
        for name in &names(PACKAGES)[..3] {
            assert!(script.contains(name), "{name} is not in .ci/run");
        }
    }

    #[test]
    fn the_policy_is_taken_away_again_unless_it_was_there() {
        let path = std::env::temp_dir().join(format!("annunciator-policy-{}", std::process::id()));
        let policy = Policy::set(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o755);
        drop(Policy::set(&path).unwrap());
        assert!(path.exists(), "the one that was there stays");
        drop(policy);
        assert!(!path.exists());
    }
}
