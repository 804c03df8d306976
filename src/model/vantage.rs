//! Where probers run.

use crate::model::Coordinates;

/// A vantage by its position in the configuration; below
/// [`limits::VANTAGES`](crate::model::limits::VANTAGES).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct VantageId(pub u16);

impl VantageId {
    /// Position in arrays that hold one entry per vantage.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A vantage group by its position in [`Vantages::groups`]; below
/// [`limits::VANTAGE_GROUPS`](crate::model::limits::VANTAGE_GROUPS).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct VantageGroupId(pub u8);

impl VantageGroupId {
    /// Position in arrays that hold one entry per group.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A named place in which a prober runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Vantage {
    /// The operator's name for it: letters, digits, `-` and `_`.
    pub name: String,
    /// The group it votes with.
    pub group: VantageGroupId,
    /// Where it is; without, no client is nearest to it.
    pub location: Option<Coordinates>,
}

/// The vantages that may vote, whoever reports.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vantages {
    /// In the order of the configuration.
    pub all: Vec<Vantage>,
    /// The names of the groups, in the order in which vantages name them first. A vantage
    /// that names none is a group of its own name.
    pub groups: Vec<String>,
}

impl Vantages {
    /// The vantage of that name.
    pub fn find(&self, name: &str) -> Option<VantageId> {
        let found = self.all.iter().position(|vantage| vantage.name == name)?;
        u16::try_from(found).ok().map(VantageId)
    }

    /// One vantage that is all there is.
    pub fn alone(name: &str) -> Self {
        let group = VantageGroupId::default();
        let only = Vantage { name: name.to_owned(), group, location: None };
        Self { all: vec![only], groups: vec![name.to_owned()] }
    }
}
