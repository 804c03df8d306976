//! The codes of this room: one constant, one stable name, one line of explanation each.

use crate::model::Code;

pub(super) const DAMAGED: Code = Code("geoip-damaged");
pub(super) const NOT_A_DATABASE: Code = Code("geoip-not-a-database");
pub(super) const TOO_LARGE: Code = Code("geoip-too-large");
pub(super) const UNREADABLE: Code = Code("geoip-unreadable");

/// Every code that `geo` reports, with one line of explanation.
pub const CODES: &[(Code, &str)] = &[
    (DAMAGED, "A GeoIP database is damaged."),
    (NOT_A_DATABASE, "A file is no GeoIP database."),
    (TOO_LARGE, "A file is larger than any GeoIP database."),
    (UNREADABLE, "A GeoIP database can't be read."),
];
