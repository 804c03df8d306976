//! The fuzz target of [`meridian_fuzz::mmdb`].
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| meridian_fuzz::mmdb(octets));
