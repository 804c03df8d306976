//! The question section: one name, type and class.

use crate::model::Class;
use crate::model::RecordType;
use crate::model::limits;
use crate::wire::Header;

/// One question: where its octets are, and the name in lower case.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    name: [u8; limits::NAME],
    name_len: u8,
    /// QTYPE.
    pub qtype: RecordType,
    /// QCLASS.
    pub class: Class,
}

impl Question {
    /// Reads the question that follows the header. `None` if it is cut short,
    /// compressed, or breaks the limits of RFC 1035, 2.3.4. O(name length).
    pub(crate) fn parse(message: &[u8]) -> Option<Self> {
        let octets = message.get(Header::LEN..)?;
        let mut length = 0;
        loop {
            match usize::from(*octets.get(length)?) {
                0 => break,
                // A pointer or reserved type has its upper bits set and so is over 63.
                label @ 1..=limits::LABEL => length += label + 1,
                _ => return None,
            }
            if length >= limits::NAME {
                return None;
            }
        }
        length += 1;
        let (name, fixed) = octets.split_at_checked(length)?;
        let [t0, t1, c0, c1] = *fixed.first_chunk()?;
        let mut question = Self {
            name: [0; limits::NAME],
            name_len: u8::try_from(length).ok()?,
            qtype: RecordType(u16::from_be_bytes([t0, t1])),
            class: Class(u16::from_be_bytes([c0, c1])),
        };
        let lower = question.name.get_mut(..length)?;
        lower.copy_from_slice(name);
        // Length octets are at most 63 and so never an upper-case letter.
        lower.make_ascii_lowercase();
        Some(question)
    }

    /// The name in lower case, uncompressed wire form with its root label.
    pub fn name(&self) -> &[u8] {
        self.name.get(..usize::from(self.name_len)).unwrap_or_default()
    }

    /// Octets of the section.
    pub fn section_len(&self) -> usize {
        usize::from(self.name_len) + 4
    }
}
