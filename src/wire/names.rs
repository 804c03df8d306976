//! Where names stand in a message, so that later ones can point to them (RFC 1035, 4.1.4).
//!
//! ```text
//!   question  www.example.com      entries: www.example.com @12, example.com @16, com @24
//!   NS        ns1.sub.example.com  written: ns1 sub ►16          further entries: ns1.…, sub.…
//!   NS        ns2.sub.example.com  written: ns2 ►(sub.…)
//! ```
//!
//! A name is looked up from its longest suffix to its shortest by a key: the suffix's length and
//! how it begins. What has an equal key is compared in the message itself, so equal keys of unequal
//! names cost time and nothing else.

use crate::model::limits;
use crate::wire::Header;

/// The names of one message. It belongs to a worker, which uses it for one message after the
/// other: nothing is set up for messages that have no names to compress.
#[derive(Debug)]
pub struct Names {
    keys: [u64; limits::COMPRESSION_TARGETS],
    offsets: [u16; limits::COMPRESSION_TARGETS],
    len: usize,
}

impl Default for Names {
    fn default() -> Self {
        let n = [0; limits::COMPRESSION_TARGETS];
        Self { keys: [0; limits::COMPRESSION_TARGETS], offsets: n, len: 0 }
    }
}

impl Names {
    /// Forgets all names: another message begins.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    /// How many suffixes are known.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Forgets all suffixes but the first `len`: the octets behind them are written anew.
    #[inline]
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Adds the suffixes of the question's name, with which this part of the message ends.
    fn add_question(&mut self, message: &[u8]) {
        let mut at = Header::LEN;
        while let Some(rest) = message.get(at..)
            && let Some(length) = rest.first().copied().filter(|length| *length > 0)
        {
            self.add(key(rest), at);
            at += usize::from(length) + 1;
        }
    }

    fn add(&mut self, key: u64, offset: usize) {
        // A pointer has 14 bits.
        let offset = u16::try_from(offset).ok().filter(|offset| *offset < 1 << 14);
        if let (Some(offset), Some(key_at), Some(offset_at)) =
            (offset, self.keys.get_mut(self.len), self.offsets.get_mut(self.len))
        {
            (*key_at, *offset_at) = (key, offset);
            self.len += 1;
        }
    }

    /// Where a name stands in the message already.
    fn find(&self, message: &[u8], key: u64, name: &[u8]) -> Option<u16> {
        let known = self.keys.iter().zip(&self.offsets).take(self.len);
        known
            .filter(|(known, _)| **known == key)
            .map(|(_, offset)| *offset)
            .find(|offset| stands_at(message, usize::from(*offset), name))
    }

    /// Writes a name, uncompressed wire form in any case, at `at`, as short as the names before
    /// it let it be. `question_end` is where the question's name ends. Returns where the name
    /// ends; `None` if it does not fit the message. O(labels × names), no allocation.
    pub(crate) fn write(
        &mut self,
        message: &mut [u8],
        question_end: usize,
        at: usize,
        name: &[u8],
    ) -> Option<usize> {
        if self.len == 0 {
            self.add_question(message.get(..question_end)?);
        }
        let (mut at, mut rest) = (at, name);
        loop {
            let length = usize::from(*rest.first()?);
            if length == 0 {
                *message.get_mut(at)? = 0;
                return Some(at + 1);
            }
            let key = key(rest);
            if let Some(offset) = self.find(message, key, rest) {
                let pointer = message.get_mut(at..at + 2)?;
                pointer.copy_from_slice(&(0xc000 | offset).to_be_bytes());
                return Some(at + 2);
            }
            let (label, above) = rest.split_at_checked(length + 1)?;
            message.get_mut(at..at + label.len())?.copy_from_slice(label);
            // Nothing of this name can be found before it ends: its suffixes have other lengths.
            self.add(key, at);
            (at, rest) = (at + label.len(), above);
        }
    }
}

/// The length of a name, the length of its first label and the first six octets of that, upper and
/// lower case alike.
#[inline]
fn key(name: &[u8]) -> u64 {
    /// Set in octets, it makes upper case lower case; not in the first, which is a length.
    const LOWER: u64 = 0x0020_2020_2020_2000;
    let start = match name.first_chunk() {
        Some(start) => u64::from_le_bytes(*start),
        None => name.iter().rev().fold(0, |start, octet| start << 8 | u64::from(*octet)),
    };
    let of_label = name.first().copied().map_or(0, u32::from).min(6) * 8 + 8;
    let start = (start | LOWER) & ((1 << of_label) - 1);
    // At most 255 octets are a name.
    start | (name.len() as u64) << 56
}

/// Whether a name stands at an offset of the message, pointers followed.
fn stands_at(message: &[u8], offset: usize, name: &[u8]) -> bool {
    // Mostly it does so letter by letter, without a pointer.
    if message.get(offset..).is_some_and(|here| here.starts_with(name)) {
        return true;
    }
    let (mut at, mut rest) = (offset, name);
    loop {
        let Some(&length) = message.get(at) else { return false };
        if length >= 0xc0 {
            let Some(&[high, low]) = message.get(at..).and_then(|octets| octets.first_chunk())
            else {
                return false;
            };
            let target = usize::from(u16::from_be_bytes([high & 0x3f, low]));
            // Pointers lead back, so this ends.
            if target >= at {
                return false;
            }
            at = target;
            continue;
        }
        let here = message.get(at..=at + usize::from(length)).unwrap_or_default();
        let Some((label, above)) = rest.split_at_checked(here.len()) else { return false };
        // Length octets are at most 63 and so no letters.
        if here.is_empty() || !label.eq_ignore_ascii_case(here) {
            return false;
        }
        if length == 0 {
            return true;
        }
        (at, rest) = (at + here.len(), above);
    }
}
