//! The fuzz target of [`meridian_fuzz::config`].
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| meridian_fuzz::config(octets));
