//! Steering: which endpoints answer this query, and for which clients the answer holds.
//!
//! ```text
//!   at load      Atlas ──walk──► Ranker ──label──► SteeringMap   one per (policy, regions)
//!                      by vantage group, for services that ask ┘
//!   at a verdict states ──admit──► ServiceStanding               one per service; per group
//!   at a reading load   ──plan───► Cutoffs                       one per region
//!   per query    client ─► locate ─► tiers of the label ─► first with someone admitted
//!                        ─► split by weight or block ─► Decision
//! ```
//!
//! Everything here is pure: addresses, standing and randomness are arguments, so that
//! every decision can be replayed. [`decide`] is generic over a [`Trace`]; `explain`
//! passes a recorder, a query passes nothing.
//!
//! # Invariants
//!
//! - Equal inputs, the generator's state included, give equal decisions.
//! - The scope is that of the leaf (or of the client block, for sticky services),
//!   whatever the standing: health never changes a scope.
//! - What holds for a client's vantage group is picked once, before anything is asked of the
//!   standing.
//! - A decision is not empty unless the service's `all-down` rule says so, or the
//!   service has no endpoint of that family for anybody.
//! - No function that a query calls allocates.
//!
//! # Not here
//!
//! Where networks are (`geo`), verdicts (`health`), messages (`wire`).
//!
//! # Start with
//!
//! [`decide`], then [`compile`].
#![forbid(unsafe_code)]

mod admit;
mod balanced;
mod census;
mod client;
mod clients;
mod compile;
mod decide;
#[cfg(test)]
mod fixture;
mod gate;
mod key;
mod labels;
mod partition;
mod rank;
mod resort;
mod rule;
mod split;
mod trace;
mod weigh;

pub use admit::Admission;
pub use admit::EndpointStanding;
pub use admit::ServiceStanding;
pub use admit::Share;
pub use balanced::Balanced;
pub use balanced::BalancedEndpoint;
pub use balanced::BalancedPool;
pub use balanced::Lane;
pub use balanced::MapOfService;
pub use census::Census;
pub use census::Residents;
pub use client::Block;
pub use client::Client;
pub use client::Hint;
pub use client::Located;
pub use client::LocatedBy;
pub use clients::Population;
pub use compile::MapPlan;
pub use compile::SteeringMap;
pub use compile::compile;
pub use compile::rule_names;
pub use compile::rule_prefixes;
pub use decide::Answered;
pub use decide::Decision;
pub use decide::decide;
pub use gate::Gate;
pub use labels::Fence;
pub use labels::LabelId;
pub use labels::Labels;
pub use labels::Step;
pub use partition::Partition;
pub use rank::RankReason;
pub use rank::Ranker;
pub use resort::LastResort;
pub use resort::last_resorts;
pub use rule::Whereabouts;
pub use split::Picks;
pub use trace::Finding;
pub use trace::NoTrace;
pub use trace::Trace;
pub use weigh::Costs;
pub use weigh::RoundTrip;
