//! The twelve octets that every message begins with (RFC 1035, 4.1.1).

/// A kind of query.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Opcode(pub u8);

impl Opcode {
    /// A standard query, the only one answered.
    pub const QUERY: Self = Self(0);
}

/// The header of a query.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// Copied into the response.
    pub id: u16,
    /// All sixteen flag bits as received.
    pub flags: u16,
    /// QDCOUNT, ANCOUNT, NSCOUNT, ARCOUNT.
    pub counts: [u16; 4],
}

impl Header {
    /// Octets of a header.
    pub const LEN: usize = 12;

    pub(crate) const QR: u16 = 0x8000;
    pub(crate) const AA: u16 = 0x0400;
    pub(crate) const TC: u16 = 0x0200;
    pub(crate) const RD: u16 = 0x0100;
    pub(crate) const OPCODE: u16 = 0x7800;

    /// Reads the header; `None` if the message is shorter.
    pub fn parse(message: &[u8]) -> Option<Self> {
        let octets: &[u8; Self::LEN] = message.first_chunk()?;
        let [i0, i1, f0, f1, a, b, c, d, e, f, g, h] = *octets;
        Some(Self {
            id: u16::from_be_bytes([i0, i1]),
            flags: u16::from_be_bytes([f0, f1]),
            counts: [[a, b], [c, d], [e, f], [g, h]].map(u16::from_be_bytes),
        })
    }

    /// Whether it is a response; those are never answered.
    pub const fn is_response(&self) -> bool {
        self.flags & Self::QR != 0
    }

    /// The kind of query.
    pub const fn opcode(&self) -> Opcode {
        Opcode((self.flags >> 11 & 15) as u8)
    }
}
