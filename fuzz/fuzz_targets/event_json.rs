//! Turns random octets into a search for a break of the law `event_json`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| annunciator_fuzz::event_json(octets));
