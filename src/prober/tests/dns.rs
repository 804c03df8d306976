//! DNS targets: responses to the query, and to others.

use std::net::SocketAddr;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::UdpSocket;

use crate::health::Outcome;
use crate::model::DnsProbe;
use crate::model::Probe;
use crate::model::RecordType;
use crate::prober::tests::failure;
use crate::prober::tests::outcome;

/// Octets of an OPT record without options.
const OPT: usize = 11;

/// What comes of something, while a server at the address that it is given answers each query with
/// these datagrams.
async fn served<T>(
    answers: impl Fn(&[u8]) -> Vec<Vec<u8>>,
    found: impl AsyncFnOnce(SocketAddr) -> T,
) -> T {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = socket.local_addr().unwrap();
    let serve = async {
        let mut octets = [0; 512];
        loop {
            let (length, peer) = socket.recv_from(&mut octets).await.unwrap();
            for answer in answers(&octets[..length]) {
                socket.send_to(&answer, peer).await.unwrap();
            }
        }
    };
    tokio::select! { found = found(at) => found, () = serve => unreachable!() }
}

/// Asks for the address of a.example.
fn of_address(expect_rcode: u16, expected: &[&str]) -> Probe {
    let (name, rtype) = ("a.example".parse().unwrap(), RecordType::A);
    let expect_answer = expected.iter().map(|&text| text.to_owned()).collect();
    Probe::Dns(DnsProbe { port: 53, name, rtype, expect_rcode, expect_answer })
}

#[tokio::test]
async fn a_dns_response_must_be_to_the_query_and_have_the_code() {
    let answers = |query: &[u8]| {
        // To another query, which says nothing; then NXDOMAIN to this one.
        let mut this = query.to_vec();
        (this[2], this[3]) = (this[2] | 0x80, 3);
        let mut other = this.clone();
        other[0] ^= 0xff;
        vec![other, this]
    };
    let (right, wrong) = served(answers, async |at| {
        (outcome(of_address(3, &[]), at).await, outcome(of_address(0, &[]), at).await)
    })
    .await;
    assert_eq!(right, Outcome::Success);
    assert_eq!(failure(&wrong), "NXDOMAIN, expected NOERROR");
}

#[tokio::test]
async fn a_refusal_may_leave_out_the_question() {
    let answers = |query: &[u8]| vec![vec![query[0], query[1], 0x80, 5, 0, 0, 0, 0, 0, 0, 0, 0]];
    let found = served(answers, async |at| outcome(of_address(0, &[]), at).await).await;
    assert_eq!(failure(&found), "REFUSED, expected NOERROR");
}

#[tokio::test]
async fn a_record_of_the_answer_must_be_one_that_is_expected() {
    let answers = |query: &[u8]| {
        // To another question, then to this one: an A record, 192.0.2.7.
        let mut other = query.to_vec();
        other[2] |= 0x80;
        other[13] = b'x';
        // Without the OPT of the query, which comes last.
        let mut this = query[..query.len() - OPT].to_vec();
        this[2] |= 0x80;
        (this[7], this[11]) = (1, 0);
        this.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
        vec![other, this]
    };
    let (right, wrong) = served(answers, async |at| {
        (
            outcome(of_address(0, &["192.0.2.1", "192.0.2.7"]), at).await,
            outcome(of_address(0, &["192.0.2.1"]), at).await,
        )
    })
    .await;
    assert_eq!(right, Outcome::Success);
    assert_eq!(failure(&wrong), "answer 192.0.2.7, expected 192.0.2.1");
}

/// What a probe comes to whose target answers with one record of that type and these octets, in
/// which the name of the question stands at 12.
async fn answered(answer: (RecordType, &[u8]), rtype: RecordType, expected: &str) -> Outcome {
    let answers = |query: &[u8]| {
        // The header without the other sections, the question, the record.
        let question = 12 + query[12..].iter().position(|octet| *octet == 0).unwrap() + 5;
        let mut response = query[..question].to_vec();
        response[2] |= 0x80;
        response[6..12].copy_from_slice(&[0, 1, 0, 0, 0, 0]);
        response.extend([0xc0, 12]);
        response.extend(answer.0.0.to_be_bytes());
        response.extend([0, 1, 0, 0, 0, 60]);
        response.extend(u16::try_from(answer.1.len()).unwrap().to_be_bytes());
        response.extend(answer.1);
        vec![response]
    };
    let name = r"a\032b.Example".parse().unwrap();
    let expect_answer = vec![expected.to_owned()];
    let probe = Probe::Dns(DnsProbe { port: 53, name, rtype, expect_rcode: 0, expect_answer });
    served(answers, async |at| outcome(probe, at).await).await
}

#[tokio::test]
async fn what_is_expected_is_compared_as_record_data() {
    for (rtype, octets, expected) in [
        (
            RecordType::AAAA,
            &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1][..],
            "2001:0DB8:0:0::1",
        ),
        (RecordType::MX, b"\0\x0a\x04Mail\xc0\x0c", r"10 mail.A\032B.example."),
        (
            RecordType::SOA,
            b"\x01a\xc0\x0c\x01b\xc0\x10\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05",
            r"a.a\032b.example. b.example. 1 2 3 4 5",
        ),
        (RecordType::TXT, b"\x0bv=spf1 -all", r#""v=spf1 -all""#),
        (RecordType::TXT, b"\x0bv=spf1 -all", "v=spf1 -all"),
        (RecordType::TXT, b"\x03one\x03two", r#""one" "two""#),
        (RecordType::TXT, b"\x03a;b", "a;b"),
        (RecordType::HINFO, b"\x02PC\x05Linux", r#""PC" "Linux""#),
        (
            RecordType::DS,
            b"\xec\x45\x05\x01\x2b\xb1\x83\xaf\x5f\x22\x58\x81\x79\xa5\x3b\x0a\x98\x63\x1f\xad\x1a\x29\x21\x18",
            "60485 5 1 2BB183AF5F22588179A53B0A 98631FAD1A292118",
        ),
        (RecordType::TLSA, b"\x03\x01\x01\xd2\xab\xde", "3 1 1 D2AB DE"),
        (
            RecordType::HTTPS,
            b"\0\x01\0\0\x01\0\x06\x02h2\x02h3\0\x04\0\x04\xc0\0\x02\x01",
            r#"1 . alpn="h2,h3" ipv4hint=192.0.2.1"#,
        ),
        (RecordType(65_280), b"\x0a\0\0\x01", r"\# 4 0A00 0001"),
        (RecordType::A, b"\xc0\0\x02\x01", r"\# 4 C0000201"),
        (RecordType::CAA, b"\0\x05issueca.example", r#"0 issue "ca.example""#),
    ] {
        let found = answered((rtype, octets), rtype, expected).await;
        assert_eq!(found, Outcome::Success, "{rtype} {expected}");
    }
    for (rtype, octets, expected, told) in [
        (RecordType::TXT, &b"\x03onetwo"[..4], r#""One""#, r#"answer "one", expected "One""#),
        (
            RecordType::TXT,
            b"\x06onetwo",
            r#""one" "two""#,
            r#"answer "onetwo", expected "one" "two""#,
        ),
        (
            RecordType::DS,
            b"\xec\x45\x05\x01\x2b",
            "60485 5 1 2bb183af5f22588179a53b0a98631fad1a292118",
            r"answer \# 5 EC4505012B, expected 60485 5 1 2bb183af5f22588179a53b0a98631fad1a292118",
        ),
    ] {
        let found = answered((rtype, octets), rtype, expected).await;
        assert_eq!(failure(&found), told);
    }
    let alias = answered((RecordType::CNAME, b"\xc0\x0c"), RecordType::A, "192.0.2.1").await;
    assert_eq!(failure(&alias), "no A in the answer, but CNAME, expected 192.0.2.1");
}

fn ask_for_a() -> Probe {
    let (name, rtype) = ("a.example".parse().unwrap(), RecordType::A);
    let expect_answer = vec!["192.0.2.7".to_owned()];
    Probe::Dns(DnsProbe { port: 53, name, rtype, expect_rcode: 0, expect_answer })
}

/// A response to a query with OPT, or without: one A record, 192.0.2.7.
fn with_an_address(query: &[u8], has_opt: bool) -> Vec<u8> {
    let end = query.len() - if has_opt { OPT } else { 0 };
    let mut response = query[..end].to_vec();
    response[2] |= 0x80;
    (response[7], response[11]) = (1, 0);
    response.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
    response
}

#[tokio::test]
async fn a_response_that_is_cut_short_is_asked_for_again_by_tcp() {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = tcp.local_addr().unwrap();
    let udp = UdpSocket::bind(at).await.unwrap();
    let serve = async {
        let mut octets = [0; 512];
        loop {
            let (n, peer) = udp.recv_from(&mut octets).await.unwrap();
            // RFC 6891, 6.1.2: the OPT, and how much may come.
            let opt = &octets[n - OPT..n];
            assert_eq!(opt, [0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0]);
            let mut short = octets[..n].to_vec();
            short[2] |= 0x82;
            udp.send_to(&short, peer).await.unwrap();
            let (mut stream, _) = tcp.accept().await.unwrap();
            let length = usize::from(stream.read_u16().await.unwrap());
            let mut query = vec![0; length];
            stream.read_exact(&mut query).await.unwrap();
            let response = with_an_address(&query, true);
            stream.write_u16(u16::try_from(response.len()).unwrap()).await.unwrap();
            stream.write_all(&response).await.unwrap();
        }
    };
    let probe = outcome(ask_for_a(), at);
    let found = tokio::select! { found = probe => found, () = serve => unreachable!() };
    assert_eq!(found, Outcome::Success);
}

#[tokio::test]
async fn a_server_that_knows_no_edns_is_asked_without() {
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = udp.local_addr().unwrap();
    let serve = async {
        let mut octets = [0; 512];
        loop {
            let (n, peer) = udp.recv_from(&mut octets).await.unwrap();
            let response = match octets[11] {
                0 => with_an_address(&octets[..n], false),
                // FORMERR, the head alone: it did not read the question.
                _ => [octets[0], octets[1], 0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0].to_vec(),
            };
            udp.send_to(&response, peer).await.unwrap();
        }
    };
    let probe = outcome(ask_for_a(), at);
    let found = tokio::select! { found = probe => found, () = serve => unreachable!() };
    assert_eq!(found, Outcome::Success);
}
