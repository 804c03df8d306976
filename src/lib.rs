//! Meridian.
#![deny(unsafe_code)]

pub mod geo;
pub mod model;
pub mod steer;
pub mod wire;
