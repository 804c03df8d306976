//! Where what is reported goes.

use crate::meters::Meters;
use crate::samples::Keeper;

/// The rooms that take reports, and tell what became of them.
#[derive(Clone, Debug)]
pub struct Intake {
    /// Round trips.
    pub keeper: Keeper,
    /// Loads of regions.
    pub meters: Meters,
}
