//! Turns random octets into a search for a break of the law `address_list`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| annunciator_fuzz::address_list(octets));
