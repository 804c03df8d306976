//! Record types and classes by number, with their mnemonics.

use std::fmt;
use std::str::FromStr;

/// A record type or query type (RFC 6895, 3.1).
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RecordType(pub u16);

macro_rules! record_types {
    ($($name:ident = $code:literal $text:literal),+ $(,)?) => {
        #[expect(missing_docs, reason = "the mnemonics of the IANA registry")]
        impl RecordType {
            $(pub const $name: Self = Self($code);)+
        }

        const MNEMONICS: &[(&str, u16)] = &[$(($text, $code)),+];
    };
}

record_types! {
    A = 1 "A", NS = 2 "NS", CNAME = 5 "CNAME", SOA = 6 "SOA", NULL = 10 "NULL",
    PTR = 12 "PTR", HINFO = 13 "HINFO", MINFO = 14 "MINFO", MX = 15 "MX", TXT = 16 "TXT",
    RP = 17 "RP", AFSDB = 18 "AFSDB", SIG = 24 "SIG", KEY = 25 "KEY", AAAA = 28 "AAAA",
    LOC = 29 "LOC", SRV = 33 "SRV", NAPTR = 35 "NAPTR", KX = 36 "KX", CERT = 37 "CERT",
    DNAME = 39 "DNAME", OPT = 41 "OPT", APL = 42 "APL", DS = 43 "DS", SSHFP = 44 "SSHFP",
    IPSECKEY = 45 "IPSECKEY", RRSIG = 46 "RRSIG", NSEC = 47 "NSEC", DNSKEY = 48 "DNSKEY",
    DHCID = 49 "DHCID", NSEC3 = 50 "NSEC3", NSEC3PARAM = 51 "NSEC3PARAM", TLSA = 52 "TLSA",
    SMIMEA = 53 "SMIMEA", CDS = 59 "CDS", CDNSKEY = 60 "CDNSKEY", OPENPGPKEY = 61 "OPENPGPKEY",
    CSYNC = 62 "CSYNC", ZONEMD = 63 "ZONEMD", SVCB = 64 "SVCB", HTTPS = 65 "HTTPS",
    SPF = 99 "SPF", EUI48 = 108 "EUI48", EUI64 = 109 "EUI64", TKEY = 249 "TKEY",
    TSIG = 250 "TSIG", IXFR = 251 "IXFR", AXFR = 252 "AXFR", MAILB = 253 "MAILB",
    MAILA = 254 "MAILA", ANY = 255 "ANY", URI = 256 "URI", CAA = 257 "CAA",
}

impl RecordType {
    /// Whether the type can only be asked for or is used in transactions, and so never
    /// stands in a zone (RFC 6895, 3.1: 128 to 255, and OPT).
    pub const fn is_meta(self) -> bool {
        matches!(self.0, 0 | 41 | 128..=255)
    }
}

impl FromStr for RecordType {
    type Err = ();

    /// Takes a mnemonic in any case or the RFC 3597 form `TYPE65280`.
    fn from_str(text: &str) -> Result<Self, ()> {
        if let Some((_, code)) = MNEMONICS.iter().find(|(m, _)| m.eq_ignore_ascii_case(text)) {
            return Ok(Self(*code));
        }
        match text.get(..4) {
            Some(prefix) if prefix.eq_ignore_ascii_case("TYPE") => {
                text.get(4..).and_then(|n| n.parse().ok()).map(Self).ok_or(())
            }
            _ => Err(()),
        }
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match MNEMONICS.iter().find(|(_, code)| *code == self.0) {
            Some((mnemonic, _)) => f.write_str(mnemonic),
            None => write!(f, "TYPE{}", self.0),
        }
    }
}

impl fmt::Debug for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A class (RFC 1035, 3.2.4).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Class(pub u16);

impl Class {
    /// The Internet.
    pub const IN: Self = Self(1);
    /// CHAOS, where servers say who they are (RFC 4892).
    pub const CH: Self = Self(3);
    /// Any class; in questions only.
    pub const ANY: Self = Self(255);
}
