//! What must hold of a zone as a whole.
//!
//! Repairs what may be repaired: duplicates go, an RRset gets its lowest TTL.

use std::collections::HashMap;
use std::collections::HashSet;
use std::ops::Range;

use crate::model::Diagnostic;
use crate::model::Name;
use crate::model::RecordType;
use crate::model::Span;
use crate::model::Ttl;
use crate::zone::data;
use crate::zone::flaw;
use crate::zone::flaw::Problems;
use crate::zone::record::Record;

/// What reading a zone came across, so that nothing is reported a second time for what follows
/// from it.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// An entry that may have been any record was not read.
    pub(super) anything: bool,
    /// An `$ORIGIN` was not read: names behind it may be others.
    pub(super) origin: bool,
    /// A SOA record was not read.
    pub(super) soa: bool,
    /// An NS record was not read.
    pub(super) ns: bool,
    /// Owners of records that were not read.
    pub(super) owners: HashSet<Name>,
    /// Names that were reported to be meant otherwise.
    pub(super) explained: HashSet<Name>,
    /// The SOA record of another zone, which was left out.
    pub(super) other: Option<(Name, Span)>,
}

/// Checks the records of one zone, and drops or mends those that need no word.
///
/// `start` is where a record that is missing would stand.
pub(super) fn check(
    apex: &Name,
    start: Span,
    reading: &Reading,
    records: &mut Vec<Record>,
    problems: &mut Problems,
) {
    let tree = Tree::new(apex, records);
    tree.apex_records(start, reading, problems);
    if !reading.origin {
        tree.aliases(problems);
        tree.below_dnames(problems);
    }
    tree.targets(reading, problems);
    tree.signatures(problems);
    tree.sizes(problems);
    let Mending { duplicates, ttls } = tree.mend(problems);
    for (position, ttl) in ttls {
        if let Some(record) = records.get_mut(position) {
            record.ttl = ttl;
        }
    }
    if !duplicates.is_empty() {
        let mut position = 0;
        records.retain(|_| {
            position += 1;
            !duplicates.contains(&(position - 1))
        });
    }
}

/// What [`check`] changes, by position.
#[derive(Default)]
struct Mending {
    duplicates: HashSet<usize>,
    ttls: Vec<(usize, Ttl)>,
}

/// The records by owner and type.
pub(super) struct Tree<'r> {
    pub(super) apex: &'r Name,
    /// Sorted by owner, type and place, each with its position in the file.
    pub(super) sorted: Vec<(usize, &'r Record)>,
    owners: HashMap<&'r [u8], Range<usize>>,
    has_dname: bool,
}

impl<'r> Tree<'r> {
    fn new(apex: &'r Name, records: &'r [Record]) -> Self {
        let mut sorted: Vec<_> = records.iter().enumerate().collect();
        sorted.sort_by(|(_, a), (_, b)| (&a.owner, a.rtype).cmp(&(&b.owner, b.rtype)));
        let mut owners = HashMap::new();
        let mut at = 0;
        for run in sorted.chunk_by(|(_, a), (_, b)| a.owner == b.owner) {
            if let Some((_, record)) = run.first() {
                owners.insert(record.owner.as_wire(), at..at + run.len());
            }
            at += run.len();
        }
        let has_dname = records.iter().any(|record| record.rtype == RecordType::DNAME);
        Self { apex, sorted, owners, has_dname }
    }

    pub(super) fn rrsets(&self) -> impl Iterator<Item = &[(usize, &'r Record)]> {
        self.sorted.chunk_by(|(_, a), (_, b)| a.owner == b.owner && a.rtype == b.rtype)
    }

    fn at(&self, owner: &[u8]) -> &[(usize, &'r Record)] {
        let range = self.owners.get(owner).cloned().unwrap_or_default();
        self.sorted.get(range).unwrap_or_default()
    }

    fn rrset(&self, owner: &[u8], rtype: RecordType) -> &[(usize, &'r Record)] {
        let all = self.at(owner);
        let from = all.partition_point(|(_, record)| record.rtype < rtype);
        let to = all.partition_point(|(_, record)| record.rtype <= rtype);
        all.get(from..to).unwrap_or_default()
    }

    fn has(&self, owner: &[u8], rtype: RecordType) -> bool {
        !self.rrset(owner, rtype).is_empty()
    }

    fn has_address(&self, owner: &[u8]) -> bool {
        self.has(owner, RecordType::A) || self.has(owner, RecordType::AAAA)
    }

    /// The names above `name` in the zone, nearest first, the apex last.
    fn above<'n>(&self, name: &'n [u8]) -> impl Iterator<Item = &'n [u8]> + use<'_, 'n, 'r> {
        let mut rest = name;
        std::iter::from_fn(move || {
            if rest.len() <= self.apex.as_wire().len() {
                return None;
            }
            rest = parent(rest)?;
            Some(rest)
        })
    }

    fn apex_records(&self, start: Span, reading: &Reading, problems: &mut Problems) {
        let apex = self.apex;
        match self.rrset(apex.as_wire(), RecordType::SOA) {
            [] if reading.anything || reading.soa => {}
            [] => problems.push(self.no_soa(start, reading)),
            [_] => {}
            [(_, first), rest @ ..] => {
                for (_, record) in rest.iter().filter(|(_, r)| r.rdata != first.rdata) {
                    let message = format!("zone `{apex}` has more than one SOA record");
                    let several = Diagnostic::error(flaw::SOA, record.span, message);
                    problems.push(several.label(first.span, "the first").help("keep one"));
                }
            }
        }
        self.misplaced(problems);
        // The file of another zone is told of by its SOA record.
        let explained = reading.anything || reading.ns || reading.other.is_some();
        if !explained && !self.has(apex.as_wire(), RecordType::NS) {
            let message = format!("zone `{apex}` has no NS record at its apex");
            problems.push(Diagnostic::error(flaw::NS, start, message).help("add `@ NS ns1`"));
        }
    }

    fn no_soa(&self, start: Span, reading: &Reading) -> Diagnostic {
        let message = format!("zone `{}` has no SOA record", self.apex);
        match &reading.other {
            Some((other, at)) => Diagnostic::error(flaw::SOA, start, message)
                .label(*at, format!("the SOA record of `{other}`"))
                .help(format!(
                    "is this the file of zone `{other}`? correct the zone's name or its file"
                )),
            None => Diagnostic::error(flaw::SOA, start, message)
                .help("add `@ SOA ns1 hostmaster 1 2h 1h 2w 5m`"),
        }
    }

    /// Records that have no meaning where they are.
    fn misplaced(&self, problems: &mut Problems) {
        let apex = self.apex;
        for (_, record) in &self.sorted {
            if record.rtype == RecordType::SOA && record.owner != *apex {
                let message = format!("SOA at `{}`, below the apex `{apex}`", record.owner);
                problems.push(
                    Diagnostic::error(flaw::SOA, record.span, message)
                        .help("give that zone a file of its own, or remove the record"),
                );
            }
            let lost = matches!(record.rtype, RecordType::NS | RecordType::DNAME);
            if lost && record.owner.is_wildcard() {
                let message = format!("{} at the wildcard `{}`", record.rtype, record.owner);
                problems.push(
                    Diagnostic::error(flaw::WILDCARD, record.span, message)
                        .help("write it for each name (RFC 4592, 4.2 and 4.4)"),
                );
            }
        }
    }

    /// RFC 2181, 10.1 (a CNAME stands alone) and RFC 6672, 2.4 (one DNAME at most).
    fn aliases(&self, problems: &mut Problems) {
        for rrset in self.rrsets() {
            let [(_, first), rest @ ..] = rrset else { continue };
            let code = match first.rtype {
                RecordType::CNAME => flaw::CNAME,
                RecordType::DNAME => flaw::DNAME,
                _ => continue,
            };
            let (rtype, owner) = (first.rtype, &first.owner);
            for (_, record) in
                rest.iter().filter(|(_, r)| !data::same_data(rtype, &r.rdata, &first.rdata))
            {
                let message = format!("`{owner}` has more than one {rtype}");
                let several = Diagnostic::error(code, record.span, message);
                problems.push(several.label(first.span, "the first").help("keep one"));
            }
            if rtype == RecordType::CNAME {
                let other = self.at(owner.as_wire()).iter().find(|(_, r)| {
                    // RFC 4034, 2.5: signatures and denial stand beside it.
                    !matches!(r.rtype, RecordType::CNAME | RecordType::RRSIG | RecordType::NSEC)
                });
                if let Some((_, other)) = other {
                    let message = format!("`{owner}` has a CNAME beside other data");
                    let beside = Diagnostic::error(code, first.span, message);
                    problems.push(
                        beside
                            .label(other.span, format!("{} here", other.rtype))
                            .help("remove the CNAME, or everything else"),
                    );
                }
            }
        }
    }

    /// RFC 6672, 2.4: nothing stands below a DNAME.
    fn below_dnames(&self, problems: &mut Problems) {
        if !self.has_dname {
            return;
        }
        for rrset in self.rrsets() {
            let Some((_, record)) = rrset.first() else { continue };
            for above in self.above(record.owner.as_wire()) {
                if let Some((_, dname)) = self.rrset(above, RecordType::DNAME).first() {
                    let message = format!("`{}` is below a DNAME", record.owner);
                    let below = Diagnostic::error(flaw::DNAME, record.span, message);
                    problems.push(
                        below
                            .label(dname.span, "this DNAME renames all below it")
                            .help("move the record to where the DNAME leads"),
                    );
                }
            }
        }
    }

    /// NS, MX and SRV that lead to names in this zone.
    fn targets(&self, reading: &Reading, problems: &mut Problems) {
        let apex = self.apex.as_wire();
        for (_, record) in &self.sorted {
            let wanted = [RecordType::NS, RecordType::MX, RecordType::SRV];
            if !wanted.contains(&record.rtype) {
                continue;
            }
            let Some(target) = record.target().map(<[u8]>::to_ascii_lowercase) else { continue };
            if !is_within(&target, apex) {
                continue;
            }
            let shown = Name::from_wire(&target).unwrap_or_else(|_| Name::root());
            if self.has(&target, RecordType::CNAME) {
                let message = format!("{} leads to `{shown}`, which is a CNAME", record.rtype);
                problems.push(
                    Diagnostic::warning(flaw::TARGET, record.span, message)
                        .help("name the host itself (RFC 2181, 10.3)"),
                );
            } else if record.rtype == RecordType::NS
                && !self.has_address(&target)
                && !self.is_synthesized(&target)
                && !reading.anything
                && !reading.owners.contains(&shown)
                && !reading.explained.contains(&shown)
            {
                problems.push(self.no_address(record.span, &shown));
            }
        }
    }

    fn no_address(&self, at: Span, server: &Name) -> Diagnostic {
        let message = format!("name server `{server}` has no address in this zone");
        let labels = server.n_labels() - self.apex.n_labels();
        let glue = Diagnostic::warning(flaw::GLUE, at, message);
        // `ns.example.net` without its dot is below the apex too.
        let written = server.labels().take(labels).map(<[u8]>::escape_ascii);
        let written: Vec<String> = written.map(|label| label.to_string()).collect();
        glue.help(match written.len() {
            0 | 1 => format!("add `{server} A` or `{server} AAAA`"),
            _ => format!(
                "add `{server} A` or `{server} AAAA`; or end the name with a dot, if `{}.` is meant",
                written.join(".")
            ),
        })
    }

    /// Whether a wildcard may answer for a name that has no records.
    fn is_synthesized(&self, name: &[u8]) -> bool {
        !self.owners.contains_key(name)
            && self.above(name).any(|above| self.has_address(&[b"\x01*", above].concat()))
    }

    /// RFC 2181, 5 (no duplicates) and 5.2 (one TTL, the lowest).
    fn mend(&self, problems: &mut Problems) -> Mending {
        let mut mending = Mending::default();
        for rrset in self.rrsets() {
            let [(_, first), _, ..] = rrset else { continue };
            let mut seen = HashSet::with_capacity(rrset.len());
            for (position, record) in rrset {
                if !seen.insert(data::canonical(record.rtype, &record.rdata)) {
                    mending.duplicates.insert(*position);
                }
            }
            // RFC 4034, 3: signatures of different types have different TTLs.
            if first.rtype == RecordType::RRSIG {
                continue;
            }
            let lowest = rrset.iter().map(|(_, r)| r.ttl).min().unwrap_or(first.ttl);
            if let Some((_, other)) = rrset.iter().find(|(_, r)| r.ttl != first.ttl) {
                let (owner, rtype) = (&first.owner, first.rtype);
                let message = format!(
                    "`{owner}` {rtype} has TTLs {} and {}; {} is used",
                    first.ttl.secs(),
                    other.ttl.secs(),
                    lowest.secs()
                );
                let mixed = Diagnostic::warning(flaw::TTL_MIXED, other.span, message);
                problems.push(
                    mixed
                        .label(first.span, "the first of the RRset")
                        .help("give all records of an RRset one TTL (RFC 2181, 5.2)"),
                );
                mending.ttls.extend(rrset.iter().map(|(position, _)| (*position, lowest)));
            }
        }
        mending
    }
}

/// The wire form of the name above; `None` for the root.
pub(super) fn parent(name: &[u8]) -> Option<&[u8]> {
    let (&length, rest) = name.split_first().filter(|(length, _)| **length > 0)?;
    rest.get(usize::from(length)..)
}

/// Whether a name in lower-case wire form is `ancestor` or below it.
pub(super) fn is_within(name: &[u8], ancestor: &[u8]) -> bool {
    let mut rest = name;
    while rest.len() > ancestor.len() {
        let Some(above) = parent(rest) else { return false };
        rest = above;
    }
    rest == ancestor
}
