//! What is refused, with the code and the file it is about.

use annunciator_certificates::{
    CertificateError, FILE_BYTES_MAX, KeptPart, describe, describe_key, read_authorities,
    read_client, read_client_parts,
};
use annunciator_testkit::certificates::{Authority, KeyKind, Profile, Purpose, self_signed};

use crate::openssl_tool::{Tool, now};

#[track_caller]
fn check<T>(outcome: Result<T, CertificateError>, code: &str, file: Option<usize>) {
    let error = outcome.err().expect("refused");
    assert_eq!((error.code, error.file), (code, file), "{error}");
    assert!(error.words.len() > 20, "{error}");
}

#[test]
fn authorities_are_authorities_and_valid_now() {
    let good = Authority::new("Good");
    let dated = |from, to| {
        let profile = Profile {
            purpose: Purpose::Authority,
            valid_from_days: from,
            valid_to_days: to,
            ..Profile::server(&["x"])
        };
        good.issue(&profile).certificate.to_pem().unwrap()
    };
    let client = good.client("robot");
    let client_pem = client.certificate.to_pem().unwrap();
    let many = good.pem().repeat(101);
    let none: [&[u8]; 0] = [];
    check(read_authorities(&[&good.pem(), &dated(-30, -1)], now()), "expired", Some(1));
    check(read_authorities(&[&good.pem(), &dated(1, 30)], now()), "not_yet_valid", Some(1));
    check(read_authorities(&[&client_pem], now()), "not_an_authority", Some(0));
    let own = self_signed(&["a.test"]).certificate_pem();
    check(read_authorities(&[&own], now()), "not_an_authority", Some(0));
    check(read_authorities(&[&client.key_pem(), &good.pem()], now()), "unexpected_key", Some(0));
    check(read_authorities(&none, now()), "files", None);
    check(read_authorities(&[&many], now()), "too_many", Some(0));
    check(read_authorities(&[b"<html>"], now()), "unknown_format", Some(0));
    check(read_authorities(&[b""], now()), "unknown_format", Some(0));
    check(read_authorities(&[&vec![b'x'; FILE_BYTES_MAX + 1]], now()), "too_large", Some(0));
    let request = b"-----BEGIN CERTIFICATE REQUEST-----\nAAEC\n-----END CERTIFICATE REQUEST-----\n";
    check(read_authorities(&[request], now()), "unexpected_block", Some(0));
    let twice = read_authorities(&[&good.pem().repeat(2)], now()).unwrap();
    assert_eq!(twice.facts.len(), 1, "the same one is kept once");
}

#[test]
fn a_client_certificate_has_its_own_key_and_is_not_over() {
    let authority = Authority::new("Root");
    let (one, two) = (authority.client("one"), authority.client("two"));
    let pem = |identity: &annunciator_testkit::certificates::Identity| {
        identity.certificate.to_pem().unwrap()
    };
    let over = authority.expired_client("over");
    check(read_client(&[&pem(&one), &two.key_pem()], "", now()), "key_mismatch", Some(1));
    check(read_client(&[&pem(&one)], "", now()), "key_missing", None);
    check(read_client(&[&one.key_pem()], "", now()), "certificate_missing", None);
    let keys = [one.key_pem(), two.key_pem()].concat();
    check(read_client(&[&pem(&one), &keys], "", now()), "several_keys", Some(1));
    check(read_client(&[&over.key_pem(), &pem(&over)], "", now()), "expired", Some(1));
    let weak = authority.rsa_1024(&["weak"]);
    check(read_client(&[&weak.key_pem(), &pem(&weak)], "", now()), "key_size", Some(0));
    // A stranger and the order of the files do not matter; the stranger is told.
    let chained = authority.intermediate("Below").intermediate("Lower").client("three");
    let mut issuers: Vec<Vec<u8>> = chained.chain.iter().map(|one| one.to_pem().unwrap()).collect();
    issuers.push(Authority::new("Stranger").pem());
    issuers.push(authority.pem());
    let all = [issuers.concat(), pem(&chained)].concat();
    let taken = read_client(&[&all, &chained.key_pem()], "not needed", now()).unwrap();
    let subjects: Vec<_> = taken.facts.iter().map(|facts| facts.subject.as_str()).collect();
    assert_eq!(subjects, ["CN=three", "CN=Lower", "CN=Below", "CN=Root"]);
    assert_eq!(taken.warnings.len(), 1);
    assert!(taken.warnings[0].contains("CN=Stranger"), "{:?}", taken.warnings);
}

#[test]
fn only_named_curves_and_bounded_numbers_are_computed_with() {
    let tool = Tool::with(&Authority::new("Root").client("robot"));
    let certificate = tool.file("c.pem");
    for (words, code) in [
        ("ecparam -genkey -noout -name secp256k1", "key_unsupported"),
        ("ecparam -genkey -noout -name prime256v1 -param_enc explicit", "key_unsupported"),
        ("genpkey -algorithm ED448", "key_unsupported"),
        ("genpkey -algorithm X25519", "key_unsupported"),
        ("genrsa 1024", "key_size"),
    ] {
        let key = tool.make(words);
        check(read_client(&[&certificate, &key], "", now()), code, Some(1));
    }
}

#[test]
fn facts_say_what_openssl_says() {
    let authority = Authority::new("Root, of \"all\"");
    let profile =
        Profile { key: KeyKind::Rsa(2_048), ..Profile::server(&["mx.test", "192.0.2.7"]) };
    let identity = authority.issue(&profile);
    let facts = describe(&identity.certificate.to_der().unwrap()).unwrap();
    assert_eq!(facts.subject, "CN=mx.test");
    assert_eq!(facts.issuer, "CN=Root\\, of \"all\"");
    assert_eq!(facts.names, ["mx.test", "192.0.2.7"]);
    assert_eq!((facts.key.as_str(), facts.is_authority), ("RSA 2048", false));
    let days = facts.not_after.ms_since(facts.not_before) / 86_400_000;
    assert_eq!(days, 91);
    assert!((now().ms_since(facts.not_before) - 86_400_000).abs() < 120_000);
    let tool = Tool::with(&identity);
    let said = |words: &str| String::from_utf8(tool.make(words)).unwrap().replace(':', "");
    let fingerprint = said("x509 -in c.pem -noout -fingerprint -sha256");
    assert!(fingerprint.to_lowercase().contains(&facts.fingerprint_sha256), "{fingerprint}");
    let serial = said("x509 -in c.pem -noout -serial").to_lowercase();
    assert!(serial.contains(&facts.serial), "{serial} {}", facts.serial);
}

#[test]
fn a_certificate_and_its_key_may_come_one_by_one() {
    let authority = Authority::new("Root");
    let (one, two) = (authority.client("one"), authority.client("two"));
    let (pem, key) = (one.certificate_pem(), one.key_pem());
    let read = |files: &[&[u8]], kept: KeptPart<'_>| read_client_parts(files, "", kept, now());
    let nothing = KeptPart::Nothing;

    let half = read(&[&pem], nothing).unwrap();
    assert_eq!((half.key.is_some(), half.certificate_file, half.key_file), (false, Some(0), None));
    assert_eq!(half.facts[0].subject, "CN=one");
    let kept = KeptPart::Certificate(&half.chain);
    let whole = read(&[&key], kept).unwrap();
    assert_eq!((whole.chain.len(), whole.certificate_file, whole.key_file), (1, None, Some(0)));
    let own = whole.key.unwrap();
    assert_eq!(describe_key(&own).unwrap(), "EC P-256");

    // What is chosen goes before what is kept.
    let both = [pem.clone(), key.clone()].concat();
    let read_both = read(&[&both], KeptPart::Key(&own)).unwrap();
    assert_eq!((read_both.certificate_file, read_both.key_file), (None, None));
    assert!(read(&[], KeptPart::Key(&own)).unwrap().chain.is_empty(), "the key alone is left");
    check(read(&[&two.certificate_pem()], KeptPart::Key(&own)), "key_mismatch", Some(1));
    check(read(&[&two.key_pem()], kept), "key_mismatch", Some(0));
    check(read(&[], nothing), "files", None);
    check(read(&[&authority.expired_client("x").certificate_pem()], nothing), "expired", Some(0));
}
