//! A DNS query by UDP, by TCP where the response is cut short, and a look at the response.
//!
//! The query says by EDNS how much may come (RFC 6891), as resolvers do. A server that does not
//! know EDNS is asked again without; one whose response is truncated is asked again by TCP.

use std::io;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;

use hickory_server::proto::op::Edns;
use hickory_server::proto::op::Message;
use hickory_server::proto::op::MessageType;
use hickory_server::proto::op::OpCode;
use hickory_server::proto::op::Query;
use hickory_server::proto::op::ResponseCode;
use hickory_server::proto::rr::Name;
use hickory_server::proto::rr::RecordType;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::UdpSocket;

use crate::model::DnsProbe;
use crate::prober::connect::Found;
use crate::prober::connect::Stage;
use crate::prober::failure::Fault;
use crate::prober::race;
use crate::prober::records::Wanted;

/// What may come by UDP: what fits every link (DNS flag day 2020).
const PAYLOAD: u16 = 1232;

/// Octets of a datagram that are read: more than was asked for, of a server that does not care.
const DATAGRAM: usize = 4096;

/// Asks, and judges the response; of several addresses the first to respond will do.
pub(super) async fn probe(
    (probe, wanted): (&DnsProbe, &Wanted),
    found: &Found,
    port: u16,
    stage: &Stage,
) -> Result<(), Fault> {
    // A server, or a firewall before it, that drops such queries is out of reach of resolvers too.
    stage.begin("waiting for the response to a query with EDNS");
    let ask = async |address| ask(probe, SocketAddr::new(address, port)).await;
    let (response, _) = race::first(found, stage, ask).await?;
    wanted.judge(&response)
}

/// The response of one address.
async fn ask(probe: &DnsProbe, address: SocketAddr) -> Result<Message, Fault> {
    let asked = query(probe, true).map_err(Fault::Ours)?;
    let mut response = by_udp(&asked, address).await?;
    let mut asked = asked;
    // RFC 6891, 7: a server that knows no EDNS may not even read the question.
    if knows_no_edns(&response) {
        asked = query(probe, false).map_err(Fault::Ours)?;
        response = by_udp(&asked, address).await?;
    }
    if response.metadata.truncation {
        response = by_tcp(&asked, address).await?;
    }
    Ok(response)
}

fn knows_no_edns(response: &Message) -> bool {
    let code = response.metadata.response_code;
    let refuses = [ResponseCode::FormErr, ResponseCode::NotImp].contains(&code);
    refuses && response.edns.is_none()
}

async fn by_udp(query: &Message, address: SocketAddr) -> Result<Message, Fault> {
    let fault = |error: &io::Error| Fault::of_socket("waiting for the response", error);
    let octets = query.to_vec().map_err(|error| Fault::Ours(error.to_string()))?;
    let any: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    // The kernel picks a port at random; connected, it drops what others send.
    let socket = UdpSocket::bind((any, 0)).await;
    let socket = socket.map_err(|error| Fault::Ours(format!("no socket: {error}")))?;
    socket.connect(address).await.map_err(|error| fault(&error))?;
    socket.send(&octets).await.map_err(|error| fault(&error))?;
    let mut octets = vec![0; DATAGRAM];
    loop {
        let n = socket.recv(&mut octets).await.map_err(|error| fault(&error))?;
        // What is not the response to this query may be anybody's: it says nothing.
        if let Some(response) = read(octets.get(..n).unwrap_or_default(), query)? {
            return Ok(response);
        }
    }
}

/// RFC 7766: the same query on a connection, two octets of length before each message.
async fn by_tcp(query: &Message, address: SocketAddr) -> Result<Message, Fault> {
    let doing = "waiting for the response by TCP";
    let fault = |error: &io::Error| Fault::of_socket(doing, error);
    let octets = query.to_vec().map_err(|error| Fault::Ours(error.to_string()))?;
    let length = u16::try_from(octets.len()).map_err(|error| Fault::Ours(error.to_string()))?;
    let stream = TcpStream::connect(address).await;
    let cut = "the response by UDP is cut short, and by TCP";
    let mut stream = stream.map_err(|error| fault(&error).after(cut))?;
    let message = [&length.to_be_bytes()[..], &octets].concat();
    stream.write_all(&message).await.map_err(|error| fault(&error))?;
    loop {
        let length = stream.read_u16().await.map_err(|error| fault(&error))?;
        let mut octets = vec![0; usize::from(length)];
        stream.read_exact(&mut octets).await.map_err(|error| fault(&error))?;
        if let Some(response) = read(&octets, query)? {
            return Ok(response);
        }
    }
}

/// The response to this query that octets are; `None` if they are something else.
fn read(octets: &[u8], query: &Message) -> Result<Option<Message>, Fault> {
    if octets.get(..2) != Some(&query.metadata.id.to_be_bytes()) {
        return Ok(None);
    }
    let response = Message::from_vec(octets);
    let response = response.map_err(|error| Fault::target(format!("no DNS response: {error}")))?;
    let is_response = response.metadata.message_type == MessageType::Response;
    // A server that does not read the question, or does not want it, may leave it out.
    let is_same = response.queries == query.queries
        || response.queries.is_empty() && response.metadata.response_code != ResponseCode::NoError;
    Ok((is_response && is_same).then_some(response))
}

fn query(probe: &DnsProbe, has_edns: bool) -> Result<Message, String> {
    let mut message = Message::new(fastrand::u16(..), MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    // Any octets may be in a label, not only those of hosts.
    let name = Name::from_labels(probe.name.labels()).map_err(|error| error.to_string())?;
    let mut query = Query::query(name, RecordType::from(probe.rtype.0));
    query.name.set_fqdn(true);
    message.add_query(query);
    if has_edns {
        let mut edns = Edns::new();
        edns.set_max_payload(PAYLOAD);
        message.set_edns(edns);
    }
    Ok(message)
}
