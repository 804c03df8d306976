//! Loci: all that can be told apart about where a client is.
//!
//! A walk meets millions of networks but far fewer loci. Whoever computes
//! something per network caches it by [`LocusId`], or by [`PlaceId`] and
//! [`OverlayId`] where it depends on one of them alone; all are dense.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::hash::Hash;
use std::hash::Hasher;
use std::sync::Arc;

use crate::geo::Overlay;
use crate::geo::OverlayId;
use crate::model::Asn;
use crate::model::Carrier;
use crate::model::Continent;
use crate::model::Country;
use crate::model::Holder;
use crate::model::Place;
use crate::model::Subdivision;

/// A locus, by the order in which a walk first met it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LocusId(u32);

impl LocusId {
    /// Position in arrays with one entry per locus.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A place, by the order in which a walk first met it. Equal places have one id.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PlaceId(u32);

impl PlaceId {
    /// Position in arrays with one entry per place.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Where the clients of a network are.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Locus {
    /// Nowhere that anybody knows: a special-purpose block that neither the
    /// operator nor a database says anything of. The resolver's address decides.
    AskResolver,
    /// Where the IPv4 addresses inside are.
    Carried(Carrier),
    /// In a special-purpose block that no database places, but which the operator's nets or
    /// prefixes of rules cover, or of which a database says whose it is. A policy whose rules
    /// ask for nothing of that knows no more of it than of [`Locus::AskResolver`], unless it is
    /// in a net.
    Claimed {
        /// What is known all the same: perhaps an autonomous system.
        place: PlaceId,
        /// The operator's nets and the rules' prefixes that cover it.
        overlay: OverlayId,
    },
    /// At a place, of which everything may be unknown, under an overlay.
    Known {
        /// The place.
        place: PlaceId,
        /// The operator's nets and the rules' prefixes that cover it.
        overlay: OverlayId,
    },
}

/// The loci that a walk has met so far; ids stay valid as it grows.
#[derive(Clone, Debug)]
pub struct Loci {
    loci: Vec<Locus>,
    places: Vec<Place>,
    overlays: Arc<[Overlay]>,
}

impl Loci {
    /// The locus of an id.
    ///
    /// # Panics
    ///
    /// For an id of another walk.
    #[inline]
    pub fn locus(&self, id: LocusId) -> Locus {
        *self.loci.get(id.index()).expect("an id of this walk")
    }

    /// The place of an id.
    ///
    /// # Panics
    ///
    /// For an id of another walk.
    #[inline]
    pub fn place(&self, id: PlaceId) -> &Place {
        self.places.get(id.index()).expect("an id of this walk")
    }

    /// The overlay of an id.
    ///
    /// # Panics
    ///
    /// For an id of another atlas.
    #[inline]
    pub fn overlay(&self, id: OverlayId) -> &Overlay {
        self.overlays.get(id.index()).expect("an id of this atlas")
    }

    fn push(&mut self, locus: Locus) -> LocusId {
        self.loci.push(locus);
        LocusId(number(self.loci.len() - 1))
    }

    /// All of them, in the order of their ids.
    pub fn ids(&self) -> impl Iterator<Item = LocusId> + use<> {
        (0..u32::try_from(self.loci.len()).unwrap_or(u32::MAX)).map(LocusId)
    }

    /// How many places there are so far.
    pub const fn n_places(&self) -> usize {
        self.places.len()
    }
}

/// Gives ids to loci and places; dropped after the walk.
#[derive(Debug)]
pub(super) struct Interner {
    pub(super) loci: Loci,
    /// Of places that nothing covers, by place.
    bare_ids: Vec<Option<LocusId>>,
    locus_ids: FastMap<Locus, LocusId>,
    place_ids: FastMap<PlaceKey, PlaceId>,
}

impl Interner {
    pub(super) fn new(overlays: Arc<[Overlay]>) -> Self {
        Self {
            loci: Loci { loci: Vec::new(), places: Vec::new(), overlays },
            bare_ids: Vec::new(),
            locus_ids: FastMap::default(),
            place_ids: FastMap::default(),
        }
    }

    /// The id of a place.
    pub(super) fn place(&mut self, place: Place) -> PlaceId {
        let places = &mut self.loci.places;
        *self.place_ids.entry(PlaceKey::of(&place)).or_insert_with(|| {
            places.push(place);
            PlaceId(number(places.len() - 1))
        })
    }

    /// The id of a locus.
    pub(super) fn locus(&mut self, locus: Locus) -> LocusId {
        // Nearly all are places that nothing covers, and need no hashing.
        if let Locus::Known { place, overlay: OverlayId::NONE } = locus {
            if self.bare_ids.len() <= place.index() {
                self.bare_ids.resize(place.index() + 1, None);
            }
            if let Some(slot) = self.bare_ids.get_mut(place.index()) {
                return *slot.get_or_insert_with(|| self.loci.push(locus));
            }
        }
        *self.locus_ids.entry(locus).or_insert_with(|| self.loci.push(locus))
    }
}

/// A place as something to compare: coordinates by their bits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct PlaceKey {
    continent: Option<Continent>,
    country: Option<Country>,
    subdivision: Option<Subdivision>,
    coordinates: Option<[u64; 2]>,
    asn: Option<Asn>,
    holder: Holder,
}

impl PlaceKey {
    fn of(place: &Place) -> Self {
        Self {
            continent: place.continent,
            country: place.country,
            subdivision: place.subdivision,
            coordinates: place.coordinates.map(|at| [at.lat().to_bits(), at.lon().to_bits()]),
            asn: place.asn,
            holder: place.holder,
        }
    }
}

impl Hash for PlaceKey {
    /// Of the parts that tell most places apart.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [lat, lon] = self.coordinates.unwrap_or_default();
        state.write_u64(lat);
        state.write_u64(lon);
        state.write_u32(self.asn.map_or(0, |asn| asn.0));
        self.country.hash(state);
    }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).expect("a walk is bounded by the nodes of its trees, which have 32 bits")
}

/// A map for keys of a few words, looked into millions of times a walk. They come
/// from files that the operator chose, so the default hasher's guard against
/// hostile keys buys nothing.
pub(super) type FastMap<K, V> = HashMap<K, V, BuildHasherDefault<WordHasher>>;

/// Folds words by rotation, exclusive or, and multiplication.
#[derive(Debug, Default)]
pub(super) struct WordHasher(u64);

impl WordHasher {
    #[inline]
    fn fold(&mut self, word: u64) {
        // The odd number nearest to 2^64 over the golden ratio spreads words best.
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for WordHasher {
    #[inline]
    fn write(&mut self, octets: &[u8]) {
        for chunk in octets.chunks(8) {
            self.fold(chunk.iter().fold(0, |word, octet| word << 8 | u64::from(*octet)));
        }
    }

    #[inline]
    fn write_u8(&mut self, word: u8) {
        self.fold(word.into());
    }

    #[inline]
    fn write_u32(&mut self, word: u32) {
        self.fold(word.into());
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        self.fold(word);
    }

    #[inline]
    fn write_usize(&mut self, word: usize) {
        self.fold(word as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        // Multiplication leaves the low bits weak, and the map uses those.
        self.0 ^ self.0 >> 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Coordinates;
    use crate::model::HolderName;

    /// Rules may ask for every part of a place.
    #[test]
    fn places_that_differ_in_anything_are_told_apart() {
        let holder = Holder { isp: Some(HolderName::of("an ISP")), ..Holder::default() };
        let whole = Place {
            continent: Some(Continent::Europe),
            country: "DE".parse().ok(),
            subdivision: "DE-BY".parse().ok(),
            coordinates: Coordinates::new(48.1, 11.6),
            asn: Some(Asn(64_500)),
            holder,
        };
        let places = [
            whole,
            Place { continent: None, ..whole },
            Place { country: None, ..whole },
            Place { subdivision: None, ..whole },
            Place { coordinates: None, ..whole },
            Place { asn: None, ..whole },
            Place { holder: Holder::default(), ..whole },
        ];
        let mut interner = Interner::new(Vec::new().into());
        for _ in 0..2 {
            let ids = places.map(|place| interner.place(place).index());
            assert_eq!(ids, [0, 1, 2, 3, 4, 5, 6]);
        }
    }
}
