//! A lesson: a copy of the table, and what is learnt from it.

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
    /// How many samples the node had taken.
    taken: u64,
}

impl Lesson {
    pub(super) const fn new(table: Table, regions: Vec<String>, taken: u64) -> Self {
        Self { table, regions, taken }
    }

    /// How many samples the node had taken.
    pub const fn taken(&self) -> u64 {
        self.taken
    }

    /// Learns the orders that follow what is published now, for clients where an atlas locates
    /// them. Takes seconds to a minute: for a thread that has nothing else to do.
    ///
    /// # Errors
    ///
    /// If a database is damaged.
    pub fn learn(
        &self,
        atlas: &Atlas,
        before: &Published,
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
        let before = before.orders_for(&names);
        let model = Model::fit(&self.table, ground, now);
        let orders = Orders::learn(&self.table, &model, places, ground, &before, rules, now);
        Ok(Published::new(self.regions.clone(), orders, now))
    }
}
