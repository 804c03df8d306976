//! What the commands print, and how they end. Golden output: `INSTA_UPDATE=always` renews it.

use std::net::IpAddr;

use ipnet::IpNet;
use meridian::model::Rcode;
use meridian::model::RecordType;
use meridian::responder::Transport;
use serde_json::Value;

use crate::asking::Answer;
use crate::asking::Ask;
use crate::asking::Responder;
use crate::ground::Ground;
use crate::program;

/// Every command with subcommands spelt out.
fn commands(command: &clap::Command, path: &str, found: &mut Vec<String>) {
    for sub in command.get_subcommands() {
        let path = format!("{path} {}", sub.get_name()).trim_start().to_owned();
        commands(sub, &path, found);
        found.push(path);
    }
}

#[test]
fn help_says_what_each_command_does() {
    let ground = Ground::new(&[]);
    let mut all = vec![String::new()];
    commands(&meridian::cli::command(), "", &mut all);
    assert!(all.contains(&"geo lookup".to_owned()), "{all:?}");
    for command in all {
        let run = program::run(ground.folder(), &format!("{command} --help"));
        assert_eq!((run.code, &*run.stderr), (0, ""), "{command}");
        let name = format!("help {command}").trim_end().replace(' ', "-");
        insta::assert_snapshot!(name, run.stdout);
    }
}

#[test]
fn explain_shows_the_five_steps() {
    let ground = Ground::usual();
    for (name, words) in [
        ("by-subnet", "www.test --client 20.1.1.0/24"),
        ("by-rule", "www.test --client 20.5.5.5"),
        ("across-leaves", "www.test --client 30.0.0.0/8"),
        ("aaaa", "www.test AAAA --client 2a00:1234::/56"),
        ("carried", "www.test --client 2002:1e40:300::/48"),
        ("special-purpose", "www.test --client 10.1.1.1 --resolver 40.0.0.1"),
        ("nowhere", "www.test"),
        ("down", "www.test --client 20.1.1.0/24 --down us"),
        ("drained", "www.test --client 20.1.1.0/24 --drain us"),
        ("all-down", "www.test --client 20.1.1.0/24 --down us --down eu --drain ap"),
        ("weights", "split.test --client 20.1.1.0/24 --seed 3"),
        ("sticky", "sticky.test --client 20.1.1.0/24"),
        ("alias", "alias.test --client 20.1.1.0/24"),
        ("fallback", "spare.test --down us"),
        ("servfail", "closed.test --down us"),
        ("several", "many.test --client 20.1.1.0/24"),
        ("static", "static.test"),
        ("nobody", "nobody.test"),
        ("elsewhere", "www.example.org"),
        ("unknown-region", "www.test --down us-west"),
        ("unknown-type", "www.test AAA"),
    ] {
        let run = program::run(ground.folder(), &format!("explain {words}"));
        insta::assert_snapshot!(format!("explain-{name}"), run.shown());
    }
    for (name, words) in [("by-subnet", "www.test --client 20.1.1.0/24"), ("nobody", "nobody.test")]
    {
        let run = program::run(ground.folder(), &format!("explain --json {words}"));
        insta::assert_snapshot!(format!("explain-json-{name}"), run.shown());
    }
}

/// `meridian explain … | head -1`: no panic, and the exit code is that of the command.
#[test]
fn nobody_has_to_read_what_is_printed() {
    let ground = Ground::usual();
    for (words, code) in [
        ("explain www.test --client 20.1.1.0/24", 0),
        ("explain nobody.test", 1),
        ("geo lookup 20.1.1.1", 0),
        ("geo info --json", 0),
        ("check", 0),
        ("check -c none.toml", 2),
        ("completions bash", 0),
        ("man", 0),
    ] {
        let (reader, stdout) = std::io::pipe().unwrap();
        drop(reader);
        let stderr = stdout.try_clone().unwrap();
        let mut command = program::meridian(ground.folder());
        command.args(words.split_whitespace()).stdout(stdout).stderr(stderr);
        assert_eq!(command.status().unwrap().code(), Some(code), "{words}");
    }
}

/// DESIGN 1: `explain` can't disagree with the answer.
#[test]
fn explain_is_the_answer() {
    let ground = Ground::usual();
    let snapshot = ground.snapshot();
    let mut regions = Vec::new();
    for (seed, (name, qtype, client)) in (1..).zip([
        ("www.test", RecordType::A, "20.1.1.0/24"),
        ("www.test", RecordType::AAAA, "30.64.3.0/24"),
        ("www.test", RecordType::A, "2400::/32"),
        ("www.test", RecordType::A, "30.0.0.0/7"),
        ("www.test", RecordType::ANY, "20.16.0.0/16"),
        ("www.test", RecordType::MX, "20.1.1.0/24"),
        ("many.test", RecordType::A, "20.1.1.0/24"),
        ("many.test", RecordType::A, "30.0.0.0/24"),
        ("split.test", RecordType::A, "20.1.1.0/24"),
        ("split.test", RecordType::A, "20.1.1.0/24"),
        ("sticky.test", RecordType::A, "20.1.1.0/24"),
        ("sticky.test", RecordType::AAAA, "2a00::/56"),
        ("alias.test", RecordType::A, "20.1.1.0/24"),
        ("alias.test", RecordType::A, "40.1.1.0/24"),
        ("one.test", RecordType::A, "20.1.1.0/24"),
        ("towww.test", RecordType::A, "20.1.1.0/24"),
        ("nobody.test", RecordType::A, "20.1.1.0/24"),
    ]) {
        let net: IpNet = client.parse().unwrap();
        let words = format!("explain {name} {qtype} --client {client} --seed {seed} --json");
        let run = program::run(ground.folder(), &words);
        let shown: Value = serde_json::from_str(&run.stdout).unwrap();
        let ask = Ask { id: 0, flags: 0, ..Ask::new(name, qtype) }.subnet(net);
        let mut responder = Responder::new(&snapshot, seed);
        let reply = responder.raw(&ask.octets(), net.addr(), Transport::Tcp).unwrap();
        let answer = Answer::read(reply);
        let records: Vec<String> = answer.0.answers.iter().map(ToString::to_string).collect();
        assert_eq!(shown["answer"]["records"], Value::from(records.clone()), "{words}");
        assert_eq!(shown["answer"]["scope"], Value::from(answer.scope()), "{words}");
        assert_eq!(shown["answer"]["rcode"], Rcode(answer.rcode().into()).to_string(), "{words}");
        assert_eq!(run.code, i32::from(records.is_empty()), "{words}");
        // The endpoints that the step before names are those of the answer.
        for endpoint in shown["split"]["endpoints"].as_array().into_iter().flatten() {
            let endpoint = endpoint.as_str().unwrap();
            assert!(records.iter().any(|record| record.ends_with(endpoint)), "{words}: {shown}");
        }
        regions.extend(shown["split"]["region"].as_str().map(str::to_owned));
    }
    for region in ["us", "eu", "ap"] {
        assert!(regions.iter().any(|of_row| of_row == region), "{region} was drawn: {regions:?}");
    }
}

#[test]
fn check_finds_everything_and_says_so_by_its_exit_code() {
    let ground = Ground::usual();
    insta::assert_snapshot!("check-clean", program::run(ground.folder(), "check").shown());
    ground.write(
        "broken.toml",
        "[zone.test]\nfile = \"test.zone\"\n[region.us]\nlocation = { lat = 139.04, lon = -77.49 }\n\
         [policy.near]\nrank = [\"nearst\"]\n[service.www]\nname = \"www.test\"\n\
         [service.www.pool.su]\nendpoints = [\"192.0.2.1\"]\n",
    );
    for format in ["full", "line", "json"] {
        let words = format!("check -c broken.toml --format {format}");
        let run = program::run(ground.folder(), &words);
        assert_eq!(run.code, 2);
        insta::assert_snapshot!(format!("check-broken-{format}"), run.shown());
    }
    insta::assert_snapshot!(
        "check-missing",
        program::run(ground.folder(), "check -c no.toml").shown()
    );
    ground.write("geo.mmdb", "<html>not found</html>");
    insta::assert_snapshot!("check-database", program::run(ground.folder(), "check").shown());
}

/// A database that opens, but whose tree is damaged, is found by the walk.
#[test]
fn check_finds_a_database_that_is_damaged_deep_inside() {
    let ground = Ground::usual();
    let mut octets = crate::ground::small_database();
    // A node of the middle of the tree leads far beyond all records.
    octets[700..707].fill(0xff);
    ground.write("geo.mmdb", octets);
    let run = program::run(ground.folder(), "check --format line");
    assert_eq!(run.code, 2, "{}", run.shown());
    assert!(run.stdout.contains("geoip-damaged"), "{}", run.shown());
}

#[test]
fn geo_shows_what_the_databases_know() {
    let ground = Ground::usual();
    for (name, words) in [
        ("lookup", "lookup 20.1.1.1"),
        ("lookup-json", "lookup 20.5.5.5 --json"),
        ("lookup-carried", "lookup 2002:1e40:300::1"),
        ("lookup-special", "lookup 10.1.1.1"),
        ("lookup-unknown", "lookup 99.1.1.1"),
        ("info", "info --database geo.mmdb"),
        ("info-json", "info --json"),
        ("info-missing", "info --database no.mmdb"),
    ] {
        let run = program::run(ground.folder(), &format!("geo {words}"));
        insta::assert_snapshot!(format!("geo-{name}"), run.shown());
    }
}

#[test]
fn completions_and_the_man_page_know_every_command() {
    let ground = Ground::new(&[]);
    let top = meridian::cli::command();
    let names: Vec<&str> = top.get_subcommands().map(clap::Command::get_name).collect();
    for words in ["completions bash", "completions zsh", "completions fish", "man"] {
        let run = program::run(ground.folder(), words);
        assert_eq!((run.code, &*run.stderr), (0, ""), "{words}");
        for name in &names {
            assert!(run.stdout.contains(name), "{words} lacks {name}");
        }
    }
    let run = program::run(ground.folder(), "man pages");
    assert_eq!(run.code, 1, "the folder is not there: {}", run.shown());
    std::fs::create_dir(ground.path("pages")).unwrap();
    assert_eq!(program::run(ground.folder(), "man pages").code, 0);
    let mut pages: Vec<String> = std::fs::read_dir(ground.path("pages"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    for name in names.iter().filter(|name| **name != "help") {
        assert!(pages.contains(&format!("meridian-{name}.1")), "{pages:?}");
    }
}

#[test]
fn a_command_line_that_can_not_be_read_ends_with_2() {
    let ground = Ground::usual();
    for words in ["", "srve", "check --fromat line", "explain", "geo lookup 1.2.3"] {
        let run = program::run(ground.folder(), words);
        assert_eq!(run.code, 2, "{words}");
        assert!(!run.stderr.is_empty() && run.stdout.is_empty(), "{words}: {}", run.shown());
    }
    let address: IpAddr = [20, 1, 1, 1].into();
    assert_eq!(program::run(ground.folder(), &format!("geo lookup {address}")).code, 0);
}
