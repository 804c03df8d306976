//! RFC 5358 (BCP 140): no amplifier for those who send under others' addresses.

use meridian::responder::Transport;

use crate::wire::Ask;
use crate::world::LOOPBACK;
use crate::world::example;

/// Octets of the response per octet of the query, by UDP.
fn ratio(stage: &crate::world::Stage, query: &[u8]) -> f64 {
    let reply = stage.send(Transport::Udp, LOOPBACK, query).map_or(0, |reply| reply.len());
    f64::from(u32::try_from(reply).unwrap()) / f64::from(u32::try_from(query.len()).unwrap())
}

#[test]
fn s1_a_response_is_at_most_21_times_its_query() {
    let stage = example();
    let mut most = 0.0_f64;
    for name in [
        "",
        "com",
        "example.com",
        "big.example.com",
        "mid.example.com",
        "x.fat.example.com",
        "www.example.com",
        "geo.example.com",
        "no.example.com",
        "example.net",
        "_sip._tcp.example.com",
    ] {
        for qtype in (0..=300).chain([32_768, 32_769, 65_280, 65_535]) {
            let ask = Ask::new(name, &format!("TYPE{qtype}"));
            let edns = ask.clone().payload(4096).dnssec_ok();
            let class = ask.clone().class(3);
            for ask in [ask.clone(), edns.clone(), edns.option(3, &[]), class, ask.opcode(2)] {
                let ratio = ratio(&stage, &ask.octets());
                assert!(ratio <= 21.0, "{ratio} {ask:?}");
                most = most.max(ratio);
            }
        }
    }
    assert!(most > 15.0, "there is something to bound: {most}");
}

#[test]
fn s1_what_is_longer_comes_by_tcp() {
    let stage = example();
    let ask = Ask::new("big.example.com", "TXT").payload(4096);
    assert!(stage.ask_over(Transport::Udp, &ask).is_truncated());
    assert_eq!(stage.ask_over(Transport::Tcp, &ask).answers.len(), 48);
}
