//! Orders from other nodes: admin states that are shared.
//!
//! Each is stamped where it was given, and the greater stamp wins everywhere: neither the order
//! in which they come nor what the store kept matters. One that is taken away is an order too,
//! and is remembered as such.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use jiff::SignedDuration;
use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::engine::AdminStatus;
use crate::engine::Engine;
use crate::engine::Stamp;
use crate::engine::What;
use crate::engine::admin;
use crate::health::Unreadable;
use crate::health::written;
use crate::model::AdminState;
use crate::model::AdminTarget;
use crate::model::limits;

/// One order, as nodes share it and keep it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct AdminOrder {
    /// The state that it sets; `auto` takes one away.
    #[serde(flatten)]
    pub status: AdminStatus,
    /// Which order was known for the same target when it was given.
    #[serde(default)]
    pub replaced: Stamp,
}

/// An order stamped by a clock that is further ahead than this is not taken: it would win over
/// all that anybody orders until then.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

impl AdminOrder {
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
        let mut order: Self = written::decode(octets)?;
        // What each node finds out for itself.
        (order.status.overruled, order.status.unsettled) = (None, None);
        let AdminStatus { who, why, stamp, .. } = &order.status;
        let nodes = [&stamp.node, &order.replaced.node];
        let is_short = why.chars().count() <= limits::WHY
            && who.len() <= limits::WHY
            && nodes.iter().all(|node| node.len() <= limits::NODE_NAME);
        // The API refuses them too: they are shown to people, and are one line of a log.
        let texts = [why, who].into_iter().chain(nodes);
        let is_plain = texts.into_iter().all(|text| !text.contains(char::is_control));
        match is_short && is_plain {
            true => Ok(order),
            false => {
                let problem = "a reason or name in it is too long, or more than one line";
                Err(Unreadable::Damaged(problem.to_owned()))
            }
        }
    }
}

impl Engine {
    /// Takes an order that another node gave, or this one before it restarted.
    pub(super) fn ordered(&mut self, order: AdminOrder, now: Timestamp) {
        let taken = self.take_order(order, now);
        self.follow_orders(now, taken.as_slice());
    }

    /// All orders that the store has were read: what it lacks is to be put there.
    pub(super) fn orders_read(&mut self, orders: Vec<AdminOrder>, now: Timestamp) {
        let stored: BTreeSet<_> = orders.iter().map(|order| order.status.target.clone()).collect();
        let lacking = self.admin.orders().filter(|own| !stored.contains(&own.status.target));
        self.effects.orders.extend(lacking.cloned());
        let mut taken = Vec::new();
        for order in orders {
            let known = self.admin.order(&order.status.target).cloned();
            // What is not taken is not to stay in place of a better one. Only here: who gave it
            // puts it back, and once a minute is often enough for that.
            if self.fits(&order, known.as_ref(), now).is_err() {
                self.effects.orders.extend(known);
            }
            taken.extend(self.take_order(order, now));
        }
        self.follow_orders(now, &taken);
    }

    /// Orders were taken: finds what they are about, and which of them are over.
    fn follow_orders(&mut self, now: Timestamp, taken: &[(AdminTarget, AdminState)]) {
        self.admin.resolve(&self.plan, &self.wiring);
        self.end_orders(now);
        taken.iter().for_each(|(target, state)| self.note_order(target, *state, now));
    }

    /// Takes an order, if it is news: for what, and what it sets.
    fn take_order(
        &mut self,
        mut order: AdminOrder,
        now: Timestamp,
    ) -> Option<(AdminTarget, AdminState)> {
        let target = order.status.target.clone();
        let known = self.admin.order(&target).cloned();
        if let Err(why) = self.fits(&order, known.as_ref(), now) {
            why.into_iter().for_each(|why| self.trouble(why, now));
            return None;
        }
        if let Some(known) = &known {
            match known.status.stamp.cmp(&order.status.stamp) {
                Ordering::Equal => return None,
                // Whoever shared it does not know better; what is in the store is replaced.
                Ordering::Greater => {
                    self.admin.note_conflict(&target, &order);
                    self.effects.orders.push(known.clone());
                    return None;
                }
                Ordering::Less => order.status.overruled = known.loses_unseen(&order),
            }
        }
        let before = self.admin.get(&target);
        let services = admin::concerned(&target, &self.plan, &self.wiring).unwrap_or_default();
        let AdminStatus { state, who, why, stamp, until, .. } = order.status.clone();
        let is_over = until.is_some_and(|until| until <= now);
        self.admin.keep(order, is_over);
        if state == AdminState::Auto {
            self.let_back(&target, &services);
        }
        self.dirty.extend(services);
        self.effects.save = true;
        if before != state && !is_over {
            let (who, target) = (format!("{who} on {}", stamp.node), target.clone());
            self.tell(now, What::Admin { target, state, who, why });
        }
        Some((target, if is_over { AdminState::Auto } else { state }))
    }

    /// Whether an order may be taken; if not, what there is to tell.
    fn fits(
        &self,
        order: &AdminOrder,
        known: Option<&AdminOrder>,
        now: Timestamp,
    ) -> Result<(), Option<String>> {
        let AdminStatus { target, state, stamp, .. } = &order.status;
        if SignedDuration::from_millis(stamp.ahead_of(now)) > AHEAD {
            return Err(Some(format!(
                "an order for `{target}` was not taken: the clock of node `{}` was more than a \
                 day ahead of ours; set it, and order again",
                stamp.node
            )));
        }
        let most = limits::ADMIN_STATES;
        match (known, state) {
            (Some(_), _) => Ok(()),
            (None, AdminState::Auto) if self.admin.past() >= most => Err(None),
            (None, AdminState::Auto) => Ok(()),
            (None, _) if self.admin.len() >= most => Err(Some(format!(
                "an order for `{target}` was not taken: there are {most} already; take some away"
            ))),
            (None, _) => Ok(()),
        }
    }
}

impl AdminOrder {
    /// In words, if `winner` was given without knowing of this one.
    pub(super) fn loses_unseen(&self, winner: &Self) -> Option<String> {
        let AdminStatus { stamp, state, who, .. } = &self.status;
        let is_unseen = *stamp > winner.replaced && stamp.node != winner.status.stamp.node;
        is_unseen.then(|| format!("{state} by {who} on {}", stamp.node))
    }
}
