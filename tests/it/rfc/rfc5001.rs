//! RFC 5001: the name server's identifier.

use crate::wire::Ask;
use crate::wire::NSID;
use crate::world::Script;
use crate::world::TOML;
use crate::world::ZONE;
use crate::world::example;

#[test]
fn s2_1_it_comes_if_asked_for_and_only_then() {
    let stage = example();
    for name in ["www.example.com", "geo.example.com", "no.example.com", "www.example.net"] {
        let with = stage.ask(&Ask::new(name, "A").option(NSID, &[]));
        assert_eq!(with.option(NSID), Some(&b"stage-1"[..]), "{name}");
        let without = stage.ask(&Ask::new(name, "A").edns());
        assert_eq!(without.option(NSID), None, "{name}");
    }
}

#[test]
fn s2_2_without_one_there_is_no_option() {
    let toml = TOML.replace("nsid = \"stage-1\"", "");
    let stage = Script::new(&toml, "example.com", ZONE, "8.0.0.0/8 US").build();
    let reply = stage.ask(&Ask::new("www.example.com", "A").option(NSID, &[]));
    assert_eq!(reply.option(NSID), None);
    assert!(reply.opt.is_some());
}
