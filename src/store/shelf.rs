//! A file of its own beside the state, for what is too large to be a part of it.

use std::io;
use std::sync::Arc;

use crate::store::folder;
use crate::store::writer;
use crate::store::writer::Shared;

/// A file of the folder, which its owner writes when it likes.
#[derive(Clone, Debug)]
pub struct Shelf {
    shared: Arc<Shared>,
    name: &'static str,
    most: usize,
}

impl Shelf {
    pub(super) fn new(shared: Arc<Shared>, name: &'static str, most: usize) -> Self {
        Self { shared, name, most }
    }

    /// What was written last, if there is anything, and what an operator should know. Blocks on
    /// the disk.
    pub fn read(&self) -> (Option<Vec<u8>>, Vec<String>) {
        let mut warnings = Vec::new();
        let octets = self.shared.folder().read_file(self.name, self.most, &mut warnings);
        (octets, warnings)
    }

    /// Replaces what is there: whole or not at all. Blocks on the disk, and keeps the state
    /// from nothing meanwhile. One at a time: who writes twice at once may keep either.
    ///
    /// # Errors
    ///
    /// If there is too much of it, the folder is another node's, or the disk fails. That is
    /// logged, once, and one of the node's problems for as long as it lasts.
    pub fn write(&self, octets: &[u8]) -> io::Result<()> {
        writer::note(&self.shared, self.name, self.try_to_write(octets)).map_err(|(_, error)| error)
    }

    fn try_to_write(&self, octets: &[u8]) -> io::Result<()> {
        if octets.len() > self.most {
            let most = self.most / (1024 * 1024);
            return Err(io::Error::other(format!("`{}` has more than {most} MiB", self.name)));
        }
        let directory = self.shared.folder().ours()?;
        folder::replace(&directory, self.name, octets)
    }

    /// As [`Store::set_aside`](crate::store::Store::set_aside), for this file.
    pub fn set_aside(&self, reason: &str) -> String {
        self.shared.folder().set_aside(self.name, reason)
    }
}
