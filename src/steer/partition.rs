//! Which vantage group speaks for a client: the one with the vantage nearest to it.
//!
//! Where a verdict holds for the clients of a group only, the group is part of what a map is
//! cut up by. So a scope never reaches over a border between groups, whatever is up.

use crate::geo::UnitVector;
use crate::model::Place;
use crate::model::VantageGroupId;
use crate::model::Vantages;

/// The globe, cut up by the nearest vantage group.
#[derive(Clone, Debug, PartialEq)]
pub struct Partition {
    /// By group.
    vantages: Vec<(VantageGroupId, UnitVector)>,
}

impl Partition {
    /// By the vantages that have a location; `None` if these are all of one group, or there is
    /// none: then there is nobody to tell apart.
    pub fn new(vantages: &Vantages) -> Option<Self> {
        let located = vantages.all.iter().filter_map(|vantage| {
            let at = vantage.location?;
            Some((vantage.group, UnitVector::from(at)))
        });
        let mut located: Vec<_> = located.collect();
        located.sort_by_key(|(group, _)| *group);
        let (first, last) = (located.first()?.0, located.last()?.0);
        (first != last).then_some(Self { vantages: located })
    }

    /// The group of the vantage nearest to a place by great circle, of several the first by id;
    /// `None` if the place has no coordinates. O(vantages).
    pub fn group_of(&self, place: &Place) -> Option<VantageGroupId> {
        let client = place.coordinates.map(UnitVector::from)?;
        let distances = self.vantages.iter().map(|(group, at)| (client.chord_squared(*at), *group));
        // Of equals the one before, whose id is the lower one.
        let nearest = distances.reduce(|best, next| if next.0 < best.0 { next } else { best });
        nearest.map(|(_, group)| group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Coordinates;
    use crate::model::Vantage;

    /// Vantages of these groups at these places.
    fn vantages(all: &[(u8, Option<(f64, f64)>)]) -> Vantages {
        let vantage = |(group, at): &(u8, Option<(f64, f64)>)| Vantage {
            name: String::new(),
            group: VantageGroupId(*group),
            location: at.and_then(|(lat, lon)| Coordinates::new(lat, lon)),
        };
        Vantages { all: all.iter().map(vantage).collect(), groups: Vec::new() }
    }

    fn group_at(partition: &Partition, lat: f64, lon: f64) -> Option<u8> {
        let coordinates = Coordinates::new(lat, lon);
        partition.group_of(&Place { coordinates, ..Place::default() }).map(|group| group.0)
    }

    #[test]
    fn it_takes_two_groups_with_a_location() {
        let somewhere = Some((1.0, 1.0));
        for (all, is_one) in [
            (&[][..], false),
            (&[(0, somewhere)], false),
            (&[(0, somewhere), (0, Some((2.0, 2.0)))], false),
            (&[(0, somewhere), (1, None)], false),
            (&[(0, somewhere), (1, None), (2, somewhere)], true),
        ] {
            assert_eq!(Partition::new(&vantages(all)).is_some(), is_one, "{all:?}");
        }
    }

    #[test]
    fn the_nearest_vantage_of_any_group_decides() {
        let all = [
            // One group may have vantages far from each other.
            (1, Some((39.0, -77.5))),
            (0, Some((53.3, -6.3))),
            (1, Some((1.3, 103.8))),
            // Without location nobody is near it.
            (2, None),
        ];
        let partition = Partition::new(&vantages(&all)).unwrap();
        for (lat, lon, group) in [
            (48.9, 2.4, 0),
            (42.4, -71.1, 1),
            (35.7, 139.7, 1),
            // Across the date line.
            (-18.1, -179.0, 1),
        ] {
            assert_eq!(group_at(&partition, lat, lon), Some(group), "{lat} {lon}");
        }
    }

    #[test]
    fn of_equally_near_groups_the_lower_id_decides() {
        // In the same place, whatever the order of the configuration.
        let all = [(3, Some((10.0, 10.0))), (1, Some((10.0, 10.0))), (2, Some((10.0, 10.0)))];
        let partition = Partition::new(&vantages(&all)).unwrap();
        assert_eq!(group_at(&partition, 50.0, 50.0), Some(1));
        // Half-way between the two.
        let all = [(2, Some((0.0, -30.0))), (1, Some((0.0, 30.0)))];
        let partition = Partition::new(&vantages(&all)).unwrap();
        assert_eq!(group_at(&partition, 0.0, 0.0), Some(1));
        assert_eq!(group_at(&partition, 0.0, -0.1), Some(2));
    }

    #[test]
    fn who_has_no_location_has_no_group() {
        let partition =
            Partition::new(&vantages(&[(0, Some((0.0, 0.0))), (1, Some((9.0, 9.0)))])).unwrap();
        assert_eq!(partition.group_of(&Place::default()), None);
    }
}
