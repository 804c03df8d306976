//! Replays the corpus of the fuzzers, so that what they found once stays found.
//!
//! The fuzzers themselves need a nightly compiler; this needs nothing. And the files of the
//! world that they ask are those of `ground`.

use std::fs;

use crate::ground;
use crate::sources;

#[expect(unreachable_pub, reason = "for the fuzz targets it is a library")]
#[path = "../fuzz/src/lib.rs"]
mod judges;

fn replay(name: &str, judge: fn(&[u8])) {
    let folder = sources::top().join("tests/fuzz/corpus").join(name);
    let mut n = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        judge(&fs::read(&path).unwrap());
        n += 1;
    }
    assert!(n >= 10, "{}: only {n} files", folder.display());
}

#[test]
fn config() {
    replay("config", judges::config);
}

#[test]
fn mmdb() {
    replay("mmdb", judges::mmdb);
}

#[test]
fn query() {
    replay("query", judges::query);
}

#[test]
fn respond() {
    replay("respond", judges::respond);
    // Whatever is a query for the one is a message for the other.
    replay("query", judges::respond);
}

#[test]
fn zone() {
    replay("zone", judges::zone);
}

/// Each fuzz target calls the judge of its name, and has a corpus.
#[test]
fn targets_judges_and_corpora_are_the_same() {
    let names = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(sources::top().join("tests/fuzz").join(folder)).unwrap();
        let stem =
            |path: std::path::PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
        let mut names: Vec<String> = entries.map(|entry| stem(entry.unwrap().path())).collect();
        names.sort();
        names
    };
    assert_eq!(names("fuzz_targets"), ["config", "mmdb", "query", "respond", "zone"]);
    assert_eq!(names("corpus"), names("fuzz_targets"));
    for name in names("fuzz_targets") {
        let target = sources::read(&format!("tests/fuzz/fuzz_targets/{name}.rs"));
        assert!(target.contains(&format!("meridian_fuzz::{name}(octets)")), "{name}");
        assert!(sources::read("tests/fuzz/Cargo.toml").contains(&format!("name = \"{name}\"")));
    }
}

#[test]
fn the_world_of_the_fuzzers_is_the_usual_one() {
    assert_eq!(sources::read("tests/fuzz/world/meridian.toml"), ground::USUAL.trim_start());
    assert_eq!(sources::read("tests/fuzz/world/test.zone"), ground::ZONE.trim_start());
    let database = fs::read(sources::top().join("tests/fuzz/world/geo.mmdb")).unwrap();
    assert!(database == ground::small_database(), "write it anew");
}

/// Writes the world of the fuzzers and a first corpus; run it when `ground` has changed.
#[test]
#[ignore = "writes into the repository"]
fn write_the_world_and_the_first_corpus() {
    crate::seeds::write(&sources::top().join("tests/fuzz"));
}
