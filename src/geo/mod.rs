//! Stand-in for the `geo` room; the lead replaces it.
#![forbid(unsafe_code)]

use std::path::Path;

/// An opened database.
#[derive(Debug)]
pub struct Database(());

/// Why a database can't be used.
#[derive(Debug, thiserror::Error)]
#[error("not a MaxMind DB file")]
pub struct DatabaseError;

impl Database {
    /// Opens the file.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] unless it ends in the marker of its format.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        let octets = std::fs::read(path).map_err(|_| DatabaseError)?;
        let marker = b"\xab\xcd\xefMaxMind.com";
        octets.windows(marker.len()).any(|w| w == marker).then_some(Self(())).ok_or(DatabaseError)
    }
}
