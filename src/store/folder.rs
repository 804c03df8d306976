//! The folder: made, locked, read, and written so that it is never half.

use std::fs;
use std::fs::DirBuilder;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::io;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

use jiff::Timestamp;

use crate::model::limits;

/// The state.
pub(super) const STATE: &str = "state.json";

/// What the names of files end with while they are written.
const NEXT: &str = ".new";

/// What follows the name in those of files that could not be read.
const BROKEN: &str = ".broken-";

/// Held by the node that writes.
const LOCK: &str = "lock";

/// Files of one name that could not be read, of which each may be as large as it may be.
const MOST_BROKEN: usize = 3;

/// A folder for the state of one node.
#[derive(Debug)]
pub(super) struct Folder {
    directory: PathBuf,
    /// Locked while this lives: the kernel takes the lock away from a process that ends.
    lock: Option<File>,
}

/// Why the lock was not taken.
enum NoLock {
    /// Another node has it.
    Taken,
    /// There can be none.
    Failed(io::Error),
}

impl Folder {
    /// Makes the folder, for this user alone, and takes its lock.
    pub(super) fn open(directory: &Path, warnings: &mut Vec<String>) -> Self {
        let mut folder = Self { directory: directory.to_owned(), lock: None };
        let shown = directory.display();
        if let Err(error) = DirBuilder::new().recursive(true).mode(0o700).create(directory) {
            warnings.push(format!(
                "the state can't be kept over a restart: failed to make the folder `{shown}`: \
                 {error}; name another in `[state]`"
            ));
            return folder;
        }
        match folder.take_lock() {
            Ok(()) => {}
            Err(NoLock::Taken) => warnings.push(format!(
                "another node keeps its state in `{shown}`: this one begins with it and writes \
                 nothing until the other has ended; give each a folder of its own in `[state]`"
            )),
            Err(NoLock::Failed(error)) => warnings.push(format!(
                "the state can't be kept over a restart: failed to lock the folder `{shown}`: \
                 {error}"
            )),
        }
        folder
    }

    /// The text that was written last.
    pub(super) fn read(&self, warnings: &mut Vec<String>) -> Option<String> {
        let octets = self.read_file(STATE, limits::STATE, warnings)?;
        match String::from_utf8(octets) {
            Ok(text) => Some(text),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                warnings.push(self.set_aside(STATE, &format!("it is not text at offset {at}")));
                None
            }
        }
    }

    /// What is in a file, if it has at most so many octets.
    pub(super) fn read_file(
        &self,
        name: &str,
        most: usize,
        warnings: &mut Vec<String>,
    ) -> Option<Vec<u8>> {
        let path = self.directory.join(name);
        let octets = match bounded(&path, most) {
            Ok(octets) => octets,
            // A folder that could not be made was a warning already.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return None;
            }
            // What is saved next would take its place.
            Err(error) => {
                warnings.push(self.set_aside(name, &format!("can't read it: {error}")));
                return None;
            }
        };
        if octets.len() > most {
            let most = most / (1024 * 1024);
            warnings.push(self.set_aside(name, &format!("it has more than {most} MiB")));
            return None;
        }
        Some(octets)
    }

    /// Replaces the state. Blocks on the disk.
    pub(super) fn write(&mut self, text: &str) -> io::Result<()> {
        if text.len() > limits::STATE {
            let most = limits::STATE / (1024 * 1024);
            return Err(io::Error::other(format!("the state has more than {most} MiB")));
        }
        replace(&self.ours()?, STATE, text.as_bytes())
    }

    /// Where a file of the folder is.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Whether this node has the lock of the folder that is there now: it may have been taken
    /// away since, or another been mounted in its place.
    pub(super) fn is_locked(&self) -> bool {
        let same = |ours: &File| -> io::Result<bool> {
            let (ours, there) = (ours.metadata()?, fs::metadata(self.path(LOCK))?);
            Ok((ours.dev(), ours.ino()) == (there.dev(), there.ino()))
        };
        self.lock.as_ref().is_some_and(|ours| same(ours).unwrap_or(false))
    }

    /// Where files may be written, once nobody else does.
    pub(super) fn ours(&mut self) -> io::Result<PathBuf> {
        if !self.is_locked() {
            self.lock = None;
            DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
            self.take_lock().map_err(|why| match why {
                NoLock::Taken => io::Error::other("another node keeps its state there"),
                NoLock::Failed(error) => error,
            })?;
        }
        Ok(self.directory.clone())
    }

    /// Renames a file to where nobody reads it by itself, and says what was done.
    pub(super) fn set_aside(&self, name: &str, reason: &str) -> String {
        let file = self.directory.join(name);
        let shown = file.display();
        if self.lock.is_none() {
            return format!("`{shown}` is of no use: {reason}; it stays, since it isn't ours");
        }
        let aside = self.directory.join(format!("{name}{BROKEN}{}", stamp(Timestamp::now())));
        match fs::rename(&file, &aside) {
            Ok(()) => {
                self.thin_out(name);
                let aside = aside.display();
                format!("`{shown}` is of no use: {reason}; it is kept as `{aside}`")
            }
            Err(error) => {
                format!("`{shown}` is of no use: {reason}; it can't be set aside: {error}")
            }
        }
    }

    /// Removes all but the latest of the files of a name that were set aside.
    fn thin_out(&self, name: &str) {
        let begin = format!("{name}{BROKEN}");
        let entries = fs::read_dir(&self.directory).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut broken: Vec<String> = names.filter(|name| name.starts_with(&begin)).collect();
        broken.sort_unstable();
        for name in broken.iter().rev().skip(MOST_BROKEN) {
            // One that stays costs room only.
            drop(fs::remove_file(self.directory.join(name)));
        }
    }

    fn take_lock(&mut self) -> Result<(), NoLock> {
        let path = self.directory.join(LOCK);
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).mode(0o600).open(path);
        let file = file.map_err(NoLock::Failed)?;
        match file.try_lock() {
            Ok(()) => {
                self.lock = Some(file);
                Ok(())
            }
            Err(TryLockError::WouldBlock) => Err(NoLock::Taken),
            Err(TryLockError::Error(error)) => Err(NoLock::Failed(error)),
        }
    }
}

/// Replaces a file of a folder that is ours: whole or not at all. Blocks on the disk.
pub(super) fn replace(directory: &Path, name: &str, octets: &[u8]) -> io::Result<()> {
    let next = directory.join(format!("{name}{NEXT}"));
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&next)?;
    file.write_all(octets)?;
    // The octets before the name: a name that is on disk must not point at nothing.
    file.sync_all()?;
    drop(file);
    fs::rename(&next, directory.join(name))?;
    File::open(directory)?.sync_all()
}

/// A file's octets, and no more than show that it is too large.
fn bounded(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    let mut octets = Vec::new();
    File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut octets)?;
    Ok(octets)
}

/// A moment as part of a file name; later ones sort later.
fn stamp(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%S.%6fZ").to_string()
}
