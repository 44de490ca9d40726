//! Every seed of the fuzz targets keeps the laws of its parser, and the seeds reach both sides of
//! it.

use std::fs;
use std::path::{Path, PathBuf};

use annunciator_api_types::EventInput;
use annunciator_mail::parse_list;
use annunciator_smtp::Scanner;
use annunciator_template::{Purpose, Template};

#[path = "../../../../fuzz/src/lib.rs"]
mod laws;

/// Most seeds of one law.
const SEEDS_MAX: usize = 100_000;
/// A seed is cut at so many places at most.
const CUTS_MAX: usize = 500;

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// Feeds the seeds of a law to it. The law panics when it is broken; `is_taken` asks the parser.
fn replay(name: &str, law: fn(&[u8]), is_taken: fn(&[u8]) -> bool) {
    let corpus = fuzz_folder().join("corpus").join(name);
    let seeds = fs::read_dir(&corpus).unwrap_or_else(|error| panic!("{name}: {error}"));
    let (mut taken, mut refused) = (0, 0);
    for seed in seeds.take(SEEDS_MAX) {
        let octets = fs::read(seed.unwrap().path()).unwrap();
        law(&octets);
        // Cut anywhere, a seed keeps the law as well.
        for end in 0..octets.len().min(CUTS_MAX) {
            law(&octets[..end]);
        }
        *(if is_taken(&octets) { &mut taken } else { &mut refused }) += 1;
    }
    assert!(taken > 0 && refused > 0, "{name}: {taken} seeds taken, {refused} refused");
}

#[test]
fn fuzz_corpora_are_replayed() {
    replay("reply", laws::reply, |octets| matches!(Scanner::default().scan(octets), Ok(Some(_))));
    replay("template", laws::template, |octets| {
        std::str::from_utf8(octets).is_ok_and(|text| Template::parse(text, Purpose::Email).is_ok())
    });
    replay("address_list", laws::address_list, |octets| {
        std::str::from_utf8(octets).is_ok_and(|text| parse_list(text).is_ok())
    });
    replay("event_json", laws::event_json, |octets| {
        serde_json::from_slice::<EventInput>(octets).is_ok()
    });
    replay("certificate", laws::certificate, |octets| {
        let now = annunciator_core::Timestamp(1_900_000_000_000);
        annunciator_certificates::read_client(&[octets], "x", now).is_ok()
            || annunciator_certificates::read_authorities(&[octets], now).is_ok()
    });
    let targets = fs::read_to_string(fuzz_folder().join("Cargo.toml")).unwrap();
    assert_eq!(targets.matches("[[bin]]").count(), 5, "each fuzz target is replayed above");
}
