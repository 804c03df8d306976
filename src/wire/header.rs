//! The twelve octets that every message begins with (RFC 1035, 4.1.1).

use std::fmt;

/// A response code, the four header bits and the eight of EDNS in one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Rcode(pub u16);

impl Rcode {
    /// RFC 1035, 4.1.1.
    pub const NOERROR: Self = Self(0);
    /// RFC 1035, 4.1.1.
    pub const FORMERR: Self = Self(1);
    /// RFC 1035, 4.1.1.
    pub const SERVFAIL: Self = Self(2);
    /// RFC 1035, 4.1.1.
    pub const NXDOMAIN: Self = Self(3);
    /// RFC 1035, 4.1.1.
    pub const NOTIMP: Self = Self(4);
    /// RFC 1035, 4.1.1.
    pub const REFUSED: Self = Self(5);
    /// RFC 6672, 2.2: a DNAME substitution that is too long.
    pub const YXDOMAIN: Self = Self(6);
    /// RFC 5936, 2.2.1: a transfer of a zone that is not here (RFC 2136, 2.2).
    pub const NOTAUTH: Self = Self(9);
    /// RFC 6891, 9.
    pub const BADVERS: Self = Self(16);
}

impl fmt::Display for Rcode {
    /// The mnemonic of the IANA registry (RFC 6895, 2.3), `RCODE23` for those never sent here.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::NOERROR => "NOERROR",
            Self::FORMERR => "FORMERR",
            Self::SERVFAIL => "SERVFAIL",
            Self::NXDOMAIN => "NXDOMAIN",
            Self::NOTIMP => "NOTIMP",
            Self::REFUSED => "REFUSED",
            Self::YXDOMAIN => "YXDOMAIN",
            Self::NOTAUTH => "NOTAUTH",
            Self::BADVERS => "BADVERS",
            Self(code) => return write!(f, "RCODE{code}"),
        })
    }
}

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
