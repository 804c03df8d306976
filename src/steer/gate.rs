//! Who lets a client in now.

use crate::load::Cutoffs;
use crate::steer::ServiceStanding;

/// What a decision asks: who of a service may take clients, and whom full regions refuse.
#[derive(Clone, Copy, Debug)]
pub struct Gate<'a> {
    /// The service's.
    pub standing: &'a ServiceStanding,
    /// The regions'; `None` where none refuses anybody, so that a query pays one look for it.
    pub cutoffs: Option<&'a Cutoffs>,
}
