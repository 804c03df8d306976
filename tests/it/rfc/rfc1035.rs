//! RFC 1035: the message format.

use meridian::model::RecordType;
use meridian::responder::Transport;

use crate::wire::Ask;
use crate::wire::FORMERR;
use crate::wire::NOERROR;
use crate::wire::NOTIMP;
use crate::wire::QR;
use crate::wire::RD;
use crate::wire::TC;
use crate::world::LOOPBACK;
use crate::world::Script;
use crate::world::example;
use crate::world::small;

#[test]
fn s2_3_4_names_and_labels_have_limits() {
    let stage = example();
    let label = "x".repeat(63);
    // 3 × 64 + 48 + 13 + ... = 255 octets with the root label.
    let longest = format!("{label}.{label}.{label}.{}.example.com", "y".repeat(49));
    let query = Ask::new(&longest, "A").octets();
    assert_eq!(query.len(), 12 + 255 + 4);
    assert_eq!(stage.raw(&query).unwrap().rcode, 3, "of 255 octets: an ordinary name");
    let too_long = format!("{label}.{label}.{label}.{}.example.com", "y".repeat(50));
    assert_eq!(stage.raw(&Ask::new(&too_long, "A").octets()).unwrap().rcode, FORMERR);
    let mut label_too_long = Ask::new(&label, "A").octets();
    label_too_long[12] = 64;
    label_too_long.insert(13, b'x');
    assert_eq!(stage.raw(&label_too_long).unwrap().rcode, FORMERR);
}

#[test]
fn s4_1_1_the_id_is_copied() {
    let stage = example();
    for id in [0, 1, 0x8000, 0xffff] {
        // `Reply::read` compares.
        assert_eq!(stage.ask(&Ask::new("www.example.com", "A").id(id)).rcode, NOERROR);
    }
}

#[test]
fn s4_1_1_a_response_is_never_answered() {
    let stage = example();
    for bits in [QR, QR | RD, QR | TC] {
        assert!(stage.raw(&Ask::new("www.example.com", "A").flags(bits).octets()).is_none());
    }
}

#[test]
fn s4_1_1_opcodes_other_than_query_are_not_implemented() {
    let stage = example();
    for opcode in 1..16 {
        let reply = stage.raw(&Ask::new("www.example.com", "A").opcode(opcode).octets()).unwrap();
        assert_eq!(reply.rcode, NOTIMP, "{opcode}");
        assert!(reply.answers.is_empty());
    }
}

#[test]
fn s4_1_1_reserved_and_resolver_bits_of_a_query_are_ignored() {
    // RA, Z, AD, CD, AA, TC and any RCODE: `Reply::read` asserts what comes back.
    let stage = example();
    for bits in [0x0080, 0x0040, 0x0020, 0x0010, 0x0400, TC, 0x000f] {
        let reply = stage.ask(&Ask::new("www.example.com", "A").flags(bits));
        assert_eq!((reply.rcode, reply.data()), (NOERROR, vec!["192.0.2.80"]), "{bits:#x}");
    }
}

#[test]
fn s4_1_1_what_can_not_be_read_is_a_format_error() {
    let stage = example();
    let query = Ask::new("www.example.com", "A").octets();
    for length in 0..12 {
        assert!(stage.raw(&query[..length]).is_none(), "no header, no answer: {length}");
    }
    for length in 12..query.len() {
        let reply = stage.raw(&query[..length]).unwrap();
        assert_eq!(reply.rcode, FORMERR, "cut to {length}");
        assert!(reply.question.is_empty() && reply.opt.is_none());
    }
    let left_over = [&query[..], &[0]].concat();
    assert_eq!(stage.raw(&left_over).unwrap().rcode, FORMERR);
}

#[test]
fn s4_1_1_record_counts_must_be_true() {
    let stage = example();
    for at in [7, 9, 11] {
        let mut query = Ask::new("www.example.com", "A").octets();
        query[at] = 1;
        assert_eq!(stage.raw(&query).unwrap().rcode, FORMERR, "count at {at}");
    }
}

#[test]
fn s4_1_4_a_question_is_not_compressed() {
    let stage = example();
    let mut query = Ask::new("www.example.com", "A").octets();
    query.splice(12..query.len() - 4, [0xc0, 12]);
    assert_eq!(stage.raw(&query).unwrap().rcode, FORMERR);
}

#[test]
fn s4_1_4_owner_names_are_compressed() {
    let stage = example();
    let query = Ask::new("www.example.com", "A").octets();
    let reply = stage.ask(&Ask::new("www.example.com", "A"));
    assert_eq!(reply.octets.len(), query.len() + 16, "a record of two, ten and four octets");
}

/// Thirteen servers with an address of each family, below the cut or not; NSD 4.6 and Knot DNS
/// 3.2 take as many octets.
#[test]
fn s4_1_4_names_are_compressed_against_all_names_before() {
    let servers = |cut: &str, below: &str| {
        let server = |at: u8| {
            let host = format!("{}{below}", char::from(b'a' + at));
            format!("{cut} NS {host}\n{host} A 192.0.2.{at}\n{host} AAAA 2001:db8::{at:x}\n")
        };
        (0..13).map(server).collect::<String>()
    };
    let settings = |name: &str| {
        format!(
            "[region.eu]\nlocation = {{ lat = 50, lon = 8 }}\n[policy.p]\nrank = [\"nearest\"]\n\
             [service.s]\nname = \"{name}\"\npolicy = \"p\"\n\
             [service.s.pool.eu]\nendpoints = [\"192.0.2.80\"]\n"
        )
    };
    let soa = "$TTL 3600\n@ SOA ns1 hostmaster 1 2 3 4 60\n@ NS ns1\nns1 A 192.0.2.1\n";
    let zone = [soa, &servers("big", ".big"), &servers("beside", ".hosting")].concat();
    let stage = Script::new(&settings("s.example.com"), "example.com", &zone, "").build();
    let root =
        [soa, &servers("com.", ".gtld-servers.net."), "de. NS a.nic.de.\nde. NS l.de.net.\n"];
    let above = Script::new(&settings("s.example"), ".", &root.concat(), "").build();
    for (stage, name, records, octets) in [
        (&stage, "x.big.example.com", 26, 826),
        (&stage, "x.beside.example.com", 26, 837),
        (&above, "www.example.com", 26, 840),
        (&above, "www.example.de", 0, 85),
    ] {
        let reply = stage.ask_over(Transport::Udp, &Ask::new(name, "A").edns());
        assert_eq!((reply.is_truncated(), reply.additionals.len()), (false, records), "{name}");
        assert_eq!(reply.octets.len(), octets, "{name}");
    }
}

#[test]
fn s4_2_1_without_edns_a_datagram_has_512_octets() {
    let stage = example();
    let ask = Ask::new("mid.example.com", "TXT");
    let udp = stage.ask_over(Transport::Udp, &ask);
    assert!(udp.is_truncated() && udp.octets.len() <= 512);
    let tcp = stage.ask_over(Transport::Tcp, &ask);
    assert!(!tcp.is_truncated() && tcp.octets.len() > 512);
    assert_eq!(tcp.answers.len(), 8);
}

#[test]
fn s4_2_2_an_answer_by_stream_is_whole() {
    let reply = example().ask_over(Transport::Tcp, &Ask::new("big.example.com", "TXT"));
    assert_eq!(reply.answers.len(), 48);
    assert!(reply.octets.len() > 4096);
}

#[test]
fn no_octets_at_all_make_it_panic() {
    let stage = example();
    let whole = Ask::new("geo.example.com", "A").dnssec_ok().subnet("62.1.2.0/24").octets();
    for at in 0..whole.len() {
        for value in [0, 1, 0x3f, 0x40, 0x80, 0xc0, 0xff] {
            let mut query = whole.clone();
            query[at] = value;
            for by in [Transport::Udp, Transport::Tcp] {
                let reply = stage.send(by, LOOPBACK, &query);
                assert!(reply.is_none_or(|reply| reply.len() >= 12));
            }
        }
    }
}

/// Limit [`meridian::model::limits::OPTIONAL_ADDRESSES`]: whole RRsets, up to 512 octets.
#[test]
fn s3_3_9_addresses_of_hosts_come_along_while_the_answer_is_short() {
    // With 29 addresses the one message has 512 octets, and the other 513.
    for (host, fits) in [("abcdef", 29), ("abcdefg", 0)] {
        let mut zone = format!("mx MX 10 {host}\n{host} AAAA 2001:db8::1\n");
        zone.extend((1..30).map(|n| format!("{host} A 192.0.2.{n}\n")));
        let reply = small("", &zone).ask(&Ask::new("mx.test", "MX").edns());
        assert_eq!((reply.data().len(), reply.additionals.len()), (1, fits), "{host}");
        assert!(reply.additionals.iter().all(|record| record.rtype == RecordType::A), "{host}");
    }
}
