//! DNS targets: responses to the query, and to others.

use tokio::net::UdpSocket;

use crate::health::Outcome;
use crate::model::DnsProbe;
use crate::model::Probe;
use crate::model::RecordType;
use crate::prober::tests::failure;
use crate::prober::tests::outcome;

#[tokio::test]
async fn a_dns_response_must_be_to_the_query_and_have_the_code() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = socket.local_addr().unwrap();
    let serve = async {
        let mut octets = [0; 512];
        loop {
            let (n, peer) = socket.recv_from(&mut octets).await.unwrap();
            // To another query, which says nothing; then NXDOMAIN to this one.
            octets[2] |= 0x80;
            octets[3] = 3;
            octets[0] ^= 0xff;
            socket.send_to(&octets[..n], peer).await.unwrap();
            octets[0] ^= 0xff;
            socket.send_to(&octets[..n], peer).await.unwrap();
        }
    };
    let probe = |expect_rcode| {
        let (name, rtype) = ("a.example".parse().unwrap(), RecordType::A);
        Probe::Dns(DnsProbe { port: 53, name, rtype, expect_rcode, expect_answer: Vec::new() })
    };
    let both = async { (outcome(probe(3), at).await, outcome(probe(0), at).await) };
    let (right, wrong) = tokio::select! { both = both => both, () = serve => unreachable!() };
    assert_eq!(right, Outcome::Success);
    assert!(failure(&wrong).starts_with("code 3 ("), "{wrong:?}");
}

#[tokio::test]
async fn a_record_of_the_answer_must_be_one_that_is_expected() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = socket.local_addr().unwrap();
    let serve = async {
        let mut octets = [0; 512];
        loop {
            let (n, peer) = socket.recv_from(&mut octets).await.unwrap();
            octets[2] |= 0x80;
            // To another question, then to this one: an A record, 192.0.2.7.
            let mut response = octets[..n].to_vec();
            response[13] = b'x';
            socket.send_to(&response, peer).await.unwrap();
            let mut response = octets[..n].to_vec();
            response[7] = 1;
            response.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
            socket.send_to(&response, peer).await.unwrap();
        }
    };
    let probe = |expected: &[&str]| {
        let (name, rtype) = ("a.example".parse().unwrap(), RecordType::A);
        let expect_answer = expected.iter().map(|&text| text.to_owned()).collect();
        Probe::Dns(DnsProbe { port: 53, name, rtype, expect_rcode: 0, expect_answer })
    };
    let both = async {
        (
            outcome(probe(&["192.0.2.1", "192.0.2.7"]), at).await,
            outcome(probe(&["192.0.2.1"]), at).await,
        )
    };
    let (right, wrong) = tokio::select! { both = both => both, () = serve => unreachable!() };
    assert_eq!(right, Outcome::Success);
    assert_eq!(failure(&wrong), "answer 192.0.2.7, expected 192.0.2.1");
}
