//! Meridian.
#![deny(unsafe_code)]

pub mod model;
pub mod zone;
