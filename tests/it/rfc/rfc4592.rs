//! RFC 4592: wildcards.

use crate::wire::Ask;
use crate::wire::NOERROR;
use crate::wire::NXDOMAIN;
use crate::wire::lines;
use crate::world::example;

#[test]
fn s2_2_2_empty_non_terminals_exist() {
    let stage = example();
    for name in ["deep.ent.example.com", "ent.example.com", "wild.example.com", "_tcp.example.com"]
    {
        let reply = stage.ask(&Ask::new(name, "A"));
        assert_eq!((reply.rcode, reply.answers.len()), (NOERROR, 0), "{name}");
    }
    // What a service brings into being, too.
    assert_eq!(stage.ask(&Ask::new("any.example.com", "A")).rcode, NOERROR);
}

#[test]
fn s2_2_1_what_a_wildcard_matches() {
    let stage = example();
    for (name, qtype, expect) in [
        ("a.wild.example.com", "A", &["192.0.2.77"][..]),
        ("a.b.c.wild.example.com", "A", &["192.0.2.77"]),
        ("a.wild.example.com", "TXT", &["\"wildcard\""]),
        // Exists: no wildcard for the type it lacks.
        ("exact.wild.example.com", "A", &[]),
        ("exact.wild.example.com", "TXT", &["\"exact name, no A record\""]),
        // An empty non-terminal exists.
        ("node.wild.example.com", "A", &[]),
        ("*.wild.example.com", "A", &["192.0.2.77"]),
    ] {
        let reply = stage.ask(&Ask::new(name, qtype));
        assert_eq!((reply.rcode, reply.data()), (NOERROR, expect.to_vec()), "{name} {qtype}");
        assert!(reply.answers.iter().all(|record| record.owner == format!("{name}.")));
    }
}

#[test]
fn s3_3_1_the_closest_encloser_decides() {
    let stage = example();
    for name in ["x.exact.wild.example.com", "x.node.wild.example.com", "x.www.example.com"] {
        assert_eq!(stage.ask(&Ask::new(name, "A")).rcode, NXDOMAIN, "{name}");
    }
}

#[test]
fn s3_3_3_a_cname_by_wildcard_is_followed() {
    let reply = example().ask(&Ask::new("any.wildcname.example.com", "A"));
    assert_eq!(
        lines(&reply.answers),
        [
            "any.wildcname.example.com. 3600 CNAME www.example.com.",
            "www.example.com. 3600 A 192.0.2.80",
        ]
    );
}

#[test]
fn s2_2_1_a_balanced_wildcard_matches_as_others_do() {
    let stage = example();
    for name in ["a.any.example.com", "b.a.any.example.com", "*.any.example.com"] {
        let reply = stage.ask(&Ask::new(name, "A").subnet("62.1.2.0/24"));
        assert_eq!(reply.data(), ["198.51.100.22"]);
        assert_eq!(reply.answers[0].owner, format!("{name}."));
        let nodata = stage.ask(&Ask::new(name, "MX").subnet("62.1.2.0/24"));
        assert_eq!((nodata.rcode, nodata.scope()), (NOERROR, Some(0)));
    }
}
