//! One record of a zone, as its file has it.

use crate::model::Name;
use crate::model::RecordType;
use crate::model::Span;
use crate::model::Ttl;

/// A record of class IN with its place in the file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// Where it hangs in the tree.
    pub owner: Name,
    /// Its type.
    pub rtype: RecordType,
    /// How long it may be kept; one value for its whole RRset (RFC 2181, 5.2).
    pub ttl: Ttl,
    /// The data on the wire; names uncompressed and in the case of the file.
    pub rdata: Box<[u8]>,
    /// Owner, if written, to type.
    pub span: Span,
}

impl Record {
    /// Octets of owner and data, which [`crate::model::limits::ZONE_DATA`] bounds.
    pub fn size(&self) -> usize {
        self.owner.as_wire().len() + self.rdata.len()
    }

    /// The name that the data lead to, in wire form with the case of the file; `None` for types
    /// without one that a server looks up (RFC 1034, 3.6 and 4.3.2; RFC 2782; RFC 6672).
    pub fn target(&self) -> Option<&[u8]> {
        let skip = match self.rtype {
            RecordType::NS | RecordType::CNAME | RecordType::PTR | RecordType::DNAME => 0,
            RecordType::MX | RecordType::AFSDB | RecordType::KX => 2,
            RecordType::SRV => 6,
            _ => return None,
        };
        self.rdata.get(skip..)
    }
}
