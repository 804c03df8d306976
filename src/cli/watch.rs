//! Notices that files changed.
//!
//! By looking, once a second: that works on every file system, for renames over a file, for
//! links that are moved, and for files that are not there yet.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::SystemTime;

/// Files, and how they were when they were read.
#[derive(Debug, Default)]
pub(super) struct Watched {
    seen: Look,
    /// Whether they differed from `seen` when last looked at, and how they were.
    pending: Option<Look>,
}

/// How files were at one moment; nothing for those that were not there.
pub(super) type Look = HashMap<PathBuf, Option<Stamp>>;

/// What tells one state of a file from another: when it was changed, its length, who may do
/// what with it (`chmod +x` makes a program right), and which file it is, since two changes
/// within one tick of the file system have one time.
pub(super) type Stamp = (SystemTime, u64, u32, u64);

impl Watched {
    /// Watches what is in `seen`: whatever differs from it is a change. It must have been
    /// taken before the files were read, so that none is missed in between.
    pub(super) fn new(seen: Look) -> Self {
        Self { seen, pending: None }
    }

    /// Whether these are the files, as they were.
    pub(super) fn is_as(&self, look: &Look) -> bool {
        self.seen == *look
    }

    /// How the files are now.
    pub(super) fn look(&self) -> Look {
        look(self.seen.keys().cloned())
    }

    /// Whether they changed since, and are the same at two looks in a row: not in the
    /// middle of being written.
    pub(super) fn changed(&mut self) -> bool {
        let now = self.look();
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

/// How these files are now.
pub(super) fn look(files: impl IntoIterator<Item = PathBuf>) -> Look {
    let stamp = |file: &PathBuf| {
        let metadata = fs::metadata(file).ok()?;
        Some((metadata.modified().ok()?, metadata.len(), metadata.mode(), metadata.ino()))
    };
    files.into_iter().map(|file| (stamp(&file), file)).map(|(stamp, file)| (file, stamp)).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// What is written while a configuration is loaded is not in it, and must not be lost.
    #[test]
    fn a_change_since_an_earlier_look_counts() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        fs::write(&file, "1").unwrap();
        let before = look([file.clone()]);
        let beside = folder.path().join("b");
        fs::write(&beside, "2").unwrap();
        fs::rename(beside, &file).unwrap();
        let mut watched = Watched::new(before);
        assert!(!watched.changed(), "not settled");
        assert!(watched.changed());
    }

    #[test]
    fn a_program_that_becomes_executable_is_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        fs::write(&file, "1").unwrap();
        let before = look([file.clone()]);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        assert_ne!(look([file]), before);
    }

    #[test]
    fn a_change_counts_once_it_has_settled() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        fs::write(&file, "1").unwrap();
        let mut watched = Watched::new(look([file.clone(), folder.path().join("later")]));
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
