//! Turns random octets into a search for a break of the law `certificate`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| annunciator_fuzz::certificate(octets));
