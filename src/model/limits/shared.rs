//! Of what nodes share: each kind of value has room of its own.

use crate::model::limits::ADMIN_STATES;
use crate::model::limits::LATENCY_SHARES;
use crate::model::limits::NODES;
use crate::model::limits::REGIONS;
use crate::model::limits::SHARED_VALUE;
use crate::model::limits::VANTAGES;

/// Lists of checks that are remembered to read opinions by. Vantages have the same, or during a
/// change of configuration the one before.
pub const ROLLS: usize = 64;

/// Checks in all lists that are remembered; past that those that no vantage uses are forgotten,
/// then no more are taken. Eight octets each.
pub const ROLLS_CHECKS: usize = 2 * 1024 * 1024;

/// Octets of a key as text; longer ones are neither put nor taken. An admin state's target fits,
/// each octet of it written as three.
pub const SHARED_KEY: usize = 1024;

/// Admin states that are shared: keys at a time, octets of one, octets of all; what is more is
/// neither put nor taken. As many as may be set, and as many that were taken away; a reason and
/// the names in it fit, each character of them at its longest.
pub const SHARED_ADMIN: (usize, usize, usize) = (2 * ADMIN_STATES, 16 * 1024, 16 * 1024 * 1024);

/// Lists of checks that are shared, in the same way. One per vantage; all checks fit in one.
pub const SHARED_CHECKS: (usize, usize, usize) = (VANTAGES, SHARED_VALUE, 32 * 1024 * 1024);

/// Loads that nodes were told, in the same way. A number and a time.
pub const SHARED_LOADS: (usize, usize, usize) = (REGIONS, 1024, 512 * 1024);

/// Opinions that vantages publish, in the same way. A vantage at which a thousand endpoints are
/// down has 8 kB.
pub const SHARED_OPINIONS: (usize, usize, usize) = (VANTAGES, SHARED_VALUE, 32 * 1024 * 1024);

/// What nodes and probers say of themselves, in the same way. A card has some hundred octets, with
/// room for what a later version says.
pub const SHARED_CARDS: (usize, usize, usize) = (NODES, 8 * 1024, 4 * 1024 * 1024);

/// Round trips that nodes were told, in the same way. Of five name servers all fits; of more, the
/// latest does.
pub const SHARED_SAMPLES: (usize, usize, usize) =
    (64 * LATENCY_SHARES as usize, SHARED_VALUE, 32 * 1024 * 1024);

/// Parts of the orders by round trips; more are neither put nor taken. Each has half of
/// [`SHARED_VALUE`].
pub const SHARED_ORDERS: usize = 256;

/// Octets that the bucket on disk may hold, which is made so; past that it takes no more. All
/// that is kept fits, with what the store adds to each.
pub const SHARED_KEPT: usize = 96 * 1024 * 1024;

/// Octets that the bucket in memory may hold, in the same way. A NATS server sets them aside, and a
/// small machine has as many.
pub const SHARED_LIVE: usize = 128 * 1024 * 1024;
