//! Meridian.
#![deny(unsafe_code)]

pub mod cli;
pub mod config;
pub mod geo;
pub mod model;
pub mod responder;
pub mod server;
pub mod snapshot;
pub mod steer;
pub mod tasks;
pub mod wire;
pub mod zone;
