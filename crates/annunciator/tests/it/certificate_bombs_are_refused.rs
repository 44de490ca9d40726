//! Files that would hang a parser or fill the memory are refused in seconds and megabytes
//! (quality G14), while events go on.

use std::time::{Duration, Instant};

use annunciator_testkit::certificates::Authority;

use crate::certificates::upload;
use crate::support::Site;

const TIME_MAX: Duration = Duration::from_secs(5);
const MEMORY_MAX_KIB: u64 = 64 << 10;

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    let head = if content.len() < 128 { vec![tag, low] } else { vec![tag, 0x82, high, low] };
    [head, content.to_vec()].concat()
}

/// PKCS#12 of 2,521 octets whose check asks for 2^31−1 iterations.
fn bomb() -> Vec<u8> {
    let make = |filling: usize| {
        let data = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01".to_vec();
        let octets = element(0xa0, &element(0x04, &vec![0; filling]));
        let safe = element(0x30, &[data, octets].concat());
        let sha1 = element(0x30, b"\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00");
        let digest = element(0x30, &[sha1, element(0x04, &[0; 20])].concat());
        let count = vec![0x02, 0x04, 0x7f, 0xff, 0xff, 0xff];
        let mac = element(0x30, &[digest, element(0x04, &[1; 8]), count].concat());
        element(0x30, &[vec![2, 1, 3], safe, mac].concat())
    };
    (0..2_521).map(make).find(|made| made.len() == 2_521).unwrap()
}

#[test]
fn certificate_bombs_are_refused() {
    let site = Site::start();
    let one = Authority::new("Root").pem();
    let ten_thousand = one.repeat(10_000);
    let as_many_as_fit = one.repeat((1 << 20) / one.len());
    let deep = [0x30, 0x80].repeat(400_000);
    let before = site.server.memory_peak_kib();
    for (what, kind, file, status) in [
        ("a PKCS#12 bomb", "client", bomb(), 422),
        ("a PKCS#12 bomb as authorities", "authorities", bomb(), 422),
        ("10,000 certificates", "authorities", ten_thousand, 413),
        ("a file full of certificates", "authorities", as_many_as_fit, 422),
        ("800,000 levels", "client", deep, 422),
    ] {
        let began = Instant::now();
        let answer = upload(&site, kind, &[&file], "x");
        assert_eq!(answer.status, status, "{what}: {answer}");
        assert!(began.elapsed() < TIME_MAX, "{what}: {:?}", began.elapsed());
    }
    let grown = site.server.memory_peak_kib() - before;
    assert!(grown < MEMORY_MAX_KIB, "{grown} KiB");
    assert_eq!(site.get("/api/v1/certificates")["certificates"].as_array().unwrap().len(), 0);
}
