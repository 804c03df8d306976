//! How many clients there are at each locus, so that labels can be weighed.
//!
//! A country's clients are known by a table; inside a country they are taken to be where its
//! IPv4 addresses are. IPv6 counts for nothing: its blocks say nothing of how many use them.

use std::collections::HashMap;

use crate::geo::Countries;
use crate::geo::Loci;
use crate::geo::Locus;
use crate::geo::LocusId;
use crate::geo::Network;
use crate::geo::OverlayId;
use crate::model::Country;
use crate::model::Family;
use crate::model::Place;

/// How many clients each country has.
#[derive(Clone, Debug, Default)]
pub enum Population {
    /// By the table that comes with Meridian. A country of which it says nothing counts by its
    /// addresses, and so does what only the operator says something of.
    #[default]
    Shipped,
    /// These, in whatever unit; nobody is elsewhere.
    Listed(HashMap<Country, f64>),
}

impl Population {
    /// The clients of a country; `None` if nothing is said of it.
    fn of(&self, country: Country) -> Option<f64> {
        match self {
            Self::Shipped => Countries::builtin().clients(country),
            Self::Listed(clients) => Some(clients.get(&country).copied().unwrap_or(0.0)),
        }
    }

    /// The clients that an address stands for that is in no country.
    const fn elsewhere(&self) -> f64 {
        match self {
            Self::Shipped => 1.0,
            Self::Listed(_) => 0.0,
        }
    }
}

/// IPv4 addresses by locus, counted during a walk: one addition a network.
#[derive(Debug, Default)]
pub(super) struct Addresses(Vec<u64>);

impl Addresses {
    #[inline]
    pub(super) fn count(&mut self, network: Network, locus: LocusId) {
        if network.family() != Family::V4 {
            return;
        }
        if self.0.len() <= locus.index() {
            self.0.resize(locus.index() + 1, 0);
        }
        if let Some(slot) = self.0.get_mut(locus.index()) {
            *slot += 1 << (Family::V4.bits() - network.depth().min(Family::V4.bits()));
        }
    }

    /// By locus, the clients there. O(loci).
    ///
    /// Of whom nothing is known at all is nobody: most of it is space that nobody uses.
    pub(super) fn clients(&self, loci: &Loci, population: &Population) -> Vec<f64> {
        let mut by_country: HashMap<Country, f64> = HashMap::new();
        for (id, addresses) in loci.ids().zip(&self.0) {
            if let Some(country) = known(loci, id).and_then(|(place, _)| place.country) {
                *by_country.entry(country).or_default() += float(*addresses);
            }
        }
        let of_address = |country: Country| {
            let addresses = by_country.get(&country).copied().unwrap_or(0.0);
            match population.of(country) {
                Some(clients) if addresses > 0.0 => clients / addresses,
                Some(_) | None => 1.0,
            }
        };
        let rates: HashMap<Country, f64> =
            by_country.keys().map(|c| (*c, of_address(*c))).collect();
        let clients = loci.ids().zip(&self.0).map(|(id, addresses)| {
            let rate = match known(loci, id) {
                None => 0.0,
                Some((place, overlay)) => match place.country {
                    Some(country) => rates.get(&country).copied().unwrap_or(1.0),
                    None if place.coordinates.is_some() || overlay != OverlayId::NONE => {
                        population.elsewhere()
                    }
                    None => 0.0,
                },
            };
            float(*addresses) * rate
        });
        clients.collect()
    }
}

/// What is known of a locus whose own address decides.
pub(super) fn known(loci: &Loci, id: LocusId) -> Option<(&Place, OverlayId)> {
    match loci.locus(id) {
        Locus::AskResolver | Locus::Carried(_) => None,
        Locus::Claimed { place, overlay } | Locus::Known { place, overlay } => {
            Some((loci.place(place), overlay))
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "no more than 2³² addresses")]
const fn float(addresses: u64) -> f64 {
    addresses as f64
}
