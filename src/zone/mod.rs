//! Zones: master files in, RFC 1034 lookups out.
//!
//! ```text
//!   at load    file ─► splitter ─► reader ─► rdata ─► check ─► Vec<Record>
//!                                                                 │ compile, with the
//!                                                                 ▼ balanced owners
//!   at query   lower-case name, type ───────────────────────► Zones ─► Lookup
//! ```
//!
//! [`read`] takes a file and says all that is wrong with it; [`Zones`] is the immutable result
//! of one load over all zones. A lookup is one step: who asks for CNAME and DNAME chains
//! drives them, since a chain may have to stop before a balanced name.
//!
//! # Invariants
//!
//! - A lookup takes no lock and allocates nothing; it costs one hash per label at most, and
//!   none for labels deeper than the deepest name there is.
//! - Which names and types exist depends on the zones and the balanced owners only.
//! - Nothing outside the folder of a zone's file is read.
//!
//! # Not here
//!
//! What a balanced name answers is `steer`'s, the message is `responder`'s, showing
//! diagnostics is `config`'s.
//!
//! # Start with
//!
//! [`Lookup`], then [`Zones::lookup`]; for files, [`read`]; for the data of one record,
//! [`data_from_text`].
#![forbid(unsafe_code)]

mod binding;
mod check;
mod compile;
mod data;
mod directive;
mod encoding;
mod field;
mod flaw;
mod generate;
mod head;
mod layout;
mod location;
mod lookup;
mod mnemonic;
mod rare;
mod rdata;
mod reader;
mod record;
mod rules;
mod served;
mod shape;
mod splitter;
mod table;
mod text;
mod zones;

#[cfg(test)]
mod tests;

pub use compile::BalancedOwner;
pub use data::DataError;
pub use data::data_from_text;
pub use data::same_data;
pub use flaw::CODES;
pub use lookup::Addresses;
pub use lookup::Answers;
pub use lookup::Lookup;
pub use lookup::Match;
pub use lookup::Rrset;
pub use lookup::Zone;
pub use reader::read;
pub use reader::read_text;
pub use record::Record;
pub use zones::Zones;
