//! Census: who lives where, place by place: what `simulate` asks about.
//!
//! It is counted as the walk counts that weighs maps, but kept by place: a map has forgotten
//! where the clients of a label are.

use std::net::Ipv4Addr;

use crate::geo::Atlas;
use crate::geo::DatabaseError;
use crate::geo::Loci;
use crate::geo::LocusId;
use crate::geo::Network;
use crate::geo::Visitor;
use crate::model::Family;
use crate::steer::Population;
use crate::steer::Whereabouts;
use crate::steer::clients::Addresses;
use crate::steer::clients::known;

/// Clients by where they are. As large as there are distinct places in the databases.
#[derive(Clone, Debug)]
pub struct Census {
    loci: Loci,
    residents: Vec<(LocusId, Ipv4Addr, f64)>,
}

/// The clients that share a place, and what the operator says of it.
#[derive(Clone, Copy, Debug)]
pub struct Residents<'a> {
    /// An address of one of them; maps say the same of the others.
    pub address: Ipv4Addr,
    /// How many there are, above 0, in the unit of the population.
    pub clients: f64,
    /// What is known of them.
    pub whereabouts: Whereabouts<'a>,
}

impl Census {
    /// Counts a population in one walk over an atlas.
    ///
    /// # Errors
    ///
    /// If a database is damaged.
    pub fn of(atlas: &Atlas, population: &Population) -> Result<Self, DatabaseError> {
        let mut counter = Counter::default();
        let loci = atlas.walk(&mut counter)?;
        let clients = counter.addresses.clients(&loci, population);
        let counted = loci.ids().zip(counter.first).zip(clients);
        let residents = counted.filter_map(|((id, first), clients)| {
            (clients > 0.0).then_some((id, Ipv4Addr::from(first?), clients))
        });
        let residents = residents.collect();
        Ok(Self { loci, residents })
    }

    /// All clients, place by place.
    pub fn iter(&self) -> impl Iterator<Item = Residents<'_>> {
        self.residents.iter().filter_map(|(id, address, clients)| {
            let (place, overlay) = known(&self.loci, *id)?;
            let whereabouts = Whereabouts { place, overlay: self.loci.overlay(overlay) };
            Some(Residents { address: *address, clients: *clients, whereabouts })
        })
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.residents.is_empty()
    }
}

/// Counts addresses, and keeps the first of each locus.
#[derive(Debug, Default)]
struct Counter {
    addresses: Addresses,
    first: Vec<Option<u32>>,
}

impl Visitor for Counter {
    fn network(&mut self, _: &Loci, network: Network, locus: LocusId) {
        self.addresses.count(network, locus);
        if network.family() != Family::V4 {
            return;
        }
        if self.first.len() <= locus.index() {
            self.first.resize(locus.index() + 1, None);
        }
        if let Some(slot) = self.first.get_mut(locus.index()) {
            *slot = slot.or_else(|| u32::try_from(network.start()).ok());
        }
    }
}
