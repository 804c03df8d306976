//! How many regions a service keeps, whatever an operator drains.

/// The regions that a service must have left in service when an admin state takes one away.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MinRegions {
    /// So many.
    Count(u16),
    /// So many of a hundred of those in which the service has pools; at most 100.
    Percent(u8),
}

impl MinRegions {
    /// How many of `regions` that is: of a percentage the next whole number, and never more
    /// than there are.
    pub fn of(self, regions: usize) -> usize {
        let least = match self {
            Self::Count(count) => usize::from(count),
            Self::Percent(percent) => (regions * usize::from(percent)).div_ceil(100),
        };
        least.min(regions)
    }
}

impl Default for MinRegions {
    fn default() -> Self {
        Self::Count(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_of_a_region_is_a_region() {
        for (least, regions, expected) in [
            (MinRegions::Count(1), 3, 1),
            (MinRegions::Count(5), 3, 3),
            (MinRegions::Count(0), 3, 0),
            (MinRegions::Percent(50), 3, 2),
            (MinRegions::Percent(50), 4, 2),
            (MinRegions::Percent(0), 4, 0),
            (MinRegions::Percent(100), 4, 4),
        ] {
            assert_eq!(least.of(regions), expected, "{least:?} of {regions}");
        }
    }
}
