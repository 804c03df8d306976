//! Meridian.
#![deny(unsafe_code)]

pub mod model;

pub mod tasks;

pub mod snapshot;

pub mod responder;

pub mod server;
