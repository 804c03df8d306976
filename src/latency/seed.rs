//! The hash of prefixes in the index of a table.

use std::hash::BuildHasher;
use std::hash::Hasher;

/// Hashes prefixes with a seed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seed(pub(super) u64);

impl BuildHasher for Seed {
    type Hasher = Word;

    fn build_hasher(&self) -> Word {
        Word(self.0)
    }
}

/// The hash of one word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word(u64);

impl Hasher for Word {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, word: u64) {
        // Both halves of a product of 128 bits: no bit of the word is without influence.
        let product = u128::from(word ^ self.0) * 0x9e37_79b9_7f4a_7c15;
        let [high, low] = [product >> 64, product & u128::from(u64::MAX)];
        self.0 ^= u64::try_from(high ^ low).unwrap_or_default();
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
