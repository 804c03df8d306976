//! The file of the table: read at the start, written now and then by a thread of its own, and at
//! the end.

use std::io;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvError;
use std::sync::mpsc::TryRecvError;
use std::sync::mpsc::sync_channel;
use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;

use crate::samples::ledger::Ledger;
use crate::store::Shelf;
use crate::tasks::Tasks;

/// From one write to the next, at least: what is lost with the machine are a minute's samples.
const REST: Duration = Duration::from_secs(60);

/// The same in times what the last write took: a large table keeps no disk busy.
const TIMES: u32 = 20;

/// A shelf, and what is to be put there.
#[derive(Debug)]
pub(super) struct Shelved {
    shelf: Shelf,
    tasks: Tasks,
    /// How the write under way ends.
    under_way: Option<Receiver<io::Result<()>>>,
    begun: Instant,
    due: Instant,
    is_changed: bool,
}

impl Shelved {
    pub(super) fn new(shelf: Shelf, tasks: Tasks, now: Instant) -> Self {
        Self { shelf, tasks, under_way: None, begun: now, due: now + REST, is_changed: false }
    }

    /// Takes what was written last. Of what is damaged nothing is taken.
    pub(super) fn restore(&self, ledger: &mut Ledger) {
        let (octets, warnings) = self.shelf.read();
        warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        let Some(octets) = octets else { return };
        match ledger.restore(&octets, Timestamp::now()) {
            Ok(()) => {
                let prefixes = ledger.counts().prefixes;
                tracing::info!(prefixes, "round trips of before");
            }
            Err(reason) => {
                // Not within the macro, which does nothing where nobody listens.
                let warning = self.shelf.set_aside(&reason);
                tracing::warn!("{warning}");
            }
        }
    }

    pub(super) fn changed(&mut self) {
        self.is_changed = true;
    }

    /// Has the table written aside, if it changed and was not written a moment ago.
    pub(super) fn write_if_due(&mut self, ledger: &Ledger, now: Instant) {
        match self.under_way.as_ref().map(Receiver::try_recv) {
            Some(Err(TryRecvError::Empty)) => return,
            Some(Ok(result)) => self.ended(result, now),
            Some(Err(TryRecvError::Disconnected)) => self.ended(Err(panicked()), now),
            None => {}
        }
        if !self.is_changed || now < self.due {
            return;
        }
        (self.begun, self.is_changed) = (now, false);
        let (octets, shelf) = (ledger.encode(), self.shelf.clone());
        let (end, under_way) = sync_channel(1);
        // Nobody may wait for it any longer.
        let write = move |_: &_| drop(end.send(shelf.write(&octets)));
        match self.tasks.thread("latency file", write) {
            Ok(()) => self.under_way = Some(under_way),
            Err(error) => self.ended(Err(io::Error::other(error)), now),
        }
    }

    /// Writes what is not written yet, and waits for it. Blocks on the disk.
    pub(super) fn close(&mut self, ledger: &Ledger) {
        if let Some(under_way) = self.under_way.take() {
            let result = under_way.recv().unwrap_or_else(|RecvError| Err(panicked()));
            self.ended(result, self.due);
        }
        if self.is_changed {
            self.ended(self.shelf.write(&ledger.encode()), self.due);
        }
    }

    fn ended(&mut self, result: io::Result<()>, now: Instant) {
        self.under_way = None;
        let took = now.saturating_duration_since(self.begun);
        self.due = now + REST.max(took * TIMES);
        match result {
            Ok(()) => {}
            // The shelf has said why.
            Err(_) => self.is_changed = true,
        }
    }
}

fn panicked() -> io::Error {
    io::Error::other("the thread that wrote it ended without a word")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::SourceId;
    use crate::model::NodeProblems;
    use crate::samples::Site;
    use crate::samples::keeper::now;
    use crate::store::Store;

    fn ledger() -> Ledger {
        Ledger::new(vec![Site { name: "us".into(), location: None }])
    }

    fn filled() -> Ledger {
        let mut ledger = ledger();
        let line = br#"{"client":"192.0.2.1","region":"us","rtt_ms":20}"#;
        ledger.take(line, SourceId(1), Timestamp::now());
        ledger
    }

    /// Has it written aside at `now`, and waits for the end of that.
    fn write(shelved: &mut Shelved, now: Instant) -> bool {
        shelved.write_if_due(&filled(), now);
        let is_under_way = shelved.under_way.is_some();
        while shelved.under_way.is_some() {
            std::thread::sleep(Duration::from_millis(1));
            shelved.write_if_due(&filled(), now);
        }
        is_under_way
    }

    #[test]
    fn what_changed_is_written_aside_now_and_then() {
        let folder = tempfile::tempdir().unwrap();
        let tasks = Tasks::new();
        let (store, ..) = Store::open(folder.path(), &NodeProblems::default(), &tasks);
        let begin = now();
        let shelf = store.shelf("latency.bin", 1024 * 1024);
        let mut shelved = Shelved::new(shelf.clone(), tasks.clone(), begin);
        assert!(!write(&mut shelved, begin + REST), "nothing changed");
        shelved.changed();
        assert!(!write(&mut shelved, begin), "it is too early");
        assert!(write(&mut shelved, begin + REST));
        let mut found = ledger();
        shelved.restore(&mut found);
        assert_eq!(found.counts().prefixes, 1);
        shelved.changed();
        assert!(!write(&mut shelved, begin + REST + REST / 2), "it was just written");
        // What can't be written stays to be, and at the end too.
        let mut small = Shelved::new(store.shelf("small.bin", 8), tasks.clone(), begin);
        small.changed();
        assert!(write(&mut small, begin + REST));
        assert!(small.is_changed);
        small.close(&filled());
        assert!(small.is_changed);
        tasks.cancel();
    }
}
