//! The session: shared values become events of the engine, and its effects shared values.
//!
//! Pure, and the same for nodes, for probers and for simulated ones. What comes from outside
//! is input: what can't be read is told once, and the rest is taken.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::cluster::bucket::Entry;
use crate::cluster::key::Key;
use crate::cluster::link::News;
use crate::cluster::refusals::Refusals;
use crate::cluster::refusals::Why;
use crate::engine::AdminOrder;
use crate::engine::Effects;
use crate::engine::Event;
use crate::engine::NodeCard;
use crate::health::Opinions;
use crate::health::Roll;
use crate::health::Unreadable;

/// What a process has taken of the others so far.
#[derive(Debug, Default)]
pub struct Session {
    /// Of each shelf the revision of the newest value, and when it was stored, by the clock of
    /// who keeps the shelf: how old others are is counted from it, so that nobody's own clock
    /// matters.
    newest: [Option<(u64, Timestamp)>; 2],
    refusals: Refusals,
}

/// Why a value is not used.
enum Unfit {
    Unreadable(Unreadable),
    NotOwn,
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
    /// One that counts there what it does not use.
    pub fn new(refusals: Refusals) -> Self {
        Self { refusals, ..Self::default() }
    }

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
                let vantage = published.opinions.vantage.clone();
                puts.push((Key::Checks(vantage), roll.encode()));
            }
            let opinions = published.opinions;
            puts.push((Key::Opinions(opinions.vantage.clone()), opinions.encode()));
        }
        let orders = std::mem::take(&mut effects.orders).into_iter();
        puts.extend(orders.map(|order| (key(&order), order.encode())));
        if let Some(card) = effects.card.take() {
            let (name, value) = (card.node.clone(), card.encode());
            puts.push((if card.answers { Key::Server(name) } else { Key::Prober(name) }, value));
        }
        puts
    }

    fn one(&mut self, entry: &Entry) -> Option<Event> {
        let age = self.age(entry);
        Some(match value(entry) {
            Ok(Value::Opinions(said)) => Event::Opinions(Box::new(said), age),
            Ok(Value::Roll(roll)) => Event::Roll(roll),
            Ok(Value::Order(order)) => Event::Order(order),
            Ok(Value::Card(card)) => Event::Card(Box::new(card), age),
            Ok(Value::None) => return None,
            Err(unfit) => Event::Trouble(self.complain(entry, &unfit)?),
        })
    }

    /// What positions mean comes after what refers to them: the rest is of the past.
    fn all(&mut self, entries: &[Entry], joined: bool) -> Vec<Event> {
        // A store that was set up anew counts anew.
        self.newest = if joined { [None; 2] } else { self.newest };
        entries.iter().for_each(|entry| self.count(entry));
        let (mut rolls, mut rest, mut orders) = (Vec::new(), Vec::new(), Vec::new());
        let mut shared = BTreeSet::new();
        for entry in entries {
            match self.one(entry) {
                // Most have the same.
                Some(Event::Roll(roll)) if !shared.insert(roll.digest()) => {}
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

    /// Counts a value that is not used; what there is to tell, if it was not told lately.
    fn complain(&self, entry: &Entry, unfit: &Unfit) -> Option<String> {
        let key = &entry.key;
        let (why, problem) = match unfit {
            Unfit::Unreadable(problem) => (Why::Unreadable, problem.to_string()),
            Unfit::NotOwn => (Why::NotOwn, "it is that of another key".to_owned()),
        };
        let is_told = self.refusals.note(key, why, entry.stored);
        is_told.then(|| format!("`{key}` of the cluster is not used: {problem}"))
    }
}

/// Reads a value. It must be of whom its key is: a store may allow each to put only its own.
fn value(entry: &Entry) -> Result<Value, Unfit> {
    let octets = &*entry.value;
    let (value, is_own) = match &entry.key {
        Key::Opinions(name) => {
            let said = Opinions::decode(octets)?;
            let is_own = said.vantage == *name;
            (Value::Opinions(said), is_own)
        }
        Key::Checks(_) => (Value::Roll(Roll::decode(octets)?), true),
        Key::Admin(_) => {
            let order = AdminOrder::decode(octets)?;
            let is_own = key(&order) == entry.key;
            (Value::Order(Box::new(order)), is_own)
        }
        Key::Prober(name) | Key::Server(name) => {
            let card = NodeCard::decode(octets)?;
            let is_own = card.node == *name;
            // What it is says the key: whoever may put that one is it, whatever the card says.
            let answers = matches!(entry.key, Key::Server(_));
            (Value::Card(NodeCard { answers, ..card }), is_own)
        }
        Key::Load(_) | Key::Monitors | Key::Orders(_) | Key::Samples(..) | Key::Shares => {
            (Value::None, true)
        }
    };
    if is_own { Ok(value) } else { Err(Unfit::NotOwn) }
}

impl From<Unreadable> for Unfit {
    fn from(problem: Unreadable) -> Self {
        Self::Unreadable(problem)
    }
}

fn key(order: &AdminOrder) -> Key {
    Key::Admin(order.status.target.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::AdminStatus;
    use crate::engine::Stamp;
    use crate::health::Published;
    use crate::model::AdminState;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn entry(key: Key, value: Vec<u8>, revision: u64, second: i64) -> Entry {
        Entry { key, value: value.into(), stored: at(second), revision }
    }

    /// What a node says of itself, put under a key.
    fn card(key: Key, node: &str, revision: u64, second: i64) -> Entry {
        let card = NodeCard::new(node, 1, true, at(0));
        entry(key, card.encode(), revision, second)
    }

    fn server(name: &str, revision: u64, second: i64) -> Entry {
        card(Key::Server(name.to_owned()), name, revision, second)
    }

    /// The cards that events are of: name, whether it is a name server, and how old.
    fn cards(events: Vec<Event>) -> Vec<(String, bool, u64)> {
        let card = |event| {
            let Event::Card(card, age) = event else { return None };
            Some((card.node, card.answers, age.as_secs()))
        };
        events.into_iter().filter_map(card).collect()
    }

    fn read(entries: Vec<Entry>, joined: bool) -> News {
        News::Read { entries, joined }
    }

    /// The clock of the store is the one of its newest value, in whatever order they come.
    #[test]
    fn ages_are_counted_from_the_newest_value() {
        let mut session = Session::default();
        let all = vec![server("b", 9, 100), server("a", 7, 40)];
        let expected = |a, b| vec![("b".to_owned(), true, b), ("a".to_owned(), true, a)];
        assert_eq!(cards(session.take(read(all.clone(), true))), expected(60, 0));
        let later = session.take(News::Entry(server("c", 10, 130)));
        assert_eq!(cards(later), [("c".to_owned(), true, 0)]);
        assert_eq!(cards(session.take(read(all, false))), expected(90, 30));
        let late = session.take(News::Entry(server("d", 8, 70)));
        assert_eq!(cards(late), [("d".to_owned(), true, 60)], "one that was on its way for long");
    }

    /// A store that was emptied counts from the beginning again, by a clock that may be behind.
    #[test]
    fn a_store_that_was_set_up_anew_counts_ages_anew() {
        let mut session = Session::default();
        session.take(read(vec![server("a", 900, 500)], true));
        let anew = vec![server("a", 1, 20), server("b", 2, 50)];
        let found = cards(session.take(read(anew, true)));
        assert_eq!(found, [("a".to_owned(), true, 30), ("b".to_owned(), true, 0)]);
    }

    #[test]
    fn what_a_member_is_says_its_key_and_nobody_speaks_for_another() {
        let mut session = Session::default();
        // The card says that it is a name server, as one may write.
        let value = br#"{"format":1,"node":"a","instance":1,"version":"1","answers":true,
            "started":"2026-01-01T00:00:00Z","verdicts":0}"#;
        let prober = entry(Key::Prober("a".to_owned()), value.to_vec(), 1, 0);
        assert_eq!(cards(session.take(News::Entry(prober))), [("a".to_owned(), false, 0)]);
        let other = card(Key::Server("a".to_owned()), "b", 2, 0);
        let told = session.take(News::Entry(other.clone()));
        let [Event::Trouble(why)] = &*told else { panic!("{told:?}") };
        assert_eq!(why, "`servers.a` of the cluster is not used: it is that of another key");
        assert!(session.take(News::Entry(other)).is_empty(), "it is told once");
        let of = |kind: &str, why: &str| {
            let counts = session.refusals.counts();
            counts.into_iter().find(|of| (of.kind, of.why) == (kind, why)).unwrap().count
        };
        assert_eq!(of("servers", "not-own"), 2);
    }

    #[test]
    fn one_list_of_checks_is_learnt_once_whoever_has_it() {
        let mut session = Session::default();
        let roll = Roll::of(&[]);
        let of = |name: &str, n| entry(Key::Checks(name.to_owned()), roll.encode(), n, 0);
        let events = session.take(read(vec![of("a", 1), of("b", 2)], true));
        let rolls = events.iter().filter(|event| matches!(event, Event::Roll(_)));
        assert_eq!(rolls.count(), 1);
        assert!(events.iter().any(|event| {
            matches!(event, Event::Read(_, shared) if shared.contains(&roll.digest()))
        }));
    }

    fn opinions(vantage: &str) -> Opinions {
        Opinions {
            vantage: vantage.to_owned(),
            instance: 1,
            sequence: 1,
            at: at(0),
            heartbeat: Duration::from_secs(10),
            roll: Roll::of(&[]).digest(),
            len: 0,
            exceptions: Vec::new(),
        }
    }

    fn drain(region: &str) -> AdminOrder {
        let status = AdminStatus {
            target: region.parse().unwrap(),
            state: AdminState::Drained,
            who: "ada".to_owned(),
            why: String::new(),
            since: at(0),
            until: None,
            settled: at(0),
            unsettled: None,
            stamp: Stamp::default(),
            overruled: None,
        };
        AdminOrder { status, replaced: Stamp::default() }
    }

    /// Else whoever may put one key could say what is under all.
    #[test]
    fn opinions_and_orders_are_those_of_their_key() {
        for (key, value) in [
            (Key::Opinions("a".to_owned()), opinions("b").encode()),
            (Key::Admin("eu".to_owned()), drain("us").encode()),
        ] {
            let told = Session::default().take(News::Entry(entry(key, value, 1, 0)));
            let [Event::Trouble(why)] = &*told else { panic!("{told:?}") };
            assert!(why.ends_with("it is that of another key"), "{why}");
        }
    }

    /// Who comes later reads a newer list than the opinions that it finds are of, never the other
    /// way round.
    #[test]
    fn lists_of_checks_are_put_before_what_is_of_them_and_read_after_it() {
        let (roll, opinions) = (Roll::of(&[]), opinions("a"));
        let all = vec![
            entry(Key::Checks("a".to_owned()), roll.encode(), 1, 0),
            entry(Key::Opinions("a".to_owned()), opinions.encode(), 2, 0),
        ];
        let events = Session::default().take(read(all, true));
        assert!(
            matches!(
                &*events,
                [Event::Joined, Event::Opinions(..), Event::Roll(_), Event::Read(..)]
            ),
            "{events:?}"
        );
        for (answers, member) in [(true, Key::Server as fn(String) -> Key), (false, Key::Prober)] {
            let published = Published { roll: Some(roll.clone()), opinions: opinions.clone() };
            let card = Some(NodeCard::new("a", 1, answers, at(0)));
            let mut effects = Effects { published: Some(published), card, ..Effects::default() };
            let keys = Session::puts(&mut effects).into_iter().map(|(key, _)| key);
            let expected = [Key::Checks, Key::Opinions, member].map(|key| key("a".to_owned()));
            assert_eq!(keys.collect::<Vec<_>>(), expected);
        }
    }
}
