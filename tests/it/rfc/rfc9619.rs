//! RFC 9619: one question.

use crate::wire::Ask;
use crate::wire::FORMERR;
use crate::world::example;

#[test]
fn s4_more_or_fewer_questions_than_one_are_a_format_error() {
    let stage = example();
    let one = Ask::new("www.example.com", "A").octets();
    let mut none = one[..12].to_vec();
    none[5] = 0;
    let mut two = [&one[..], &one[12..]].concat();
    two[5] = 2;
    for query in [none, two] {
        let reply = stage.raw(&query).unwrap();
        assert_eq!((reply.rcode, reply.answers.len()), (FORMERR, 0));
    }
}
