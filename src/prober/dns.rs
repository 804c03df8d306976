//! A DNS query by UDP, and a look at the response.

use std::net::SocketAddr;

use hickory_server::proto::op::Message;
use hickory_server::proto::op::MessageType;
use hickory_server::proto::op::OpCode;
use hickory_server::proto::op::Query;
use hickory_server::proto::rr::Name;
use hickory_server::proto::rr::RecordType;
use tokio::net::UdpSocket;

use crate::model::DnsProbe;
use crate::model::limits;
use crate::prober::connect::Found;
use crate::prober::connect::Stage;
use crate::prober::failure::Fault;
use crate::prober::records::Wanted;

/// Asks once, and waits for the response to that very query.
pub(super) async fn probe(
    (probe, wanted): (&DnsProbe, &Wanted),
    found: &Found,
    port: u16,
    stage: &Stage,
) -> Result<(), Fault> {
    let address = SocketAddr::new(found.first(), port);
    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    // The kernel picks a port at random; connected, it drops what others send.
    let socket = UdpSocket::bind(any).await;
    let socket = socket.map_err(|error| Fault::Ours(format!("no socket: {error}")))?;
    let fault = |error: &std::io::Error| Fault::of_socket("waiting for the response", error);
    socket.connect(address).await.map_err(|error| fault(&error))?;
    stage.begin("waiting for the response");
    let query = query(probe).map_err(Fault::Ours)?;
    let octets = query.to_vec().map_err(|error| Fault::Ours(error.to_string()))?;
    socket.send(&octets).await.map_err(|error| fault(&error))?;
    let mut octets = vec![0; limits::UDP_QUERY];
    loop {
        let n = socket.recv(&mut octets).await.map_err(|error| fault(&error))?;
        let octets = octets.get(..n).unwrap_or_default();
        // What is not the response to this query may be anybody's: it says nothing.
        if octets.get(..2) != Some(&query.metadata.id.to_be_bytes()) {
            continue;
        }
        let response = Message::from_vec(octets);
        let response =
            response.map_err(|error| Fault::target(format!("no DNS response: {error}")))?;
        let is_response = response.metadata.message_type == MessageType::Response;
        if is_response && response.queries == query.queries {
            return wanted.judge(&response);
        }
    }
}

fn query(probe: &DnsProbe) -> Result<Message, String> {
    let mut message = Message::new(fastrand::u16(..), MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    // Any octets may be in a label, not only those of hosts.
    let name = Name::from_labels(probe.name.labels()).map_err(|error| error.to_string())?;
    let mut query = Query::query(name, RecordType::from(probe.rtype.0));
    query.name.set_fqdn(true);
    message.add_query(query);
    Ok(message)
}
