//! Load: whom a region that fills up refuses, so that those go elsewhere who lose least by it.
//!
//! ```text
//!   readings ─► Gauge ─► Reading ─┐
//!   capacities, availability ─────┼─► Planner::plan ─► Plan ─► Cutoffs ═published═► queries
//!   maps ─► Crowds ───────────────┘      │    ▲
//!            who would come, and what    │    └ what was published, and when: the past that
//!            each loses if refused       │      resolvers' caches still act on
//!                                        └─ Flow: where all go under some cutoffs
//!   crowds, a demand that is known ─► Plan::settled ─► Plan: what it ends in, for `simulate`
//! ```
//!
//! What is published is one [`Cutoff`] per region. Each step of a label has a [`Loss`]: how many
//! milliseconds of round trip its clients lose if that region refuses them. Who loses less than
//! the cutoff is refused, who loses [`BAND_MS`] more is taken, and between the two it is a share
//! of the clients, by their leaf: the same clients each time. So the table is as long as there are
//! regions, whatever the number of services and labels, and no scope depends on it.
//!
//! A plan is the least set of refusals that settles: clients go down their order, a region
//! refuses those who lose least until it keeps within its limits, and those refused are arrivals
//! of the next. That is deferred acceptance, so no client is refused by a region that has room.
//!
//! # Invariants
//!
//! - Flows conserve clients: who is served, is served once.
//! - No region is over its hard limit in a plan while others have room that its clients, or those
//!   of whoever sends it clients, can go to.
//! - Refusing more acts at once; taking back is bounded per TTL; what would change little
//!   changes nothing.
//! - Equal inputs in equal order give equal plans. Time is an argument; there are no dice.
//! - Everything is bounded: crowds, rounds, the past that is kept.
//!
//! # Not here
//!
//! Where readings come from, publishing, and the query path's half: it asks
//! [`Cutoffs::takes`]. Whether a region is up is for `health`; here it is availability.
//!
//! # Start with
//!
//! [`Cutoff`], then [`Crowds`], then [`Planner::plan`].
#![forbid(unsafe_code)]

mod accept;
mod availability;
mod carry;
mod cost;
mod crowds;
mod cutoffs;
mod demand;
mod flow;
mod gauge;
mod own;
mod past;
mod plan;
mod planner;
mod pressure;
mod room;
mod settle;
mod status;
#[cfg(test)]
mod tests;
mod tier;

pub use availability::Availability;
pub use cost::Cost;
pub use cost::Loss;
pub use crowds::Crowd;
pub use crowds::CrowdStep;
pub use crowds::Crowds;
pub use crowds::CrowdsBuilder;
pub use cutoffs::BAND_MS;
pub use cutoffs::Cutoff;
pub use cutoffs::Cutoffs;
pub use flow::Flow;
pub use flow::Part;
pub use gauge::Fault;
pub use gauge::Gauge;
pub use gauge::GaugeState;
pub use gauge::Patience;
pub use gauge::Reading;
pub use plan::Plan;
pub use plan::Reason;
pub use plan::RegionPlan;
pub use planner::Planner;
pub use status::LoadStatus;
