//! Latency: what round trips clients have to regions, measured or not.
//!
//! ```text
//!   samples ─► Table ──────────┬────────────► Model::fit ─► Model
//!     │ refused: counted       │               distance, field, levels
//!     │ per source, per pair   ▼                              │
//!     │                     Aggregate ◄─► other nodes         ▼
//!     └─ old prefixes leave                    Estimator: estimates, orders
//!                                                             │
//!                                     published before ─► Orders::learn ─► Orders
//! ```
//!
//! A pair, that is a client prefix and a region, has few samples or none, and some are wrong. So
//! each estimate starts from the distance, adds what places around were measured to differ from
//! it, then what the country, the network and the wider prefix do, and last what the prefix
//! itself was measured to: each as far as it is sure. The manual, in its page on latency, tells
//! why, and how good that is.
//!
//! # How it is used
//!
//! Whoever gets samples calls [`Table::take`]; nodes exchange [`Table::aggregate`] and
//! [`Table::merge`]. Now and then one node fits a [`Model`] and has [`Orders::learn`] order the
//! regions for each area on the map, and for blocks that were measured to differ from theirs; all
//! nodes compile these orders into their prefix maps. Queries see the map only. `explain` shows
//! what an order was made of.
//!
//! # Invariants
//!
//! - No estimate is below what light in fibre takes.
//! - Without samples the order is that of distance; with samples it differs only where the
//!   evidence is sure, in standard deviations of the difference.
//! - Equal tables, ground and time give equal models and orders. Time is an argument; there are
//!   no dice.
//! - What it holds is bounded: prefixes, pairs, sources of a pair, anchors.
//! - Merging aggregates is commutative, associative and idempotent.
//!
//! # Not here
//!
//! Reading samples, locating clients, sending aggregates, compiling maps. Estimates order
//! regions and nothing else: whether a region is up is for `health`, whatever is said of its
//! round trips.
//!
//! # Start with
//!
//! [`Table::take`], then [`Model::fit`], then [`Orders::learn`].
#![forbid(unsafe_code)]

mod aggregate;
mod bounds;
mod cell;
mod corridors;
mod distance;
mod estimate;
mod exploration;
mod field;
mod learn;
mod levels;
mod look;
mod matrix;
mod model;
mod orders;
mod prefix;
mod sample;
mod seed;
mod table;
mod tick;
mod trust;

#[cfg(test)]
mod tests;

pub use aggregate::Aggregate;
pub use distance::DistanceModel;
pub use estimate::Estimate;
pub use estimate::Estimator;
pub use estimate::Subject;
pub use exploration::Exploration;
pub use learn::Rules;
pub use levels::Level;
pub use look::Measured;
pub use model::Model;
pub use orders::Area;
pub use orders::Block;
pub use orders::Margin;
pub use orders::Order;
pub use orders::Orders;
pub use orders::Rated;
pub use prefix::ClientPrefix;
pub use prefix::WidePrefix;
pub use sample::Refusal;
pub use sample::Refusals;
pub use sample::Sample;
pub use sample::SourceId;
pub use table::Table;
pub use tick::Tick;

/// Microseconds that light in fibre takes per kilometre of distance, there and back: two thirds
/// of its speed in the void.
const SPEED_US_PER_KM: f64 = 2.0 / (0.299_792_458 * 2.0 / 3.0);

/// Round trips are compared by the logarithm of milliseconds and this: far ones by their ratio,
/// near ones by their difference, since 1 or 3 ms are the same to a client.
const SCALE_MS: f64 = 5.0;

/// The shortest round trip over a distance, in microseconds.
fn light_us(km: f64) -> f64 {
    km * SPEED_US_PER_KM
}
