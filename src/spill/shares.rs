//! Shares: whom each region refuses, as nodes tell each other.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::health::Unreadable;
use crate::health::written;
use crate::load::Cutoff;
use crate::load::Cutoffs;
use crate::model::RegionId;
use crate::model::limits;

/// The cutoffs that hold, by the names of regions; regions that are not there refuse nobody.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Shares {
    /// When they were decided; 1970 if nothing was.
    pub at: Timestamp,
    /// In milliseconds, by region: who loses no more than that is refused.
    cutoffs: BTreeMap<String, f64>,
}

impl Shares {
    /// Of these regions, decided at a time.
    pub fn new<'n>(
        at: Timestamp,
        regions: impl IntoIterator<Item = &'n str>,
        cutoffs: &Cutoffs,
    ) -> Self {
        let ids = (0..).map(RegionId);
        let refusing = regions.into_iter().zip(ids).filter_map(|(name, id)| {
            let cutoff = cutoffs.of(id);
            cutoff.refuses().then(|| (name.to_owned(), cutoff.ms()))
        });
        Self { at, cutoffs: refusing.collect() }
    }

    /// Nobody is refused, as was decided at a time.
    pub(super) fn none(at: Timestamp) -> Self {
        Self { at, ..Self::default() }
    }

    /// The cutoffs by the positions that regions of these names have.
    pub fn cutoffs<'n>(&self, regions: impl IntoIterator<Item = &'n str>) -> Cutoffs {
        let of = |name: &str| self.cutoffs.get(name).copied().map_or(Cutoff::NONE, Cutoff::from_ms);
        Cutoffs::new(regions.into_iter().map(of))
    }

    /// Whether nobody is refused.
    pub fn is_none(&self) -> bool {
        self.cutoffs.is_empty()
    }

    /// The cutoff of a region that refuses somebody.
    pub(super) fn cutoff_ms(&self, region: &str) -> Option<f64> {
        self.cutoffs.get(region).copied()
    }

    /// As octets: JSON, for whoever looks into the bucket.
    pub fn encode(&self) -> Vec<u8> {
        written::encode(self)
    }

    /// From octets.
    ///
    /// # Errors
    ///
    /// [`Unreadable`].
    pub fn decode(octets: &[u8]) -> Result<Self, Unreadable> {
        let shares: Self = written::decode(octets)?;
        match shares.cutoffs.len() <= limits::REGIONS {
            true => Ok(shares),
            false => {
                let most = limits::REGIONS;
                Err(Unreadable::Damaged(format!("it is of more than {most} regions")))
            }
        }
    }
}
