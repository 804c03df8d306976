//! The fuzz target of [`meridian_fuzz::zone`].
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| meridian_fuzz::zone(octets));
