//! The fields of the record types that we read ourselves, as a table.
//!
//! A new type of plain fields is one line in [`of`].

use crate::model::RecordType;
use crate::model::limits;

/// One field of record data: how it is written, and what it is called in messages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Field(pub(super) Kind, pub(super) &'static str);

/// How a field is written, in text and on the wire.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// An IPv4 address.
    A,
    /// An IPv6 address.
    Aaaa,
    /// A DNSSEC algorithm by number or mnemonic, one octet.
    Algorithm,
    /// Base32hex in one token; a length octet on the wire.
    Base32,
    /// Base64 in the tokens that are left.
    Base64,
    /// So many octets, in hex, with hyphens between.
    Eui(usize),
    /// Hex in the tokens that are left.
    Hex,
    /// A domain name.
    Name,
    /// The octets of one string, without a length.
    Octets,
    /// Hex in one token, or `-` for none; a length octet on the wire.
    Salt,
    /// A time in seconds, units allowed; 32 bits.
    Seconds,
    /// A moment as `YYYYMMDDHHmmSS` or in seconds; 32 bits.
    Stamp,
    /// Letters and digits; a length octet on the wire.
    Tag,
    /// A character string.
    Text,
    /// The character strings that are left, one at least.
    Texts,
    /// A record type; 16 bits.
    Type,
    /// The record types that are left, as bit maps (RFC 4034, 4.1.2).
    Types,
    /// A number of 8 bits.
    U8,
    /// A number of 16 bits.
    U16,
    /// A number of 32 bits.
    U32,
}

impl Kind {
    /// Whether it takes all tokens and octets that are left.
    pub(super) const fn takes_the_rest(self) -> bool {
        matches!(self, Self::Base64 | Self::Hex | Self::Texts | Self::Types)
    }
}

const ALGORITHM: Field = Field(Kind::Algorithm, "the algorithm");
const BASE64: Field = Field(Kind::Base64, "base64");
const DIGEST: Field = Field(Kind::Hex, "the digest in hex");
const DIGEST_TYPE: Field = Field(Kind::U8, "the digest type");
const EXCHANGER: Field = Field(Kind::Name, "the exchanger");
const FLAGS_8: Field = Field(Kind::U8, "the flags");
const HASH: Field = Field(Kind::U8, "the hash algorithm");
const ITERATIONS: Field = Field(Kind::U16, "the iterations");
const KEY_TAG: Field = Field(Kind::U16, "the key tag");
const PREFERENCE: Field = Field(Kind::U16, "the preference");
const PRIORITY: Field = Field(Kind::U16, "the priority");
const SALT: Field = Field(Kind::Salt, "the salt in hex, or `-`");
const TARGET: Field = Field(Kind::Name, "the target");
const TYPES: Field = Field(Kind::Types, "types");
const WEIGHT: Field = Field(Kind::U16, "the weight");

/// Returns the fields of a type, or `None` if it is not read by them.
pub(super) const fn of(rtype: RecordType) -> Option<&'static [Field]> {
    Some(match rtype {
        RecordType::A => &[Field(Kind::A, "an IPv4 address")],
        RecordType::AAAA => &[Field(Kind::Aaaa, "an IPv6 address")],
        RecordType::NS | RecordType::CNAME | RecordType::PTR | RecordType::DNAME => &[TARGET],
        RecordType::MX | RecordType::KX => &[PREFERENCE, EXCHANGER],
        RecordType::TXT | RecordType::SPF => &[Field(Kind::Texts, "strings")],
        RecordType::SRV => &[PRIORITY, WEIGHT, Field(Kind::U16, "the port"), TARGET],
        RecordType::SOA => &[
            Field(Kind::Name, "the primary name server"),
            Field(Kind::Name, "the mailbox of the person responsible"),
            Field(Kind::U32, "the serial"),
            Field(Kind::Seconds, "the refresh time"),
            Field(Kind::Seconds, "the retry time"),
            Field(Kind::Seconds, "the expire time"),
            Field(Kind::Seconds, "the negative TTL"),
        ],
        _ => return rare(rtype),
    })
}

const fn rare(rtype: RecordType) -> Option<&'static [Field]> {
    Some(match rtype {
        RecordType::AFSDB => &[Field(Kind::U16, "the subtype"), Field(Kind::Name, "the host")],
        RecordType::CAA => {
            &[FLAGS_8, Field(Kind::Tag, "the tag"), Field(Kind::Octets, "the value in quotes")]
        }
        RecordType::CDNSKEY | RecordType::DNSKEY | RecordType::KEY => {
            &[Field(Kind::U16, "the flags"), Field(Kind::U8, "the protocol"), ALGORITHM, BASE64]
        }
        RecordType::CDS | RecordType::DS => &[KEY_TAG, ALGORITHM, DIGEST_TYPE, DIGEST],
        RecordType::DHCID => &[BASE64],
        RecordType::EUI48 => &[Field(Kind::Eui(6), "six octets as `00-00-5e-00-53-2a`")],
        RecordType::EUI64 => &[Field(Kind::Eui(8), "eight octets as `00-00-5e-ef-10-00-00-2a`")],
        RecordType::HINFO => &[Field(Kind::Text, "the CPU"), Field(Kind::Text, "the OS")],
        RecordType::MINFO | RecordType::RP => {
            &[Field(Kind::Name, "a mailbox"), Field(Kind::Name, "a name")]
        }
        RecordType::NAPTR => &[
            Field(Kind::U16, "the order"),
            PREFERENCE,
            Field(Kind::Text, "the flags"),
            Field(Kind::Text, "the services"),
            Field(Kind::Text, "the regular expression"),
            Field(Kind::Name, "the replacement"),
        ],
        RecordType::NSEC => &[Field(Kind::Name, "the next name"), TYPES],
        RecordType::NSEC3 => {
            &[HASH, FLAGS_8, ITERATIONS, SALT, Field(Kind::Base32, "the next hash"), TYPES]
        }
        RecordType::NSEC3PARAM => &[HASH, FLAGS_8, ITERATIONS, SALT],
        RecordType::RRSIG | RecordType::SIG => &[
            Field(Kind::Type, "the type covered"),
            ALGORITHM,
            Field(Kind::U8, "the number of labels"),
            Field(Kind::Seconds, "the original TTL"),
            Field(Kind::Stamp, "the expiration"),
            Field(Kind::Stamp, "the inception"),
            KEY_TAG,
            Field(Kind::Name, "the signer"),
            BASE64,
        ],
        RecordType::URI => &[PRIORITY, WEIGHT, Field(Kind::Octets, "the URI in quotes")],
        RecordType::ZONEMD => {
            &[Field(Kind::U32, "the serial"), Field(Kind::U8, "the scheme"), HASH, DIGEST]
        }
        _ => return None,
    })
}

/// The fields as a list for help texts.
pub(super) fn describe(layout: &[Field]) -> String {
    layout.iter().map(|Field(_, what)| *what).collect::<Vec<_>>().join(", ")
}

/// Whether octets are record data of this layout: all of RFC 3597, 5 asks of generic data.
pub(super) fn fits(layout: &[Field], octets: &[u8]) -> bool {
    let mut rest = octets;
    for Field(kind, _) in layout {
        let Some(tail) = skip(*kind, rest) else { return false };
        rest = tail;
    }
    rest.is_empty()
}

/// Puts the names in the data of a type into lower case, as far as the octets have its layout.
pub(super) fn lower_names(rtype: RecordType, octets: &mut [u8]) {
    let layout = match rtype {
        RecordType::HTTPS | RecordType::SVCB => &[PRIORITY, TARGET],
        _ => of(rtype).unwrap_or_default(),
    };
    let mut rest = octets;
    for Field(kind, _) in layout {
        let Some(length) = skip(*kind, rest).map(|tail| rest.len() - tail.len()) else { return };
        let Some((field, tail)) = rest.split_at_mut_checked(length) else { return };
        if *kind == Kind::Name {
            field.make_ascii_lowercase();
        }
        rest = tail;
    }
}

/// The octets behind one field; `None` if it does not stand there.
fn skip(kind: Kind, octets: &[u8]) -> Option<&[u8]> {
    let fixed = match kind {
        Kind::Algorithm | Kind::U8 => 1,
        Kind::Type | Kind::U16 => 2,
        Kind::A | Kind::Seconds | Kind::Stamp | Kind::U32 => 4,
        Kind::Aaaa => 16,
        Kind::Eui(n_octets) => n_octets,
        Kind::Base32 | Kind::Salt | Kind::Tag | Kind::Text => 1 + usize::from(*octets.first()?),
        Kind::Name => name_length(octets)?,
        Kind::Base64 | Kind::Hex | Kind::Octets => octets.len(),
        Kind::Texts => {
            let mut rest = octets;
            while !rest.is_empty() {
                rest = skip(Kind::Text, rest)?;
            }
            return (!octets.is_empty()).then_some(rest);
        }
        Kind::Types => {
            let mut rest = octets;
            while let [_window, length, tail @ ..] = rest {
                let length = usize::from(*length);
                rest = tail.get(length..).filter(|_| (1..=32).contains(&length))?;
            }
            return Some(rest);
        }
    };
    octets.get(fixed..)
}

/// Length of the uncompressed name at the start of `octets`, root label included.
pub(super) fn name_length(octets: &[u8]) -> Option<usize> {
    let mut length = 0;
    loop {
        match usize::from(*octets.get(length)?) {
            0 => return (length < limits::NAME).then_some(length + 1),
            label @ 1..=limits::LABEL => length += 1 + label,
            _ => return None,
        }
    }
}
