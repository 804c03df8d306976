//! One vantage on the panel.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::health::CheckId;
use crate::health::Held;
use crate::health::Opinions;
use crate::model::Vantage;
use crate::model::VantageGroupId;

/// How long a change of configuration may take to get to all: what a vantage does not have that
/// long after, it is not to have.
const ROLLOUT: Duration = Duration::from_secs(300);

/// One vantage, and how it is heard.
#[derive(Debug)]
pub struct Seat {
    pub(super) name: String,
    pub(super) group: VantageGroupId,
    pub(super) hearing: Hearing,
    /// When it published what is known of it, by our clock.
    pub(super) heard: Option<Timestamp>,
    /// How long it may be silent.
    pub(super) patience: Duration,
    /// What it said last, and when.
    pub(super) said: Option<(Opinions, Timestamp)>,
    /// What can't be read until a roll comes.
    pub(super) waiting: Option<(Opinions, Timestamp)>,
    /// Of what is not plainly up.
    pub(super) details: BTreeMap<CheckId, Detail>,
    /// When its roll last changed.
    pub(super) changed: Option<Timestamp>,
    /// What it does not have is still waited for: its configuration or ours is new.
    pub(super) is_settling: bool,
    /// Its votes changed since it was last looked at whether it is under suspicion.
    pub(super) is_changed: bool,
    /// What turned down at it together, if it is under suspicion.
    pub(super) fallen: Option<Vec<CheckId>>,
    /// It was heard before all were lost, and not since.
    pub(super) is_missed: bool,
}

/// How a vantage is heard.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hearing {
    /// It has not published for too long, or never.
    Silent,
    /// It votes.
    Heard,
    /// It is heard, but sees nearly everything down at once while others don't: the fault is
    /// its own, and its votes don't count.
    CutOff,
}

impl Hearing {
    /// The word in commands, the API and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Heard => "heard",
            Self::CutOff => "cut-off",
        }
    }
}

impl fmt::Display for Hearing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is known of an opinion besides the vote.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Detail {
    pub(super) since: Option<Timestamp>,
    /// By our clock.
    pub(super) held: Option<Held>,
    pub(super) reason: Arc<str>,
}

impl Seat {
    pub(super) fn new(vantage: &Vantage) -> Self {
        Self {
            name: vantage.name.clone(),
            group: vantage.group,
            hearing: Hearing::Silent,
            heard: None,
            patience: Duration::ZERO,
            said: None,
            waiting: None,
            details: BTreeMap::new(),
            changed: None,
            is_settling: false,
            is_changed: false,
            fallen: None,
            is_missed: false,
        }
    }

    /// The operator's name for it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The group that it votes with.
    pub const fn group(&self) -> VantageGroupId {
        self.group
    }

    /// How it is heard.
    pub const fn hearing(&self) -> Hearing {
        self.hearing
    }

    /// When it published last, by our clock.
    pub const fn heard(&self) -> Option<Timestamp> {
        self.heard
    }

    /// Until when what it does not have may still come to it, if ours was `configured` then.
    pub(super) fn settles_at(&self, configured: Timestamp) -> Timestamp {
        self.changed.map_or(configured, |at| at.max(configured)) + ROLLOUT
    }

    /// Whether it says that a check is held down, by our clock.
    pub fn hold(&self, id: CheckId) -> Option<Held> {
        self.details.get(&id)?.held
    }

    pub(super) fn counts(&self) -> bool {
        self.hearing == Hearing::Heard
    }

    /// Whether this was not heard before. Of two processes with one name, and of one before
    /// and after a restart, the later publication is taken.
    pub(super) fn is_news(&self, said: &Opinions, heard: Timestamp) -> bool {
        let known = [&self.said, &self.waiting];
        known.into_iter().flatten().all(|(before, at)| {
            if before.instance == said.instance {
                before.sequence < said.sequence
            } else {
                *at <= heard
            }
        })
    }

    /// The clock was set back to `now`: nothing was heard later.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        self.heard = self.heard.map(|heard| heard.min(now));
        self.changed = self.changed.map(|changed| changed.min(now));
        for (_, heard) in [&mut self.said, &mut self.waiting].into_iter().flatten() {
            *heard = (*heard).min(now);
        }
    }

    pub(super) fn refers_to(&self, roll: u64) -> bool {
        let known = [&self.said, &self.waiting];
        known.into_iter().flatten().any(|(said, _)| said.roll == roll)
    }
}

/// How long a vantage that publishes so often may be silent.
pub(super) fn patience(heartbeat: Duration) -> Duration {
    const LEAST: Duration = Duration::from_secs(5);
    const MOST: Duration = Duration::from_secs(60);
    heartbeat.saturating_mul(3).clamp(LEAST, MOST)
}
