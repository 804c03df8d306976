//! RFC 4343: case insensitivity.

use crate::wire::Ask;
use crate::wire::NOERROR;
use crate::wire::NXDOMAIN;
use crate::world::example;

#[test]
fn s3_case_makes_no_difference_and_the_question_keeps_it() {
    // `Reply::read` compares the question octet by octet.
    let stage = example();
    for name in ["wWw.ExAmPlE.CoM", "WWW.EXAMPLE.COM", "www.example.com"] {
        let reply = stage.ask(&Ask::new(name, "A"));
        assert_eq!(reply.data(), ["192.0.2.80"]);
        assert_eq!(reply.answers[0].owner, format!("{name}."), "the owner is as asked");
    }
    for (name, qtype) in [("GEO.example.com", "A"), ("x.ANY.example.com", "A")] {
        let reply = stage.ask(&Ask::new(name, qtype).subnet("62.1.2.0/24"));
        assert_eq!((reply.rcode, reply.answers.len()), (NOERROR, 1));
    }
    assert_eq!(stage.ask(&Ask::new("NoTHere.example.com", "A")).rcode, NXDOMAIN);
}

#[test]
fn s3_records_written_in_mixed_case_are_found() {
    let reply = example().ask(&Ask::new("mixedcase.example.com", "A"));
    assert_eq!(reply.data(), ["192.0.2.81"]);
}

#[test]
fn s2_octets_beyond_ascii_are_not_folded() {
    let stage = example();
    // Latin-1 À and à: other names, and no name here.
    for octet in [0xc0, 0xe0] {
        let mut query = Ask::new("x.wild.example.com", "A").octets();
        query[13] = octet;
        let reply = stage.raw(&query).unwrap();
        assert_eq!(reply.question[1], octet);
        assert_eq!(reply.data(), ["192.0.2.77"]);
    }
}
