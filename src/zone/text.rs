//! The text of a master file.
//!
//! Master files have no encoding: names and strings are octets, and comments are for people.
//! A text here is UTF-8, so that problems can be shown; an octet that is none is written as
//! the escape that stands for it, which is read as the very same octet again.

use std::fs::File;
use std::io;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::model::Sources;
use crate::model::file_name;
use crate::model::limits;

/// Where a file is, links resolved; of copies there are no links.
pub(super) fn real(path: &Path, sources: &Sources) -> io::Result<PathBuf> {
    if sources.files().is_kept() { Ok(file_name(path)) } else { path.canonicalize() }
}

/// Reads a regular file; a pipe would make the load wait.
pub(super) fn load(path: &Path) -> io::Result<Arc<str>> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let most = u64::try_from(limits::ZONE_FILE).unwrap_or(u64::MAX);
    let mut octets = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut octets)?;
    if octets.len() > limits::ZONE_FILE {
        let most = limits::ZONE_FILE / (1024 * 1024);
        let what = format!("it has more than {most} MiB");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
    }
    Ok(match String::from_utf8(octets) {
        Ok(text) => text.into(),
        Err(error) => escaped(error.as_bytes()).into(),
    })
}

/// The octets with what is not UTF-8 as `\DDD` (RFC 1035, 5.1).
fn escaped(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len());
    for chunk in octets.utf8_chunks() {
        text.push_str(chunk.valid());
        for octet in chunk.invalid() {
            // Behind a backslash that escapes it, the digits alone are the same octet.
            let slashes = text.bytes().rev().take_while(|octet| *octet == b'\\').count();
            let slash = if slashes.is_multiple_of(2) { "\\" } else { "" };
            text.push_str(&format!("{slash}{octet:03}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_that_are_not_utf8_are_escaped() {
        for (octets, text) in [
            (&b"caf\xe9"[..], r"caf\233"),
            ("caf\u{e9}".as_bytes(), "caf\u{e9}"),
            (b"\\\xe9\\\\\xe9", r"\233\\\233"),
            (b"\xff\xfe", r"\255\254"),
            (b"\xc3\xa9\xc3", "\u{e9}\\195"),
        ] {
            assert_eq!(escaped(octets), text);
        }
    }
}
