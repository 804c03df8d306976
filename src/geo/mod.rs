//! Geography: where networks are, as far as databases, tables and the operator know.
//!
//! ```text
//!   MMDB files ─► Database ─┐
//!   the operator's nets ────┼─► Atlas ─ walk ─► networks, each at a Locus ─► prefix maps
//!   prefixes of rules ──────┤         locate ─► Located (lookup, explain)
//!   table of countries ─────┘
//! ```
//!
//! # Invariants
//!
//! - A walk shows every address of both families exactly once, in order.
//! - No contents of a file make anything here panic, loop or read past a bound.
//! - Queries use none of this: they look into what was compiled from a walk.
//!
//! # Not here
//!
//! Which region suits a place is in `steer`.
//!
//! # Start with
//!
//! [`Atlas::walk`], then [`Locus`].
#![forbid(unsafe_code)]

mod atlas;
mod carrier;
mod codes;
mod countries;
mod data_section;
mod database;
mod database_error;
mod locus;
mod nets;
mod network;
mod overlay;
mod prefix_map;
mod record;
mod search_tree;
mod special;
mod unit_vector;
mod walk;

#[cfg(test)]
#[path = "../../tests/it/mmdb_writer.rs"]
mod mmdb_writer;

pub use atlas::Atlas;
pub use atlas::Located;
pub use atlas::Source;
pub use codes::CODES;
pub use countries::Countries;
pub use data_section::DataError;
pub use database::Database;
pub use database::DatabaseInfo;
pub use database_error::DatabaseError;
pub use locus::Loci;
pub use locus::Locus;
pub use locus::LocusId;
pub use locus::PlaceId;
pub use nets::Nets;
pub use nets::TagId;
pub use network::Network;
pub use overlay::Overlay;
pub use overlay::OverlayId;
pub use prefix_map::Found;
pub use prefix_map::Key;
pub use prefix_map::LeafLabel;
pub use prefix_map::PrefixMap;
pub use prefix_map::PrefixMap6;
pub use prefix_map::PrefixMap6Builder;
pub use prefix_map::PrefixMapBuilder;
pub use record::HolderTexts;
pub use search_tree::TreeError;
pub use unit_vector::ChordSquared;
pub use unit_vector::UnitVector;
pub use walk::Visitor;
