//! Blocks whose addresses are nobody's place on the Internet.
//!
//! Out of the IANA registries of special-purpose addresses (RFC 6890): what is
//! not globally reachable, multicast, and what is reserved. A client there is
//! located by its resolver, unless somebody knows better.

/// Whether clients of a block can be located.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reach {
    /// A part of a special block that is reachable all the same.
    Global,
    /// Not globally reachable.
    Special,
}

/// The blocks; a longer prefix overrides a shorter one.
pub(super) const BLOCKS: &[(&str, Reach)] = &[
    // "This network" (RFC 791, 3.2).
    ("0.0.0.0/8", Reach::Special),
    // Private use (RFC 1918).
    ("10.0.0.0/8", Reach::Special),
    ("172.16.0.0/12", Reach::Special),
    ("192.168.0.0/16", Reach::Special),
    // Shared address space: carrier-grade NAT (RFC 6598).
    ("100.64.0.0/10", Reach::Special),
    // Loopback (RFC 1122, 3.2.1.3).
    ("127.0.0.0/8", Reach::Special),
    // Link local (RFC 3927).
    ("169.254.0.0/16", Reach::Special),
    // Protocol assignments (RFC 6890, 2.1), but for two anycast addresses
    // (RFC 7723 and RFC 8155).
    ("192.0.0.0/24", Reach::Special),
    ("192.0.0.9/32", Reach::Global),
    ("192.0.0.10/32", Reach::Global),
    // Documentation (RFC 5737).
    ("192.0.2.0/24", Reach::Special),
    ("198.51.100.0/24", Reach::Special),
    ("203.0.113.0/24", Reach::Special),
    // Relays of 6to4, withdrawn (RFC 7526).
    ("192.88.99.0/24", Reach::Special),
    // Benchmarking (RFC 2544).
    ("198.18.0.0/15", Reach::Special),
    // Multicast (RFC 5771); reserved, and the limited broadcast (RFC 1112, 4).
    ("224.0.0.0/4", Reach::Special),
    ("240.0.0.0/4", Reach::Special),
    // NAT64 with a local prefix (RFC 8215): who knows where the IPv4 is in it.
    ("64:ff9b:1::/48", Reach::Special),
    // Discard-only (RFC 6666) and dummy (RFC 9780).
    ("100::/64", Reach::Special),
    ("100:0:0:1::/64", Reach::Special),
    // Protocol assignments (RFC 2928), but for anycast addresses (RFC 7723,
    // RFC 8155, RFC 9665), AMT (RFC 7450), AS112 (RFC 7535), ORCHIDv2
    // (RFC 7343) and DRIP (RFC 9374). Teredo is a block of its own.
    ("2001::/23", Reach::Special),
    ("2001:1::1/128", Reach::Global),
    ("2001:1::2/128", Reach::Global),
    ("2001:1::3/128", Reach::Global),
    ("2001:3::/32", Reach::Global),
    ("2001:4:112::/48", Reach::Global),
    ("2001:20::/28", Reach::Global),
    ("2001:30::/28", Reach::Global),
    // Documentation (RFC 3849 and RFC 9637).
    ("2001:db8::/32", Reach::Special),
    ("3fff::/20", Reach::Special),
    // Segment routing SIDs (RFC 9602).
    ("5f00::/16", Reach::Special),
    // Unique local (RFC 4193), link local (RFC 4291, 2.5.6), site local
    // (RFC 3879), multicast (RFC 4291, 2.7).
    ("fc00::/7", Reach::Special),
    ("fe80::/10", Reach::Special),
    ("fec0::/10", Reach::Special),
    ("ff00::/8", Reach::Special),
];
