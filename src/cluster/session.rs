//! The session: shared values become events of the engine, and its effects shared values.
//!
//! Pure, and the same for nodes, for probers and for simulated ones. What comes from outside
//! is input: what can't be read is told once, and the rest is taken.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::cluster::bucket::Entry;
use crate::cluster::key::Key;
use crate::cluster::link::News;
use crate::engine::AdminOrder;
use crate::engine::Effects;
use crate::engine::Event;
use crate::engine::NodeCard;
use crate::health::Opinions;
use crate::health::Roll;
use crate::health::Unreadable;
use crate::model::limits;

/// What a process has taken of the others so far.
#[derive(Debug, Default)]
pub struct Session {
    /// Of each shelf the revision of the newest value, and when it was stored, by the clock of
    /// who keeps the shelf: how old others are is counted from it, so that nobody's own clock
    /// matters.
    newest: [Option<(u64, Timestamp)>; 2],
    /// What was said of values that can't be used, by key: it is not said again.
    complaints: BTreeMap<Key, String>,
}

/// A value that could be read.
enum Value {
    Opinions(Opinions),
    Roll(Roll),
    Order(Box<AdminOrder>),
    Card(NodeCard),
    /// It is for others.
    None,
}

impl Session {
    /// The events that news are.
    pub fn take(&mut self, news: News) -> Vec<Event> {
        match news {
            News::Entry(entry) => self.one(&entry).into_iter().collect(),
            News::Read { entries, joined } => self.all(&entries, joined),
            News::Lost { why } => vec![Event::Lost(why)],
            News::Refused { key, why } => {
                vec![Event::Trouble(format!("`{key}` is not shared: {why}"))]
            }
        }
    }

    /// The values that effects are, in the order in which they are to be put.
    pub fn puts(effects: &mut Effects) -> Vec<(Key, Vec<u8>)> {
        let mut puts = Vec::new();
        if let Some(published) = effects.published.take() {
            if let Some(roll) = published.roll {
                puts.push((Key::Checks(roll.digest()), roll.encode()));
            }
            let opinions = published.opinions;
            puts.push((Key::Opinions(opinions.vantage.clone()), opinions.encode()));
        }
        let orders = std::mem::take(&mut effects.orders).into_iter();
        puts.extend(orders.map(|order| (key(&order), order.encode())));
        if let Some(card) = effects.card.take() {
            puts.push((Key::Node(card.node.clone()), card.encode()));
        }
        puts
    }

    fn one(&mut self, entry: &Entry) -> Option<Event> {
        let age = self.age(entry);
        Some(match self.read(entry) {
            Ok(Value::Opinions(said)) => Event::Opinions(Box::new(said), age),
            Ok(Value::Roll(roll)) => Event::Roll(roll),
            Ok(Value::Order(order)) => Event::Order(order),
            Ok(Value::Card(card)) => Event::Card(Box::new(card), age),
            Ok(Value::None) => return None,
            Err(complaint) => Event::Trouble(complaint?),
        })
    }

    /// What positions mean comes after what refers to them: the rest is of the past.
    fn all(&mut self, entries: &[Entry], joined: bool) -> Vec<Event> {
        // A store that was set up anew counts anew.
        self.newest = if joined { [None; 2] } else { self.newest };
        entries.iter().for_each(|entry| self.count(entry));
        let shared = entries.iter().filter_map(|entry| match entry.key {
            Key::Checks(digest) => Some(digest),
            Key::Admin(_)
            | Key::Load(_)
            | Key::Monitors
            | Key::Node(_)
            | Key::Opinions(_)
            | Key::Orders(_)
            | Key::Samples(..)
            | Key::Shares => None,
        });
        let shared = shared.collect();
        let (mut rolls, mut rest, mut orders) = (Vec::new(), Vec::new(), Vec::new());
        for entry in entries {
            match self.one(entry) {
                Some(event @ Event::Roll(_)) => rolls.push(event),
                Some(Event::Order(order)) => orders.push(*order),
                Some(event) => rest.push(event),
                None => {}
            }
        }
        let joined = joined.then_some(Event::Joined);
        let read = [Event::Read(orders, shared)];
        joined.into_iter().chain(rest).chain(rolls).chain(read).collect()
    }

    /// How old a value is, by the store's clock.
    fn age(&mut self, entry: &Entry) -> Duration {
        self.count(entry);
        let newest = self.newest.get(entry.key.shelf() as usize).copied().flatten();
        let newest = newest.map_or(entry.stored, |(_, stored)| stored);
        Duration::try_from(newest.duration_since(entry.stored)).unwrap_or_default()
    }

    fn count(&mut self, entry: &Entry) {
        let Some(newest) = self.newest.get_mut(entry.key.shelf() as usize) else { return };
        if newest.is_none_or(|(revision, _)| revision <= entry.revision) {
            *newest = Some((entry.revision, entry.stored));
        }
    }

    /// Reads a value; what is wrong with it is `None` if that was said already.
    fn read(&mut self, entry: &Entry) -> Result<Value, Option<String>> {
        match value(entry) {
            Ok(value) => {
                self.complaints.remove(&entry.key);
                Ok(value)
            }
            Err(problem) => Err(self.complain(&entry.key, &problem)),
        }
    }

    fn complain(&mut self, key: &Key, problem: &Unreadable) -> Option<String> {
        let complaint = format!("`{key}` of the cluster is not used: {problem}");
        let is_said = self.complaints.get(key) == Some(&complaint);
        if is_said || self.complaints.len() >= limits::COMPLAINTS {
            return None;
        }
        self.complaints.insert(key.clone(), complaint.clone());
        Some(complaint)
    }
}

/// Reads a value. It must be of whom its key is: a store may allow each to put only its own.
fn value(entry: &Entry) -> Result<Value, Unreadable> {
    let octets = &*entry.value;
    let (value, is_own) = match &entry.key {
        Key::Opinions(name) => {
            let said = Opinions::decode(octets)?;
            let is_own = said.vantage == *name;
            (Value::Opinions(said), is_own)
        }
        Key::Checks(digest) => {
            let roll = Roll::decode(octets)?;
            let is_own = roll.digest() == *digest;
            (Value::Roll(roll), is_own)
        }
        Key::Admin(_) => {
            let order = AdminOrder::decode(octets)?;
            let is_own = key(&order) == entry.key;
            (Value::Order(Box::new(order)), is_own)
        }
        Key::Node(name) => {
            let card = NodeCard::decode(octets)?;
            let is_own = card.node == *name;
            (Value::Card(card), is_own)
        }
        Key::Load(_) | Key::Monitors | Key::Orders(_) | Key::Samples(..) | Key::Shares => {
            (Value::None, true)
        }
    };
    let other = || Unreadable::Damaged("it is that of another key".to_owned());
    is_own.then_some(value).ok_or_else(other)
}

fn key(order: &AdminOrder) -> Key {
    Key::Admin(order.status.target.to_string())
}
