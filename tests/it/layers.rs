//! Who may use whom.
//!
//! [`FLOORS`] and [`MAY_USE`] are the architecture: change them in a commit of its own.

use std::collections::BTreeSet;
use std::fs;

use crate::sources;
use crate::sources::Source;

/// The rooms, lowest floor first. A room uses rooms of lower floors only.
const FLOORS: &[&[&str]] = &[
    &["model", "tasks"],
    &["geo", "health", "latency", "load", "wire"],
    &["steer", "zone"],
    &["config"],
    // `store` is not in the table of the design: files are for neither `engine`, which is pure,
    // nor `cli`, which wires.
    &["snapshot", "store"],
    // Nor are `samples`, which has a thread and a file, and `meters`, which asks balancers: the
    // pure `latency` and `load` must not, and `control` feeds both. `reporter` reads logs of
    // others; `cli` sends what comes of it. `spill` is a thread, which plans as `load` says.
    &["engine", "meters", "reporter", "responder", "samples", "spill"],
    &["cluster", "control", "prober", "server"],
    &["cli"],
];

/// Of the rooms below, those that a room needs.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("tasks", &["model"]),
    ("geo", &["model"]),
    ("health", &["model"]),
    ("latency", &["model"]),
    ("load", &["model"]),
    ("wire", &["model"]),
    ("steer", &["geo", "latency", "load", "model", "wire"]),
    ("zone", &["model"]),
    ("config", &["geo", "health", "latency", "model", "zone"]),
    ("snapshot", &["config", "geo", "latency", "load", "model", "steer", "zone"]),
    ("responder", &["model", "snapshot", "steer", "wire", "zone"]),
    ("engine", &["health", "load", "model", "snapshot", "steer"]),
    ("spill", &["config", "health", "load", "model", "snapshot", "tasks"]),
    ("cluster", &["config", "engine", "health", "model", "tasks"]),
    ("meters", &["model", "tasks"]),
    ("reporter", &["latency", "model"]),
    ("samples", &["geo", "latency", "model", "store", "tasks"]),
    (
        "control",
        &["config", "engine", "health", "load", "meters", "model", "responder", "samples", "tasks"],
    ),
    ("prober", &["health", "model", "tasks", "zone"]),
    ("server", &["config", "model", "responder", "snapshot", "tasks"]),
    ("store", &["model", "tasks"]),
    (
        "cli",
        &[
            "cluster",
            "config",
            "control",
            "engine",
            "geo",
            "health",
            "latency",
            "load",
            "meters",
            "model",
            "prober",
            "reporter",
            "responder",
            "samples",
            "server",
            "snapshot",
            "spill",
            "steer",
            "store",
            "tasks",
            "zone",
        ],
    ),
];

/// The one use of a neighbour: the ground floor's limits, by the room beside.
const NEIGHBOURS: &[(&str, &str)] = &[("tasks", "model")];

#[test]
fn every_room_has_a_floor_and_lib_names_them_all() {
    let of_floors: BTreeSet<&str> = FLOORS.iter().copied().flatten().copied().collect();
    let of_table: BTreeSet<&str> = MAY_USE.iter().map(|(room, _)| *room).collect();
    let lib = sources::read("src/lib.rs");
    let of_lib: BTreeSet<&str> =
        lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let of_disk: BTreeSet<String> = fs::read_dir(sources::top().join("src"))
        .unwrap()
        .map(|entry| entry.unwrap())
        // Essays for the crate's documentation, not code.
        .filter(|entry| entry.path().is_dir() && entry.file_name() != "manual")
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert_eq!(of_floors.len(), FLOORS.iter().map(|floor| floor.len()).sum::<usize>());
    assert_eq!(of_floors, of_table);
    assert_eq!(of_floors, of_lib, "the rooms of lib.rs");
    assert_eq!(of_floors, of_disk.iter().map(String::as_str).collect(), "the folders of src");
}

#[test]
fn the_table_leads_downwards_only() {
    let floor = |room: &str| FLOORS.iter().position(|rooms| rooms.contains(&room)).unwrap();
    for (room, uses) in MAY_USE {
        for used in *uses {
            let is_down = floor(used) < floor(room) || NEIGHBOURS.contains(&(room, used));
            assert!(is_down, "`{room}` must not use `{used}`, which is not below it");
        }
    }
}

#[test]
fn rooms_use_what_the_table_says_no_more_and_no_less() {
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for source in sources::rust(&["src"]) {
        for (line, text) in source.lines() {
            for name in crate_paths(text) {
                let Some(room) = source.room() else { continue };
                if name != room && !may_use(room).contains(&name) {
                    wrong.push(format!("{}:{line}: `{room}` may not use `{name}`", source.path));
                }
                used.insert((room.to_owned(), name.to_owned()));
            }
            wrong.extend(disguise(&source, line, text));
        }
    }
    for (room, uses) in MAY_USE {
        for name in *uses {
            if !used.contains(&((*room).to_owned(), (*name).to_owned())) {
                wrong.push(format!("`{room}` no longer uses `{name}`: take it off the table"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn may_use(room: &str) -> &'static [&'static str] {
    MAY_USE.iter().find(|(name, _)| *name == room).map_or(&[], |(_, uses)| uses)
}

/// The NAME of each `crate::NAME` of a line, in comments and tests too.
fn crate_paths(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("crate::").filter(|(at, _)| !line[..*at].ends_with('$')).map(|(at, path)| {
        let rest = &line[at + path.len()..];
        let end = rest.find(|c: char| c != '_' && !c.is_ascii_alphanumeric());
        &rest[..end.unwrap_or(rest.len())]
    })
}

/// Spellings that would hide a use from this test.
fn disguise(source: &Source, line: usize, text: &str) -> Option<String> {
    let hidden = text.contains("super::super")
        || text.contains("use crate::{")
        || text.contains("use crate as")
        // From the root of a room one `super` is the crate.
        || source.path.ends_with("/mod.rs") && text.starts_with("use super::");
    hidden.then(|| format!("{}:{line}: write `use crate::ROOM::NAME;`, one a line", source.path))
}
