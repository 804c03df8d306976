//! RFC 8906: no silence where an answer is due. Its section 8 is a list of queries.

use crate::wire::Ask;
use crate::wire::BADVERS;
use crate::wire::NOERROR;
use crate::wire::NOTIMP;
use crate::world::example;

#[test]
fn s8_1_the_basic_tests() {
    let stage = example();
    for (section, ask, rcode) in [
        ("8.1.1", Ask::new("example.com", "SOA"), NOERROR),
        ("8.1.2", Ask::new("example.com", "TYPE1000"), NOERROR),
        ("8.1.3.1", Ask::new("example.com", "SOA").flags(0x0010), NOERROR),
        ("8.1.3.1", Ask::new("example.com", "SOA").flags(0x0020), NOERROR),
        ("8.1.3.2", Ask::new("example.com", "SOA").flags(0x0040), NOERROR),
        ("8.1.3.3", Ask::new("example.com", "SOA").flags(0x0100), NOERROR),
        ("8.1.4", Ask::new("example.com", "SOA").opcode(15), NOTIMP),
    ] {
        let reply = stage.ask(&ask);
        assert_eq!(reply.rcode, rcode, "{section}");
        assert!(reply.opt.is_none(), "{section}");
    }
}

#[test]
fn s8_2_the_extended_tests() {
    let stage = example();
    let soa = || Ask::new("example.com", "SOA").edns();
    for (section, ask, rcode) in [
        ("8.2.1", soa(), NOERROR),
        ("8.2.2", soa().version(1), BADVERS),
        ("8.2.3", soa().option(100, &[]), NOERROR),
        ("8.2.4", soa().edns_flags(0x0040), NOERROR),
        ("8.2.5", soa().version(1).edns_flags(0x0040), BADVERS),
        ("8.2.6", soa().version(1).option(100, &[]), BADVERS),
        ("8.2.7", soa().dnssec_ok(), NOERROR),
        ("8.2.8", soa().version(1).dnssec_ok(), BADVERS),
        ("8.2.9", soa().option(3, &[]).option(8, &[0, 1, 0, 0]).option(10, &[0; 8]), NOERROR),
    ] {
        let reply = stage.ask(&ask);
        assert_eq!(reply.rcode, rcode, "{section}");
        let opt = reply.opt.expect("EDNS is answered with EDNS");
        assert_eq!((opt.version, opt.flags & 0x7fff), (0, 0), "{section}");
        assert!(opt.options.iter().all(|(code, _)| *code != 100), "{section}");
        assert_eq!(reply.answers.is_empty(), rcode == BADVERS, "{section}");
    }
}

#[test]
fn s3_2_every_opcode_is_answered() {
    let stage = example();
    for opcode in 0..16 {
        assert!(stage.raw(&Ask::new("example.com", "SOA").opcode(opcode).octets()).is_some());
    }
}
