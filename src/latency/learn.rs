//! Learning: from a table and what was published before to the orders that are published next.
//!
//! ```text
//!   areas on the map ─► order of each ─► settled against the one before ─┐
//!   wider prefixes ───► order, if it beats that of its area ─────────────┼─► Orders
//!   prefixes ─────────► order, if it beats that of what is around it ────┘
//! ```

use std::collections::HashMap;
use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::latency::Area;
use crate::latency::Block;
use crate::latency::ClientPrefix;
use crate::latency::Estimate;
use crate::latency::Estimator;
use crate::latency::Exploration;
use crate::latency::Level;
use crate::latency::Margin;
use crate::latency::Model;
use crate::latency::Order;
use crate::latency::Orders;
use crate::latency::Rated;
use crate::latency::Subject;
use crate::latency::Table;
use crate::latency::Tick;
use crate::latency::levels::Group;
use crate::model::Asn;
use crate::model::Country;
use crate::model::Place;
use crate::model::limits;

/// By how much the distances to two regions may differ in the middle of an area's square, and be
/// the same in a corner.
const WITHIN_SQUARE_KM: f64 = 80.0;

/// How orders follow from estimates.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rules {
    /// What it takes to change a published order.
    pub margin: Margin,
    /// Who is sent elsewhere to be measured.
    pub exploration: Exploration,
}

/// Alternatives that are explored: further ones are hardly ever the best.
const ALTERNATIVES: u16 = 2;

impl Orders {
    /// The orders that follow from a model of a table. `places` are those on the map, each area at
    /// least once; `ground` tells where a prefix is; `before` is what is published now.
    ///
    /// Some 60 µs an area and a measured prefix, and some milliseconds for each square of two
    /// degrees: seconds to a minute for all of a City database. Equal arguments give equal orders.
    pub fn learn(
        table: &Table,
        model: &Model,
        places: impl IntoIterator<Item = Place>,
        ground: impl Fn(ClientPrefix) -> Place,
        before: &Self,
        rules: &Rules,
        now: Timestamp,
    ) -> Self {
        let estimator = Estimator::new(table, model, now);
        let orders = Self::default();
        let mut learner =
            Learner { table, model, estimator, before, rules, orders, tick: Tick::of(now) };
        learner.areas(places);
        let mut blocks = learner.blocks(&ground);
        if blocks.len() > limits::LATENCY_BLOCKS {
            blocks.sort_by(|(a, _, gain), (b, _, other)| other.total_cmp(gain).then(a.cmp(b)));
            blocks.truncate(limits::LATENCY_BLOCKS);
        }
        blocks.sort_unstable_by_key(|(block, ..)| *block);
        let blocks = blocks.into_iter().map(|(block, order, _)| (block, order));
        learner.orders.blocks = blocks.collect();
        learner.explore(now);
        learner.orders
    }
}

struct Learner<'a> {
    table: &'a Table,
    model: &'a Model,
    estimator: Estimator<'a>,
    before: &'a Orders,
    rules: &'a Rules,
    orders: Orders,
    tick: Tick,
}

/// What is wanted for one subject.
struct Wanted {
    order: Order,
    /// Without what was measured.
    by_distance: Order,
    /// Whether another region is nearest in some corner of the area.
    is_close: bool,
}

impl Wanted {
    /// Whether an order says more than distance does, which the next criterion knows better than
    /// the middle of a square: at the rim of it another region may be the nearest.
    fn is_news(&self, order: &Order) -> bool {
        let first = |order: &Order| order.rated().first().map(Rated::region);
        let is_first_too = self.is_close && first(order) == first(&self.by_distance);
        !(is_first_too || order.is_like(&self.by_distance))
    }
}

impl Learner<'_> {
    fn areas(&mut self, places: impl IntoIterator<Item = Place>) {
        let mut seen = HashSet::new();
        let mut networks: Vec<(Area, Asn)> = Vec::new();
        for place in places {
            let Some(area) = Area::of(&place) else { continue };
            if seen.insert(area) {
                self.area(area);
            }
            if let Some(asn) = place.asn
                && Group::of(Level::AsnCountry, None, &place).is_some_and(|g| self.model.knows(g))
                && seen.insert(area.of_asn(asn))
            {
                networks.push((area, asn));
            }
        }
        networks.into_iter().for_each(|(area, asn)| self.network(area, asn));
    }

    fn area(&mut self, area: Area) {
        if self.orders.areas.len() >= limits::LATENCY_AREAS {
            return;
        }
        let Some(wanted) = self.wanted(&Subject { prefix: None, place: self.place(area, None) })
        else {
            return;
        };
        let before = self.before.areas.get(&area).map(Order::base);
        let place = self.place(area, None);
        let group = Group::of(Level::Area, None, &place);
        let is_measured =
            self.model.is_measured(area.square) || group.is_some_and(|g| self.model.knows(g));
        let order = match &before {
            Some(before) => before.settled(&wanted.order, &self.rules.margin),
            None => wanted.order.clone(),
        };
        if is_measured || wanted.is_news(&order) {
            self.orders.areas.insert(area, order);
        }
    }

    /// An autonomous system in an area has an order of its own where that beats the area's.
    fn network(&mut self, area: Area, asn: Asn) {
        if self.orders.areas.len() >= limits::LATENCY_AREAS {
            return;
        }
        let narrow = area.of_asn(asn);
        let subject = Subject { prefix: None, place: self.place(area, Some(asn)) };
        let Some(wanted) = self.wanted(&subject) else { return };
        let around = self.orders.areas.get(&area).unwrap_or(&wanted.by_distance);
        let before = self.before.areas.get(&narrow).map(Order::base);
        let order = before.as_ref().unwrap_or(around).settled(&wanted.order, &self.rules.margin);
        if !order.is_like(around) {
            self.orders.areas.insert(narrow, order);
        }
    }

    /// Blocks whose order differs from that of what is around them, with how much they gain.
    fn blocks(&mut self, ground: &impl Fn(ClientPrefix) -> Place) -> Vec<(Block, Order, f64)> {
        let mut prefixes: Vec<ClientPrefix> = self.table.iter().collect();
        prefixes.sort_unstable();
        let mut blocks = Vec::new();
        for neighbours in prefixes.chunk_by(|a, b| a.widened() == b.widened()) {
            let places: Vec<Place> = neighbours.iter().map(|prefix| ground(*prefix)).collect();
            let wide = self.wide(neighbours, &places);
            for (prefix, place) in neighbours.iter().zip(&places) {
                let block = Block { first: *prefix, is_wide: false };
                let around = wide.as_ref().map(|(_, order, _)| order);
                blocks.extend(self.block(block, *prefix, place, around));
            }
            blocks.extend(wide);
        }
        blocks
    }

    /// The block around several prefixes that are in one place, for those that were not measured.
    fn wide(
        &mut self,
        neighbours: &[ClientPrefix],
        places: &[Place],
    ) -> Option<(Block, Order, f64)> {
        let (first, place) = (*neighbours.first()?, places.first()?);
        let area = Area::of(place)?;
        let is_one = places.iter().all(|other| Area::of(other) == Some(area));
        let other = first.neighbours().find(|prefix| !neighbours.contains(prefix))?;
        let whole = Block { first: first.first_neighbour(), is_wide: true };
        let is_worth = neighbours.len() > 1 && is_one;
        is_worth.then(|| self.block(whole, other, place, None)).flatten()
    }

    /// The order of a block, if it beats the one around it.
    fn block(
        &mut self,
        block: Block,
        prefix: ClientPrefix,
        place: &Place,
        around: Option<&Order>,
    ) -> Option<(Block, Order, f64)> {
        let before = self.before.of_block(&block).map(Order::base);
        let Some(wanted) = self.wanted(&Subject { prefix: Some(prefix), place: *place }) else {
            // Nobody knows where it is: what was measured is all there is.
            let order = self.measured(prefix)?;
            let order = match before {
                Some(before) => before.settled(&order, &self.rules.margin),
                None => order,
            };
            return Some((block, order, f64::INFINITY));
        };
        let around = around.or_else(|| self.orders.of_place(place)).unwrap_or(&wanted.by_distance);
        let order = before.as_ref().unwrap_or(around).settled(&wanted.order, &self.rules.margin);
        let gain = order.gain_over(around);
        (!order.is_like(around)).then_some((block, order, gain))
    }

    /// The regions that a prefix was measured to, the fastest first.
    fn measured(&self, prefix: ClientPrefix) -> Option<Order> {
        let mut measured: Vec<Rated> = self
            .table
            .measured(prefix, self.tick)
            .map(|(region, summary)| Rated::measured(region, &summary))
            .collect();
        measured.sort_by_key(|rated| (rated.rtt(), rated.region()));
        measured.truncate(limits::LATENCY_RATED);
        (!measured.is_empty()).then(|| Order::new(measured))
    }

    fn wanted(&mut self, subject: &Subject) -> Option<Wanted> {
        let order = self.estimator.order(subject, |_| true);
        let mut by_distance: Vec<Estimate> = order.clone();
        // Of equal distances the lower id comes first, as in `nearest`.
        by_distance.sort_by(|a, b| a.km.total_cmp(&b.km).then(a.region.cmp(&b.region)));
        let is_close = match &*by_distance {
            [first, second, ..] => second.km - first.km < WITHIN_SQUARE_KM,
            [] | [_] => false,
        };
        let rated = |order: &[Estimate]| {
            let head = order.iter().take(limits::LATENCY_RATED);
            Order::new(head.map(|estimate| Rated::of(estimate, self.tick)))
        };
        let (order, by_distance) = (rated(&order), rated(&by_distance));
        (!order.rated().is_empty()).then_some(Wanted { order, by_distance, is_close })
    }

    /// The place that stands for an area.
    fn place(&self, area: Area, asn: Option<Asn>) -> Place {
        let country = area.country.and_then(|letters| {
            let text = std::str::from_utf8(&letters).ok()?;
            text.parse::<Country>().ok()
        });
        let coordinates = self.model.stand_in(area.square);
        Place { coordinates, country, asn, ..Place::default() }
    }

    /// Sends some areas to an alternative for this turn.
    fn explore(&mut self, now: Timestamp) {
        let exploration = self.rules.exploration;
        if exploration.share <= 0.0 {
            return;
        }
        let since_epoch = Duration::from_secs(u64::try_from(now.as_second()).unwrap_or(0));
        let areas = std::mem::take(&mut self.orders.areas);
        let sent = areas.into_iter().map(|(area, order)| {
            let others = u16::try_from(order.rated().len().saturating_sub(1)).unwrap_or(u16::MAX);
            let which = exploration.alternative(&area, since_epoch, others.min(ALTERNATIVES));
            (area, which.map(|nth| order.exploring(nth)).unwrap_or(order))
        });
        self.orders.areas = sent.collect::<HashMap<_, _>>();
    }
}
