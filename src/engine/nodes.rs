//! The nodes and probers that are there.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::engine::Contact;
use crate::engine::Engine;
use crate::engine::NodeStatus;
use crate::health::Echo;
use crate::health::Unreadable;
use crate::health::written;
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
    /// Whether it answers queries, or only probes.
    pub answers: bool,
    /// When it started, by its own clock.
    pub started: Timestamp,
    /// What all its verdicts come to as one number; 0 where it has none.
    pub verdicts: u64,
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
        match card.node.len() <= limits::NODE_NAME && card.version.len() <= limits::NODE_NAME {
            true => Ok(card),
            false => Err(Unreadable::Damaged("its name is too long".to_owned())),
        }
    }
}

/// That another process has the name of this one.
pub(super) fn double(what: &str) -> String {
    format!(
        "another process says that it is {what} too; give each its own name with `node` in \
         `[cluster]` or `--node`"
    )
}

/// The others, by name.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    others: BTreeMap<String, (NodeCard, Timestamp)>,
    echo: Echo,
}

impl Nodes {
    /// The clock was set back to `now`.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        self.others.values_mut().for_each(|(_, heard)| *heard = (*heard).min(now));
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
        Some(NodeCard { verdicts: self.verdicts(), ..card })
    }

    /// Takes what a node said of itself so long ago.
    pub(super) fn heard_of(&mut self, card: NodeCard, age: Duration, now: Timestamp) {
        let heard = now.checked_sub(age).unwrap_or(now);
        if card.node == self.plan.node.name {
            if self.nodes.echo.is_other(card.instance, self.plan.node.instance) {
                self.trouble(double(&format!("node `{}`", card.node)), now);
            }
            return;
        }
        let others = &mut self.nodes.others;
        others.retain(|_, (_, heard)| now < *heard + LISTED);
        if others.len() >= limits::NODES && !others.contains_key(&card.node) {
            let quietest = others.iter().min_by_key(|(_, (_, heard))| *heard);
            let quietest = quietest.map(|(name, _)| name.clone());
            quietest.iter().for_each(|name| drop(others.remove(name)));
        }
        others.insert(card.node.clone(), (card, heard));
    }

    /// Whether this node decides what one alone decides for all: of the nodes that answer and were
    /// heard of lately it is the first by name. Nobody decides who can't be heard.
    pub fn is_first(&self, now: Timestamp) -> bool {
        let name = &self.plan.node.name;
        let is_there = |heard: Timestamp| now < heard + 3 * CARD;
        let others = self.nodes.others.values();
        let mut earlier = others.filter(|(card, _)| card.answers && card.node < *name);
        self.line.contact == Contact::Joined && earlier.all(|(_, heard)| !is_there(*heard))
    }

    /// Whether nobody was heard for a minute: this node goes by what it sees itself.
    pub fn is_alone(&self) -> bool {
        self.line.contact == Contact::Alone
    }

    pub(super) fn nodes(&self) -> Vec<NodeStatus> {
        let verdicts = self.verdicts();
        let status = |(card, heard): &(NodeCard, Timestamp)| NodeStatus {
            node: card.node.clone(),
            version: card.version.clone(),
            answers: card.answers,
            started: card.started,
            heard: *heard,
            agrees: !card.answers || card.verdicts == verdicts,
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
