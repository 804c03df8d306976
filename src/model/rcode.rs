//! Response codes, and what they are called.

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

    /// Those that a server may answer a query with, by the mnemonic of the IANA registry (RFC 6895,
    /// 2.3).
    pub const NAMED: [(&str, Self); 9] = [
        ("NOERROR", Self::NOERROR),
        ("FORMERR", Self::FORMERR),
        ("SERVFAIL", Self::SERVFAIL),
        ("NXDOMAIN", Self::NXDOMAIN),
        ("NOTIMP", Self::NOTIMP),
        ("REFUSED", Self::REFUSED),
        ("YXDOMAIN", Self::YXDOMAIN),
        ("NOTAUTH", Self::NOTAUTH),
        ("BADVERS", Self::BADVERS),
    ];
}

impl fmt::Display for Rcode {
    /// The mnemonic, `RCODE23` for those without.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMED.iter().find(|(_, code)| code == self) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "RCODE{}", self.0),
        }
    }
}
