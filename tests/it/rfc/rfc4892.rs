//! RFC 4892: who answers.

use crate::wire::Ask;
use crate::wire::NOERROR;
use crate::wire::REFUSED;
use crate::world::Script;
use crate::world::TOML;
use crate::world::ZONE;
use crate::world::example;

const CH: u16 = 3;

#[test]
fn s3_id_server_says_what_was_configured() {
    let stage = example();
    for name in ["id.server", "ID.Server", "hostname.bind"] {
        let reply = stage.ask(&Ask::new(name, "TXT").class(CH));
        assert_eq!((reply.rcode, reply.data()), (NOERROR, vec!["\"stage-1\""]), "{name}");
        assert_eq!((reply.answers[0].class, reply.answers[0].ttl), (CH, 0));
    }
}

#[test]
fn s3_without_an_identifier_there_is_no_answer() {
    let toml = TOML.replace("nsid = \"stage-1\"", "");
    let stage = Script::new(&toml, "example.com", ZONE, "8.0.0.0/8 US").build();
    let reply = stage.ask(&Ask::new("id.server", "TXT").class(CH));
    assert_eq!((reply.rcode, reply.answers.len()), (REFUSED, 0));
}

#[test]
fn s3_version_is_that_of_the_package() {
    let reply = example().ask(&Ask::new("version.bind", "TXT").class(CH));
    assert_eq!(reply.data(), [format!("\"meridian {}\"", env!("CARGO_PKG_VERSION"))]);
}

#[test]
fn s3_nothing_else_is_in_that_class() {
    let stage = example();
    for (name, qtype) in
        [("id.server", "A"), ("www.example.com", "A"), ("authors.bind", "TXT"), (".", "TXT")]
    {
        assert_eq!(stage.ask(&Ask::new(name, qtype).class(CH)).rcode, REFUSED, "{name} {qtype}");
    }
    for class in [0, 2, 4, 254, 255] {
        let reply = stage.ask(&Ask::new("www.example.com", "A").class(class));
        assert_eq!(reply.rcode, REFUSED, "class {class}");
    }
}
