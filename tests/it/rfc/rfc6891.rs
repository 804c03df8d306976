//! RFC 6891: EDNS(0).

use meridian::responder::Transport;
use meridian::steer::Admission;

use crate::wire::Ask;
use crate::wire::BADVERS;
use crate::wire::FORMERR;
use crate::wire::NOERROR;
use crate::wire::NOTAUTH;
use crate::wire::NOTIMP;
use crate::wire::REFUSED;
use crate::wire::SERVFAIL;
use crate::world::example;
use crate::world::small;

#[test]
fn s6_1_1_no_opt_in_no_opt_out() {
    let stage = example();
    for name in ["www.example.com", "geo.example.com", "no.example.com", "www.example.net"] {
        assert!(stage.ask(&Ask::new(name, "A")).opt.is_none());
        let opt = stage.ask(&Ask::new(name, "A").edns()).opt.unwrap();
        assert_eq!((opt.version, opt.flags, opt.payload), (0, 0, 1232));
    }
}

/// Without OPT in an error a resolver takes us for a server that knows no EDNS (section 7).
#[test]
fn s6_1_1_errors_have_an_opt_too_and_their_question() {
    let stage = example();
    let www = || Ask::new("wWw.example.com", "A").edns();
    let with = |ask: Ask, additionals: u8, tail: &[u8]| {
        let mut query = ask.octets();
        query[11] = additionals;
        query.extend(tail);
        query
    };
    let opt = [0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0];
    let subnet = |data: &[u8]| www().option(8, data).octets();
    let mut down = example();
    for region in ["us", "eu"] {
        down.set("down", region, Admission::Down);
    }
    for (what, stage, query, rcode) in [
        ("two OPT", &stage, with(www(), 2, &opt), FORMERR),
        ("octets behind", &stage, with(www(), 1, &[0]), FORMERR),
        ("a record too few", &stage, with(www(), 2, &[]), FORMERR),
        ("scope in a query", &stage, subnet(&[0, 1, 24, 24, 192, 0, 2]), FORMERR),
        ("an unknown family", &stage, subnet(&[0, 3, 24, 0, 192, 0, 2]), FORMERR),
        ("bits past the source", &stage, subnet(&[0, 1, 20, 0, 192, 0, 255]), FORMERR),
        ("a subnet cut short", &stage, subnet(&[0, 1, 24]), FORMERR),
        ("STATUS", &stage, www().opcode(2).octets(), NOTIMP),
        ("NOTIFY", &stage, www().opcode(4).octets(), NOTIMP),
        ("UPDATE", &stage, www().opcode(5).octets(), NOTIMP),
        ("opcode 15", &stage, www().opcode(15).octets(), NOTIMP),
        ("version 1", &stage, www().version(1).octets(), BADVERS),
        ("NOTIFY, version 1", &stage, www().opcode(4).version(1).octets(), BADVERS),
        ("another zone", &stage, Ask::new("www.example.net", "A").edns().octets(), REFUSED),
        ("a class", &stage, www().class(3).octets(), REFUSED),
        ("a transfer", &stage, Ask::new("example.net", "AXFR").edns().octets(), NOTAUTH),
        ("SERVFAIL", &down, Ask::new("down.example.com", "A").edns().octets(), SERVFAIL),
    ] {
        let reply = stage.raw(&query).unwrap();
        assert_eq!((reply.rcode, reply.opt.is_some()), (rcode, true), "{what}");
        assert!(!reply.question.is_empty(), "{what}");
    }
}

#[test]
fn s6_1_1_a_second_opt_is_a_format_error() {
    let mut query = Ask::new("www.example.com", "A").edns().octets();
    query[11] = 2;
    query.extend([0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(example().raw(&query).unwrap().rcode, FORMERR);
}

#[test]
fn s6_1_1_opt_belongs_to_the_additional_section() {
    for at in [7, 9] {
        let mut query = Ask::new("www.example.com", "A").edns().octets();
        (query[11], query[at]) = (0, 1);
        assert_eq!(example().raw(&query).unwrap().rcode, FORMERR);
    }
}

#[test]
fn s6_1_2_the_owner_of_opt_is_the_root() {
    let mut query = Ask::new("www.example.com", "A").octets();
    query[11] = 1;
    query.extend([1, b'x', 0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(example().raw(&query).unwrap().rcode, FORMERR);
}

#[test]
fn s6_1_2_unknown_options_are_ignored() {
    let stage = example();
    for code in [4, 10, 65001, 65535] {
        let reply = stage.ask(&Ask::new("www.example.com", "A").option(code, b"whatever"));
        assert_eq!((reply.rcode, reply.data()), (NOERROR, vec!["192.0.2.80"]));
        assert_eq!(reply.opt.unwrap().options, []);
    }
}

#[test]
fn s6_1_2_options_that_overrun_the_data_are_a_format_error() {
    let stage = example();
    let whole = Ask::new("www.example.com", "A").option(65001, &[1, 2, 3]).octets();
    for lie in [4, 5, 0xff] {
        let mut query = whole.clone();
        let at = query.len() - 4;
        query[at] = lie;
        assert_eq!(stage.raw(&query).unwrap().rcode, FORMERR);
    }
}

#[test]
fn s6_1_3_another_version_is_badvers_before_all_else() {
    let stage = example();
    for version in [1, 2, 255] {
        // Its options may be of another form: nothing of them is judged.
        let ask = Ask::new("www.example.com", "A").version(version).option(8, &[9, 9]);
        let reply = stage.ask(&ask);
        assert_eq!((reply.rcode, reply.answers.len()), (BADVERS, 0));
        let opt = reply.opt.unwrap();
        assert_eq!((opt.version, opt.options.len()), (0, 0), "says what it can do");
    }
}

#[test]
fn s6_1_4_unknown_flags_are_not_copied() {
    let reply = example().ask(&Ask::new("www.example.com", "A").edns_flags(0x7fff));
    assert_eq!((reply.rcode, reply.opt.unwrap().flags), (NOERROR, 0));
}

#[test]
fn s6_2_3_a_payload_below_512_means_512() {
    let stage = example();
    for payload in [0, 1, 511, 512] {
        let reply =
            stage.ask_over(Transport::Udp, &Ask::new("www.example.com", "A").payload(payload));
        assert_eq!((reply.is_truncated(), reply.data()), (false, vec!["192.0.2.80"]));
    }
}

#[test]
fn s6_2_5_an_answer_fits_what_was_asked_for_and_what_we_send() {
    let stage = example();
    for payload in [512, 600, 900, 1231, 1232, 1400, 4096, 65535] {
        for name in ["mid.example.com", "big.example.com"] {
            let ask = Ask::new(name, "TXT").payload(payload).dnssec_ok().subnet("62.1.2.0/24");
            let reply = stage.ask_over(Transport::Udp, &ask);
            assert!(reply.octets.len() <= usize::from(payload.clamp(512, 1232)));
            assert!(reply.opt.is_some(), "also in what is truncated");
            let fits = name == "mid.example.com" && payload >= 900;
            assert_eq!(!reply.is_truncated(), fits, "{name} {payload}");
        }
    }
}

/// However much a requestor takes, 21 octets for each of its query's are all that it gets by UDP,
/// and what is configured is all that anybody gets.
#[test]
fn s6_2_5_an_answer_is_no_longer_than_the_query_is_worth_nor_than_configured() {
    // Two records of 268 octets, and one that fills the message.
    let texts = |owner: &str, length: usize| -> String {
        let record = |letter: &str, length| format!("{owner} TXT {}\n", letter.repeat(length));
        record("x", 255) + &record("y", 255) + &record("z", length - 584)
    };
    // The query has 35 octets.
    for (toml, most) in [("", 21 * 35), ("[server]\nudp-payload = 600\n", 600)] {
        let stage = small(toml, &(texts("a", most) + &texts("b", most + 1)));
        let ask = |name, by| stage.ask_over(by, &Ask::new(name, "TXT").edns());
        let fits = ask("a.test", Transport::Udp);
        assert_eq!((fits.octets.len(), fits.is_truncated()), (most, false), "{toml}");
        assert!(ask("b.test", Transport::Udp).is_truncated(), "{toml}");
        assert!(!ask("b.test", Transport::Tcp).is_truncated(), "{toml}");
    }
}

#[test]
fn s7_a_format_error_comes_without_opt_to_what_can_not_be_read() {
    let mut query = Ask::new("www.example.com", "A").edns().octets();
    query.pop();
    let reply = example().raw(&query).unwrap();
    assert_eq!((reply.rcode, reply.opt), (FORMERR, None));
}
