//! The proof, in one binary: the list of modules is its table of contents.
#![cfg(test)]
// `forbid` would bind the allocator of `allocations` too.
#![deny(unsafe_code)]

mod allocations;
mod api;
mod asking;
mod block;
mod cli;
mod cluster;
mod cluster_lab;
mod corpus;
mod day;
mod deploy;
mod distances;
mod engine;
mod faults;
mod following;
mod ground;
mod holders;
mod lab;
mod latency;
mod layers;
mod load;
mod loads;
mod measured;
mod measured_scopes;
#[expect(dead_code, reason = "the unit tests of `geo` use all of it")]
mod mmdb_writer;
mod nats;
#[expect(dead_code, reason = "the unit tests of `cluster` use all of it")]
mod nats_server;
mod needs;
mod node;
mod operating;
mod orders;
mod preload;
mod program;
mod properties;
mod regions;
mod resolver;
mod rfc;
mod round_trips;
mod running;
mod scenarios;
mod scopes;
mod seeds;
mod simulate;
mod sockets;
mod sources;
mod spilling;
mod tidy;
mod unread;
mod vantages;
mod wire;
mod world;
