//! Notices that files changed.
//!
//! By looking, once a second: that works on every file system, for renames over a file, for
//! links that are moved, and for files that are not there yet.

use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

/// Files, and how they were when last looked at.
#[derive(Debug, Default)]
pub(super) struct Watched {
    files: Vec<PathBuf>,
    seen: Vec<Option<Stamp>>,
    /// Whether they differed from `seen` when last looked at, and how they were.
    pending: Option<Vec<Option<Stamp>>>,
}

/// What tells one state of a file from another.
type Stamp = (SystemTime, u64);

impl Watched {
    /// Watches these from now on; what they are like now is not a change.
    pub(super) fn begin(&mut self, files: Vec<PathBuf>) {
        self.seen = stamps(&files);
        self.files = files;
        self.pending = None;
    }

    /// Whether they changed since, and are the same at two looks in a row: not in the
    /// middle of being written.
    pub(super) fn changed(&mut self) -> bool {
        let now = stamps(&self.files);
        if now == self.seen {
            self.pending = None;
            return false;
        }
        let settled = self.pending.as_ref() == Some(&now);
        if settled {
            self.seen = now;
            self.pending = None;
        } else {
            self.pending = Some(now);
        }
        settled
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Option<Stamp>> {
    let stamp = |file: &PathBuf| {
        let metadata = fs::metadata(file).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    files.iter().map(stamp).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_counts_once_it_has_settled() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        fs::write(&file, "1").unwrap();
        let mut watched = Watched::default();
        watched.begin(vec![file.clone(), folder.path().join("later")]);
        assert!(!watched.changed());
        fs::write(&file, "12").unwrap();
        assert!(!watched.changed(), "perhaps still being written");
        fs::write(&file, "123").unwrap();
        assert!(!watched.changed(), "it was");
        assert!(watched.changed());
        assert!(!watched.changed());
        fs::write(folder.path().join("later"), "").unwrap();
        assert!(!watched.changed());
        assert!(watched.changed());
    }
}
