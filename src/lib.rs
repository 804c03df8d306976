//! Meridian.
#![deny(unsafe_code)]

pub mod config;
pub mod geo;
pub mod model;
pub mod zone;
