//! RFC 6672: DNAME.

use crate::wire::Ask;
use crate::wire::NXDOMAIN;
use crate::wire::YXDOMAIN;
use crate::world::example;

fn chain(name: &str, qtype: &str) -> Vec<String> {
    let reply = example().ask(&Ask::new(name, qtype));
    assert!(reply.is_authoritative());
    reply.answers.iter().map(|record| record.line()).collect()
}

#[test]
fn s2_3_the_owner_itself_is_not_redirected() {
    assert_eq!(
        chain("moved.example.com", "DNAME"),
        ["moved.example.com. 3600 DNAME www.target.example.com."]
    );
    assert_eq!(chain("moved.example.com", "A"), [""; 0]);
}

#[test]
fn s3_1_names_below_get_a_cname_with_the_ttl_of_the_dname() {
    assert_eq!(
        chain("a.moved.example.com", "A"),
        [
            "moved.example.com. 3600 DNAME www.target.example.com.",
            "a.moved.example.com. 3600 CNAME a.www.target.example.com.",
            "a.www.target.example.com. 3600 A 192.0.2.100",
        ]
    );
    assert_eq!(
        chain("x.y.away.example.com", "A"),
        [
            "away.example.com. 3600 DNAME example.net.",
            "x.y.away.example.com. 3600 CNAME x.y.example.net.",
        ]
    );
}

#[test]
fn s3_1_a_query_for_the_cname_gets_the_one_that_follows() {
    assert_eq!(
        chain("a.moved.example.com", "CNAME"),
        [
            "moved.example.com. 3600 DNAME www.target.example.com.",
            "a.moved.example.com. 3600 CNAME a.www.target.example.com.",
        ]
    );
}

#[test]
fn s2_2_a_name_that_gets_too_long_is_yxdomain() {
    let stage = example();
    let label = "x".repeat(63);
    let long = format!("{label}.long.example.com");
    let reply = stage.ask(&Ask::new(&long, "A"));
    assert_eq!(reply.rcode, YXDOMAIN);
    assert_eq!(reply.answers.len(), 1, "the DNAME, without a CNAME");
    let short = stage.ask(&Ask::new("x.long.example.com", "A").edns());
    assert_eq!((short.rcode, short.answers.len()), (NXDOMAIN, 2));
}

#[test]
fn s2_5_the_target_is_not_compressed() {
    let reply = example().ask(&Ask::new("a.moved.example.com", "A"));
    assert!(!reply.answers[0].compressed);
}

#[test]
fn s3_2_a_loop_of_dnames_ends() {
    assert_eq!(
        chain("x.back.example.com", "A"),
        [
            "back.example.com. 3600 DNAME forth.example.com.",
            "x.back.example.com. 3600 CNAME x.forth.example.com.",
            "forth.example.com. 3600 DNAME back.example.com.",
            "x.forth.example.com. 3600 CNAME x.back.example.com.",
        ]
    );
}

#[test]
fn s3_1_a_dname_that_serves_twice_stands_once() {
    // RFC 2181, 5: no record stands twice.
    assert_eq!(
        chain("a.once.example.com", "A"),
        [
            "once.example.com. 3600 DNAME twice.example.com.",
            "a.once.example.com. 3600 CNAME a.twice.example.com.",
            "a.twice.example.com. 3600 CNAME b.once.example.com.",
            "b.once.example.com. 3600 CNAME b.twice.example.com.",
            "b.twice.example.com. 3600 A 192.0.2.98",
        ]
    );
}
