//! The proof, in one binary: the list of modules is its table of contents.
#![cfg(test)]
#![deny(unsafe_code)]

#[expect(dead_code, reason = "the unit tests of `geo` use all of it")]
mod mmdb_writer;
mod rfc;
mod scenarios;
mod sockets;
mod wire;
mod world;
