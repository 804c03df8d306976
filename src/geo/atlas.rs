//! What is known of every network, from all sources at once.
//!
//! ```text
//!   databases ──┐                        ┌─► walk:   every network, in order
//!   nets ───────┼─► Atlas ───────────────┤
//!   rules' nets ┤   (merge per network)  └─► locate: one address
//!   measured ───┤
//!   countries ──┘
//! ```
//!
//! # Invariants
//!
//! - `walk` and `locate` merge by the same code and agree on every address.
//! - Of several databases, the first that has a part of the place gives it; one
//!   that names another country gives nothing finer than that.
//!
//! # Start with
//!
//! [`Atlas::walk`] in `walk`, then [`Atlas::locate`].

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::geo::Countries;
use crate::geo::Database;
use crate::geo::DatabaseError;
use crate::geo::HolderTexts;
use crate::geo::Nets;
use crate::geo::Network;
use crate::geo::Overlay;
use crate::geo::OverlayId;
use crate::geo::overlay::Ground;
use crate::geo::overlay::OverlayTrie;
use crate::geo::overlay::Patch;
use crate::model::Carrier;
use crate::model::Family;
use crate::model::HolderName;
use crate::model::Place;
use crate::model::limits;

/// Databases, the operator's nets, the prefixes that rules name, and blocks that were measured.
#[derive(Debug)]
pub struct Atlas {
    pub(super) databases: Vec<Arc<Database>>,
    pub(super) overlays: OverlayTrie,
    countries: &'static Countries,
    nets: Nets,
    /// Names of holders that somebody asks for, sorted.
    names: Vec<HolderName>,
}

/// What is known of one address.
#[derive(Clone, Debug)]
pub struct Located<'a> {
    /// The network for all of which the same is known, by the same records.
    pub network: Network,
    /// The place, completed from the table of countries.
    pub place: Place,
    /// Whether the client can't be located and the resolver's address decides.
    pub ask_resolver: bool,
    /// Whether it is in a special-purpose block that no database places: the resolver's address
    /// decides but for policies that ask for what else is known of it.
    pub is_claimed: bool,
    /// What carries the IPv4 address by which the client was located.
    pub carrier: Option<Carrier>,
    /// The operator's nets and the rules' prefixes that cover the network.
    pub overlay: &'a Overlay,
    /// What each database says, in the order of the configuration.
    pub sources: Vec<Source<'a>>,
}

/// What one database says of an address.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    /// The database.
    pub database: &'a Database,
    /// The network that the record is for, or that has none.
    pub network: Network,
    /// The place as the record has it; `None` without a record.
    pub place: Option<Place>,
    /// Whose network it is, as the record has it.
    pub holder: HolderTexts,
}

/// What is known of a network, before ids are given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Situation {
    AskResolver,
    Carried(Carrier),
    Claimed(Place),
    Known(Place),
}

impl Located<'_> {
    /// Whose network it is, as the first database that says so has it.
    pub fn holder(&self) -> HolderTexts {
        self.sources.iter().fold(HolderTexts::default(), |found, source| {
            let HolderTexts { isp, organization, domain } = &source.holder;
            HolderTexts {
                isp: found.isp.or_else(|| isp.clone()),
                organization: found.organization.or_else(|| organization.clone()),
                domain: found.domain.or_else(|| domain.clone()),
            }
        })
    }
}

impl Atlas {
    /// Puts the sources together. `prefixes` are what rules name, `measured` are blocks in which
    /// round trips were measured; overlays tell them by their positions in these lists, which
    /// should have each once.
    ///
    /// # Panics
    ///
    /// With more databases than [`limits::DATABASES`].
    pub fn new(
        databases: Vec<Arc<Database>>,
        nets: Nets,
        prefixes: &[IpNet],
        measured: &[IpNet],
    ) -> Self {
        assert!(databases.len() <= limits::DATABASES, "the configuration was checked");
        let overlays = OverlayTrie::new(&nets, prefixes, measured);
        Self { databases, overlays, countries: Countries::builtin(), nets, names: Vec::new() }
    }

    /// With the names of holders that rules ask for. Places have no others: all that they would
    /// do is tell networks apart for nothing.
    #[must_use]
    pub fn with_names(mut self, mut names: Vec<HolderName>) -> Self {
        names.sort_unstable();
        names.dedup();
        self.names = names;
        self
    }

    /// The databases, in order.
    pub fn databases(&self) -> &[Arc<Database>] {
        &self.databases
    }

    /// The operator's nets.
    pub const fn nets(&self) -> &Nets {
        &self.nets
    }

    /// All overlays of nets and prefixes, by id.
    pub fn overlays(&self) -> &[Overlay] {
        self.overlays.overlays()
    }

    /// What is known of one address, straight from the databases. An IPv6
    /// address that carries an IPv4 one is located as that.
    ///
    /// # Errors
    ///
    /// If a database is damaged there.
    pub fn locate(&self, address: IpAddr) -> Result<Located<'_>, DatabaseError> {
        let whole = Network::from(address);
        let carrier = match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(v6) => Carrier::of(v6.into()),
        };
        let effective = carrier.map_or(whole, |carrier| {
            Network::new(Family::V4, carrier.ipv4(whole.start()).into(), 32)
        });
        let offset = carrier.map_or(0, Carrier::offset);
        let network = |depth| Network::new(whole.family(), whole.start(), offset + depth);
        let (patch, mut depth) = self.overlays.descend(effective.family(), effective.start());
        let mut sources = Vec::with_capacity(self.databases.len());
        for database in &self.databases {
            let (place, leaf_depth) = database.lookup(effective.address())?;
            depth = depth.max(leaf_depth);
            let holder = database.holder(effective.address())?;
            sources.push(Source { database, network: network(leaf_depth), place, holder });
        }
        let situation = self.situate(patch, sources.iter().filter_map(|source| source.place));
        let (place, ask_resolver) = match situation {
            Situation::AskResolver | Situation::Carried(_) => (Place::default(), true),
            Situation::Claimed(place) | Situation::Known(place) => (place, false),
        };
        let is_claimed = matches!(situation, Situation::Claimed(_));
        let overlay = self.overlays.overlay(patch.overlay);
        let network = network(depth);
        Ok(Located { network, place, ask_resolver, is_claimed, carrier, overlay, sources })
    }

    /// Merges what the databases say of a network and lays the patch over it.
    pub(super) fn situate(
        &self,
        patch: Patch,
        places: impl IntoIterator<Item = Place>,
    ) -> Situation {
        let covered = patch.overlay != OverlayId::NONE;
        match patch.ground {
            Ground::Carried(carrier) => return Situation::Carried(carrier),
            Ground::Global | Ground::Special => {}
        }
        let place = merge(places);
        let holder = place.holder.among(|name| self.names.binary_search(&name).is_ok());
        let place = Place { holder, ..place };
        let placed =
            place.country.is_some() || place.continent.is_some() || place.coordinates.is_some();
        if patch.ground == Ground::Global || placed {
            Situation::Known(self.countries.complete(place))
        } else if covered || place != Place::default() {
            // An autonomous system at least: a rule may ask for it.
            Situation::Claimed(place)
        } else {
            Situation::AskResolver
        }
    }
}

/// The parts of several databases' places, first come first.
fn merge(places: impl IntoIterator<Item = Place>) -> Place {
    let mut merged = Place::default();
    for place in places {
        merged.asn = merged.asn.or(place.asn);
        merged.holder = merged.holder.or(place.holder);
        let elsewhere = merged.country.zip(place.country).is_some_and(|(a, b)| a != b);
        if !elsewhere {
            merged.country = merged.country.or(place.country);
            merged.continent = merged.continent.or(place.continent);
            merged.subdivision = merged.subdivision.or(place.subdivision);
            merged.coordinates = merged.coordinates.or(place.coordinates);
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Asn;
    use crate::model::Coordinates;

    /// Whoever is in a special-purpose block is where somebody says that it is, by whatever part
    /// of a place.
    #[test]
    fn a_special_block_is_somewhere_only_if_somebody_says_where() {
        let mut nets = Nets::default();
        nets.insert("10.9.0.0/16".parse().unwrap(), "office");
        let atlas = Atlas::new(Vec::new(), nets, &[], &[]);
        let situate = |address: [u8; 4], place: Place| {
            let address = u32::from_be_bytes(address).into();
            let (patch, _) = atlas.overlays.descend(Family::V4, address);
            match atlas.situate(patch, [place]) {
                Situation::AskResolver => "ask",
                Situation::Carried(_) => "carried",
                Situation::Claimed(_) => "claimed",
                Situation::Known(_) => "known",
            }
        };
        let nowhere = Place::default();
        let by_point = Place { coordinates: Coordinates::new(1.0, 2.0), ..nowhere };
        let by_asn = Place { asn: Some(Asn(64_500)), ..nowhere };
        for (address, place, expected) in [
            ([10, 1, 2, 3], nowhere, "ask"),
            ([10, 1, 2, 3], by_point, "known"),
            ([10, 1, 2, 3], Place { country: "DE".parse().ok(), ..nowhere }, "known"),
            ([10, 1, 2, 3], by_asn, "claimed"),
            ([10, 9, 2, 3], nowhere, "claimed"),
            ([10, 9, 2, 3], by_point, "known"),
            ([8, 8, 8, 8], nowhere, "known"),
        ] {
            assert_eq!(situate(address, place), expected, "{address:?} {place:?}");
        }
    }
}
