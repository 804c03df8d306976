//! Names to numbers: one open-addressed hash table, built at load and only read after.
//!
//! The hash has no secret: a table is filled by the operator, and what a client asks for can
//! at worst walk the longest run of full slots, which stays short at half load.

/// Which number a name in lower-case wire form has.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Hash and number; a power of two of them, at most half taken.
    slots: Box<[Slot]>,
    n_taken: usize,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u32,
    number: u32,
}

const FREE: Slot = Slot { hash: 0, number: u32::MAX };

impl Table {
    /// Returns the number of a name. O(its length), no allocation; `name_of` gives the name
    /// that a number stands for.
    pub(super) fn find<'n>(&self, name: &[u8], name_of: impl Fn(u32) -> &'n [u8]) -> Option<u32> {
        let hash = hash(name);
        self.run(hash)
            .take_while(|slot| slot.number != FREE.number)
            .find(|slot| slot.hash == hash && name_of(slot.number) == name)
            .map(|slot| slot.number)
    }

    /// Octets that the slots take.
    pub(super) fn size(&self) -> usize {
        size_of_val(&*self.slots)
    }

    /// Adds a name that is not in the table yet.
    pub(super) fn insert(&mut self, name: &[u8], number: u32) {
        if (self.n_taken + 1) * 2 > self.slots.len() {
            let size = (self.slots.len() * 2).max(16);
            let old = std::mem::replace(&mut self.slots, vec![FREE; size].into());
            for slot in old.into_iter().filter(|slot| slot.number != FREE.number) {
                self.place(slot);
            }
        }
        self.place(Slot { hash: hash(name), number });
        self.n_taken += 1;
    }

    fn place(&mut self, slot: Slot) {
        let (before, from) = self.slots.split_at_mut(start(slot.hash, self.slots.len()));
        let free = from.iter_mut().chain(before).find(|other| other.number == FREE.number);
        *free.expect("half of the slots are free") = slot;
    }

    /// The slots in the order in which a hash is looked for.
    fn run(&self, hash: u32) -> impl Iterator<Item = &Slot> {
        let (before, from) = self.slots.split_at(start(hash, self.slots.len()));
        from.iter().chain(before)
    }
}

/// The first slot for a hash in a table of `size` slots, a power of two or none.
const fn start(hash: u32, size: usize) -> usize {
    if size == 0 { 0 } else { hash as usize & (size - 1) }
}

/// Eight octets at a time: multiply to 128 bits and fold, so that each bit reaches all others.
fn hash(name: &[u8]) -> u32 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    const SEED: u64 = 0x2545_f491_4f6c_dd1d;
    let fold = |state: u64, word: u64| {
        let product = u128::from(state ^ word) * u128::from(MULTIPLIER);
        let [low, high] = [product & u128::from(u64::MAX), product >> 64];
        u64::try_from(low ^ high).unwrap_or_default()
    };
    let (words, rest) = name.as_chunks::<8>();
    let mut state = SEED ^ u64::try_from(name.len()).unwrap_or_default();
    for word in words {
        state = fold(state, u64::from_le_bytes(*word));
    }
    let last = rest.iter().rev().fold(0, |word, octet| word << 8 | u64::from(*octet));
    state = fold(state, last);
    // The high half, which depends on all of the input.
    u32::try_from(fold(state, SEED) >> 32).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_inserted_and_nothing_else() {
        let names: Vec<Vec<u8>> = (0..5000_u32).map(|n| format!("name-{n}").into()).collect();
        let mut table = Table::default();
        assert_eq!(table.find(b"name-0", |_| b"name-0"), None);
        for (number, name) in (0..).zip(&names) {
            table.insert(name, number);
        }
        let name_of = |number: u32| names[number as usize].as_slice();
        for (number, name) in (0..).zip(&names) {
            assert_eq!(table.find(name, name_of), Some(number));
        }
        assert_eq!(table.find(b"name-5000", name_of), None);
    }
}
