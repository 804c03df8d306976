//! The fuzz target of [`meridian_fuzz::query`].
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| meridian_fuzz::query(octets));
