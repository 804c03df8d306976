//! What of an answer is still to be written.
#![forbid(unsafe_code)]

/// Octets that the kernel did not take yet.
#[derive(Default)]
pub(in crate::server) struct Rest {
    octets: Vec<u8>,
    /// So many at the front are written.
    written: usize,
}

impl Rest {
    /// A copy of octets of which nothing is written.
    pub(in crate::server) fn new(octets: &[u8]) -> Self {
        Self { octets: octets.to_vec(), written: 0 }
    }

    /// What is still to be written.
    pub(in crate::server) fn octets(&self) -> &[u8] {
        self.octets.get(self.written..).unwrap_or_default()
    }

    /// Whether all is written.
    pub(in crate::server) fn is_empty(&self) -> bool {
        self.octets().is_empty()
    }

    /// Octets of memory that it takes: less than twice what is still to be written.
    pub(in crate::server) fn capacity(&self) -> usize {
        self.octets.capacity()
    }

    /// Passes over octets that were written. What is left is copied only once it is half of what is
    /// kept: a client that takes little at a time would else have everything copied each time.
    pub(in crate::server) fn pass_over(&mut self, written: usize) {
        self.written += written;
        if self.written * 2 >= self.octets.len() {
            *self = Self::new(self.octets());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_passed_over_and_its_memory_given_back() {
        let octets: Vec<u8> = (0..200).collect();
        let mut rest = Rest::new(&octets);
        for written in 1..=200_usize {
            let before = rest.octets.as_ptr();
            rest.pass_over(1);
            assert_eq!(rest.octets(), &octets[written..]);
            assert!(rest.capacity() <= 2 * rest.octets().len(), "{written} written");
            // It moves a few times, not each time.
            let has_moved = rest.octets.as_ptr() != before || rest.written == 0;
            assert_eq!(has_moved, rest.written == 0, "{written} written");
        }
        assert!(rest.is_empty());
    }
}
