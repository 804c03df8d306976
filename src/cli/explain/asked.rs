//! The query to explain, as a message; and what the answer says.

use std::net::IpAddr;

use hickory_server::proto::op::Message;
use hickory_server::proto::rr::rdata::opt::EdnsCode;
use hickory_server::proto::rr::rdata::opt::EdnsOption;
use ipnet::IpNet;

use crate::cli::explain::explanation::Answer;
use crate::model::Class;
use crate::model::Name;
use crate::model::Rcode;
use crate::model::RecordType;

/// A query with an OPT record, and a client subnet if there is one.
pub(super) fn message(name: &Name, qtype: RecordType, client: Option<IpNet>) -> Vec<u8> {
    let option = client.map(subnet_option).unwrap_or_default();
    let mut message = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    message.extend_from_slice(name.as_wire());
    message.extend(qtype.0.to_be_bytes());
    message.extend(Class::IN.0.to_be_bytes());
    // The OPT record (RFC 6891, 6.1.2): root, type 41, 1232 octets, no flags.
    message.extend([0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0]);
    message.extend(u16::try_from(option.len()).unwrap_or(0).to_be_bytes());
    message.extend(option);
    message
}

/// RFC 7871, 6.
fn subnet_option(client: IpNet) -> Vec<u8> {
    let (family, octets) = match client.network() {
        IpAddr::V4(address) => (1, address.octets().to_vec()),
        IpAddr::V6(address) => (2, address.octets().to_vec()),
    };
    let bits = client.prefix_len();
    let octets: Vec<u8> = octets.into_iter().take(usize::from(bits).div_ceil(8)).collect();
    let length = u8::try_from(4 + octets.len()).unwrap_or(u8::MAX);
    [&[0, 8, 0, length, 0, family, bits, 0], &octets[..]].concat()
}

/// Reads a reply back.
///
/// # Errors
///
/// If it is no message, which would be a bug.
pub(super) fn read(reply: &[u8]) -> Result<Answer, String> {
    let message = Message::from_vec(reply).map_err(|error| format!("unreadable reply: {error}"))?;
    let opt = message.edns.as_ref().map(|edns| edns.options());
    let scope = match opt.and_then(|options| options.get(EdnsCode::Subnet)) {
        Some(EdnsOption::Subnet(subnet)) => Some(subnet.scope_prefix()),
        _ => None,
    };
    Ok(Answer {
        rcode: Rcode(message.metadata.response_code.into()).to_string(),
        authoritative: message.metadata.authoritative,
        records: message.answers.iter().map(ToString::to_string).collect(),
        authority: message.authorities.iter().map(ToString::to_string).collect(),
        scope,
        ttl_bound: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_codes_are_shown_as_dig_shows_them() {
        let name: Name = "www.example.com".parse().unwrap();
        let mut reply = message(&name, RecordType::A, None);
        for (rcode, shown) in [(0, "NOERROR"), (3, "NXDOMAIN"), (5, "REFUSED"), (9, "NOTAUTH")] {
            // QR; RCODE is in the low four bits of the next octet (RFC 1035, 4.1.1).
            (reply[2], reply[3]) = (0x80, rcode);
            assert_eq!(read(&reply).unwrap().rcode, shown);
        }
    }
}
