//! Our zones as resolvers that we did not write see them.

use super::*;

/// What `delv` of BIND, a validating resolver that we did not write, says of a name.
fn delv(dns: &Dns, name: &str, kind: &str) -> String {
    let file = dns.folder.path().join("anchors");
    let anchor = dns.anchor();
    let mut words = anchor.split_whitespace();
    let (flags, protocol, algorithm) = loop {
        if words.next().expect("a DNSKEY record") == "DNSKEY" {
            break (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        }
    };
    let key: String = words.collect();
    let text =
        format!("trust-anchors {{ . static-key {flags} {protocol} {algorithm} \"{key}\"; }};\n");
    fs::write(&file, text).unwrap();
    let (file, port) = (file.display().to_string(), dns.address().port().to_string());
    let output = std::process::Command::new("delv")
        .args(["@127.0.0.1", "-p", &port, "-a", &file, "+root=.", name, kind])
        .output()
        .expect("bind9-dnsutils is installed");
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn the_zones_are_as_another_validating_resolver_sees_them() {
    let records = "@ A 192.0.2.1\n";
    let dns = Zones::new()
        .zone("test", Signing::Nsec, "")
        .zone("good.test", Signing::Nsec, records)
        .zone("third.test", Signing::Nsec3, records)
        .zone("plain.test", Signing::Unsigned, records)
        .zone("old.test", Signing::Expired, records)
        .zone("wrong.test", Signing::WrongDs, records)
        .zone("stripped.test", Signing::Stripped, records)
        .zone("broken.test", Signing::Broken, records)
        .start();
    for (name, expected) in [
        ("good.test", "; fully validated"),
        ("absent.good.test", "; negative response, fully validated"),
        ("third.test", "; fully validated"),
        ("absent.third.test", "; negative response, fully validated"),
        ("plain.test", "; unsigned answer"),
        ("old.test", "expired"),
        ("wrong.test", "no valid"),
        ("stripped.test", "resolution failed: "),
        ("broken.test", "resolution failed: failure"),
    ] {
        let said = delv(&dns, name, "A");
        assert!(said.contains(expected), "{name}: {said}");
    }
}

#[test]
fn a_replaced_zone_is_served_at_once() {
    let mut dns = Zones::new().zone("good.test", Signing::Nsec, "@ A 192.0.2.1\n").start();
    assert!(delv(&dns, "good.test", "A").contains("192.0.2.1"));
    dns.replace("good.test", "@ A 192.0.2.2\n");
    let said = delv(&dns, "good.test", "A");
    assert!(said.contains("192.0.2.2") && said.contains("; fully validated"), "{said}");
}

#[test]
fn unbound_before_it_sets_the_ad_bit_where_it_may() {
    let dns = Zones::new()
        .zone("good.test", Signing::Nsec, "@ A 192.0.2.1\n")
        .zone("plain.test", Signing::Unsigned, "@ A 192.0.2.1\n")
        .zone("old.test", Signing::Expired, "@ A 192.0.2.1\n")
        .start();
    let unbound = dns.start_unbound();
    let port = unbound.address().port().to_string();
    for (name, expected) in [
        ("good.test", "flags: qr rd ra ad;"),
        ("plain.test", "flags: qr rd ra;"),
        ("old.test", "SERVFAIL"),
    ] {
        let said = run("kdig", &["@127.0.0.1", "-p", &port, "+dnssec", name], Path::new("/tmp"));
        assert!(said.to_lowercase().contains(&expected.to_lowercase()), "{name}: {said}");
    }
}
