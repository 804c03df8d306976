//! Copies that were kept, and what a prober needs not.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::config::Loaded;
use crate::config::load;
use crate::config::load_for_prober;
use crate::config::load_kept;
use crate::config::tests::codes;
use crate::config::tests::folder::Folder;

/// One of every kind of file that is read: a pattern, a zone that includes another, a list of
/// networks, a token, a database; and a program, of which only that it is there matters.
const ALL: &str = "include = [\"services/*.toml\"]\n\
    [geoip]\ndatabases = [\"geoip/dbip-country-lite.mmdb\"]\n\
    [nets]\nfile = \"nets.txt\"\n\
    [control.tokens]\nci = { role = \"operate\", file = \"tokens/ci\" }\n\
    [zone.\"gslb.example.com\"]\nfile = \"zones/../zones/all.zone\"\n\
    [region.eu-west]\n\
    [monitor.own]\nexec = { command = [\"PROGRAM\"] }\n";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("zones/all.zone", b"$INCLUDE gslb.example.com.zone\nmore 60 A 192.0.2.9\n");
    folder.write("program", b"#!/bin/sh\n");
    folder.allow("program", 0o755);
    let program = folder.path().join("program").display().to_string();
    folder.write("meridian.toml", ALL.replace("PROGRAM", &program).as_bytes());
    folder
}

fn loaded(loaded: Loaded) -> (usize, usize, usize, usize) {
    let shown = codes(&loaded);
    let config = loaded.config.unwrap_or_else(|| panic!("{shown:?}"));
    let records = config.zones[0].1.len();
    (records, config.services.len(), config.nets.len(), config.databases.len())
}

#[test]
fn copies_serve_where_all_files_are_gone() {
    let folder = folder();
    let main = folder.path().join("meridian.toml");
    let first = load(&main);
    let inputs = first.inputs.clone();
    let expected = loaded(first);
    let aside = TempDir::new().unwrap();
    let copy = |(at, (name, path)): (usize, (&PathBuf, &PathBuf))| {
        let copy = aside.path().join(at.to_string());
        fs::copy(path, &copy).unwrap();
        (name.clone(), copy)
    };
    let copies: BTreeMap<PathBuf, PathBuf> = inputs.iter().enumerate().map(copy).collect();
    let names: Vec<&str> = inputs.keys().filter_map(|path| path.file_name()?.to_str()).collect();
    let all = [
        "dbip-country-lite.mmdb",
        "meridian.toml",
        "nets.txt",
        "api.toml",
        "ci",
        "all.zone",
        "gslb.example.com.zone",
    ];
    assert_eq!(names, all, "what is read, and nothing else");
    drop(folder);
    assert!(load(&main).config.is_none());
    assert_eq!(loaded(load_kept(&main, copies.clone())), expected);
    // One that is missing among them is missed.
    for name in copies.keys() {
        let mut fewer = copies.clone();
        fewer.remove(name);
        let found = load_kept(&main, fewer);
        let is_gone = found.config.is_none_or(|config| config.services.is_empty());
        assert!(is_gone, "without {}", name.display());
    }
}

#[test]
fn a_prober_needs_no_tokens() {
    let folder = folder();
    let main = folder.path().join("meridian.toml");
    fs::remove_file(folder.path().join("tokens/ci")).unwrap();
    let (of_node, of_prober) = (load(&main), load_for_prober(&main));
    assert!(of_node.config.is_none() && codes(&of_node).contains(&"file-missing"));
    assert!(of_prober.config.is_some(), "{:?}", codes(&of_prober));
}
