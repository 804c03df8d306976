//! Meridian.
#![deny(unsafe_code)]

pub mod model;
