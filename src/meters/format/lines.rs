//! Lines of octets that come in parts.

use crate::meters::fault::Flaw;
use crate::meters::fault::Reason;
use crate::model::limits;

/// What is between the last end of a line and the next.
#[derive(Debug, Default)]
pub(super) struct Lines {
    partial: Vec<u8>,
    /// How many lines ended.
    count: usize,
}

impl Lines {
    /// Hands on every line that ends in these octets, with its number, the first of which is 1.
    pub(super) fn take(
        &mut self,
        octets: &[u8],
        mut each: impl FnMut(usize, &[u8]) -> Result<(), Flaw>,
    ) -> Result<(), Flaw> {
        let mut rest = octets;
        while let Some(end) = rest.iter().position(|octet| *octet == b'\n') {
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            self.count += 1;
            self.keep_room(line.len())?;
            if self.partial.is_empty() {
                each(self.count, bare(line))?;
            } else {
                self.partial.extend_from_slice(line);
                each(self.count, bare(&self.partial))?;
                self.partial.clear();
            }
        }
        self.keep_room(rest.len())?;
        self.partial.extend_from_slice(rest);
        Ok(())
    }

    /// Hands on a last line that has no end.
    pub(super) fn end(
        self,
        mut each: impl FnMut(usize, &[u8]) -> Result<(), Flaw>,
    ) -> Result<(), Flaw> {
        if self.partial.is_empty() { Ok(()) } else { each(self.count + 1, bare(&self.partial)) }
    }

    fn keep_room(&self, more: usize) -> Result<(), Flaw> {
        let most = limits::LOAD_LINE;
        if self.partial.len() + more <= most {
            return Ok(());
        }
        let found = format!("expected lines of at most {most} octets, found a longer one");
        Err(Flaw::new(Reason::TooLong, found))
    }
}

fn bare(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}
