//! Scenario files: a configuration, then queries and what must come back.
//!
//! Each file of `scenarios/` runs twice: in process, and against a started server over UDP
//! and TCP, IPv4 and IPv6. A file is made of
//!
//! ```text
//! zone example.com      a master file, up to a line `end`; may be repeated
//! toml                  the configuration without [zone] and [geoip], up to `end`
//! geo                   lines `CIDR country` or `CIDR latitude longitude`, up to `end`
//! SET SERVICE REGION up|down|drained
//! QUERY NAME TYPE [subnet=CIDR] [do] [payload=N] [over=udp|tcp] [from=ADDRESS]
//! EXPECT rcode NXDOMAIN                    NOERROR unless said
//! EXPECT flags aa tc                       exactly these of AA and TC; AA unless said
//! EXPECT scope N|none                      nothing is asserted unless said
//! EXPECT answer|authority|additional RECORD   the section has exactly the records listed;
//!                                          an answer not spoken of is empty
//! EXPECT one-of DATA DATA …                one answer, with one of these
//! ```
//!
//! and `;` comments.

use std::net::IpAddr;

use meridian::responder::Transport;
use meridian::steer::Admission;

use crate::sockets::Running;
use crate::wire::AA;
use crate::wire::Ask;
use crate::wire::Reply;
use crate::wire::Rr;
use crate::wire::TC;
use crate::wire::lines;
use crate::world::LOOPBACK;
use crate::world::Script;
use crate::world::Stage;

const FILES: &[(&str, &str)] = &[
    ("alias", include_str!("scenarios/alias.scn")),
    ("apex", include_str!("scenarios/apex.scn")),
    ("chains", include_str!("scenarios/chains.scn")),
    ("delegation", include_str!("scenarios/delegation.scn")),
    ("dual_stack", include_str!("scenarios/dual_stack.scn")),
    ("failover", include_str!("scenarios/failover.scn")),
    ("fence", include_str!("scenarios/fence.scn")),
    ("geo", include_str!("scenarios/geo.scn")),
    ("truncation", include_str!("scenarios/truncation.scn")),
    ("weights", include_str!("scenarios/weights.scn")),
    ("wildcards", include_str!("scenarios/wildcards.scn")),
];

/// A file, read.
#[derive(Default)]
struct Scenario {
    script: Script,
    steps: Vec<(usize, Step)>,
}

enum Step {
    Set { service: String, region: String, admission: Admission },
    Query(Box<Query>),
}

struct Query {
    ask: Ask,
    over: Option<Transport>,
    from: Option<IpAddr>,
    expect: Expect,
}

#[derive(Default)]
struct Expect {
    rcode: u16,
    flags: Option<u16>,
    scope: Option<Option<u8>>,
    answers: Vec<String>,
    authorities: Option<Vec<String>>,
    additionals: Option<Vec<String>>,
    one_of: Option<Vec<String>>,
}

impl Scenario {
    fn read(text: &str) -> Self {
        let mut scenario = Self::default();
        let mut lines = text.lines().zip(1..);
        while let Some((line, number)) = lines.next() {
            let words: Vec<_> = line.split_whitespace().collect();
            let mut block = || {
                let rest = lines.by_ref().map(|(line, _)| line).take_while(|line| *line != "end");
                rest.collect::<Vec<_>>().join("\n") + "\n"
            };
            match words[..] {
                [] => {}
                [first, ..] if first.starts_with(';') => {}
                ["zone", apex] => scenario.script.zones.push((apex.to_owned(), block())),
                ["toml"] => scenario.script.toml = block(),
                ["geo"] => scenario.script.geography = block(),
                ["SET", service, region, state] => {
                    let admission = admission(state);
                    let (service, region) = (service.to_owned(), region.to_owned());
                    let step = Step::Set { service, region, admission };
                    scenario.steps.push((number, step));
                }
                ["QUERY", name, qtype, ref options @ ..] => {
                    let query = query(name, qtype, options);
                    scenario.steps.push((number, Step::Query(Box::new(query))));
                }
                ["EXPECT", what, ref values @ ..] => match scenario.steps.last_mut() {
                    Some((_, Step::Query(query))) => query.expect.add(what, values),
                    _ => panic!("line {number}: nothing was asked"),
                },
                _ => panic!("line {number}: {line}"),
            }
        }
        assert!(!scenario.steps.is_empty(), "nothing is asked");
        scenario
    }
}

fn admission(state: &str) -> Admission {
    match state {
        "up" => Admission::Admitted,
        "down" => Admission::Down,
        "drained" => Admission::Drained,
        other => panic!("up, down or drained, not {other}"),
    }
}

fn query(name: &str, qtype: &str, options: &[&str]) -> Query {
    let (mut ask, mut over, mut from) = (Ask::new(name, qtype), None, None);
    for option in options {
        match option.split_once('=').unwrap_or((option, "")) {
            ("subnet", prefix) => ask = ask.subnet(prefix),
            ("payload", octets) => ask = ask.payload(octets.parse().unwrap()),
            ("do", "") => ask = ask.dnssec_ok(),
            ("over", "udp") => over = Some(Transport::Udp),
            ("over", "tcp") => over = Some(Transport::Tcp),
            ("from", address) => from = Some(address.parse().unwrap()),
            other => panic!("{other:?}"),
        }
    }
    Query { ask, over, from, expect: Expect::default() }
}

impl Expect {
    fn add(&mut self, what: &str, values: &[&str]) {
        let record = || values.join(" ");
        match (what, values) {
            ("rcode", [rcode]) => {
                const NAMES: [&str; 7] =
                    ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN"];
                let at = NAMES.iter().position(|name| name == rcode).expect("an RCODE");
                self.rcode = u16::try_from(at).unwrap();
            }
            ("flags", flags) => {
                let bit = |flag: &&str| match *flag {
                    "aa" => AA,
                    "tc" => TC,
                    other => panic!("aa or tc, not {other}"),
                };
                self.flags = Some(flags.iter().map(bit).sum());
            }
            ("scope", ["none"]) => self.scope = Some(None),
            ("scope", [scope]) => self.scope = Some(Some(scope.parse().unwrap())),
            ("answer", _) => self.answers.push(record()),
            ("authority", _) => self.authorities.get_or_insert_default().push(record()),
            ("additional", _) => self.additionals.get_or_insert_default().push(record()),
            ("one-of", data) => {
                self.one_of = Some(data.iter().map(|&text| text.to_owned()).collect());
            }
            other => panic!("{other:?}"),
        }
    }

    fn check(&self, reply: &Reply, place: &str) {
        assert_eq!(reply.rcode, self.rcode, "{place}: RCODE");
        assert_eq!(reply.flags & (AA | TC), self.flags.unwrap_or(AA), "{place}: flags");
        if let Some(scope) = self.scope {
            assert_eq!(reply.scope(), scope, "{place}: scope");
        }
        let sorted = |records: &[String]| {
            let mut records = records.to_vec();
            records.sort();
            records
        };
        let same = |section: &[Rr], expect: &[String], name| {
            assert_eq!(lines(section), sorted(expect), "{place}: {name}");
        };
        match &self.one_of {
            Some(data) => {
                let found = reply.data();
                assert!(
                    found.len() == 1 && data.iter().any(|d| d == found[0]),
                    "{place}: {found:?}"
                );
            }
            None => same(&reply.answers, &self.answers, "answer"),
        }
        if let Some(expect) = &self.authorities {
            same(&reply.authorities, expect, "authority");
        }
        if let Some(expect) = &self.additionals {
            same(&reply.additionals, expect, "additional");
        }
    }
}

/// Runs a scenario, with `ask` to put a query to the stage as it then is.
fn run(name: &str, scenario: &Scenario, mut ask: impl FnMut(&Stage, &Query, &str)) {
    let mut stage = scenario.script.build();
    for (line, step) in &scenario.steps {
        match step {
            Step::Set { service, region, admission } => stage.set(service, region, *admission),
            Step::Query(query) => ask(&stage, query, &format!("{name}.scn:{line}")),
        }
    }
}

#[test]
fn every_scenario_runs_in_process() {
    for (name, text) in FILES {
        run(name, &Scenario::read(text), |stage, query, place| {
            let reply = match query.over {
                Some(transport) => stage.ask_over(transport, &query.ask),
                None => stage.ask_from(query.from.unwrap_or(LOOPBACK), &query.ask),
            };
            query.expect.check(&reply, place);
        });
    }
}

#[test]
fn every_scenario_runs_over_sockets() {
    for (name, text) in FILES {
        let scenario = Scenario::read(text);
        let mut running = Running::start(scenario.script.build().snapshot);
        run(name, &scenario, |stage, query, place| {
            running.publish(stage.snapshot.clone());
            let octets = query.ask.octets();
            for at in &running.addresses {
                if query.from.is_some_and(|from| from.is_ipv4() != at.is_ipv4()) {
                    continue;
                }
                for by in [Transport::Udp, Transport::Tcp] {
                    if query.over.is_none_or(|over| over == by) {
                        let reply = running.ask(by, *at, query.from, &octets);
                        let place = format!("{place} by {by:?} at {at}");
                        query.expect.check(&Reply::read(&reply, &octets), &place);
                    }
                }
            }
        });
    }
}

#[test]
fn every_scenario_file_is_listed() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/scenarios");
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    let listed: Vec<_> = FILES.iter().map(|(name, _)| format!("{name}.scn")).collect();
    assert_eq!(found, listed);
}
