//! What measures round trips: `[measure]` and `[control.beacon]`.

use std::net::IpAddr;
use std::time::Duration;

use crate::config::Config;
use crate::config::load_str;
use crate::config::tests::cases::MINIMAL;
use crate::config::tests::folder::Folder;
use crate::model::Landmark;

fn load(text: &str) -> Config {
    let folder = Folder::new();
    let loaded = load_str(&format!("{MINIMAL}{text}"), folder.path());
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    loaded.config.unwrap()
}

#[test]
fn hosts_are_addresses_that_stand_for_their_own_prefix_or_another() {
    let measure = load(
        "[measure]\nfrom = { a = \"us\" }\nhosts = [\"192.0.2.1\", \"[2001:db8::1]:443\", \
         { address = \"192.0.2.2:80\", client = \"198.51.100.0/24\" }, { address = \"192.0.2.3\" }]\n",
    )
    .measure;
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let host = |address, port, client| Landmark { address: ip(address), port, client: ip(client) };
    assert_eq!(
        measure.hosts,
        [
            host("192.0.2.1", None, "192.0.2.1"),
            host("2001:db8::1", Some(443), "2001:db8::1"),
            host("192.0.2.2", Some(80), "198.51.100.0"),
            host("192.0.2.3", None, "192.0.2.3"),
        ]
    );
    assert_eq!(measure.interval, Duration::from_secs(60));
    assert_eq!((measure.region_of("a"), measure.region_of("b")), (Some("us"), None));
    assert_eq!(load("").measure.region_of("a"), None);
}

#[test]
fn a_beacon_is_off_unless_it_says_what_to_fetch() {
    assert_eq!(load("").control.beacon, None);
    let text = "[control.beacon]\nurls = { us = \"https://us.example.com/\" }\n\
                proxies = [\"10.0.0.0/8\", \"::1\"]\n";
    let beacon = load(text).control.beacon.unwrap();
    assert_eq!(beacon.urls, [("us".to_owned(), "https://us.example.com/".to_owned())]);
    assert_eq!(beacon.proxies.len(), 2);
}
