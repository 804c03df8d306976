//! A response being written into a borrowed buffer.

use crate::model::Class;
use crate::model::Rcode;
use crate::model::RecordType;
use crate::model::Ttl;
use crate::wire::Edns;
use crate::wire::ExtendedError;
use crate::wire::Extras;
use crate::wire::Header;
use crate::wire::Names;
use crate::wire::ScopePrefix;
use crate::wire::opt;

/// The record did not fit; the reply is as it was before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Full;

/// Who owns a record.
#[derive(Clone, Copy, Debug)]
pub enum Owner<'a> {
    /// The question's name.
    Question,
    /// A name, uncompressed wire form. It is written as short as the names before it let it be.
    Name(&'a [u8]),
}

/// A record to be written.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Its owner.
    pub owner: Owner<'a>,
    /// TYPE.
    pub rtype: RecordType,
    /// CLASS.
    pub class: Class,
    /// TTL.
    pub ttl: Ttl,
    /// RDATA, names uncompressed.
    pub rdata: &'a [u8],
}

/// Which section a record goes to; sections are written in this order.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Section {
    /// Answer.
    Answer,
    /// Authority.
    Authority,
    /// Additional, OPT not counted.
    Additional,
}

/// What a response takes over from the message that it answers.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The header.
    pub header: &'a Header,
    /// Octets of the question section; 0 if the response has none.
    pub question_len: usize,
    /// What the OPT record says, if there is one.
    pub edns: Option<&'a Edns>,
}

/// A point in a reply.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    len: usize,
    n_names: usize,
    counts: [u16; 3],
}

/// A response in the making: header and question stand, records follow.
///
/// Octets for the OPT record are kept free from the start, so finishing can't fail.
#[derive(Debug)]
pub struct Reply<'b> {
    buffer: &'b mut [u8],
    names: &'b mut Names,
    len: usize,
    /// Records end here at the latest; the OPT record follows.
    limit: usize,
    question_len: usize,
    flags: u16,
    counts: [u16; 3],
}

impl<'b> Reply<'b> {
    /// Copies ID, opcode, RD and the question of a message. At most `limit` octets of
    /// `buffer` are used, whatever it holds. `None` if not even the question fits,
    /// which takes a limit under 512. `names` are this reply's from now on.
    pub fn new(
        asked: &Asked<'_>,
        request: &[u8],
        buffer: &'b mut [u8],
        names: &'b mut Names,
        limit: usize,
        extras: &Extras<'_>,
    ) -> Option<Self> {
        let question_len = asked.question_len;
        let end = Header::LEN + question_len;
        buffer.get_mut(..end)?.copy_from_slice(request.get(..end)?);
        let reserved = asked.edns.map_or(0, |edns| opt::len(edns, extras));
        let limit = limit.min(buffer.len()).checked_sub(reserved)?;
        let flags = Header::QR | asked.header.flags & (Header::OPCODE | Header::RD);
        names.clear();
        (end <= limit).then_some(Self {
            buffer,
            names,
            len: end,
            limit,
            question_len,
            flags,
            counts: [0; 3],
        })
    }

    /// Says that the answer is ours to give (RFC 1035, 4.1.1).
    pub fn authoritative(&mut self) {
        self.flags |= Header::AA;
    }

    /// Drops all records and sets TC (RFC 2181, 9): the resolver asks again over a stream.
    pub fn truncate(&mut self) {
        self.clear();
        self.flags |= Header::TC;
    }

    /// Drops all records.
    pub fn clear(&mut self) {
        self.len = Header::LEN + self.question_len;
        self.names.clear();
        self.counts = [0; 3];
    }

    /// A point to which [`Reply::rewind`] can return.
    pub fn mark(&self) -> Mark {
        Mark { len: self.len, n_names: self.names.len(), counts: self.counts }
    }

    /// Drops what was written since.
    pub fn rewind(&mut self, mark: Mark) {
        self.len = mark.len;
        self.names.truncate(mark.n_names);
        self.counts = mark.counts;
    }

    /// Octets written so far, the OPT record not counted.
    pub fn position(&self) -> usize {
        self.len
    }

    /// Appends a record. O(length), and O(names before it) for each name in it; no allocation.
    ///
    /// # Errors
    ///
    /// [`Full`] if it does not fit; nothing is written then.
    pub fn record(&mut self, section: Section, record: &Record<'_>) -> Result<(), Full> {
        match (record.owner, compressible(record.rtype)) {
            (Owner::Question, None) => self.ready(section, record),
            (_, names) => self.compressed(section, record, names.unwrap_or_default()),
        }
    }

    /// Appends a record of the question's name whose data hold no name that may be compressed:
    /// all of it is ready to be copied. O(length), no allocation.
    ///
    /// # Errors
    ///
    /// [`Full`] if it does not fit; nothing is written then.
    #[inline]
    pub fn ready(&mut self, section: Section, record: &Record<'_>) -> Result<(), Full> {
        /// A pointer to what follows the header: the question's name.
        const QUESTION: [u8; 2] = [0xc0, 12];
        let rdata_len = u16::try_from(record.rdata.len()).map_err(|_| Full)?;
        let [t0, t1] = record.rtype.0.to_be_bytes();
        let [c0, c1] = record.class.0.to_be_bytes();
        let [s0, s1, s2, s3] = record.ttl.secs().to_be_bytes();
        let [l0, l1] = rdata_len.to_be_bytes();
        let [n0, n1] = QUESTION;
        let fixed = [n0, n1, t0, t1, c0, c1, s0, s1, s2, s3, l0, l1];
        let end = self.len + fixed.len() + record.rdata.len();
        if end > self.limit {
            return Err(Full);
        }
        let at = self.buffer.get_mut(self.len..end).ok_or(Full)?;
        let (fixed_at, rdata_at) = at.split_first_chunk_mut().ok_or(Full)?;
        *fixed_at = fixed;
        rdata_at.copy_from_slice(record.rdata);
        self.count(section, end);
        Ok(())
    }

    /// Appends a record with names that are written as short as can be.
    #[inline(never)]
    fn compressed(
        &mut self,
        section: Section,
        record: &Record<'_>,
        names: NamesIn,
    ) -> Result<(), Full> {
        let n_names = self.names.len();
        let written = self.try_compressed(record, names);
        match written {
            Some(end) => self.count(section, end),
            None => self.names.truncate(n_names),
        }
        written.map(|_| ()).ok_or(Full)
    }

    /// Writes a record behind what there is; returns where it ends.
    fn try_compressed(&mut self, record: &Record<'_>, names: NamesIn) -> Option<usize> {
        // A question that is not there has no name to point to.
        let question_end = Header::LEN + self.question_len.saturating_sub(4);
        let message = self.buffer.get_mut(..self.limit)?;
        let mut at = match record.owner {
            Owner::Question => put(message, self.len, &[0xc0, 12])?,
            Owner::Name(name) => self.names.write(message, question_end, self.len, name)?,
        };
        at = put(message, at, &record.rtype.0.to_be_bytes())?;
        at = put(message, at, &record.class.0.to_be_bytes())?;
        at = put(message, at, &record.ttl.secs().to_be_bytes())?;
        let length_at = at;
        at += 2;
        let (head, mut rest) = record.rdata.split_at_checked(names.skip)?;
        at = put(message, at, head)?;
        for _ in 0..names.count {
            let (name, tail) = rest.split_at_checked(name_len(rest)?)?;
            at = self.names.write(message, question_end, at, name)?;
            rest = tail;
        }
        at = put(message, at, rest)?;
        let rdata_len = u16::try_from(at - length_at - 2).ok()?;
        put(message, length_at, &rdata_len.to_be_bytes())?;
        Some(at)
    }

    #[inline]
    fn count(&mut self, section: Section, end: usize) {
        self.len = end;
        if let Some(count) = self.counts.get_mut(section as usize) {
            *count += 1;
        }
    }

    /// Writes the OPT record, if the message had one, and the header; returns the length.
    ///
    /// `scope` answers a client subnet option. The extended error goes in where it fits
    /// the limit of the message (RFC 8914, 3: best effort).
    pub fn finish(
        mut self,
        asked: &Asked<'_>,
        rcode: Rcode,
        scope: ScopePrefix,
        error: Option<ExtendedError>,
        extras: &Extras<'_>,
    ) -> usize {
        let mut additionals = self.counts[2];
        if let Some(edns) = asked.edns {
            let reserved = opt::len(edns, extras);
            let error = error.filter(|e| self.len + e.wire_len() <= self.limit);
            let length = reserved + error.map_or(0, |e| e.wire_len());
            let end = self.len + length;
            if let Some(octets) = self.buffer.get_mut(self.len..end) {
                opt::write(octets, edns, rcode, scope, error, extras);
                self.len = end;
                additionals += 1;
            }
        }
        let flags = self.flags | rcode.0 & 15;
        let [answers, authorities, _] = self.counts;
        let questions = u16::from(self.question_len > 0);
        let counts = [questions, answers, authorities, additionals];
        if let Some(header) = self.buffer.first_chunk_mut::<{ Header::LEN }>() {
            let [[i0, i1], [f0, f1]] = [asked.header.id, flags].map(u16::to_be_bytes);
            let [[a, b], [c, d], [e, f], [g, h]] = counts.map(u16::to_be_bytes);
            *header = [i0, i1, f0, f1, a, b, c, d, e, f, g, h];
        }
        self.len
    }
}

/// Where record data hold names that may be compressed.
#[derive(Clone, Copy, Debug, Default)]
struct NamesIn {
    /// Octets ahead of the first.
    skip: usize,
    /// How many there are, one behind the other.
    count: usize,
}

/// RFC 3597, 4: the types of RFC 1035 and no others, since whoever does not know a type can't
/// find its names.
#[inline]
const fn compressible(rtype: RecordType) -> Option<NamesIn> {
    const MB: RecordType = RecordType(7);
    const MD: RecordType = RecordType(3);
    const MF: RecordType = RecordType(4);
    const MG: RecordType = RecordType(8);
    const MR: RecordType = RecordType(9);
    match rtype {
        RecordType::CNAME | RecordType::NS | RecordType::PTR | MB | MD | MF | MG | MR => {
            Some(NamesIn { skip: 0, count: 1 })
        }
        RecordType::MX => Some(NamesIn { skip: 2, count: 1 }),
        RecordType::MINFO | RecordType::SOA => Some(NamesIn { skip: 0, count: 2 }),
        _ => None,
    }
}

/// Octets of the uncompressed name with which `octets` begin.
fn name_len(octets: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match usize::from(*octets.get(at)?) {
            0 => return Some(at + 1),
            length => at += length + 1,
        }
    }
}

/// Copies octets to `at`; returns where they end.
fn put(message: &mut [u8], at: usize, octets: &[u8]) -> Option<usize> {
    let end = at + octets.len();
    message.get_mut(at..end)?.copy_from_slice(octets);
    Some(end)
}

#[cfg(test)]
mod tests;
