//! The end of a log file, as it grows.

use std::fs::File;
use std::fs::Metadata;
use std::io;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;

use crate::model::limits;

/// Octets of one call to the system.
const CHUNK: usize = 64 * 1024;

/// Looks without news after which a file that was renamed is left: a load balancer writes on
/// into the old one until it is told to open the new.
const PATIENCE: u32 = 10;

/// A log that is followed: over renaming, over copying and truncating, and before it is there.
///
/// What was in it before is passed over, but a file that came later is read from its start.
/// Between two looks a file that was truncated and has grown beyond where it was is not told
/// from one that grew: what is lost are lines.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    open: Option<Open>,
    /// Whether the next file that is there was there before anybody looked.
    is_first: bool,
    /// A line that has not ended yet.
    line: Vec<u8>,
    /// Whether the rest of a line that is too long is being passed over.
    is_over: bool,
}

#[derive(Debug)]
struct Open {
    file: File,
    /// Octets that were read or passed over.
    at: u64,
    /// Looks without news since another file has its name.
    silent: u32,
}

impl Tail {
    /// Follows the file of this name from now on.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), open: None, is_first: true, line: Vec::new(), is_over: false }
    }

    /// The name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Hands over the lines that were completed since the last look, at most
    /// [`limits::REPORT_READ`] octets of them, each without its end; `None` stands for one that
    /// is longer than [`limits::REPORT_LINE`]. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// If the file can't be read; one that is not there is no error. It is opened again.
    pub fn look(&mut self, mut each: impl FnMut(Option<&[u8]>)) -> io::Result<()> {
        let looked = self.try_look(&mut each);
        if looked.is_err() {
            self.leave();
        }
        looked
    }

    fn try_look(&mut self, each: &mut impl FnMut(Option<&[u8]>)) -> io::Result<()> {
        if self.open.is_none() {
            self.open = self.begin()?;
            self.is_first = false;
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        if open.file.metadata()?.len() < open.at {
            open.file.seek(SeekFrom::Start(0))?;
            (open.at, self.is_over) = (0, false);
            self.line.clear();
        }
        let mut chunk = vec![0; CHUNK];
        let mut left = limits::REPORT_READ;
        let mut has_news = false;
        while left > 0 {
            let Some(open) = &mut self.open else { break };
            let length = match open.file.read(&mut chunk) {
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if length == 0 {
                break;
            }
            has_news = true;
            open.at += length as u64;
            left = left.saturating_sub(length);
            self.cut(chunk.get(..length).unwrap_or_default(), each);
        }
        if has_news {
            self.open.iter_mut().for_each(|open| open.silent = 0);
        } else if self.is_renamed()? {
            self.leave();
        }
        Ok(())
    }

    /// Opens it, if it is there.
    fn begin(&self) -> io::Result<Option<Open>> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it is no file"));
        }
        let at = if self.is_first { file.seek(SeekFrom::End(0))? } else { 0 };
        Ok(Some(Open { file, at, silent: 0 }))
    }

    /// Whether another file has had its name for long enough.
    fn is_renamed(&mut self) -> io::Result<bool> {
        let Some(open) = &mut self.open else { return Ok(false) };
        let identity = |metadata: &Metadata| (metadata.dev(), metadata.ino());
        let here = identity(&open.file.metadata()?);
        let is_another = match std::fs::metadata(&self.path) {
            Ok(metadata) => identity(&metadata) != here,
            // The new one is yet to come.
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        open.silent = if is_another { open.silent + 1 } else { 0 };
        Ok(open.silent > PATIENCE)
    }

    fn leave(&mut self) {
        (self.open, self.is_over) = (None, false);
        self.line.clear();
    }

    /// Cuts octets into lines.
    fn cut(&mut self, octets: &[u8], each: &mut impl FnMut(Option<&[u8]>)) {
        for part in octets.split_inclusive(|octet| *octet == b'\n') {
            let text = part.strip_suffix(b"\n");
            let more = text.unwrap_or(part);
            let fits = self.line.len() + more.len() <= limits::REPORT_LINE;
            if fits && !self.is_over {
                self.line.extend_from_slice(more);
            } else if !self.is_over {
                self.is_over = true;
                self.line.clear();
                each(None);
            }
            if text.is_some() {
                if !self.is_over {
                    each(Some(&self.line));
                }
                self.is_over = false;
                self.line.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    struct Log {
        folder: tempfile::TempDir,
        tail: Tail,
    }

    impl Log {
        fn new(before: Option<&str>) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("log");
            before.iter().for_each(|text| fs::write(&path, text).unwrap());
            let mut log = Self { tail: Tail::new(&path), folder };
            assert!(log.look().is_empty());
            log
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn append(&self, name: &str, text: &str) {
            let file = File::options().create(true).append(true).open(self.path(name));
            file.unwrap().write_all(text.as_bytes()).unwrap();
        }

        fn look(&mut self) -> Vec<String> {
            let mut lines = Vec::new();
            let each = |line: Option<&[u8]>| {
                let text = String::from_utf8_lossy(line.unwrap_or(b"too long"));
                lines.push(text.into_owned());
            };
            self.tail.look(each).unwrap();
            lines
        }
    }

    #[test]
    fn what_is_new_is_read_once_its_line_has_ended() {
        let mut log = Log::new(Some("old\nhalf "));
        log.append("log", "of one\na\nb");
        assert_eq!(log.look(), ["of one", "a"]);
        log.append("log", "c\n\n");
        assert_eq!(log.look(), ["bc", ""]);
        assert!(log.look().is_empty());
    }

    #[test]
    fn a_file_that_comes_later_is_read_from_its_start() {
        let mut log = Log::new(None);
        assert!(log.look().is_empty());
        log.append("log", "a\n");
        assert_eq!(log.look(), ["a"]);
    }

    #[test]
    fn a_file_that_was_renamed_is_read_to_its_end_and_then_the_new_one() {
        let mut log = Log::new(Some(""));
        log.append("log", "a\n");
        assert_eq!(log.look(), ["a"]);
        fs::rename(log.path("log"), log.path("log.1")).unwrap();
        log.append("log.1", "b\n");
        assert_eq!(log.look(), ["b"]);
        for _ in 0..2 * PATIENCE {
            assert!(log.look().is_empty(), "there is no other yet");
        }
        log.append("log", "d\n");
        assert!(log.look().is_empty());
        log.append("log.1", "c\nnever ended");
        assert_eq!(log.look(), ["c"], "the old one is written still");
        let lines: Vec<String> = (0..PATIENCE + 3).flat_map(|_| log.look()).collect();
        assert_eq!(lines, ["d"]);
        fs::remove_file(log.path("log")).unwrap();
        log.append("log", "e\n");
        let lines: Vec<String> = (0..PATIENCE + 3).flat_map(|_| log.look()).collect();
        assert_eq!(lines, ["e"]);
    }

    #[test]
    fn a_file_that_was_truncated_is_read_from_its_start() {
        let mut log = Log::new(Some("old\n"));
        log.append("log", "abc\nhalf");
        assert_eq!(log.look(), ["abc"]);
        fs::copy(log.path("log"), log.path("log.1")).unwrap();
        File::options().write(true).truncate(true).open(log.path("log")).unwrap();
        log.append("log", "d\n");
        assert_eq!(log.look(), ["d"]);
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over_whole() {
        let mut log = Log::new(Some(""));
        let long = "x".repeat(limits::REPORT_LINE);
        log.append("log", &format!("{long}\n{long}y\na\n{long}{long}{long}"));
        assert_eq!(log.look(), [&long, "too long", "a", "too long"]);
        log.append("log", &format!("{long}\nb\n"));
        assert_eq!(log.look(), ["b"]);
        // A look is bounded; the rest comes with the next.
        let many = format!("{}\n", "y".repeat(1023)).repeat(limits::REPORT_READ / 1024 + 100);
        log.append("log", &many);
        let first = log.look().len();
        assert!(first < limits::REPORT_READ / 1024 + CHUNK / 1024, "{first}");
        assert_eq!(first + log.look().len(), limits::REPORT_READ / 1024 + 100);
    }

    #[test]
    fn what_is_no_file_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let mut tail = Tail::new(folder.path());
        assert!(tail.look(|_| {}).is_err());
    }
}
