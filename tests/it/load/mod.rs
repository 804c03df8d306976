//! Load: the closed loop.

mod closed_loop;
mod world;
pub(crate) use closed_loop::*;
