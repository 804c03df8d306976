//! Orders from other nodes: admin states that are shared.
//!
//! Each is stamped where it was given, and the greater stamp wins everywhere: neither the order
//! in which they come nor what the store kept matters. One that is taken away is an order too,
//! and is remembered as such.

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
use crate::model::AdminState;
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

/// The format of orders that are shared.
const FORMAT: u8 = 1;

/// An order stamped by a clock that is further ahead than this is not taken: it would win over
/// all that anybody orders until then.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

#[derive(Deserialize, Serialize)]
struct Written {
    format: u8,
    #[serde(flatten)]
    order: AdminOrder,
}

impl AdminOrder {
    /// As octets: JSON, for whoever looks into the bucket.
    pub fn encode(&self) -> Vec<u8> {
        // Strings and numbers always have a text.
        serde_json::to_vec(&Written { format: FORMAT, order: self.clone() }).unwrap_or_default()
    }

    /// From octets.
    ///
    /// # Errors
    ///
    /// [`Unreadable`].
    pub fn decode(octets: &[u8]) -> Result<Self, Unreadable> {
        #[derive(Deserialize)]
        struct Versioned {
            format: u8,
        }
        let damaged = |error: serde_json::Error| Unreadable::Damaged(error.to_string());
        let Versioned { format } = serde_json::from_slice(octets).map_err(damaged)?;
        if format != FORMAT {
            return Err(Unreadable::Version { found: format, expected: FORMAT });
        }
        let Written { order, .. } = serde_json::from_slice(octets).map_err(damaged)?;
        let is_short = order.status.why.chars().count() <= 2 * limits::WHY;
        match is_short && order.status.who.len() <= limits::WHY {
            true => Ok(order),
            false => Err(Unreadable::Damaged("its reason is too long".to_owned())),
        }
    }
}

impl Engine {
    /// Takes an order that another node gave, or this one before it restarted.
    pub(super) fn ordered(&mut self, mut order: AdminOrder, now: Timestamp) {
        let target = order.status.target.clone();
        if SignedDuration::from_millis(order.status.stamp.ahead_of(now)) > AHEAD {
            let ahead = SignedDuration::from_millis(order.status.stamp.ahead_of(now));
            let node = order.status.stamp.node.clone();
            let why = format!(
                "an order for `{target}` from node `{node}` was not taken: its clock is {ahead:#} \
                 ahead of ours; set the clock, and order again"
            );
            self.tell(now, What::Trouble { why });
            return;
        }
        let known = self.admin.order(&target).cloned();
        if let Some(known) = &known {
            match known.status.stamp.cmp(&order.status.stamp) {
                std::cmp::Ordering::Equal => return,
                // Whoever shared it does not know better; what is in the bucket is replaced.
                std::cmp::Ordering::Greater => {
                    self.admin.note_conflict(&target, &order);
                    self.effects.orders.push(known.clone());
                    return;
                }
                std::cmp::Ordering::Less => {
                    order.status.overruled = known.loses_unseen(&order);
                }
            }
        } else if order.status.state != AdminState::Auto && self.admin.len() >= limits::ADMIN_STATES
        {
            let most = limits::ADMIN_STATES;
            let why = format!("an order for `{target}` was not taken: there are {most} already");
            self.tell(now, What::Trouble { why });
            return;
        }
        if order.status.until.is_some_and(|until| until <= now) {
            order.status.state = AdminState::Auto;
        }
        let before = known.map_or(AdminState::Auto, |known| known.status.state);
        let services = admin::concerned(&target, &self.plan, &self.wiring).unwrap_or_default();
        let AdminStatus { state, who, why, stamp, .. } = order.status.clone();
        self.admin.put(order, &self.plan, &self.wiring);
        if state == AdminState::Auto {
            self.let_back(&target, &services);
        }
        self.dirty.extend(services);
        self.effects.save = true;
        if before != state {
            let who = format!("{who} on {}", stamp.node);
            self.tell(now, What::Admin { target, state, who, why });
        }
    }

    /// All orders that the store has were read: what it lacks is to be put there.
    pub(super) fn orders_read(&mut self, orders: Vec<AdminOrder>, now: Timestamp) {
        let stored: std::collections::BTreeSet<_> =
            orders.iter().map(|order| order.status.target.clone()).collect();
        let lacking = self.admin.orders().filter(|own| !stored.contains(&own.status.target));
        self.effects.orders.extend(lacking.cloned());
        orders.into_iter().for_each(|order| self.ordered(order, now));
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
