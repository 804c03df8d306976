//! Latency: what round trips clients have to regions.
#![forbid(unsafe_code)]

mod aggregate;
mod cell;
mod choices;
mod corridors;
mod distance;
mod estimate;
mod exploration;
mod field;
mod levels;
mod matrix;
mod model;
mod prefix;
mod sample;
mod table;
mod tick;
mod trust;

pub use aggregate::Aggregate;
pub use choices::Choices;
pub use choices::ClassId;
pub use choices::Margin;
pub use distance::DistanceModel;
pub use estimate::Estimate;
pub use estimate::Estimator;
pub use estimate::Subject;
pub use exploration::Exploration;
pub use levels::Level;
pub use model::Model;
pub use prefix::ClientPrefix;
pub use prefix::WidePrefix;
pub use sample::Refusal;
pub use sample::Refusals;
pub use sample::Sample;
pub use sample::SourceId;
pub use table::Table;
pub use tick::Tick;

/// Microseconds that light in fibre takes per kilometre of distance, there and back: two thirds
/// of its speed in the void.
const SPEED_US_PER_KM: f64 = 2.0 / (0.299_792_458 * 2.0 / 3.0);

/// Round trips are compared by the logarithm of milliseconds and this: far ones by their ratio,
/// near ones by their difference, since 1 or 3 ms are the same to a client.
const SCALE_MS: f64 = 5.0;

/// The shortest round trip over a distance, in microseconds.
fn light_us(km: f64) -> f64 {
    km * SPEED_US_PER_KM
}
