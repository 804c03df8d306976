//! The fields of every record type that is read by its text form, as a table.
//!
//! A new type of plain fields is one line in [`of`].

use crate::model::RecordType;
use crate::model::limits;
use crate::zone::mnemonic;
use crate::zone::mnemonic::Mnemonics;

/// One field of record data: how it is written, and what it is called in messages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Field(pub(super) Kind, pub(super) &'static str);

/// How a field is written, in text and on the wire.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// An IPv4 address.
    A,
    /// Length of a prefix, the rest of an IPv6 address, and a name (RFC 2874, 3.1).
    A6,
    /// An IPv6 address.
    Aaaa,
    /// An ATM address: `+` and digits, or hex with dots between.
    Atma,
    /// Base32hex in one token; a length octet on the wire.
    Base32,
    /// Base64 in the tokens that are left, one octet at least.
    Base64,
    /// Base64 in the tokens that are left; `-` for none.
    Base64OrDash,
    /// So many octets, in hex, with hyphens between.
    Eui(usize),
    /// The type of a gateway, an algorithm, the gateway and a key (RFC 4025, 2).
    Gateway,
    /// Hex in the tokens that are left, one octet at least.
    Hex,
    /// A host identity, its key and its servers (RFC 8005, 5).
    Hip,
    /// The flags of a key as a number or words; 16 bits.
    KeyFlags,
    /// A place on earth (RFC 1876, 2).
    Location,
    /// One more character string, if there is a token.
    MaybeText,
    /// Base64 in the tokens that are left, if there are any.
    MaybeBase64,
    /// A domain name.
    Name,
    /// A number of 8 bits, or a word.
    Named8(&'static Mnemonics),
    /// A number of 16 bits, or a word.
    Named16(&'static Mnemonics),
    /// `0x` and hex with dots between.
    Nsap,
    /// The types below 128 that are left, as one bit map (RFC 2535, 5.2).
    NxtTypes,
    /// The octets of one string, without a length.
    Octets,
    /// Parameters of a service binding (RFC 9460, 2.1).
    Parameters,
    /// Prefixes of addresses, none or more (RFC 3123).
    Prefixes,
    /// The type of a relay and the relay (RFC 8777, 4).
    Relay,
    /// Hex in one token, or `-` for none; a length octet on the wire.
    Salt,
    /// A time in seconds, units allowed; 32 bits.
    Seconds,
    /// A protocol and its ports, as a bit map (RFC 1035, 3.4.2).
    Services,
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
    /// 64 bits as four groups of hex with colons between (RFC 6742, 2).
    U64,
}

impl Kind {
    /// Whether it may be left out.
    pub(super) const fn is_optional(self) -> bool {
        matches!(
            self,
            Self::MaybeBase64
                | Self::MaybeText
                | Self::NxtTypes
                | Self::Parameters
                | Self::Prefixes
                | Self::Types
        )
    }
}

const ALGORITHM: Field = Field(Kind::Named8(&mnemonic::ALGORITHMS), "the algorithm");
const BASE64: Field = Field(Kind::Base64, "base64");
const DIGEST: Field = Field(Kind::Hex, "the digest in hex");
const DIGEST_TYPE: Field = Field(Kind::Named8(&mnemonic::DIGESTS), "the digest type");
const EXCHANGER: Field = Field(Kind::Name, "the exchanger");
const FLAGS_8: Field = Field(Kind::U8, "the flags");
const HASH: Field = Field(Kind::Named8(&mnemonic::HASHES), "the hash algorithm");
const ITERATIONS: Field = Field(Kind::U16, "the iterations");
const KEY_FLAGS: Field = Field(Kind::KeyFlags, "the flags");
const KEY_TAG: Field = Field(Kind::U16, "the key tag");
const MAILBOX: Field = Field(Kind::Name, "a mailbox");
const NAME: Field = Field(Kind::Name, "a name");
const PREFERENCE: Field = Field(Kind::U16, "the preference");
const PRIORITY: Field = Field(Kind::U16, "the priority");
const SALT: Field = Field(Kind::Salt, "the salt in hex, or `-`");
const TARGET: Field = Field(Kind::Name, "the target");
const TEXTS: Field = Field(Kind::Texts, "strings");
const TYPES: Field = Field(Kind::Types, "types");
const WEIGHT: Field = Field(Kind::U16, "the weight");

/// Returns the fields of a type, or `None` if it has no text form that is known here.
pub(super) const fn of(rtype: RecordType) -> Option<&'static [Field]> {
    Some(match rtype {
        RecordType::A => &[Field(Kind::A, "an IPv4 address")],
        RecordType::AAAA => &[Field(Kind::Aaaa, "an IPv6 address")],
        RecordType::NS | RecordType::CNAME | RecordType::PTR | RecordType::DNAME => &[TARGET],
        RecordType::MX | RecordType::KX => &[PREFERENCE, EXCHANGER],
        RecordType::TXT
        | RecordType::SPF
        | RecordType::AVC
        | RecordType::NINFO
        | RecordType::RESINFO
        | RecordType::WALLET => &[TEXTS],
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
        RecordType::HTTPS | RecordType::SVCB => {
            &[PRIORITY, TARGET, Field(Kind::Parameters, "parameters")]
        }
        RecordType::CAA => {
            &[FLAGS_8, Field(Kind::Tag, "the tag"), Field(Kind::Octets, "the value in quotes")]
        }
        RecordType::NAPTR => &[
            Field(Kind::U16, "the order"),
            PREFERENCE,
            Field(Kind::Text, "the flags"),
            Field(Kind::Text, "the services"),
            Field(Kind::Text, "the regular expression"),
            Field(Kind::Name, "the replacement"),
        ],
        RecordType::URI => &[PRIORITY, WEIGHT, Field(Kind::Octets, "the URI in quotes")],
        _ => return of_security(rtype),
    })
}

/// Signatures, keys, certificates, and what is made of them.
const fn of_security(rtype: RecordType) -> Option<&'static [Field]> {
    Some(match rtype {
        RecordType::CDNSKEY | RecordType::DNSKEY | RecordType::RKEY => &[
            KEY_FLAGS,
            Field(Kind::Named8(&mnemonic::KEY_PROTOCOLS), "the protocol"),
            ALGORITHM,
            BASE64,
        ],
        RecordType::KEY => &[
            KEY_FLAGS,
            Field(Kind::Named8(&mnemonic::KEY_PROTOCOLS), "the protocol"),
            ALGORITHM,
            Field(Kind::MaybeBase64, "base64"),
        ],
        RecordType::CDS | RecordType::DLV | RecordType::DS | RecordType::TA => {
            &[KEY_TAG, ALGORITHM, DIGEST_TYPE, DIGEST]
        }
        RecordType::CERT => &[
            Field(Kind::Named16(&mnemonic::CERTIFICATES), "the type of the certificate"),
            KEY_TAG,
            ALGORITHM,
            BASE64,
        ],
        RecordType::BRID | RecordType::DHCID | RecordType::HHIT | RecordType::OPENPGPKEY => {
            &[BASE64]
        }
        RecordType::CSYNC => {
            &[Field(Kind::U32, "the serial"), Field(Kind::U16, "the flags"), TYPES]
        }
        RecordType::HIP => &[Field(Kind::Hip, "the algorithm, the identity in hex and the key")],
        RecordType::IPSECKEY => {
            &[Field(Kind::U8, "the precedence"), Field(Kind::Gateway, "the type of the gateway")]
        }
        RecordType::NSEC => &[Field(Kind::Name, "the next name"), TYPES],
        RecordType::NSEC3 => {
            &[HASH, FLAGS_8, ITERATIONS, SALT, Field(Kind::Base32, "the next hash"), TYPES]
        }
        RecordType::NSEC3PARAM => &[HASH, FLAGS_8, ITERATIONS, SALT],
        RecordType::NXT => &[Field(Kind::Name, "the next name"), Field(Kind::NxtTypes, "types")],
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
        RecordType::SMIMEA | RecordType::TLSA => &[
            Field(Kind::U8, "the usage"),
            Field(Kind::U8, "the selector"),
            Field(Kind::U8, "the matching type"),
            Field(Kind::Hex, "the data in hex"),
        ],
        RecordType::SSHFP => &[
            Field(Kind::U8, "the algorithm"),
            Field(Kind::U8, "the fingerprint type"),
            Field(Kind::Hex, "the fingerprint in hex"),
        ],
        RecordType::ZONEMD => &[
            Field(Kind::U32, "the serial"),
            Field(Kind::U8, "the scheme"),
            Field(Kind::U8, "the hash algorithm"),
            DIGEST,
        ],
        _ => return of_others(rtype),
    })
}

const fn of_others(rtype: RecordType) -> Option<&'static [Field]> {
    Some(match rtype {
        RecordType::A6 => &[Field(Kind::A6, "the length of the prefix")],
        RecordType::AFSDB => &[Field(Kind::U16, "the subtype"), Field(Kind::Name, "the host")],
        RecordType::AMTRELAY => {
            &[Field(Kind::U8, "the precedence"), Field(Kind::Relay, "the discovery bit")]
        }
        RecordType::APL => &[Field(Kind::Prefixes, "prefixes as `1:192.0.2.0/24`")],
        RecordType::ATMA => &[Field(Kind::Atma, "an ATM address")],
        RecordType::DOA => &[
            Field(Kind::U32, "the enterprise"),
            Field(Kind::U32, "the type"),
            Field(Kind::U8, "the location"),
            Field(Kind::Text, "the media type"),
            Field(Kind::Base64OrDash, "the data in base64, or `-`"),
        ],
        RecordType::DSYNC => &[
            Field(Kind::Type, "the type"),
            Field(Kind::Named8(&mnemonic::SCHEMES), "the scheme"),
            Field(Kind::U16, "the port"),
            TARGET,
        ],
        RecordType::EID | RecordType::NIMLOC => &[Field(Kind::Hex, "octets in hex")],
        RecordType::EUI48 => &[Field(Kind::Eui(6), "six octets as `00-00-5e-00-53-2a`")],
        RecordType::EUI64 => &[Field(Kind::Eui(8), "eight octets as `00-00-5e-ef-10-00-00-2a`")],
        RecordType::GPOS => &[
            Field(Kind::Text, "the longitude"),
            Field(Kind::Text, "the latitude"),
            Field(Kind::Text, "the altitude"),
        ],
        RecordType::HINFO => &[Field(Kind::Text, "the CPU"), Field(Kind::Text, "the OS")],
        RecordType::ISDN => {
            &[Field(Kind::Text, "the address"), Field(Kind::MaybeText, "the subaddress")]
        }
        RecordType::L32 => &[PREFERENCE, Field(Kind::A, "a locator as `192.0.2.1`")],
        RecordType::L64 | RecordType::NID => {
            &[PREFERENCE, Field(Kind::U64, "64 bits as `2001:db8:0:1`")]
        }
        RecordType::LOC => &[Field(Kind::Location, "a latitude")],
        RecordType::LP | RecordType::RT => &[PREFERENCE, NAME],
        RecordType::MB
        | RecordType::MD
        | RecordType::MF
        | RecordType::MG
        | RecordType::MR
        | RecordType::NSAP_PTR => &[NAME],
        RecordType::MINFO | RecordType::RP => &[MAILBOX, NAME],
        RecordType::NSAP => &[Field(Kind::Nsap, "an address as `0x47.0005.80`")],
        RecordType::PX => &[PREFERENCE, NAME, NAME],
        RecordType::SINK => &[
            Field(Kind::U8, "the meaning"),
            Field(Kind::U8, "the coding"),
            Field(Kind::U8, "the subcoding"),
            BASE64,
        ],
        RecordType::TALINK => &[NAME, NAME],
        RecordType::WKS => {
            &[Field(Kind::A, "an IPv4 address"), Field(Kind::Services, "the protocol")]
        }
        RecordType::X25 => &[Field(Kind::Text, "the address of digits")],
        _ => return None,
    })
}

/// The fields as a list for help texts.
pub(super) fn describe(layout: &[Field]) -> String {
    layout.iter().map(|Field(_, what)| *what).collect::<Vec<_>>().join(", ")
}

/// Positions of the tokens that are names.
pub(super) fn names(rtype: RecordType) -> impl Iterator<Item = usize> {
    let fields = of(rtype).unwrap_or_default().iter().enumerate();
    fields.filter(|(_, Field(kind, _))| *kind == Kind::Name).map(|(position, _)| position)
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
