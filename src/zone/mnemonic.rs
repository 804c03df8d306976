//! Words that stand for numbers in record data, as the IANA registries have them.
//!
//! A number is always read in place of a word. Words are read in any case.

use crate::zone::field;
use crate::zone::flaw::Flaw;
use crate::zone::splitter::Token;

/// Words of one registry with their numbers.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Mnemonics {
    /// What they name, for messages.
    what: &'static str,
    words: &'static [(&'static str, u16)],
}

impl Mnemonics {
    /// The number that a token is or stands for, up to `most`.
    ///
    /// # Errors
    ///
    /// A flaw at the token, with the words that there are.
    pub(super) fn number(&self, token: &Token<'_>, most: u16) -> Result<u16, Flaw> {
        let word = self.words.iter().find(|(word, _)| word.eq_ignore_ascii_case(token.text));
        if let Some((_, number)) = word {
            return Ok(*number);
        }
        let most = u32::from(most);
        let number = field::number(token, self.what, most).map_err(|flaw| {
            let words: Vec<_> = self.words.iter().map(|(word, _)| *word).collect();
            flaw.help(format!("write the number, or one of {}", words.join(", ")))
        })?;
        Ok(u16::try_from(number).unwrap_or(u16::MAX))
    }
}

/// DNS security algorithms (RFC 4034, A.1, and later).
pub(super) const ALGORITHMS: Mnemonics = Mnemonics {
    what: "the algorithm",
    words: &[
        ("DELETE", 0),
        ("RSAMD5", 1),
        ("DH", 2),
        ("DSA", 3),
        ("ECC", 4),
        ("RSASHA1", 5),
        ("DSA-NSEC3-SHA1", 6),
        ("NSEC3DSA", 6),
        ("RSASHA1-NSEC3-SHA1", 7),
        ("NSEC3RSASHA1", 7),
        ("RSASHA256", 8),
        ("RSASHA512", 10),
        ("ECC-GOST", 12),
        ("ECCGOST", 12),
        ("ECDSAP256SHA256", 13),
        ("ECDSAP384SHA384", 14),
        ("ED25519", 15),
        ("ED448", 16),
        ("INDIRECT", 252),
        ("PRIVATEDNS", 253),
        ("PRIVATEOID", 254),
    ],
};

/// Types of certificates (RFC 4398, 2.1).
pub(super) const CERTIFICATES: Mnemonics = Mnemonics {
    what: "the type of the certificate",
    words: &[
        ("PKIX", 1),
        ("SPKI", 2),
        ("PGP", 3),
        ("IPKIX", 4),
        ("ISPKI", 5),
        ("IPGP", 6),
        ("ACPKIX", 7),
        ("IACPKIX", 8),
        ("URI", 253),
        ("OID", 254),
    ],
};

/// Digests of DS records (RFC 4034, A.2, and later).
pub(super) const DIGESTS: Mnemonics = Mnemonics {
    what: "the digest type",
    words: &[
        ("SHA-1", 1),
        ("SHA1", 1),
        ("SHA-256", 2),
        ("SHA256", 2),
        ("GOST", 3),
        ("SHA-384", 4),
        ("SHA384", 4),
    ],
};

/// Hash algorithms of NSEC3 (RFC 5155, 11).
pub(super) const HASHES: Mnemonics =
    Mnemonics { what: "the hash algorithm", words: &[("SHA-1", 1), ("SHA1", 1)] };

/// Flags of KEY and DNSKEY (RFC 2535, 3.1.2 and 7.1; RFC 4034, 2.1.1; RFC 5011, 3).
const KEY_FLAGS: Mnemonics = Mnemonics {
    what: "the flags",
    words: &[
        ("NOCONF", 0x4000),
        ("NOAUTH", 0x8000),
        ("NOKEY", 0xc000),
        ("FLAG2", 0x2000),
        ("EXTEND", 0x1000),
        ("FLAG4", 0x0800),
        ("FLAG5", 0x0400),
        ("USER", 0x0000),
        ("ZONE", 0x0100),
        ("HOST", 0x0200),
        ("NTYP3", 0x0300),
        ("FLAG8", 0x0080),
        ("FLAG9", 0x0040),
        ("FLAG10", 0x0020),
        ("FLAG11", 0x0010),
        ("REVOKE", 0x0080),
        ("KSK", 0x0001),
        ("SEP", 0x0001),
        ("SIG0", 0),
        ("SIG1", 1),
        ("SIG2", 2),
        ("SIG3", 3),
        ("SIG4", 4),
        ("SIG5", 5),
        ("SIG6", 6),
        ("SIG7", 7),
        ("SIG8", 8),
        ("SIG9", 9),
        ("SIG10", 10),
        ("SIG11", 11),
        ("SIG12", 12),
        ("SIG13", 13),
        ("SIG14", 14),
        ("SIG15", 15),
    ],
};

/// Flags as a number, or as words with `|` between.
pub(super) fn key_flags(token: &Token<'_>) -> Result<u16, Flaw> {
    token.text.split('|').try_fold(0, |flags, word| {
        let word = Token { text: word, ..*token };
        Ok(flags | KEY_FLAGS.number(&word, u16::MAX)?)
    })
}

/// What a KEY is for (RFC 2535, 3.1.3).
pub(super) const KEY_PROTOCOLS: Mnemonics = Mnemonics {
    what: "the protocol",
    words: &[("NONE", 0), ("TLS", 1), ("EMAIL", 2), ("DNSSEC", 3), ("IPSEC", 4), ("ALL", 255)],
};

/// How a DSYNC target is told (RFC 9859, 2.1).
pub(super) const SCHEMES: Mnemonics = Mnemonics { what: "the scheme", words: &[("NOTIFY", 1)] };

/// Protocols of WKS (RFC 1035, 3.4.2).
pub(super) const IP_PROTOCOLS: Mnemonics = Mnemonics {
    what: "the protocol",
    words: &[("ICMP", 1), ("TCP", 6), ("EGP", 8), ("IGP", 9), ("UDP", 17)],
};

/// Services of WKS: those that a host may well have had when there was WKS (RFC 1700).
pub(super) const SERVICES: Mnemonics = Mnemonics {
    what: "a port",
    words: &[
        ("echo", 7),
        ("discard", 9),
        ("systat", 11),
        ("daytime", 13),
        ("netstat", 15),
        ("qotd", 17),
        ("chargen", 19),
        ("ftp-data", 20),
        ("ftp", 21),
        ("ssh", 22),
        ("telnet", 23),
        ("smtp", 25),
        ("time", 37),
        ("nameserver", 42),
        ("whois", 43),
        ("nicname", 43),
        ("domain", 53),
        ("bootps", 67),
        ("bootpc", 68),
        ("tftp", 69),
        ("gopher", 70),
        ("finger", 79),
        ("http", 80),
        ("www", 80),
        ("kerberos", 88),
        ("hostname", 101),
        ("hostnames", 101),
        ("pop2", 109),
        ("pop3", 110),
        ("sunrpc", 111),
        ("auth", 113),
        ("sftp", 115),
        ("nntp", 119),
        ("ntp", 123),
        ("imap", 143),
        ("imap2", 143),
        ("snmp", 161),
        ("snmp-trap", 162),
        ("bgp", 179),
        ("irc", 194),
        ("imap3", 220),
        ("ldap", 389),
        ("https", 443),
    ],
};
