//! The nodes and probers that are there.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::engine::Contact;
use crate::engine::Engine;
use crate::engine::NodeStatus;
use crate::engine::checks::SOON;
use crate::health::Echo;
use crate::health::Unreadable;
use crate::health::written;
use crate::model::AdminState;
use crate::model::AdminTarget;
use crate::model::limits;

/// What a node or prober says of itself, so that operators see who is there.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct NodeCard {
    /// Its name.
    pub node: String,
    /// Drawn when its process started: two of one name differ in it.
    pub instance: u64,
    /// Its version of Meridian.
    pub version: String,
    /// Whether it is a name server, or only probes. It is in no card: the key says it, which the
    /// login must be permitted to put.
    #[serde(skip)]
    pub answers: bool,
    /// When it started, by its own clock.
    pub started: Timestamp,
    /// What all its verdicts come to as one number; 0 where it has none.
    pub verdicts: u64,
    /// What all admin states that operators set come to as one number; 0 where it has none.
    #[serde(default)]
    pub orders: u64,
    /// What it answers by.
    #[serde(default)]
    pub inputs: InputDigests,
}

/// What a node answers by, as digests: nodes with others answer otherwise. Empty while it is not
/// known.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct InputDigests {
    /// Of what decides answers in the configuration and the zones.
    pub configuration: String,
    /// Of the GeoIP databases.
    pub databases: String,
}

/// Nodes that answer by something else than this one.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Differing {
    /// Those with another configuration: their names, and both digests in words.
    pub configuration: Vec<(String, String)>,
    /// Those with other databases.
    pub databases: Vec<(String, String)>,
}

/// How often a node says that it is there.
pub(super) const CARD: Duration = Duration::from_secs(10);

/// How long a node that says nothing is listed.
const LISTED: Duration = Duration::from_secs(3600);

impl NodeCard {
    /// The card of this process.
    pub fn new(node: &str, instance: u64, answers: bool, started: Timestamp) -> Self {
        Self {
            node: node.to_owned(),
            instance,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            answers,
            started,
            verdicts: 0,
            orders: 0,
            inputs: InputDigests::default(),
        }
    }

    /// As octets: JSON, for whoever looks into the bucket.
    pub fn encode(&self) -> Vec<u8> {
        written::encode(self)
    }

    /// From octets.
    ///
    /// # Errors
    ///
    /// [`Unreadable`].
    pub fn decode(octets: &[u8]) -> Result<Self, Unreadable> {
        let card: Self = written::decode(octets)?;
        // They are shown to people, as they are.
        let is_plain =
            |text: &String| text.len() <= limits::NODE_NAME && !text.contains(char::is_control);
        let InputDigests { configuration, databases } = &card.inputs;
        let texts = [&card.node, &card.version, configuration, databases];
        let is_fine = texts.into_iter().all(is_plain);
        match is_fine {
            true => Ok(card),
            false => Err(Unreadable::Damaged("a name in it is too long or no line".to_owned())),
        }
    }
}

/// That another process has the name of this one.
pub(super) fn double(what: &str) -> String {
    named_twice(&format!("another process says that it is {what} too"))
}

fn named_twice(words: &str) -> String {
    format!("{words}; give each its own name with `node` in `[cluster]` or `--node`")
}

/// The others, by name.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    others: BTreeMap<String, Other>,
    echo: Echo,
    /// What several processes say that they are, in words, and when that was heard last.
    doubles: BTreeMap<String, (String, Timestamp)>,
}

/// What is known of another node.
#[derive(Clone, Debug)]
struct Other {
    card: NodeCard,
    heard: Timestamp,
    /// How many orders had been taken here when its admin states were the same as ours last.
    agreed: Option<u64>,
    /// The instance that had its name before.
    former: Option<u64>,
}

impl Nodes {
    /// The clock was set back to `now`.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        for other in self.others.values_mut() {
            other.heard = other.heard.min(now);
        }
        self.doubles.values_mut().for_each(|(_, heard)| *heard = (*heard).min(now));
    }

    /// Compares the admin states of all with ours.
    fn compare(&mut self, orders: u64, count: u64) {
        for other in self.others.values_mut().filter(|other| other.card.orders == orders) {
            other.agreed = Some(count);
        }
    }

    /// The name servers that have not said that they hold the order of that number, by name.
    pub(super) fn without(&self, number: u64) -> Vec<String> {
        let lacks = |other: &&Other| other.agreed.is_none_or(|agreed| agreed < number);
        let others = self.others.values().filter(|other| other.card.answers);
        others.filter(lacks).map(|other| other.card.node.clone()).collect()
    }

    /// The last order of the name server that is furthest behind; `None` inside if it never held
    /// the same as this one, outside if there is no other.
    fn oldest(&self) -> Option<Option<u64>> {
        self.others.values().filter(|other| other.card.answers).map(|other| other.agreed).min()
    }
}

impl Engine {
    /// What this node says of itself, if that is due.
    pub(super) fn card(&mut self, now: Timestamp) -> Option<NodeCard> {
        if now < self.card_due {
            return None;
        }
        self.card_due = now + CARD;
        let node = &self.plan.node;
        let card = NodeCard::new(&node.name, node.instance, true, self.started);
        let inputs = self.inputs.clone();
        let (verdicts, orders) = (self.verdicts(), self.admin.digest());
        Some(NodeCard { verdicts, orders, inputs, ..card })
    }

    /// What this node answers by is told the others.
    pub fn set_inputs(&mut self, inputs: InputDigests, now: Timestamp) {
        self.inputs = inputs;
        self.card_due = self.card_due.min(now);
    }

    /// What this node answers by.
    pub const fn inputs(&self) -> &InputDigests {
        &self.inputs
    }

    /// Nodes that answer by something else, as far as they were heard lately. Of another version
    /// it can't be told.
    pub fn differing(&self, now: Timestamp) -> Differing {
        let others = self.nodes.others.values();
        let comparable = others.filter(|Other { card, heard, .. }| {
            card.answers && card.version == env!("CARGO_PKG_VERSION") && now < *heard + 3 * CARD
        });
        let mut differing = Differing::default();
        for Other { card, .. } in comparable {
            let words = |what: &str, theirs: &str, ours: &str| {
                let is_other = !theirs.is_empty() && !ours.is_empty() && theirs != ours;
                let words = format!("its {what} {theirs} there, {ours} here: answers differ");
                is_other.then(|| (card.node.clone(), words))
            };
            let (theirs, ours) = (&card.inputs, &self.inputs);
            let found = words("configuration is", &theirs.configuration, &ours.configuration);
            differing.configuration.extend(found);
            let found = words("databases are", &theirs.databases, &ours.databases);
            differing.databases.extend(found);
        }
        differing
    }

    /// Another process says that it is what this one is.
    pub(super) fn hear_own_name(&mut self, what: String, now: Timestamp) {
        let words = double(&what);
        self.hear_double(what, words, now);
    }

    fn hear_double(&mut self, what: String, words: String, now: Timestamp) {
        self.trouble(words.clone(), now);
        let doubles = &mut self.nodes.doubles;
        doubles.retain(|_, (_, heard)| now < *heard + 3 * CARD);
        if doubles.len() < limits::NODES {
            doubles.insert(what, (words, now));
        }
    }

    /// What several processes say that they are, this one or another, as far as that was heard
    /// lately; and in words.
    pub fn doubles(&self, now: Timestamp) -> Vec<(String, String)> {
        let doubles = self.nodes.doubles.iter();
        let lately = doubles.filter(|(_, (_, heard))| now < *heard + 3 * CARD);
        lately.map(|(what, (words, _))| (what.clone(), words.clone())).collect()
    }

    /// Takes what a node said of itself so long ago.
    pub(super) fn heard_of(&mut self, card: NodeCard, age: Duration, now: Timestamp) {
        let heard = now.checked_sub(age).unwrap_or(now);
        if card.node == self.plan.node.name {
            if self.nodes.echo.is_other(card.instance, self.plan.node.instance) {
                self.hear_own_name(format!("node `{}`", card.node), now);
            }
            return;
        }
        let others = &mut self.nodes.others;
        others.retain(|_, other| now < other.heard + LISTED);
        if others.len() >= limits::NODES && !others.contains_key(&card.node) {
            let quietest = others.iter().min_by_key(|(_, other)| other.heard);
            let quietest = quietest.map(|(name, _)| name.clone());
            quietest.iter().for_each(|name| drop(others.remove(name)));
        }
        // One that started again may have forgotten.
        let before = others.get(&card.node).filter(|o| o.card.instance == card.instance);
        let agreed = match card.orders == self.admin.digest() {
            true => Some(self.spread.count()),
            false => before.and_then(|before| before.agreed),
        };
        let last = others.get(&card.node).map(|other| (other.card.instance, other.former));
        let (former, is_back) = match last {
            Some((last, former)) if last == card.instance => (former, false),
            // One that was started again does not come back as what it was before.
            Some((last, former)) => (Some(last), former == Some(card.instance)),
            None => (None, false),
        };
        let what = if card.answers { "node" } else { "prober" };
        let what = format!("{what} `{}`", card.node);
        others.insert(card.node.clone(), Other { card, heard, agreed, former });
        self.follow_spread(now);
        if is_back {
            let words = named_twice(&format!("two processes say that they are {what}"));
            self.hear_double(what, words, now);
        }
    }

    /// An order was taken: the others soon see whether they have it too.
    pub(super) fn note_order(&mut self, target: &AdminTarget, state: AdminState, now: Timestamp) {
        self.card_due = self.card_due.min(now + SOON);
        self.spread.note(target, state);
        self.nodes.compare(self.admin.digest(), self.spread.count());
        self.follow_spread(now);
    }

    fn follow_spread(&mut self, now: Timestamp) {
        // Where there is no other all of them have it.
        let oldest = self.nodes.oldest().unwrap_or(Some(u64::MAX));
        self.spread.follow(oldest, now);
    }

    /// Whether this node decides what one alone decides for all: of the nodes that answer and were
    /// heard of lately it is the first by name. Nobody decides who can't be heard.
    pub fn is_first(&self, now: Timestamp) -> bool {
        let name = &self.plan.node.name;
        let is_there = |heard: Timestamp| now < heard + 3 * CARD;
        let others = self.nodes.others.values();
        let mut earlier = others.filter(|o| o.card.answers && o.card.node < *name);
        self.line.contact == Contact::Joined && earlier.all(|other| !is_there(other.heard))
    }

    /// Whether nobody was heard for a minute: this node goes by what it sees itself.
    pub fn is_alone(&self) -> bool {
        self.line.contact == Contact::Alone
    }

    pub(super) fn nodes(&self) -> Vec<NodeStatus> {
        let verdicts = self.verdicts();
        let orders = self.admin.digest();
        let status = |Other { card, heard, .. }: &Other| NodeStatus {
            node: card.node.clone(),
            version: card.version.clone(),
            answers: card.answers,
            started: card.started,
            heard: *heard,
            inputs: card.inputs.clone(),
            agrees: !card.answers || card.verdicts == verdicts,
            orders_agree: !card.answers || card.orders == orders,
        };
        self.nodes.others.values().map(status).collect()
    }

    /// All verdicts as one number that does not depend on the order of the checks.
    fn verdicts(&self) -> u64 {
        let known = self.plan.checks.all.iter().zip(&self.checks);
        known.fold(0, |sum: u64, (check, state)| {
            let verdict = state.verdict as u64 + 1;
            sum.wrapping_add(check.key.digest().wrapping_mul(2 * verdict + 1))
        })
    }
}
