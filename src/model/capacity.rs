//! How much a region can take.

/// How much a region can take, and from where on it is spared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Capacity {
    /// All of it, in the unit of the region's load: requests a second, connections, sessions;
    /// above 0.
    pub amount: f64,
    /// The share of it, 0..=1, from which on clients are sent elsewhere where they lose little.
    pub soft: f64,
    /// The share of it, `soft`..=1, that is not to be exceeded.
    pub hard: f64,
}

impl Capacity {
    /// [`Capacity::soft`] unless the file says otherwise.
    pub const SOFT: f64 = 0.8;

    /// [`Capacity::hard`] unless the file says otherwise.
    pub const HARD: f64 = 0.95;
}
