//! RFC 8914: extended errors.

use meridian::steer::Admission;

use crate::rfc::design::GB;
use crate::rfc::design::US;
use crate::wire::Ask;
use crate::wire::NOERROR;
use crate::wire::REFUSED;
use crate::wire::SERVFAIL;
use crate::world::example;

#[test]
fn s4_21_a_name_outside_every_zone_is_not_authoritative() {
    let reply = example().ask(&Ask::new("www.example.net", "A").edns());
    assert_eq!(reply.rcode, REFUSED);
    assert_eq!(reply.extended_error().unwrap().0, 20);
}

#[test]
fn s2_no_opt_no_extended_error() {
    let reply = example().ask(&Ask::new("www.example.net", "A"));
    assert_eq!((reply.rcode, reply.opt), (REFUSED, None));
}

#[test]
fn s3_a_good_answer_has_none() {
    let stage = example();
    for name in ["www.example.com", "geo.example.com", "no.example.com"] {
        assert_eq!(stage.ask(&Ask::new(name, "A").edns()).extended_error(), None);
    }
}

/// One word, whichever of the two it is: who reads it at the resolver can't tell them apart.
#[test]
fn s4_1_what_has_no_code_is_said_in_words() {
    for admission in [Admission::Down, Admission::Drained] {
        let mut stage = example();
        for (service, rcode, text) in [
            ("down", SERVFAIL, "all endpoints are out of service"),
            ("last", NOERROR, "all endpoints are out of service, answered the fallback"),
            ("solo", NOERROR, "all endpoints are out of service, answered all the same"),
        ] {
            for region in ["us", "eu"] {
                stage.set(service, region, admission);
            }
            let reply = stage.ask(&Ask::new(&format!("{service}.example.com"), "A").edns());
            assert_eq!(reply.rcode, rcode, "{service}");
            assert_eq!(reply.extended_error(), Some((0, text.into())), "{service}");
        }
    }
}

/// Whether the alias is followed here or by the resolver.
#[test]
fn s4_1_an_alias_that_failed_open_says_so() {
    let mut stage = example();
    for region in ["us", "eu", "ap"] {
        stage.set("alias", region, Admission::Down);
    }
    for (subnet, answers) in [(US, 2), (GB, 1)] {
        let reply = stage.ask(&Ask::new("alias.example.com", "A").subnet(subnet));
        let text = "all endpoints are out of service, answered all the same";
        assert_eq!(reply.answers.len(), answers);
        assert_eq!(reply.extended_error(), Some((0, text.into())));
    }
}
