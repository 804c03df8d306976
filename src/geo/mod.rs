//! Stand-in for the `geo` room; the lead replaces it.
#![forbid(unsafe_code)]

use std::path::Path;

/// An opened database.
#[derive(Debug)]
pub struct Database(());

/// Why a database can't be used.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is a web page: expected a MaxMind DB file (.mmdb)")]
pub struct DatabaseError(String);

impl Database {
    /// Opens the file.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] unless it ends in the marker of its format.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        let error = || DatabaseError(path.display().to_string());
        let octets = std::fs::read(path).map_err(|_| error())?;
        let marker = b"\xab\xcd\xefMaxMind.com";
        octets.windows(marker.len()).any(|w| w == marker).then_some(Self(())).ok_or_else(error)
    }
}
