//! Load: what a region that fills up sends away, and that it settles.
//!
//! The closed loop has a few seeds; the figures of the manual are of more:
//! `cargo test --release --test it load:: -- --ignored --nocapture`.

mod closed_loop;
mod decisions;
mod flash_crowd;
mod held_scopes;
mod odd_loops;
mod plans;
mod world;
