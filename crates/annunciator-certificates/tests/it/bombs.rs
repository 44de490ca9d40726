//! Files that would keep a parser busy for hours, or fill the memory, are refused at once
//! (quality G14).

use std::time::{Duration, Instant};

use annunciator_certificates::{CertificateError, read_authorities, read_client};
use annunciator_testkit::certificates::Authority;

use crate::openssl_tool::{Tool, now};

/// Far more than any refusal takes, far less than a bomb would.
const LIMIT: Duration = Duration::from_secs(5);

#[track_caller]
fn check<T>(read: impl FnOnce() -> Result<T, CertificateError>, codes: &[&str], what: &str) {
    let began = Instant::now();
    let error = read().err().unwrap_or_else(|| panic!("{what} was taken"));
    assert!(codes.contains(&error.code), "{what}: {} {error}", error.code);
    assert!(began.elapsed() < LIMIT, "{what}: {:?}", began.elapsed());
}

/// The greatest count of iterations that fits into four octets.
const GREATEST_DER: &[u8] = &[0x02, 0x04, 0x7f, 0xff, 0xff, 0xff];

/// PKCS#8 that is encrypted with this key derivation.
fn encrypted_key(derivation: &[u8]) -> Vec<u8> {
    let aes = element(
        0x30,
        &[b"\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2a".to_vec(), element(4, &[0; 16])].concat(),
    );
    let parameters = element(0x30, &[derivation.to_vec(), aes].concat());
    let pbes2 = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d".to_vec();
    let algorithm = element(0x30, &[pbes2, parameters].concat());
    element(0x30, &[algorithm, element(4, &[0; 64])].concat())
}

#[test]
fn counts_of_iterations_are_read_before_they_are_worked_off() {
    let certificate = Authority::new("Root").client("robot").certificate_pem();
    let pbkdf2 = |count: &[u8]| {
        let parameters = element(0x30, &[element(4, &[1; 8]), count.to_vec()].concat());
        let oid = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c".to_vec();
        encrypted_key(&element(0x30, &[oid, parameters].concat()))
    };
    let scrypt = |cost: &[u8], block_size: &[u8], parallel: &[u8]| {
        let numbers = [element(4, &[1; 8]), cost.to_vec(), block_size.to_vec(), parallel.to_vec()];
        let parameters = element(0x30, &numbers.concat());
        let oid = b"\x06\x09\x2b\x06\x01\x04\x01\xda\x47\x04\x0b".to_vec();
        encrypted_key(&element(0x30, &[oid, parameters].concat()))
    };
    let (one, eight) = (&[2, 1, 1][..], &[2, 1, 8][..]);
    for (key, what) in [
        (pbkdf2(GREATEST_DER), "PBKDF2"),
        (pbkdf2(&[0x02, 0x09, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), "64 bits"),
        (pbkdf2(&[&[0x02, 0x20][..], &[0x01; 32]].concat()), "256 bits"),
        (scrypt(&[2, 4, 0x10, 0, 0, 0], eight, one), "N of scrypt"),
        (scrypt(one, GREATEST_DER, one), "r of scrypt"),
        (scrypt(&[2, 2, 0x40, 0], eight, GREATEST_DER), "p of scrypt"),
    ] {
        check(|| read_client(&[&certificate, &key], "x", now()), &["too_costly"], what);
    }
    // Within the bound a wrong password is a wrong password.
    let key = pbkdf2(&[0x02, 0x02, 0x08, 0x00]);
    check(|| read_client(&[&certificate, &key], "x", now()), &["password_wrong"], "2,048");
}

#[test]
fn a_pkcs12_bomb_of_2521_octets_is_refused() {
    let bomb = bomb(2_521);
    assert_eq!(bomb.len(), 2_521);
    check(|| read_client(&[&bomb], "", now()), &["too_costly"], "without a password");
    check(|| read_client(&[&bomb], "x", now()), &["too_costly"], "with a password");
    check(|| read_authorities(&[&bomb], now()), &["too_costly"], "as authorities");
}

/// PKCS#12 of this length whose check asks for 2^31−1 iterations.
fn bomb(length: usize) -> Vec<u8> {
    let data = [b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01".to_vec()].concat();
    let make = |filling: usize| {
        let octets = element(0x04, &vec![0; filling]);
        let safe = element(0x30, &[data.clone(), element(0xa0, &octets)].concat());
        let algorithm = element(0x30, b"\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00");
        let digest = element(0x30, &[algorithm, element(0x04, &[0; 20])].concat());
        let mac = [digest, element(0x04, &[1; 8]), GREATEST_DER.to_vec()].concat();
        element(0x30, &[vec![2, 1, 3], safe, element(0x30, &mac)].concat())
    };
    (0..length).map(make).find(|made| made.len() == length).unwrap()
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let [high, low] = u16::try_from(length).unwrap().to_be_bytes();
    let head = if length < 128 { vec![tag, low] } else { vec![tag, 0x82, high, low] };
    [head, content.to_vec()].concat()
}

#[test]
fn a_count_inside_of_what_is_encrypted_is_charged_as_well() {
    // Check, certificates and key may cost so much each, and not all of them: the count of the key
    // is met only after the file's check was passed.
    let identity = Authority::new("Root").client("robot");
    let tool = Tool::with(&identity);
    let words = "pkcs12 -export -in c.pem -inkey k.pem -passout pass:x -iter 700001 -macalg sha1";
    let file = tool.make(words);
    check(|| read_client(&[&file], "x", now()), &["too_costly"], "three derivations");
}

#[test]
fn many_and_deep_and_large_are_refused() {
    let authority = Authority::new("Root");
    let one = authority.pem();
    let pem = one.repeat((1 << 20) / one.len());
    assert!(pem.len() > 700_000);
    check(|| read_authorities(&[&pem], now()), &["too_many"], "as many as fit");
    let tiny = b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n".repeat(10_000);
    check(|| read_authorities(&[&tiny], now()), &["malformed", "too_many", "too_large"], "tiny");
    let deep = [0x30, 0x80].repeat(400_000);
    check(|| read_authorities(&[&deep], now()), &["unknown_format"], "deep");
    check(|| read_client(&[&deep], "", now()), &["unknown_format"], "deep");
    let wide = element(0x30, &element(0x30, &[0x05, 0x00].repeat(30_000)));
    check(|| read_client(&[&wide], "", now()), &["unknown_format"], "wide");
    let text = vec![b'-'; 1 << 20];
    check(|| read_client(&[&text], "", now()), &["unknown_format"], "nothing but dashes");
    let begin = b"-----BEGIN A-----\n".repeat(50_000);
    check(|| read_client(&[&begin], "", now()), &["malformed"], "beginnings");
}
