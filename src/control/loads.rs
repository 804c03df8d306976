//! Loads: what is told of regions.

use hyper::Response;

use crate::control::answer::Asked;
use crate::control::payload;
use crate::control::payload::Payload;
use crate::control::problem::Kind;
use crate::control::problem::Problem;
use crate::meters::Meters;
use crate::model::limits;

/// Takes one load or many.
///
/// # Errors
///
/// 408, 413 and 503; nothing of it was taken.
pub(super) async fn take(meters: &Meters, asked: Asked) -> Result<Response<Payload>, Problem> {
    let octets = asked.octets(limits::API_BODY).await?;
    let pushed = meters.push(&octets);
    let pushed = pushed.map_err(|error| Problem::new(Kind::TooLong, error.to_string()))?;
    Ok(payload::json(&serde_json::to_value(pushed).unwrap_or_default()))
}
