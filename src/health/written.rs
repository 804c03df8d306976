//! What nodes tell each other as JSON, for whoever looks into the bucket: a value beside its
//! format.

use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::health::Unreadable;

/// The one format there is.
const FORMAT: u8 = 1;

#[derive(Deserialize, Serialize)]
struct Written<T> {
    format: u8,
    #[serde(flatten)]
    value: T,
}

/// A value as octets.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    // Strings and numbers always have a text.
    serde_json::to_vec(&Written { format: FORMAT, value }).unwrap_or_default()
}

/// A value from octets; its format is the first thing that is looked at.
///
/// # Errors
///
/// [`Unreadable`].
pub fn decode<T: DeserializeOwned>(octets: &[u8]) -> Result<T, Unreadable> {
    #[derive(Deserialize)]
    struct Versioned {
        format: u8,
    }
    let damaged = |error: serde_json::Error| Unreadable::Damaged(error.to_string());
    let Versioned { format } = serde_json::from_slice(octets).map_err(damaged)?;
    if format != FORMAT {
        return Err(Unreadable::Version { found: format, expected: FORMAT });
    }
    let Written { value, .. } = serde_json::from_slice(octets).map_err(damaged)?;
    Ok(value)
}
