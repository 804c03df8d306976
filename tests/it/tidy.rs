//! What the house style asks for and a machine can see.

use std::collections::BTreeSet;

use meridian::model::Code;

use crate::sources;
use crate::sources::Source;

/// No file is longer.
const CEILING: usize = 800;

/// Files are shorter than this as a rule.
const RULE: usize = 400;

/// The exceptions to [`RULE`]: how long they may be. Numbers only shrink; none is added.
const RATCHET: &[(&str, usize)] = &[];

/// The files that may hold `unsafe`: batched system calls, and the allocator that counts.
const UNSAFE: &[&str] = &["src/server/sys/", "tests/it/allocations.rs"];

/// Words that mean nothing or two things here, and what to say. `STYLE.md` has them all;
/// these are the ones that no context makes right.
const WORDS: &[(&str, &str)] = &[
    ("backend", "endpoint"),
    ("data center", "region"),
    ("datacenter", "region"),
    ("health check", "monitor, probe or verdict"),
    ("healthcheck", "monitor, probe or verdict"),
    ("netmask", "source prefix or scope prefix"),
    ("subnet mask", "source prefix or scope prefix"),
    ("vantage-point", "vantage"),
];

/// Names of files that say nothing of what is in them.
const FILES: &[&str] = &["common.rs", "helper.rs", "helpers.rs", "types.rs", "util.rs", "utils.rs"];

fn all() -> Vec<Source> {
    sources::rust(&["src", "tests", "benches"])
}

fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn files_are_short() {
    let mut wrong = Vec::new();
    for source in all() {
        let lines = source.lines().count();
        let listed = RATCHET.iter().find(|(path, _)| *path == source.path).map(|(_, most)| *most);
        match listed {
            _ if lines > CEILING => {
                wrong.push(format!("{}: {lines} lines; the ceiling is {CEILING}", source.path));
            }
            Some(most) if lines > most => {
                wrong.push(format!("{}: {lines} lines; it had {most}", source.path));
            }
            Some(_) if lines <= RULE => {
                wrong.push(format!("{}: short enough; take it off the list", source.path));
            }
            None if lines > RULE => {
                wrong.push(format!("{}: {lines} lines; split it, the rule is {RULE}", source.path));
            }
            Some(_) | None => {}
        }
    }
    for (path, _) in RATCHET {
        if !sources::top().join(path).exists() {
            wrong.push(format!("{path}: is gone; take it off the list"));
        }
    }
    none(&wrong);
}

#[test]
fn files_are_named_for_what_is_in_them_and_say_it() {
    let mut wrong = Vec::new();
    for source in all() {
        let name = source.path.rsplit('/').next().unwrap();
        if FILES.contains(&name) {
            wrong.push(format!("{}: name it for the noun in it", source.path));
        }
        let header = source.text.lines().next().and_then(|line| line.strip_prefix("//! "));
        if header.is_none_or(|header| header.len() < 8) {
            wrong.push(format!("{}: begin with `//!`, what this is", source.path));
        }
    }
    none(&wrong);
}

#[test]
fn unsafe_code_is_fenced_in() {
    let forbids = |source: &Source| source.text.contains("#![forbid(unsafe_code)]");
    let mut wrong = Vec::new();
    for source in sources::rust(&["src", "tests"]) {
        if UNSAFE.iter().any(|free| source.path.starts_with(free)) {
            continue;
        }
        let must_forbid = match source.room() {
            // It denies by `lib.rs`, so that `sys` can be let out; the others close the door.
            Some("server") => source.path != "src/server/mod.rs",
            Some(room) => source.path == format!("src/{room}/mod.rs"),
            None => source.path == "src/main.rs",
        };
        if must_forbid && !forbids(&source) {
            wrong.push(format!("{}: add `#![forbid(unsafe_code)]`", source.path));
        }
        for (line, text) in source.lines() {
            // What stands in a string is no code.
            let code = text.split("//").next().unwrap_or_default().replace("\"unsafe", "");
            if code.contains("unsafe {")
                || code.contains("unsafe fn")
                || code.contains("unsafe impl")
            {
                wrong.push(format!("{}:{line}: unsafe code", source.path));
            }
        }
    }
    let denies = |path: &str| sources::read(path).contains("#![deny(unsafe_code)]");
    assert!(denies("src/lib.rs") && denies("tests/it/main.rs"));
    none(&wrong);
}

#[test]
fn words_mean_one_thing() {
    let mut wrong = Vec::new();
    for source in sources::rust(&["src", "benches"]) {
        for (line, text) in source.lines() {
            let lower = text.to_lowercase();
            for (word, instead) in WORDS.iter().filter(|(word, _)| lower.contains(word)) {
                wrong.push(format!("{}:{line}: `{word}`: say {instead}", source.path));
            }
            if text.contains("fn get_") {
                wrong.push(format!("{}:{line}: name it without `get_`", source.path));
            }
        }
    }
    none(&wrong);
}

#[test]
fn what_is_left_to_do_is_an_issue() {
    let marks = ["TODO", "FIXME", "XXX", "HACK"];
    let mut wrong = Vec::new();
    // This file has the words themselves.
    for source in all().into_iter().filter(|source| source.path != "tests/it/tidy.rs") {
        for (line, text) in source.lines() {
            for mark in marks {
                let open = text.split(mark).nth(1).is_some_and(|rest| !rest.starts_with("(#"));
                if open && text.contains("//") {
                    wrong.push(format!("{}:{line}: write `{mark}(#issue)`", source.path));
                }
            }
        }
    }
    none(&wrong);
}

#[test]
fn dependencies_say_why_they_are_there() {
    let manifest = sources::read("Cargo.toml");
    let mut wrong = Vec::new();
    let mut of_dependencies = false;
    let mut before = "";
    for line in manifest.lines() {
        if line.starts_with('[') {
            of_dependencies = line.contains("dependencies]");
        } else if of_dependencies && line.contains('=') && !before.starts_with("# ") {
            wrong.push(format!("Cargo.toml: `{line}`: say why, in a comment above"));
        }
        before = line;
    }
    none(&wrong);
}

#[test]
fn limits_have_a_reason() {
    let text = ["limits.rs", "limits/measuring.rs", "limits/shared.rs"]
        .map(|file| sources::read(&format!("src/model/{file}")))
        .concat();
    let lines: Vec<&str> = text.lines().collect();
    let mut constants = 0;
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.starts_with("pub const")) {
        constants += 1;
        let doc: Vec<&str> =
            lines[..at].iter().rev().map_while(|line| line.strip_prefix("/// ")).collect();
        let doc: Vec<&str> = doc.into_iter().rev().collect();
        let doc = doc.join(" ");
        // What it bounds, and then why so many or what happens beyond.
        let parts = doc.split_inclusive([';', ':', '.', '(']).filter(|part| part.len() > 3);
        assert!(parts.count() >= 2, "{line}: its doc gives no reason: {doc:?}");
    }
    assert!(constants > 20, "the constants were found");
}

/// All codes of all rooms, with what they mean.
fn codes() -> Vec<(&'static str, &'static str)> {
    [
        meridian::config::CODES,
        meridian::geo::CODES,
        meridian::snapshot::CODES,
        meridian::zone::CODES,
    ]
    .into_iter()
    .flatten()
    .map(|(Code(code), meaning)| (*code, *meaning))
    .collect()
}

#[test]
fn diagnostic_codes_and_manual_agree() {
    let manual = sources::read("src/manual/diagnostics.md");
    let rows: Vec<(&str, &str)> = manual
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | "))
        .collect();
    let of_manual: BTreeSet<&str> = rows.iter().map(|(code, _)| *code).collect();
    assert_eq!(of_manual.len(), rows.len(), "each code has one row");
    let listed = codes();
    let of_rooms: BTreeSet<&str> = listed.iter().map(|(code, _)| *code).collect();
    assert_eq!(of_rooms.len(), listed.len(), "each code is of one room");
    let difference: Vec<_> = of_rooms.symmetric_difference(&of_manual).collect();
    assert!(difference.is_empty(), "only in the code or only in the manual: {difference:?}");
    for (code, meaning) in listed {
        let row = rows.iter().find(|(of_row, _)| *of_row == code);
        assert_eq!(row.map(|(_, text)| *text), Some(meaning), "`{code}`");
    }
}

/// Every code that the sources make is on a list, so that the test above sees it.
#[test]
fn no_code_is_made_beside_the_lists() {
    let mut made = BTreeSet::new();
    for source in sources::rust(&["src"]) {
        for (_, text) in source.lines() {
            let literals = text.split("Code(\"").skip(1);
            made.extend(literals.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
        }
    }
    let unlisted: Vec<_> =
        made.iter().filter(|made| !codes().iter().any(|(code, _)| code == made)).collect();
    assert!(unlisted.is_empty(), "{unlisted:?}");
}

#[test]
fn commands_of_the_readme_exist() {
    let readme = sources::read("README.md");
    let top = meridian::cli::command();
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    let shell = readme.split("```").skip(1).step_by(2).flat_map(str::lines);
    let spans = readme.split('`').skip(1).step_by(2).filter(|span| !span.contains('\n'));
    for line in shell.chain(spans) {
        let line = line.trim_start_matches("$ ");
        let Some(rest) = line.strip_prefix("meridian ") else { continue };
        let mut command = &top;
        let words =
            rest.split_whitespace().take_while(|word| !["#", "|", ">", "&&"].contains(word));
        for word in words {
            if let Some(long) = word.strip_prefix("--") {
                let long = long.split('=').next().unwrap_or(long);
                let known = command.get_arguments().any(|arg| arg.get_long() == Some(long));
                if !known && !["help", "version"].contains(&long) {
                    wrong.push(format!("`{line}`: there is no `--{long}`"));
                }
            } else if command.has_subcommands() && !word.starts_with('-') {
                match command.find_subcommand(word) {
                    Some(found) => command = found,
                    None => wrong.push(format!("`{line}`: there is no command `{word}`")),
                }
            }
        }
        seen.insert(command.get_name().to_owned());
    }
    none(&wrong);
    for needed in ["check", "explain"] {
        assert!(seen.contains(needed), "the README shows `meridian {needed}`");
    }
}
