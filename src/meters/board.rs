//! The board: of each region the last reading, until somebody takes it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use tokio::sync::Notify;

use crate::meters::fault::Fault;
use crate::meters::fault::Reason;
use crate::meters::figures::Figures;
use crate::meters::figures::RegionFigures;
use crate::meters::pushed::Item;
use crate::meters::pushed::Pushed;
use crate::meters::pushed::Refusal;
use crate::meters::pushed::Unfit;
use crate::meters::pushed::cut;
use crate::model::Capacity;
use crate::model::LoadFrom;
use crate::model::Region;
use crate::model::RegionLoad;
use crate::tasks::Tasks;

/// How often it is said of a region that its load is not known.
const COMPLAINTS: SignedDuration = SignedDuration::from_secs(60);

/// What one reading of a region came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The operator's name for the region.
    pub region: String,
    /// Its load in the operator's unit, 0 to [`LOAD`](crate::model::limits::LOAD); or why it is not known.
    pub value: Result<f64, Fault>,
    /// Over how long before that it is an average; zero if it is what was there then.
    pub span: Duration,
    /// When it was read or told, by the system's clock.
    pub at: Timestamp,
}

/// Where readings come out.
#[derive(Debug)]
pub struct Readings(Arc<Board>);

impl Readings {
    pub(super) fn of(board: &Arc<Board>) -> Self {
        Self(Arc::clone(board))
    }

    /// Waits for readings: one of each region that has a new one since the last call, the last,
    /// by name. At most one per region of the configuration. Cancel-safe.
    pub async fn next(&mut self) -> Vec<Reading> {
        loop {
            let waiting: Vec<Reading> =
                self.0.slots().values_mut().filter_map(|slot| slot.waiting.take()).collect();
            if !waiting.is_empty() {
                return waiting;
            }
            self.0.news.notified().await;
        }
    }
}

/// What all that reads and tells writes to.
#[derive(Debug, Default)]
pub(super) struct Board {
    /// The regions of the configuration, by name.
    slots: Mutex<BTreeMap<String, Slot>>,
    news: Notify,
    pushed: Mutex<Counted>,
}

/// What became of loads that were told.
#[derive(Debug, Default)]
struct Counted {
    taken: u64,
    refused: [u64; Refusal::ALL.len()],
}

/// One region.
#[derive(Debug)]
struct Slot {
    capacity: Option<Capacity>,
    load: Option<RegionLoad>,
    /// Whose readings are taken; those of a task that ends are not.
    part: Tasks,
    turn: u64,
    waiting: Option<Reading>,
    /// The last good one.
    good: Option<(f64, Timestamp)>,
    taken: u64,
    failed: [u64; Reason::ALL.len()],
    /// When it was said last that its load is not known, if it is not.
    complained: Option<Timestamp>,
}

/// Where the task of a region puts its readings.
pub(super) struct Post {
    board: Arc<Board>,
    region: String,
    part: Tasks,
    turn: u64,
}

impl Post {
    /// The region's name.
    pub(super) fn region(&self) -> &str {
        &self.region
    }

    /// What ends when the region is read no more, or otherwise.
    pub(super) fn part(&self) -> &Tasks {
        &self.part
    }

    /// Puts a reading, unless the task was to end.
    pub(super) fn put(&self, value: Result<f64, Fault>, span: Duration, at: Timestamp) {
        let mut slots = self.board.slots();
        let Some(slot) = slots.get_mut(&self.region).filter(|slot| slot.turn == self.turn) else {
            return;
        };
        let said = slot.put(Reading { region: self.region.clone(), value, span, at });
        drop(slots);
        self.board.news.notify_one();
        match said {
            Some(Said::Known) => tracing::info!(region = %self.region, "the load is known again"),
            Some(Said::Unknown(fault)) => {
                tracing::warn!(region = %self.region, "the load is not known: {fault}");
            }
            None => {}
        }
    }
}

/// What an operator should hear.
enum Said {
    Known,
    Unknown(Fault),
}

impl Slot {
    fn put(&mut self, reading: Reading) -> Option<Said> {
        let said = match &reading.value {
            Ok(value) => {
                self.good = Some((*value, reading.at));
                self.taken += 1;
                self.complained.take().map(|_| Said::Known)
            }
            Err(fault) => {
                for (reason, count) in Reason::ALL.iter().zip(&mut self.failed) {
                    *count += u64::from(*reason == fault.reason);
                }
                let before = self.complained;
                let is_due = |before| reading.at.duration_since(before).abs() >= COMPLAINTS;
                before.is_none_or(is_due).then(|| {
                    self.complained = Some(reading.at);
                    Said::Unknown(fault.clone())
                })
            }
        };
        self.waiting = Some(reading);
        said
    }
}

impl Board {
    /// Takes another configuration; returns what is to be read from now on that was not.
    pub(super) fn renew(
        self: &Arc<Self>,
        regions: &[Region],
        tasks: &Tasks,
    ) -> Vec<(Post, RegionLoad)> {
        let mut slots = self.slots();
        let mut before = std::mem::take(&mut *slots);
        let mut begun = Vec::new();
        for region in regions {
            let old = before.remove(&region.name);
            let mut slot = match old {
                Some(old) if old.load == region.load => old,
                old => {
                    let slot = Slot::after(old, region, tasks);
                    begun.extend(slot.load.clone().map(|load| {
                        let (board, name) = (Arc::clone(self), region.name.clone());
                        let (part, turn) = (slot.part.clone(), slot.turn);
                        (Post { board, region: name, part, turn }, load)
                    }));
                    slot
                }
            };
            slot.capacity = region.capacity;
            slots.insert(region.name.clone(), slot);
        }
        before.values().for_each(|slot| slot.part.cancel());
        begun
    }

    /// Takes what somebody tells.
    pub(super) fn push(&self, items: &[Result<Item, Unfit>], now: Timestamp) -> Pushed {
        let mut slots = self.slots();
        let mut pushed = Pushed::default();
        for (at, item) in items.iter().enumerate() {
            let taken = match item {
                Ok(item) => take(&mut slots, item, now),
                Err(refused) => Err(refused.clone()),
            };
            match taken {
                Ok(()) => pushed.taken += 1,
                Err((reason, found)) => pushed.refuse(at + 1, reason, found),
            }
        }
        drop(slots);
        let mut counted = lock(&self.pushed);
        counted.taken += pushed.taken as u64;
        for (count, more) in counted.refused.iter_mut().zip(pushed.by_reason()) {
            *count += more;
        }
        drop(counted);
        if pushed.taken > 0 {
            self.news.notify_one();
        }
        pushed
    }

    /// What is known at `now`, and was counted.
    pub(super) fn figures(&self, now: Timestamp) -> Figures {
        let of_slot = |(name, slot): (&String, &Slot)| {
            let hold = slot.load.as_ref().map(|load| load.hold).unwrap_or_default();
            let counts = |(_, at): &(f64, Timestamp)| {
                now.duration_since(*at) <= SignedDuration::try_from(hold).unwrap_or_default()
            };
            RegionFigures {
                region: name.clone(),
                capacity: slot.capacity.map(|capacity| capacity.amount),
                load: slot.good.filter(counts).map(|(load, _)| load),
                last: slot.good.map(|(_, at)| at),
                taken: slot.taken,
                failed: slot.failed,
            }
        };
        let slots = self.slots();
        let shown = slots.iter().filter(|(_, slot)| slot.load.is_some() || slot.capacity.is_some());
        let regions = shown.map(of_slot).collect();
        drop(slots);
        let counted = lock(&self.pushed);
        Figures { regions, pushed: counted.taken, refused: counted.refused }
    }

    fn slots(&self) -> MutexGuard<'_, BTreeMap<String, Slot>> {
        lock(&self.slots)
    }
}

impl Slot {
    /// A region that begins afresh; what was counted goes on.
    fn after(old: Option<Self>, region: &Region, tasks: &Tasks) -> Self {
        let (taken, failed, turn) = old.map_or((0, [0; Reason::ALL.len()], 0), |old| {
            old.part.cancel();
            (old.taken, old.failed, old.turn + 1)
        });
        Self {
            capacity: region.capacity,
            load: region.load.clone(),
            part: tasks.part(),
            turn,
            waiting: None,
            good: None,
            taken,
            failed,
            complained: None,
        }
    }
}

/// Takes one load that somebody tells.
fn take(slots: &mut BTreeMap<String, Slot>, item: &Item, now: Timestamp) -> Result<(), Unfit> {
    let refused = |reason| (reason, cut(&item.region));
    let slot = slots.get_mut(&item.region).ok_or_else(|| refused(Refusal::UnknownRegion))?;
    if slot.load.as_ref().is_none_or(|load| load.from != LoadFrom::Pushed) {
        return Err(refused(Refusal::NotPushed));
    }
    let (region, value) = (item.region.clone(), Ok(item.load));
    let reading = Reading { region, value, span: Duration::ZERO, at: now };
    // Of what is told nothing fails, so there is nothing to say.
    let _nothing = slot.put(reading);
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
