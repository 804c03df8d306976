//! The last good files: copies of what a configuration was read from when it was taken, for a
//! start that finds its files broken or gone.
//!
//! ```text
//!   last-good/manifest     SHA-256 of the rest of it; then the main file, when it was taken,
//!                          and each file's name with the SHA-256 of its octets
//!   last-good/<SHA-256>    the octets of a file, for this user alone
//! ```
//!
//! Copies that are there already are not made again, so a reload that changes one zone writes one
//! zone. Nothing is linked: a file that is written in place would change its link too.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::fs::DirBuilder;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use jiff::Timestamp;
use ring::digest::Context;
use ring::digest::SHA256;
use serde::Deserialize;
use serde::Serialize;

use crate::model::limits;
use crate::store::folder;
use crate::store::writer::Shared;

/// The folder, in the state directory.
const FOLDER: &str = "last-good";

/// What is in it.
const MANIFEST: &str = "manifest";

/// What a copy is called while it is written.
const NEXT: &str = "copy.new";

/// Octets that are read at a time.
const CHUNK: usize = 256 * 1024;

/// Where copies are kept, of one node.
#[derive(Clone, Debug)]
pub struct LastGood {
    shared: Arc<Shared>,
    /// Held while copies are made: one after the other.
    copying: Arc<Mutex<()>>,
}

/// What was kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Kept {
    /// When the files were taken.
    pub at: Timestamp,
    /// Where the copies are, by the names of the files.
    pub files: BTreeMap<PathBuf, PathBuf>,
}

/// The SHA-256 of files, as hexadecimal digits, by their names.
pub type Digests = BTreeMap<PathBuf, String>;

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    version: u32,
    main: PathBuf,
    at: Timestamp,
    files: BTreeMap<PathBuf, String>,
}

const VERSION: u32 = 1;

impl LastGood {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, copying: Arc::default() }
    }

    /// Keeps copies of files, by name and where they are, in place of those that were kept
    /// before; unless `is_current` says at the end that they are others by now. Returns whether
    /// they are kept. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// If a file can't be read, there is too much of them, or the disk fails. What was kept before
    /// stays.
    pub fn keep(
        &self,
        main: &Path,
        files: &BTreeMap<PathBuf, PathBuf>,
        digests: &Digests,
        is_current: impl FnOnce() -> bool,
    ) -> io::Result<bool> {
        let _one = self.copying.lock().unwrap_or_else(PoisonError::into_inner);
        let directory = self.shared.folder().ours()?.join(FOLDER);
        DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        let before = manifest(&directory).map(|found| found.files).unwrap_or_default();
        let copied = copy_all(&directory, files, digests).and_then(|()| {
            File::open(&directory)?.sync_all()?;
            if !is_current() {
                return Ok(false);
            }
            let (main, at, files) = (main.to_owned(), Timestamp::now(), digests.clone());
            let text = serde_json::to_string(&Manifest { version: VERSION, main, at, files })?;
            let whole = format!("{}\n{text}", hex(&digest(text.as_bytes())));
            folder::replace(&directory, MANIFEST, whole.as_bytes())?;
            Ok(true)
        });
        // Of the files before or after, whichever holds now.
        let held = if matches!(copied, Ok(true)) { digests } else { &before };
        sweep(&directory, held);
        copied
    }
}

/// The SHA-256 of files, by name and where they are. Blocks on the disk.
///
/// # Errors
///
/// If one can't be read.
pub fn digests(files: &BTreeMap<PathBuf, PathBuf>) -> io::Result<Digests> {
    let of = |(name, path): (&PathBuf, &PathBuf)| Ok((name.clone(), hex(&digest_of(path)?)));
    files.iter().map(of).collect()
}

/// What was kept in a state directory of the configuration with this main file; nothing, if
/// nothing was. Each copy is read and compared with its checksum: blocks on the disk.
///
/// # Errors
///
/// In words, if copies are damaged or of another configuration: none of them is to be used.
pub fn last_good(state: &Path, main: &Path) -> Result<Option<Kept>, String> {
    let directory = state.join(FOLDER);
    let Manifest { main: of, at, files, .. } = match manifest(&directory) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let shown = directory.join(MANIFEST);
            // What the system does not give says nothing of what is there.
            let how = if error.raw_os_error().is_some() { "can't be read" } else { "is damaged" };
            return Err(format!("`{}` {how}: {error}", shown.display()));
        }
    };
    if of != main {
        let (shown, of) = (directory.display(), of.display());
        return Err(format!("what is kept in `{shown}` is of another configuration, `{of}`"));
    }
    let mut kept = BTreeMap::new();
    for (name, wanted) in files {
        let copy = directory.join(&wanted);
        let shown = format!("`{}`, the copy of `{}`,", copy.display(), name.display());
        match digest_of(&copy) {
            Ok(found) if hex(&found) == wanted => drop(kept.insert(name, copy)),
            Ok(_) => return Err(format!("{shown} is damaged: its checksum is another")),
            Err(error) => return Err(format!("{shown} can't be read: {error}")),
        }
    }
    Ok(Some(Kept { at, files: kept }))
}

fn manifest(directory: &Path) -> io::Result<Manifest> {
    let mut whole = String::new();
    let most = u64::try_from(limits::STATE).unwrap_or(u64::MAX);
    File::open(directory.join(MANIFEST))?.take(most).read_to_string(&mut whole)?;
    let (checksum, text) = whole.split_once('\n').unwrap_or_default();
    if hex(&digest(text.as_bytes())) != checksum {
        return Err(io::Error::other("its checksum is another"));
    }
    let found: Manifest = serde_json::from_str(text)?;
    let is_digest =
        |text: &String| text.len() == 64 && text.bytes().all(|octet| octet.is_ascii_hexdigit());
    if found.version != VERSION || !found.files.values().all(is_digest) {
        return Err(io::Error::other(format!("expected version {VERSION}")));
    }
    Ok(found)
}

/// Copies what is not there yet.
fn copy_all(
    directory: &Path,
    files: &BTreeMap<PathBuf, PathBuf>,
    digests: &Digests,
) -> io::Result<()> {
    let mut octets = 0;
    if files.len() > limits::LAST_GOOD_FILES {
        let (found, most) = (files.len(), limits::LAST_GOOD_FILES);
        return Err(io::Error::other(format!("there are {found} files, at most {most} are kept")));
    }
    for (name, path) in files {
        octets += fs::metadata(path)?.len();
        if octets > limits::LAST_GOOD {
            let most = limits::LAST_GOOD / (1024 * 1024);
            return Err(io::Error::other(format!("the files have more than {most} MiB")));
        }
        let changed = || io::Error::other(format!("`{}` changes all the time", path.display()));
        let wanted = digests.get(name).ok_or_else(changed)?;
        let copy = directory.join(wanted);
        if digest_of(&copy).is_ok_and(|found| hex(&found) == *wanted) {
            continue;
        }
        let next = directory.join(NEXT);
        let mut options = OpenOptions::new();
        // One that is left over may have been made with other rights.
        drop(fs::remove_file(&next));
        let mut file = options.write(true).create_new(true).mode(0o600).open(&next)?;
        if hex(&read_through(path, |chunk| file.write_all(chunk))?) != *wanted {
            return Err(changed());
        }
        file.sync_all()?;
        fs::rename(&next, copy)?;
    }
    Ok(())
}

/// Removes what is not among these.
fn sweep(directory: &Path, held: &Digests) {
    let held: std::collections::HashSet<&str> = held.values().map(String::as_str).collect();
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    for name in names.filter(|name| name != MANIFEST && !held.contains(&**name)) {
        // One that stays costs room until the next time.
        drop(fs::remove_file(directory.join(name)));
    }
}

fn digest_of(path: &Path) -> io::Result<[u8; 32]> {
    read_through(path, |_| Ok(()))
}

/// Reads a regular file, chunk by chunk; returns its SHA-256.
fn read_through(
    path: &Path,
    mut each: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<[u8; 32]> {
    let mut file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other(format!("`{}` is no file", path.display())));
    }
    let (mut context, mut chunk) = (Context::new(&SHA256), vec![0; CHUNK]);
    loop {
        let length = file.read(&mut chunk)?;
        let read = chunk.get(..length).unwrap_or_default();
        if read.is_empty() {
            return Ok(octets(&context.finish()));
        }
        context.update(read);
        each(read)?;
    }
}

fn digest(text: &[u8]) -> [u8; 32] {
    octets(&ring::digest::digest(&SHA256, text))
}

fn octets(digest: &ring::digest::Digest) -> [u8; 32] {
    digest.as_ref().try_into().expect("SHA-256 has 32 octets")
}

fn hex(digest: &[u8; 32]) -> String {
    digest.iter().map(|octet| format!("{octet:02x}")).collect()
}
