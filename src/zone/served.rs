//! What a zone holds that is not served as it stands.

use crate::model::Diagnostic;
use crate::model::RecordType;
use crate::model::limits;
use crate::zone::check::Tree;
use crate::zone::flaw;
use crate::zone::flaw::Problems;
use crate::zone::record::Record;

impl Tree<'_> {
    /// A zone that was signed is served, but not as one that is.
    pub(super) fn signatures(&self, problems: &mut Problems) {
        let signs = |rtype| {
            matches!(
                rtype,
                RecordType::DNSKEY
                    | RecordType::NSEC
                    | RecordType::NSEC3
                    | RecordType::NSEC3PARAM
                    | RecordType::RRSIG
            )
        };
        let signs = self.sorted.iter().filter(|(_, record)| signs(record.rtype));
        let Some((_, first)) = signs.min_by_key(|(position, _)| position) else { return };
        let message = format!(
            "zone `{}` is signed, and is served without signatures: this version does not sign",
            self.apex
        );
        problems.push(
            Diagnostic::warning(flaw::SIGNED, first.span, message)
                .label(first.span, format!("{} here", first.rtype))
                .help("remove the DS record from the zone above first, or resolvers that validate refuse all answers; then use the file that was not signed"),
        );
    }

    /// RFC 1035, 4.2.2: a message counts its octets in 16 bits, over TCP too.
    pub(super) fn sizes(&self, problems: &mut Problems) {
        // Header, and OPT (RFC 6891, 6.1.2).
        const AROUND: usize = 12 + 11;
        // A pointer to the owner, type, class, TTL and length.
        const PER_RECORD: usize = 12;
        for rrset in self.rrsets() {
            let [(_, first), ..] = rrset else { continue };
            let question = first.owner.as_wire().len() + 4;
            let records: usize = rrset.iter().map(|(_, r)| PER_RECORD + least_size(r)).sum();
            let size = AROUND + question + records;
            if size > limits::MESSAGE {
                let (owner, rtype) = (&first.owner, first.rtype);
                let message = format!(
                    "the {} records `{owner}` {rtype} take {size} octets; a message holds {}",
                    rrset.len(),
                    limits::MESSAGE
                );
                problems.push(
                    Diagnostic::error(flaw::SIZE, first.span, message)
                        .label(first.span, "the first of them")
                        .help("spread them over several names"),
                );
            }
        }
    }
}

/// Octets that the data of a record take at least: the types whose names may be compressed
/// (RFC 3597, 4) may share all but the first label of each.
fn least_size(record: &Record) -> usize {
    let compressed = [
        RecordType::CNAME,
        RecordType::MB,
        RecordType::MG,
        RecordType::MINFO,
        RecordType::MR,
        RecordType::MX,
        RecordType::NS,
        RecordType::PTR,
        RecordType::SOA,
    ];
    if compressed.contains(&record.rtype) { 4.min(record.rdata.len()) } else { record.rdata.len() }
}
