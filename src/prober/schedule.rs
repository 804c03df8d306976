//! When each check is due: phases, rhythm, who stays after a reload. Pure; time is an argument.
//!
//! Time is a duration since some start. A check is due at every
//! `phase + n × interval`, where the phase comes from a hash of its key, so that a
//! thousand targets are never probed at once and a restart changes nothing. Before
//! that it is due once within the first second, so that start-up knows soon.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::HashMap;
use std::time::Duration;

use crate::health::CheckKey;

/// The first probes are spread over so much, or an interval if that is shorter.
const FIRST_ROUND: Duration = Duration::from_secs(1);

/// The times of all checks.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    slots: HashMap<CheckKey, Slot>,
    /// By time. An entry whose generation is not the slot's any more is void.
    heap: BinaryHeap<Reverse<(Duration, u64, CheckKey)>>,
    next_generation: u64,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    interval: Duration,
    phase: Duration,
    generation: u64,
}

impl Schedule {
    /// Sets what is to be done: checks that stay, with the interval they had, keep their
    /// times; new ones begin within a second of `now`; the others end.
    pub(super) fn replace(
        &mut self,
        checks: impl IntoIterator<Item = (CheckKey, Duration)>,
        now: Duration,
    ) {
        let mut before = std::mem::take(&mut self.slots);
        for (key, interval) in checks {
            if let Some(slot) = before.remove(&key).filter(|slot| slot.interval == interval) {
                self.slots.insert(key, slot);
                continue;
            }
            let hash = key.digest();
            let phase = fraction(hash, interval);
            let generation = self.next_generation;
            self.next_generation += 1;
            let first = now + fraction(hash.rotate_left(32), interval.min(FIRST_ROUND));
            self.slots.insert(key.clone(), Slot { interval, phase, generation });
            self.heap.push(Reverse((first, generation, key)));
        }
        let slots = &self.slots;
        self.heap.retain(|Reverse((_, generation, key))| {
            slots.get(key).is_some_and(|slot| slot.generation == *generation)
        });
    }

    /// When the next check is due; `None` if there are none.
    pub(super) fn next(&self) -> Option<Duration> {
        self.heap.peek().map(|Reverse((at, _, _))| *at)
    }

    /// Takes a check that is due at `now`; its next time is the first of its rhythm after
    /// both the one it was due at and `now`, so that a late one shifts nothing.
    pub(super) fn due(&mut self, now: Duration) -> Option<CheckKey> {
        let (at, generation, key) = loop {
            let Reverse((at, _, _)) = self.heap.peek()?;
            if *at > now {
                return None;
            }
            let Reverse((at, generation, key)) = self.heap.pop()?;
            let slot = self.slots.get(&key);
            if slot.is_some_and(|slot| slot.generation == generation) {
                break (at, generation, key);
            }
        };
        let slot = self.slots.get(&key)?;
        let next = after(slot.phase, slot.interval, at.max(now));
        self.heap.push(Reverse((next, generation, key.clone())));
        Some(key)
    }

    /// Makes a check due at `at` and not before. It must be one that [`Schedule::due`] just
    /// gave, so that there is one void entry at the most.
    pub(super) fn postpone(&mut self, key: &CheckKey, at: Duration) {
        let Some(slot) = self.slots.get_mut(key) else { return };
        slot.generation = self.next_generation;
        self.next_generation += 1;
        self.heap.push(Reverse((at, slot.generation, key.clone())));
    }
}

/// The first `phase + n × interval` that is later than `at`.
fn after(phase: Duration, interval: Duration, at: Duration) -> Duration {
    let (phase_ns, interval_ns, at_ns) =
        (phase.as_nanos(), interval.as_nanos().max(1), at.as_nanos());
    if at_ns < phase_ns {
        return phase;
    }
    let rounds = (at_ns - phase_ns) / interval_ns + 1;
    let nanos = phase_ns + rounds * interval_ns;
    u64::try_from(nanos).map_or(Duration::MAX, Duration::from_nanos)
}

/// A part of a duration: `hash` of 2⁶⁴.
fn fraction(hash: u64, of: Duration) -> Duration {
    let nanos = (of.as_nanos() * u128::from(hash)) >> 64;
    u64::try_from(nanos).map_or(of, Duration::from_nanos)
}
