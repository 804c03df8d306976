//! What orders of elsewhere must keep to: a file, or another node, may say anything.

use crate::latency::Block;
use crate::latency::Order;
use crate::latency::Orders;
use crate::model::limits;

impl Orders {
    /// Whether they are such as [`Orders::learn`] makes for so many regions, for input.
    pub fn is_sound(&self, n_regions: usize) -> bool {
        let (areas, blocks) = (self.areas.values(), self.blocks.iter().map(|(_, order)| order));
        self.areas.len() <= limits::LATENCY_AREAS
            && self.blocks.len() <= limits::LATENCY_BLOCKS
            // They are searched by halves.
            && self.blocks.is_sorted_by(|(a, _), (b, _)| a < b)
            && self.blocks.iter().all(|(block, _)| block.is_sound())
            && areas.chain(blocks).all(|order| order.is_sound(n_regions))
    }
}

impl Block {
    fn is_sound(&self) -> bool {
        self.first.is_sound() && (!self.is_wide || self.first.first_neighbour() == self.first)
    }
}

impl Order {
    fn is_sound(&self, n_regions: usize) -> bool {
        let rated = self.rated();
        let is_again = |at: usize| {
            let before = rated.iter().take(at);
            rated.get(at).is_some_and(|one| before.clone().any(|b| b.region() == one.region()))
        };
        (1..=limits::LATENCY_RATED).contains(&rated.len())
            && rated.iter().all(|one| one.region().index() < n_regions)
            && !(0..rated.len()).any(is_again)
            && self.explored.is_none_or(|at| at > 0 && usize::from(at) < rated.len())
    }
}
