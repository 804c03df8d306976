//! Meridian.
#![deny(unsafe_code)]

pub mod geo;
pub mod model;
