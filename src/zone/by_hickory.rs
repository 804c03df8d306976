//! Record data that hickory reads.
//!
//! Its reader takes one text, absolute names only, base64 and hex in one piece, and for SVCB
//! the parameters in the order of their keys; that is what is made of the tokens here.

use std::ops::Range;

use hickory_server::proto::rr::RData;
use hickory_server::proto::rr::RecordType as HickoryType;
use hickory_server::proto::serialize::binary::BinEncodable;
use hickory_server::proto::serialize::binary::BinEncoder;

use crate::model::Name;
use crate::model::RecordType;
use crate::zone::flaw;
use crate::zone::flaw::Flaw;
use crate::zone::splitter::Token;

/// Appends the wire form of one record's data.
///
/// # Errors
///
/// [`flaw::RDATA`], with hickory's words, at the whole of the data; it does not say more.
pub(super) fn write(
    rtype: RecordType,
    tokens: &[Token<'_>],
    end: Range<usize>,
    origin: &Name,
    out: &mut Vec<u8>,
) -> Result<(), Flaw> {
    let whole = match (tokens.first(), tokens.last()) {
        (Some(first), Some(last)) => first.start..last.end,
        _ => end,
    };
    let text = match rtype {
        RecordType::HTTPS | RecordType::SVCB => service_binding(tokens, origin)?,
        RecordType::OPENPGPKEY => joined(tokens, 0),
        RecordType::SSHFP => joined(tokens, 2),
        RecordType::CERT | RecordType::SMIMEA | RecordType::TLSA => joined(tokens, 3),
        RecordType::CSYNC => joined(tokens, usize::MAX),
        _ => {
            let message = format!("the text form of {rtype} is not known here");
            return Err(Flaw::new(flaw::RDATA, whole, message)
                .help(r"write the octets as RFC 3597 has it: `\# 4 0A000001`"));
        }
    };
    let refused = |error: String| {
        Flaw::new(flaw::RDATA, whole.clone(), format!("these are not the data of {rtype}: {error}"))
            .help(r"correct them, or write the octets as RFC 3597 has it: `\# 4 0A000001`")
    };
    let rdata = RData::try_from_str(HickoryType::from(rtype.0), &text)
        .map_err(|error| refused(error.to_string()))?;
    let mut octets = Vec::new();
    let mut encoder = BinEncoder::new(&mut octets);
    rdata.emit(&mut encoder).map_err(|error| refused(error.to_string()))?;
    out.append(&mut octets);
    Ok(())
}

/// The tokens with blanks between, those from `join_from` on as one.
fn joined(tokens: &[Token<'_>], join_from: usize) -> String {
    let mut text = String::new();
    for (position, token) in tokens.iter().enumerate() {
        if position > 0 && position <= join_from {
            text.push(' ');
        }
        text.push_str(token.text);
    }
    text
}

/// RFC 9460, 2.1: priority, target, then parameters in any order.
fn service_binding(tokens: &[Token<'_>], origin: &Name) -> Result<String, Flaw> {
    let mut text = String::new();
    let mut parameters: Vec<(u32, String)> = Vec::new();
    for (position, token) in tokens.iter().enumerate() {
        match position {
            0 => text.push_str(token.text),
            1 => {
                let target = Name::parse(token.text, Some(origin)).map_err(|error| {
                    let message = format!("`{}` is no domain name: it has {error}", token.text);
                    Flaw::new(flaw::RDATA, token.at(), message)
                })?;
                text.push_str(&format!(" {target}"));
            }
            _ => parameters.push(parameter(token)?),
        }
    }
    parameters.sort();
    for (_, parameter) in parameters {
        text.push(' ');
        text.push_str(&parameter);
    }
    Ok(text)
}

/// A parameter with the number of its key, by which the wire form is ordered.
fn parameter(token: &Token<'_>) -> Result<(u32, String), Flaw> {
    const KEYS: [(&str, u32); 9] = [
        ("mandatory", 0),
        ("alpn", 1),
        ("no-default-alpn", 2),
        ("port", 3),
        ("ipv4hint", 4),
        ("ech", 5),
        ("ipv6hint", 6),
        ("dohpath", 7),
        ("ohttp", 8),
    ];
    // hickory keeps `\DDD` as it stands; rather refuse it than answer something else.
    if token.text.contains('\\') {
        let message = format!("`{}`: escapes in parameters are not read here", token.text);
        return Err(Flaw::new(flaw::RDATA, token.at(), message)
            .help(r"write the whole record's octets as RFC 3597 has it: `\# 4 0A000001`"));
    }
    let (key, value) = match token.text.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (token.text, None),
    };
    let number = match KEYS.iter().find(|(mnemonic, _)| *mnemonic == key) {
        Some((_, number)) => Some(*number),
        None => key.strip_prefix("key").and_then(|number| number.parse().ok()),
    };
    let Some(number) = number else {
        let message = format!("`{key}` is no parameter of a service binding");
        let known = KEYS.map(|(mnemonic, _)| mnemonic).join(", ");
        return Err(Flaw::new(flaw::RDATA, token.at(), message)
            .help(format!("use one of {known}, or `key` and a number")));
    };
    // hickory knows the keys of RFC 9460 by name, later ones by number.
    let key = if number > 6 { format!("key{number}") } else { key.to_owned() };
    let parameter = match value {
        Some(value) => format!("{key}={value}"),
        None => key,
    };
    Ok((number, parameter))
}
