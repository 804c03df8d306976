//! One step of RFC 1034, 4.3.2 over the compiled zones, and what it returns.
//!
//! ```text
//!   name ─► closest node ─┬─ none ──────────────────────► Outside
//!                         ├─ below a cut ───────────────► Referral
//!                         ├─ below a DNAME ─────────────► Redirect
//!                         ├─ the name itself ─► by type ─► Answer, Balanced, Alias, NoData
//!                         ├─ has a child `*` ─► by type, as above, by wildcard
//!                         └─ else ──────────────────────► NxDomain
//! ```
//!
//! All that is returned borrows from [`Zones`]; nothing is allocated.

use std::fmt;

use crate::model::RecordType;
use crate::model::Ttl;
use crate::zone::zones::Balanced;
use crate::zone::zones::Beside;
use crate::zone::zones::Entry;
use crate::zone::zones::IN_DOMAIN;
use crate::zone::zones::Node;
use crate::zone::zones::Piece;
use crate::zone::zones::Shade;
use crate::zone::zones::ZoneEntry;
use crate::zone::zones::Zones;

/// The types that a service answers.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Answers {
    /// A records.
    pub a: bool,
    /// AAAA records.
    pub aaaa: bool,
    /// A CNAME, whatever the type: the endpoints are host names.
    pub alias: bool,
}

impl Answers {
    /// Whether the service answers a query of this type.
    pub const fn contains(self, qtype: RecordType) -> bool {
        match qtype {
            RecordType::A => self.a || self.alias,
            RecordType::AAAA => self.aaaa || self.alias,
            _ => self.alias,
        }
    }
}

/// How a name was matched.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Match {
    /// By its own node.
    Exact,
    /// By a wildcard (RFC 4592, 3.3).
    Wildcard,
}

/// What the zones say of a name and a type: one step, no chains.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub enum Lookup<'a> {
    /// No zone holds the name: REFUSED.
    Outside,
    /// The RRset asked for; for ANY, one that is there (RFC 8482, 4.1).
    Answer {
        /// The zone it is in.
        zone: Zone<'a>,
        /// The RRset.
        rrset: Rrset<'a>,
        /// How it was found.
        by: Match,
    },
    /// A service answers.
    Balanced {
        /// The zone of the owner.
        zone: Zone<'a>,
        /// The number that `Zones::compile` was given.
        service: u32,
        /// What the service answers.
        answers: Answers,
        /// The owner in lower-case wire form; the wildcard itself if matched by one.
        owner: &'a [u8],
        /// How it was found.
        by: Match,
    },
    /// A CNAME that leads on; its target is `cname.target()`.
    Alias {
        /// The zone it is in.
        zone: Zone<'a>,
        /// The CNAME RRset.
        cname: Rrset<'a>,
        /// How it was found.
        by: Match,
    },
    /// A DNAME above the name, which leads on (RFC 6672); its target is `dname.target()`.
    Redirect {
        /// The zone it is in.
        zone: Zone<'a>,
        /// The DNAME's owner in lower-case wire form.
        owner: &'a [u8],
        /// The DNAME RRset.
        dname: Rrset<'a>,
    },
    /// The name is delegated to other servers.
    Referral {
        /// The zone that delegates.
        zone: Zone<'a>,
        /// The zone cut in lower-case wire form.
        cut: &'a [u8],
        /// The NS RRset; `ns.addresses()` is the glue.
        ns: Rrset<'a>,
    },
    /// The name exists, the type does not.
    NoData {
        /// The zone whose SOA says so.
        zone: Zone<'a>,
        /// How the name was found.
        by: Match,
    },
    /// The name does not exist.
    NxDomain {
        /// The zone whose SOA says so.
        zone: Zone<'a>,
    },
}

/// A zone.
#[derive(Clone, Copy)]
pub struct Zone<'a> {
    zones: &'a Zones,
    entry: &'a ZoneEntry,
    number: u32,
}

/// An RRset, ready to be copied into a message.
#[derive(Clone, Copy)]
pub struct Rrset<'a> {
    zones: &'a Zones,
    entry: &'a Entry,
}

/// Addresses of a host that an RRset names.
#[derive(Clone, Copy, Debug)]
pub struct Addresses<'a> {
    /// The host in lower-case wire form; it is within the zone of the RRset.
    pub owner: &'a [u8],
    /// Whether the host is at or below the owner of the RRset, so that a referral is of no use
    /// without the addresses: they must fit, or TC is set (RFC 9471, 3.1).
    pub in_domain: bool,
    /// Its A records.
    pub a: Option<Rrset<'a>>,
    /// Its AAAA records.
    pub aaaa: Option<Rrset<'a>>,
}

impl Zones {
    /// Looks a name and a type up; one step.
    ///
    /// `name` is uncompressed, in lower case and ends in the root label. A hash and a compare
    /// for each label that may exist, no lock, no allocation.
    pub fn lookup(&self, name: &[u8], qtype: RecordType) -> Lookup<'_> {
        let found = self.closest(name).and_then(|number| Some((number, self.node(number)?)));
        let Some((number, node)) = found else { return Lookup::Outside };
        if node.name.length as usize == name.len() {
            // RFC 4035, 3.1.4.1: DS belongs to the parent's side of a cut.
            if qtype == RecordType::DS
                && let Some(above) = self.node(node.above)
            {
                return self.exact(node.above, above, qtype);
            }
            return self.exact(number, node, qtype);
        }
        match node.shade {
            Shade::Cut(cut) => return self.referral(cut),
            Shade::Dname(dname) => return self.redirect(dname),
            Shade::None => {}
        }
        if self.entry(node, RecordType::DNAME).is_some() {
            return self.redirect(number);
        }
        match self.node(node.wildcard) {
            Some(wildcard) => self.by_type(wildcard, qtype, Match::Wildcard),
            None => Lookup::NxDomain { zone: self.zone(node.zone) },
        }
    }

    /// The zone that holds a name in lower-case wire form: the closest at or above it.
    pub fn zone_of(&self, name: &[u8]) -> Option<Zone<'_>> {
        self.closest(name).and_then(|number| self.node(number)).map(|node| self.zone(node.zone))
    }

    /// All zones, in the order in which they were compiled.
    pub fn zones(&self) -> impl Iterator<Item = Zone<'_>> {
        (0..).zip(&self.zones).map(|(number, _)| self.zone(number))
    }

    fn zone(&self, number: u32) -> Zone<'_> {
        let entry = self.zones.get(number as usize).expect("nodes are in zones that are there");
        Zone { zones: self, entry, number }
    }

    const fn rrset<'a>(&'a self, entry: &'a Entry) -> Rrset<'a> {
        Rrset { zones: self, entry }
    }

    fn exact(&self, number: u32, node: &Node, qtype: RecordType) -> Lookup<'_> {
        match node.shade {
            Shade::Cut(cut) if cut == number && qtype == RecordType::DS => {}
            Shade::Cut(cut) => return self.referral(cut),
            Shade::Dname(dname) => return self.redirect(dname),
            Shade::None => {}
        }
        self.by_type(node, qtype, Match::Exact)
    }

    fn referral(&self, number: u32) -> Lookup<'_> {
        let ns =
            self.node(number).and_then(|cut| self.entry(cut, RecordType::NS).map(|ns| (cut, ns)));
        let Some((cut, ns)) = ns else { return Lookup::Outside };
        Lookup::Referral {
            zone: self.zone(cut.zone),
            cut: cut.name.of(&self.octets),
            ns: self.rrset(ns),
        }
    }

    fn redirect(&self, number: u32) -> Lookup<'_> {
        let dname = self
            .node(number)
            .and_then(|node| self.entry(node, RecordType::DNAME).map(|dname| (node, dname)));
        let Some((node, dname)) = dname else { return Lookup::Outside };
        Lookup::Redirect {
            zone: self.zone(node.zone),
            owner: node.name.of(&self.octets),
            dname: self.rrset(dname),
        }
    }

    /// Step 3a and the end of 3c: the name is settled, the type decides.
    fn by_type(&self, node: &Node, qtype: RecordType, by: Match) -> Lookup<'_> {
        let zone = self.zone(node.zone);
        let balanced = self.balanced.get(node.balanced as usize);
        let service = |balanced: &Balanced| Lookup::Balanced {
            zone,
            service: balanced.service,
            answers: balanced.answers,
            owner: node.name.of(&self.octets),
            by,
        };
        let entries = node.entries.of(&self.entries);
        let wanted = if qtype == RecordType::ANY {
            entries.first()
        } else {
            entries.iter().find(|entry| entry.rtype == qtype)
        };
        if let Some(balanced) = balanced {
            let addresses = !balanced.answers.alias && balanced.answers.contains(qtype);
            let only =
                wanted.is_none() && (balanced.answers.contains(qtype) || qtype == RecordType::ANY);
            if addresses || only {
                return service(balanced);
            }
        }
        if let Some(entry) = wanted {
            return Lookup::Answer { zone, rrset: self.rrset(entry), by };
        }
        match entries.iter().find(|entry| entry.rtype == RecordType::CNAME) {
            Some(cname) => Lookup::Alias { zone, cname: self.rrset(cname), by },
            None => Lookup::NoData { zone, by },
        }
    }
}

impl<'a> Zone<'a> {
    /// The apex in lower-case wire form.
    pub fn apex(self) -> &'a [u8] {
        self.zones.name(self.entry.apex)
    }

    /// Its position among the zones that were compiled.
    pub const fn number(self) -> u32 {
        self.number
    }

    /// The SOA for negative answers: its TTL is the lesser of its own and MINIMUM
    /// (RFC 2308, 3). For a positive answer, look SOA up at the apex.
    pub const fn negative_soa(self) -> Rrset<'a> {
        Rrset { zones: self.zones, entry: &self.entry.negative }
    }
}

impl<'a> Rrset<'a> {
    /// Its type.
    pub const fn rtype(self) -> RecordType {
        self.entry.rtype
    }

    /// Its TTL.
    pub const fn ttl(self) -> Ttl {
        self.entry.ttl
    }

    /// How many records it has.
    pub const fn n_records(self) -> usize {
        self.entry.pieces.length as usize
    }

    /// The data of its record at a position below [`Rrset::n_records`]. O(1), so that a
    /// response may begin anywhere.
    pub fn rdata(self, position: usize) -> Option<&'a [u8]> {
        self.entry.pieces.of(&self.zones.pieces).get(position).map(|piece| rdata(self.zones, piece))
    }

    /// The data of its records, in the order of the file, names uncompressed and in its case.
    pub fn rdatas(self) -> impl ExactSizeIterator<Item = &'a [u8]> {
        let zones = self.zones;
        self.entry.pieces.of(&zones.pieces).iter().map(move |piece| rdata(zones, piece))
    }

    /// The name that a CNAME or DNAME leads to: uncompressed, lower case. Empty for others.
    pub fn target(self) -> &'a [u8] {
        match self.entry.beside {
            Beside::Target(run) => run.of(&self.zones.octets),
            Beside::None | Beside::Along(_) => &[],
        }
    }

    /// Addresses of the hosts that NS, MX and SRV name, as far as they are static records
    /// within the zone; those without which a referral fails come first. For the additional
    /// section.
    pub fn addresses(self) -> impl Iterator<Item = Addresses<'a>> {
        let zones = self.zones;
        let along = match self.entry.beside {
            Beside::Along(run) => run.of(&zones.along),
            Beside::None | Beside::Target(_) => &[],
        };
        along.iter().filter_map(move |marked| {
            let node = zones.node(marked & !IN_DOMAIN)?;
            let rrset = |rtype| zones.entry(node, rtype).map(|entry| zones.rrset(entry));
            Some(Addresses {
                owner: node.name.of(&zones.octets),
                in_domain: marked & IN_DOMAIN != 0,
                a: rrset(RecordType::A),
                aaaa: rrset(RecordType::AAAA),
            })
        })
    }
}

fn rdata<'a>(zones: &'a Zones, piece: &Piece) -> &'a [u8] {
    let start = piece.start as usize;
    zones.octets.get(start..start + usize::from(piece.length)).unwrap_or_default()
}

impl fmt::Debug for Zone<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.apex().escape_ascii())
    }
}

impl fmt::Debug for Rrset<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rdatas: Vec<_> = self.rdatas().collect();
        write!(f, "{} {} {rdatas:?}", self.rtype(), self.ttl().secs())
    }
}
