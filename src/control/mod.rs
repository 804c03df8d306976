//! The control API: HTTP in, requests to the node out.
#![forbid(unsafe_code)]

mod request;

pub use request::{Explain, Heartbeat, NoSuchCheck, Request};
