//! `latency.bin` and `orders.bin`: a table, and the orders that were made of it, as octets.
//!
//! ```text
//!   "MRDN-RTT"  1  names of the regions  pairs  pairs  …  SHA-256 of all before
//!   "MRDN-ORD"  1  names of the regions  orders           the same
//!   magic       │  └──── frames: length (u32, big-endian), postcard ────┘
//!               └ version
//! ```

use ring::digest;
use ring::digest::SHA256;
use ring::digest::SHA256_OUTPUT_LEN;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::limits;

/// What a file holds, by its first octets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Orders,
    Table,
}

impl Kind {
    const fn magic(self) -> &'static [u8] {
        match self {
            Self::Orders => b"MRDN-ORD",
            Self::Table => b"MRDN-RTT",
        }
    }
}

/// The one version there is; another is not read.
const VERSION: u8 = 1;

/// Octets of the names of regions, at the most: each has two of length, and there are two of count.
const NAMES: usize = limits::REGIONS * (limits::NAME + 2) + 2;

/// A file that is whole.
#[derive(Debug, PartialEq)]
pub(super) struct File<'f> {
    /// What the regions were called, by position.
    pub(super) names: Vec<String>,
    rest: &'f [u8],
}

/// Writes it.
pub(super) fn encode<P: Serialize>(
    kind: Kind,
    names: &[&str],
    parts: impl Iterator<Item = P>,
) -> Vec<u8> {
    let mut out = kind.magic().to_vec();
    out.push(VERSION);
    frame(&mut out, postcard::to_stdvec(names));
    for part in parts {
        frame(&mut out, postcard::to_stdvec(&part));
    }
    let digest = digest::digest(&SHA256, &out);
    out.extend_from_slice(digest.as_ref());
    out
}

fn frame(out: &mut Vec<u8>, frame: postcard::Result<Vec<u8>>) {
    let frame = frame.expect("a vector takes what there is, and all lengths are known");
    let length = u32::try_from(frame.len()).expect("a part has a bound");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&frame);
}

impl<'f> File<'f> {
    /// Reads what is ahead of the parts.
    ///
    /// # Errors
    ///
    /// What is wrong, for a person.
    pub(super) fn read(kind: Kind, octets: &'f [u8]) -> Result<Self, String> {
        let magic = kind.magic();
        let rest = octets.strip_prefix(magic).ok_or("it does not begin as such a file does")?;
        let (version, _) = rest.split_first().ok_or("it ends early")?;
        if *version != VERSION {
            return Err(format!("it has version {version}, expected {VERSION}"));
        }
        let split = octets.split_last_chunk::<SHA256_OUTPUT_LEN>();
        let (whole, digest) = split.ok_or("it ends early")?;
        if digest::digest(&SHA256, whole).as_ref() != digest {
            return Err("it is damaged: its digest is another".to_owned());
        }
        let rest = whole.get(magic.len() + 1..).ok_or("it ends early")?;
        let (names, rest) = next(rest)?;
        // A name takes more memory than the octet that an empty one has in a file.
        if names.len() > NAMES {
            return Err("it names more regions than there may be".to_owned());
        }
        let names = postcard::from_bytes(names).map_err(|error| error.to_string())?;
        Ok(Self { names, rest })
    }

    /// The next part; `None` at the end.
    ///
    /// # Errors
    ///
    /// What is wrong, for a person.
    pub(super) fn part<P: DeserializeOwned>(&mut self) -> Result<Option<P>, String> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (part, rest) = next(self.rest)?;
        self.rest = rest;
        postcard::from_bytes(part).map(Some).map_err(|error| error.to_string())
    }
}

/// The first frame, and the rest.
fn next(octets: &[u8]) -> Result<(&[u8], &[u8]), String> {
    let (length, rest) = octets.split_first_chunk().ok_or("a part ends early")?;
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    rest.split_at_checked(length).ok_or_else(|| "a part ends early".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::Aggregate;

    #[test]
    fn what_is_cut_or_changed_is_noticed() {
        let whole =
            encode(Kind::Table, &["us", "eu"], std::iter::repeat_n(Aggregate::default(), 2));
        assert!(File::read(Kind::Orders, &whole).is_err(), "it is of another kind");
        let mut file = File::read(Kind::Table, &whole).unwrap();
        assert_eq!(file.names, ["us", "eu"]);
        assert_eq!(file.part(), Ok(Some(Aggregate::default())));
        assert_eq!(file.part(), Ok(Some(Aggregate::default())));
        assert_eq!(file.part::<Aggregate>(), Ok(None));
        for length in 0..whole.len() {
            assert!(File::read(Kind::Table, &whole[..length]).is_err(), "{length}");
        }
        for at in 0..whole.len() {
            let mut other = whole.clone();
            other[at] ^= 4;
            assert!(File::read(Kind::Table, &other).is_err(), "{at}");
        }
        let mut later = whole;
        later[Kind::Table.magic().len()] = 2;
        assert!(File::read(Kind::Table, &later).unwrap_err().contains("version 2, expected 1"));
    }
}
