//! The proof, in one binary: the list of modules is its table of contents.
#![deny(unsafe_code)]

mod mmdb_writer;
mod rfc;
mod scenarios;
mod sockets;
mod wire;
mod world;
