//! A prober alone: what it sees goes to the others, and nobody asks it anything.

use jiff::Timestamp;

use crate::engine::Effects;
use crate::engine::Event;
use crate::engine::Node;
use crate::engine::NodeCard;
use crate::engine::Notice;
use crate::engine::What;
use crate::engine::nodes::CARD;
use crate::engine::nodes::double;
use crate::engine::notice::Numbers;
use crate::engine::troubles::Troubles;
use crate::health::Check;
use crate::health::Echo;
use crate::health::Vantage;
use crate::model::Monitor;

/// What a process knows that only probes. It takes the same events as an
/// [`Engine`](crate::engine::Engine), and of their effects has those that are for others.
#[derive(Debug)]
pub struct Outpost {
    node: Node,
    checks: Vec<Check>,
    vantage: Vantage,
    started: Timestamp,
    card_due: Timestamp,
    echo: Echo,
    troubles: Troubles,
    is_lost: bool,
    notices: Vec<Notice>,
    numbers: Numbers,
}

impl Outpost {
    /// One that has nothing to probe yet.
    pub fn new(node: Node, now: Timestamp) -> Self {
        Self {
            vantage: Vantage::new(&node.name, node.instance, &[], &[], now),
            node,
            checks: Vec::new(),
            started: now,
            card_due: now,
            echo: Echo::default(),
            troubles: Troubles::default(),
            is_lost: false,
            notices: Vec::new(),
            numbers: Numbers::default(),
        }
    }

    /// Takes what is to be probed from now on.
    pub fn reconfigure(&mut self, checks: Vec<Check>, monitors: &[Monitor], now: Timestamp) {
        self.vantage.reconfigure(&self.checks, &checks, monitors, now);
        self.checks = checks;
    }

    /// Takes an event; what others say is none of its concern, but that they use its name.
    pub fn step(&mut self, event: Event, now: Timestamp) {
        match event {
            Event::Report(report) => {
                let check = report.check.to_string();
                let seen = self.vantage.take(report, now);
                let ends = seen.and_then(|(_, seen)| seen.certificate);
                ends.into_iter().for_each(|ends| {
                    self.tell(now, What::Certificate { check: check.clone(), ends });
                });
            }
            Event::Joined => {
                self.vantage.say_all(now);
                self.card_due = now;
                if std::mem::take(&mut self.is_lost) {
                    self.tell(now, What::Cluster { joined: true, why: String::new() });
                }
            }
            Event::Lost(why) => {
                self.is_lost = true;
                self.tell(now, What::Cluster { joined: false, why });
            }
            Event::Opinions(said, _) => {
                if said.vantage == self.node.name {
                    self.look_at(said.instance, now);
                }
            }
            Event::Read(_, rolls) => self.vantage.put_back(&rolls, now),
            Event::Trouble(why) => self.trouble(why, now),
            Event::Reconfigured(_)
            | Event::Remapped(_)
            | Event::Tick
            | Event::Roll(_)
            | Event::Order(_)
            | Event::Card(..) => {}
        }
    }

    /// What is to be said to the others now.
    pub fn effects(&mut self, now: Timestamp) -> Effects {
        let is_due = self.card_due <= now;
        let card = is_due.then(|| {
            self.card_due = now + CARD;
            NodeCard::new(&self.node.name, self.node.instance, false, self.started)
        });
        Effects { published: self.vantage.publish(now), card, ..Effects::default() }
    }

    /// What there is to tell since the last call.
    pub fn notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// When it has something to say by itself.
    pub fn next_deadline(&self) -> Timestamp {
        self.vantage.due().min(self.card_due)
    }

    /// The clock was set back to `now`.
    pub fn set_back(&mut self, now: Timestamp) {
        self.vantage.set_back(now);
        self.troubles.set_back(now);
        (self.card_due, self.started) = (self.card_due.min(now), self.started.min(now));
    }

    /// Somebody has its name: itself, before it started, or another.
    fn look_at(&mut self, instance: u64, now: Timestamp) {
        if self.echo.is_other(instance, self.node.instance) {
            self.trouble(double(&format!("prober `{}`", self.node.name)), now);
        }
    }

    fn trouble(&mut self, why: String, now: Timestamp) {
        if self.troubles.is_news(&why, now) {
            self.tell(now, What::Trouble { why });
        }
    }

    fn tell(&mut self, at: Timestamp, what: What) {
        let notice = self.numbers.notice(&self.node, at, what);
        self.notices.push(notice);
    }
}
