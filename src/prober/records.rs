//! The records that an answer of DNS must have, compared as data and not as text.
//!
//! What is expected is written as in a zone, or as `dig` prints it: however that is, it is read
//! into octets, and so is what came.

use hickory_server::proto::op::Message;
use hickory_server::proto::rr::RData;
use hickory_server::proto::serialize::binary::BinEncodable;
use hickory_server::proto::serialize::binary::BinEncoder;
use hickory_server::proto::serialize::binary::NameEncoding;

use crate::model::DnsProbe;
use crate::model::Name;
use crate::model::Rcode;
use crate::model::RecordType;
use crate::prober::failure::Fault;
use crate::zone;

/// What a monitor expects of a response, ready to compare.
#[derive(Debug)]
pub(super) struct Wanted {
    rtype: RecordType,
    rcode: u16,
    /// Of these data one must be there; none: whatever there is.
    any_of: Vec<Box<[u8]>>,
    /// As they are written.
    shown: String,
}

impl Wanted {
    /// Reads what is expected.
    ///
    /// # Errors
    ///
    /// Which is no record data, which configuration excludes.
    pub(super) fn new(probe: &DnsProbe) -> Result<Self, String> {
        let mut any_of = Vec::new();
        for text in &probe.expect_answer {
            let data = zone::data_from_text(probe.rtype, text, &Name::root());
            let whole = whole_string(probe.rtype, text);
            if let (Err(error), None) = (&data, &whole) {
                return Err(format!("{text:?} is no data of {}: {error}", probe.rtype));
            }
            any_of.extend(data.into_iter().chain(whole));
        }
        let shown = probe.expect_answer.join(" or ");
        Ok(Self { rtype: probe.rtype, rcode: probe.expect_rcode, any_of, shown })
    }

    /// Judges a response.
    pub(super) fn judge(&self, response: &Message) -> Result<(), Fault> {
        let code = u16::from(response.metadata.response_code);
        if code != self.rcode {
            let (found, expected) = (Rcode(code), Rcode(self.rcode));
            return Err(Fault::target(format!("{found}, expected {expected}")));
        }
        if self.any_of.is_empty() {
            return Ok(());
        }
        let of_type = |record: &&hickory_server::proto::rr::Record| {
            u16::from(record.record_type()) == self.rtype.0
        };
        let mut shown = Vec::new();
        for record in response.answers.iter().filter(of_type) {
            let found = octets(&record.data);
            let is_same = |wanted: &[u8]| {
                found.as_ref().is_some_and(|found| zone::same_data(self.rtype, wanted, found))
            };
            if self.any_of.iter().any(|wanted| is_same(wanted)) {
                return Ok(());
            }
            shown.push(show(&record.data, found.as_deref().unwrap_or_default()));
        }
        let found = match (shown.is_empty(), response.answers.first()) {
            (false, _) => format!("answer {}", shown.join(", ")),
            (true, Some(other)) => {
                format!("no {} in the answer, but {}", self.rtype, other.record_type())
            }
            (true, None) => format!("no {} in the answer", self.rtype),
        };
        Err(Fault::target(format!("{found}, expected {}", self.shown)))
    }
}

/// A TXT that is written without quotes, as one string: blanks and `;` are a part of it then, as
/// nobody who writes `v=spf1 -all` means two strings.
fn whole_string(rtype: RecordType, text: &str) -> Option<Box<[u8]>> {
    let is_bare = matches!(rtype, RecordType::TXT | RecordType::SPF) && !text.contains('"');
    let text = is_bare.then(|| format!("\"{}\"", text.trim()))?;
    zone::data_from_text(rtype, &text, &Name::root()).ok()
}

/// The data on the wire, names uncompressed.
fn octets(data: &RData) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    let mut encoder = BinEncoder::new(&mut octets);
    encoder.set_name_encoding(NameEncoding::Uncompressed);
    data.emit(&mut encoder).ok()?;
    Some(octets)
}

/// The data as text that can be written into `expect-answer`.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "of the other types the octets say what they are"
)]
fn show(data: &RData, octets: &[u8]) -> String {
    match data {
        RData::A(_)
        | RData::AAAA(_)
        | RData::CNAME(_)
        | RData::MX(_)
        | RData::NS(_)
        | RData::PTR(_)
        | RData::SOA(_)
        | RData::SRV(_) => data.to_string(),
        RData::TXT(texts) => {
            let quoted = |text: &[u8]| format!("\"{}\"", text.escape_ascii());
            texts.txt_data.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(" ")
        }
        _ => {
            let hex: String = octets.iter().map(|octet| format!("{octet:02X}")).collect();
            format!(r"\# {} {hex}", octets.len())
        }
    }
}
