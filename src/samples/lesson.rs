//! A lesson: a copy of the table, and what is learnt from it.

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::geo::Atlas;
use crate::geo::DatabaseError;
use crate::latency::ClientPrefix;
use crate::latency::Model;
use crate::latency::Orders;
use crate::latency::Rules;
use crate::latency::Table;
use crate::model::Place;
use crate::samples::Published;

/// What is to be learnt from.
#[derive(Debug)]
pub struct Lesson {
    table: Table,
    /// What the regions of the table are called, by position.
    regions: Vec<String>,
    /// How much the node had heard; see [`Counts::heard`](crate::samples::Counts::heard).
    heard: u64,
}

impl Lesson {
    pub(super) const fn new(table: Table, regions: Vec<String>, heard: u64) -> Self {
        Self { table, regions, heard }
    }

    /// How much the node had heard; see [`Counts::heard`](crate::samples::Counts::heard).
    pub const fn heard(&self) -> u64 {
        self.heard
    }

    /// Learns the orders that follow those that are `published`, for clients where an atlas locates
    /// them. Takes seconds to a minute: for a thread that has nothing else to do.
    ///
    /// # Errors
    ///
    /// If a database is damaged.
    pub fn learn(
        &self,
        atlas: &Atlas,
        published: &Published,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<Published, DatabaseError> {
        let places = atlas.places()?;
        let ground = |prefix: ClientPrefix| match atlas.locate(prefix.address()) {
            Ok(located) if !located.ask_resolver => located.place,
            // What is damaged was met in the walk.
            Ok(_) | Err(_) => Place::default(),
        };
        let names: Vec<&str> = self.regions.iter().map(String::as_str).collect();
        let before = published.orders_for(&names);
        let model = Model::fit(&self.table, ground, now);
        let orders = Orders::learn(&self.table, &model, places, ground, &before, rules, now);
        // Later than those before, whatever the clocks: the later ones hold.
        let next = published.since(now).checked_add(SignedDuration::from_secs(1));
        let (regions, prefixes) = (self.regions.clone(), self.table.prefixes());
        Ok(Published::new(regions, orders, prefixes, now.max(next.unwrap_or(Timestamp::MAX))))
    }
}
