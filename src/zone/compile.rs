//! Records and balanced owners to [`Zones`]; once per load.
//!
//! ```text
//!   apexes ─► records, zone by zone ─► balanced owners ─► shades ─► hosts' addresses
//!             each name with the empty                    cuts and
//!             non-terminals above it                      DNAMEs
//! ```
//!
//! What a zone says below the apex of another zone that is served too is dropped but for DS at
//! that apex: the closest zone answers, and the parent only for its side of the cut.

use crate::model::Name;
use crate::model::RecordType;
use crate::model::Ttl;
use crate::zone::check::is_within;
use crate::zone::check::parent;
use crate::zone::lookup::Answers;
use crate::zone::record::Record;
use crate::zone::zones::Balanced;
use crate::zone::zones::Beside;
use crate::zone::zones::Entry;
use crate::zone::zones::IN_DOMAIN;
use crate::zone::zones::NONE;
use crate::zone::zones::Node;
use crate::zone::zones::Piece;
use crate::zone::zones::Run;
use crate::zone::zones::Shade;
use crate::zone::zones::ZoneEntry;
use crate::zone::zones::Zones;
use crate::zone::zones::n_labels;

/// A name that a service answers for.
#[derive(Clone, Debug)]
pub struct BalancedOwner {
    /// The name; it may be a wildcard.
    pub owner: Name,
    /// A number that [`crate::zone::Lookup::Balanced`] gives back.
    pub service: u32,
    /// Which types the service answers. Static RRsets of others stand beside it.
    pub answers: Answers,
}

impl Zones {
    /// Compiles the zones of one load, each with its apex, and the balanced owners in them.
    ///
    /// The records are those that [`crate::zone::read`] returned without an error. Balanced owners
    /// outside every zone are left out. Not for the query path: see `tests::load`.
    ///
    /// # Panics
    ///
    /// If a zone has no SOA record, which reading reports, or at 2 GiB of data.
    pub fn compile(zones: Vec<(Name, Vec<Record>)>, balanced: &[BalancedOwner]) -> Self {
        let mut compiler = Compiler::new(zones.iter().map(|(apex, _)| apex.clone()).collect());
        for (number, (_, records)) in (0..).zip(zones) {
            compiler.zone(number, records);
        }
        compiler.sides_above();
        for owner in balanced {
            compiler.balanced(owner);
        }
        compiler.shades();
        compiler.hosts();
        compiler.finish()
    }
}

struct Compiler {
    out: Zones,
    apexes: Vec<Name>,
    /// The node above each node in its zone; `NONE` for an apex.
    parents: Vec<u32>,
    /// For each zone, the DS RRset that the zone above has for it.
    above: Vec<Run>,
}

impl Compiler {
    fn new(apexes: Vec<Name>) -> Self {
        let n_zones = apexes.len();
        let mut compiler = Self {
            out: Zones::default(),
            apexes: Vec::new(),
            parents: Vec::new(),
            above: vec![Run::default(); n_zones],
        };
        for (zone, apex) in (0..).zip(&apexes) {
            compiler.add(apex.as_wire(), zone, NONE);
        }
        compiler.apexes = apexes;
        compiler
    }

    fn zone(&mut self, zone: u32, mut records: Vec<Record>) {
        let Some(apex) = self.apexes.get(zone as usize).cloned() else { return };
        let nested: Vec<(u32, Name)> = (0..)
            .zip(&self.apexes)
            .filter(|(other, inner)| *other != zone && inner.is_within(&apex))
            .map(|(other, inner)| (other, inner.clone()))
            .collect();
        records.sort_by(|a, b| (&a.owner, a.rtype).cmp(&(&b.owner, b.rtype)));
        for run in records.chunk_by(|a, b| a.owner == b.owner) {
            let Some(owner) = run.first().map(|record| &record.owner) else { continue };
            let mut inside = nested.iter().filter(|(_, inner)| owner.is_within(inner));
            match (inside.next(), inside.next()) {
                (None, _) => {
                    let node = self.ensure(owner.as_wire(), zone);
                    let entries = self.entries(run);
                    if let Some(node) = self.out.nodes.get_mut(node as usize) {
                        node.entries = entries;
                    }
                }
                (Some((child, inner)), None) if inner == owner => {
                    let from = run.partition_point(|record| record.rtype < RecordType::DS);
                    let to = run.partition_point(|record| record.rtype <= RecordType::DS);
                    let entries = self.entries(run.get(from..to).unwrap_or_default());
                    if let Some(above) = self.above.get_mut(*child as usize) {
                        *above = entries;
                    }
                }
                _ => {}
            }
        }
        self.negative(zone, &apex);
    }

    fn negative(&mut self, zone: u32, apex: &Name) {
        let soa = self.out.find(apex.as_wire()).and_then(|number| {
            let node = self.out.node(number)?;
            Some((number, *self.out.entry(node, RecordType::SOA)?))
        });
        let (number, mut negative) = soa.expect("reading a zone reports a missing SOA record");
        let octets = negative.pieces.of(&self.out.pieces).first().and_then(|piece| {
            let run = Run { start: piece.start, length: u32::from(piece.length) };
            run.of(&self.out.octets).last_chunk::<4>()
        });
        let minimum = octets.and_then(|octets| Ttl::from_secs(u32::from_be_bytes(*octets)));
        // RFC 2308, 3. MINIMUM past 2^31-1 is more than any TTL.
        negative.ttl = negative.ttl.min(minimum.unwrap_or(Ttl::MAX));
        debug_assert_eq!(self.out.zones.len(), zone as usize, "zones are added in order");
        self.out.zones.push(ZoneEntry { apex: number, negative });
    }

    /// The node of a name in a zone, made with all between it and the apex if need be.
    fn ensure(&mut self, name: &[u8], zone: u32) -> u32 {
        if let Some(number) = self.out.find(name) {
            return number;
        }
        // Apexes are there from the start, so this ends at one, at the latest.
        let above = match parent(name) {
            Some(above) => self.ensure(above, zone),
            None => NONE,
        };
        let number = self.add(name, zone, above);
        if name.starts_with(b"\x01*")
            && let Some(above) = self.out.nodes.get_mut(above as usize)
        {
            above.wildcard = number;
        }
        number
    }

    fn add(&mut self, name: &[u8], zone: u32, above: u32) -> u32 {
        let number = self.add_hidden(name, zone, above);
        self.out.table.insert(name, number);
        self.out.n_labels = self.out.n_labels.max(n_labels(name));
        number
    }

    /// A node that no name leads to.
    fn add_hidden(&mut self, name: &[u8], zone: u32, above: u32) -> u32 {
        let number = position(self.out.nodes.len());
        let name = self.store(name);
        self.parents.push(above);
        self.out.nodes.push(Node {
            name,
            entries: Run::default(),
            zone,
            shade: Shade::None,
            wildcard: NONE,
            balanced: NONE,
            above: NONE,
        });
        number
    }

    fn store(&mut self, octets: &[u8]) -> Run {
        let run = Run { start: position(self.out.octets.len()), length: position(octets.len()) };
        self.out.octets.extend_from_slice(octets);
        run
    }

    /// Adds the RRsets of one owner, the one for ANY first: the shortest (RFC 8482, 4.1),
    /// signatures and denial last.
    fn entries(&mut self, run: &[Record]) -> Run {
        let start = position(self.out.entries.len());
        let mut sized = Vec::new();
        for rrset in run.chunk_by(|a, b| a.rtype == b.rtype) {
            let size: usize = rrset.iter().map(|record| record.rdata.len()).sum();
            if let Some(entry) = self.rrset(rrset) {
                let denial =
                    matches!(entry.rtype, RecordType::RRSIG | RecordType::NSEC | RecordType::NSEC3);
                sized.push(((denial, size, entry.rtype), entry));
            }
        }
        sized.sort_by_key(|(key, _)| *key);
        self.out.entries.extend(sized.into_iter().map(|(_, entry)| entry));
        Run { start, length: position(self.out.entries.len()) - start }
    }

    fn rrset(&mut self, records: &[Record]) -> Option<Entry> {
        let first = records.first()?;
        let start = position(self.out.pieces.len());
        for record in records {
            self.piece(record);
        }
        let pieces = Run { start, length: position(records.len()) };
        let beside = match first.rtype {
            RecordType::CNAME | RecordType::DNAME => {
                Beside::Target(self.store(&first.rdata.to_ascii_lowercase()))
            }
            _ => Beside::None,
        };
        let ttl = records.iter().map(|record| record.ttl).min()?;
        Some(Entry { rtype: first.rtype, ttl, pieces, beside })
    }

    fn piece(&mut self, record: &Record) {
        let run = self.store(&record.rdata);
        let length = u16::try_from(run.length).expect("reading keeps rdata below 64 KiB");
        self.out.pieces.push(Piece { start: run.start, length });
    }

    /// Gives each apex below another zone a node that stands for it there, for DS.
    fn sides_above(&mut self) {
        for child in 0..position(self.apexes.len()) {
            let apex = self.out.name(child).to_vec();
            let Some(over) = parent(&apex).filter(|above| self.zone_of(above).is_some()) else {
                continue;
            };
            let Some(zone) = self.zone_of(over) else { continue };
            let above = self.ensure(over, zone);
            let side = self.add_hidden(&apex, zone, above);
            let entries = self.above.get(child as usize).copied().unwrap_or_default();
            if let Some(node) = self.out.nodes.get_mut(side as usize) {
                node.entries = entries;
            }
            if let Some(node) = self.out.nodes.get_mut(child as usize) {
                node.above = side;
            }
        }
    }

    fn zone_of(&self, name: &[u8]) -> Option<u32> {
        self.out.node(self.out.closest(name)?).map(|node| node.zone)
    }

    fn balanced(&mut self, owner: &BalancedOwner) {
        let name = owner.owner.as_wire();
        let Some(zone) = self.zone_of(name) else { return };
        let number = self.ensure(name, zone);
        let position = position(self.out.balanced.len());
        self.out.balanced.push(Balanced { service: owner.service, answers: owner.answers });
        if let Some(node) = self.out.nodes.get_mut(number as usize) {
            node.balanced = position;
        }
    }

    /// Marks what cuts and DNAMEs hide, from the apex down.
    fn shades(&mut self) {
        let mut order: Vec<(usize, u32)> = (0..position(self.out.nodes.len()))
            .map(|number| (n_labels(self.out.name(number)), number))
            .collect();
        order.sort_unstable();
        for (_, number) in order {
            let above = self.parents.get(number as usize).copied().unwrap_or(NONE);
            let (Some(node), Some(over)) = (self.out.node(number), self.out.node(above)) else {
                continue;
            };
            // RFC 4592, 4.2: NS at a wildcard cuts nothing off.
            let wildcard = node.name.of(&self.out.octets).starts_with(b"\x01*");
            let shade = if over.shade != Shade::None {
                over.shade
            } else if self.out.entry(over, RecordType::DNAME).is_some() {
                Shade::Dname(above)
            } else if !wildcard && self.out.entry(node, RecordType::NS).is_some() {
                Shade::Cut(number)
            } else {
                Shade::None
            };
            if let Some(node) = self.out.nodes.get_mut(number as usize) {
                node.shade = shade;
            }
        }
    }

    /// Finds the addresses of the hosts that NS, MX and SRV name.
    fn hosts(&mut self) {
        for number in 0..position(self.out.nodes.len()) {
            let Some(node) = self.out.node(number).copied() else { continue };
            for position in node.entries.start..node.entries.start + node.entries.length {
                let Some(entry) = self.out.entries.get(position as usize).copied() else {
                    continue;
                };
                let wanted = [RecordType::NS, RecordType::MX, RecordType::SRV];
                if !wanted.contains(&entry.rtype) {
                    continue;
                }
                let along = self.along(&node, &entry);
                if let Some(entry) = self.out.entries.get_mut(position as usize) {
                    entry.beside = along;
                }
            }
        }
    }

    fn along(&mut self, node: &Node, entry: &Entry) -> Beside {
        let apex = self.apexes.get(node.zone as usize).map_or(&[][..], |apex| apex.as_wire());
        let owner = node.name.of(&self.out.octets);
        let mut hosts = Vec::new();
        let mut target = Vec::new();
        for piece in entry.pieces.of(&self.out.pieces) {
            let run = Run { start: piece.start, length: u32::from(piece.length) };
            let octets = run.of(&self.out.octets);
            let skip = match entry.rtype {
                RecordType::MX => 2,
                RecordType::SRV => 6,
                _ => 0,
            };
            let octets = octets.get(skip..).unwrap_or_default();
            target.clear();
            target.extend_from_slice(octets);
            target.make_ascii_lowercase();
            let found = self.out.find(&target).filter(|_| is_within(&target, apex));
            let Some((number, host)) = found.and_then(|n| Some((n, self.out.node(n)?))) else {
                continue;
            };
            if self.out.entry(host, RecordType::A).is_some()
                || self.out.entry(host, RecordType::AAAA).is_some()
            {
                hosts.push((!is_within(&target, owner), number));
            }
        }
        if hosts.is_empty() {
            return Beside::None;
        }
        hosts.sort_unstable();
        hosts.dedup();
        let run = Run { start: position(self.out.along.len()), length: position(hosts.len()) };
        self.out
            .along
            .extend(hosts.into_iter().map(|(beyond, n)| if beyond { n } else { n | IN_DOMAIN }));
        Beside::Along(run)
    }

    fn finish(mut self) -> Zones {
        let out = &mut self.out;
        out.nodes.shrink_to_fit();
        out.entries.shrink_to_fit();
        out.pieces.shrink_to_fit();
        out.octets.shrink_to_fit();
        self.out
    }
}

fn position(at: usize) -> u32 {
    u32::try_from(at).ok().filter(|at| at & IN_DOMAIN == 0).expect("zones of less than 2 GiB")
}
