//! What stands between the owner of a record and its data: TTL, class, type.

use std::ops::Range;

use crate::model::RecordType;
use crate::model::Ttl;
use crate::zone::field;
use crate::zone::flaw;
use crate::zone::flaw::Flaw;
use crate::zone::splitter::Token;

/// TTL and type of an entry, and the tokens of its data.
#[derive(Debug)]
pub(super) struct Head<'t, 'a> {
    pub(super) ttl: Option<Ttl>,
    pub(super) rtype: RecordType,
    pub(super) type_at: Range<usize>,
    pub(super) rdata: &'t [Token<'a>],
}

impl<'t, 'a> Head<'t, 'a> {
    /// RFC 1035, 5.1: TTL and class in either order, both may be missing, then the type.
    pub(super) fn read(first: &Token<'a>, tokens: &'t [Token<'a>]) -> Result<Self, Flaw> {
        let mut time = None;
        let mut class = false;
        let mut rest = tokens;
        while let Some((token, rdata)) = rest.split_first() {
            if time.is_none() && token.text.starts_with(|c: char| c.is_ascii_digit()) {
                time = Some(ttl(token)?);
            } else if !class && let Some(number) = class_number(token.text) {
                if number != 1 {
                    let message = format!("class `{}`; a zone is served in IN only", token.text);
                    return Err(Flaw::new(flaw::CLASS, token.at(), message).help("write IN"));
                }
                class = true;
            } else {
                let rtype = record_type(token)?;
                return Ok(Self { ttl: time, rtype, type_at: token.at(), rdata });
            }
            rest = rdata;
        }
        let last = tokens.last().unwrap_or(first);
        let flaw = Flaw::new(flaw::TYPE, last.end..last.end, "a record without a type");
        Err(flaw.help("write owner, TTL, class, type and data: `www 300 IN A 192.0.2.1`"))
    }

    /// Where a missing token of the data would stand.
    pub(super) fn end(&self) -> Range<usize> {
        let end = self.rdata.last().map_or(self.type_at.end, |last| last.end);
        end..end
    }
}

/// Reads a TTL: seconds, or units.
pub(super) fn ttl(token: &Token<'_>) -> Result<Ttl, Flaw> {
    field::duration(token.text).and_then(Ttl::from_secs).ok_or_else(|| {
        let message =
            format!("expected a TTL from 0 to 2147483647 seconds, found `{}`", token.text);
        Flaw::new(flaw::TTL, token.at(), message).help("write seconds, or units as in `1h30m`")
    })
}

/// The number of a class mnemonic (RFC 1035, 3.2.4) or of `CLASS32` (RFC 3597, 5).
fn class_number(text: &str) -> Option<u16> {
    const MNEMONICS: [(&str, u16); 4] = [("IN", 1), ("CS", 2), ("CH", 3), ("HS", 4)];
    let named = MNEMONICS.iter().find(|(mnemonic, _)| mnemonic.eq_ignore_ascii_case(text));
    named.map(|(_, number)| *number).or_else(|| {
        let prefix = text.get(..5).filter(|prefix| prefix.eq_ignore_ascii_case("CLASS"))?;
        text.get(prefix.len()..)?.parse().ok()
    })
}

fn record_type(token: &Token<'_>) -> Result<RecordType, Flaw> {
    let Ok(rtype) = token.text.parse::<RecordType>() else {
        let message = format!("`{}` is no record type that is known here", token.text);
        let flaw = Flaw::new(flaw::TYPE, token.at(), message);
        return Err(flaw.help(match similar_type(token.text) {
            Some(similar) => format!("did you mean `{similar}`?"),
            None => r"write a newer type as RFC 3597 has it: `TYPE65280 \# 4 0A000001`".into(),
        }));
    };
    if rtype.is_meta() {
        let message = format!("{rtype} can be asked for, but never stands in a zone");
        return Err(Flaw::new(flaw::TYPE, token.at(), message).help("remove the record"));
    }
    Ok(rtype)
}

/// The mnemonic that is closest to `text`, at most two edits away and fewer than its length.
fn similar_type(text: &str) -> Option<RecordType> {
    let text = text.to_ascii_uppercase();
    let most = 2.min(text.len().saturating_sub(1));
    (1..=u16::MAX)
        .take_while(|code| *code < 300)
        .map(RecordType)
        .filter(|rtype| !rtype.is_meta())
        .map(|rtype| (edits(&text, &rtype.to_string()), rtype))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, rtype)| rtype)
}

/// The edit distance of two short texts; long ones are far from all.
fn edits(a: &str, b: &str) -> usize {
    if a.len().abs_diff(b.len()) > 2 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (y, above) in b.bytes().zip(row.iter().skip(1)) {
            let value = (diagonal + usize::from(x != y)).min(left + 1).min(above + 1);
            diagonal = *above;
            left = value;
            next.push(value);
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}
