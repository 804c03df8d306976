//! The units of systemd: systemd takes them, they run commands there are, and the manual shows
//! them as they are.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;

use crate::needs;
use crate::sources;

const FOLDER: &str = "src/manual/systemd";

const UNITS: [(&str, &str); 2] =
    [("meridian.service", "serve"), ("meridian-probe@.service", "probe")];

/// Tenths of what `systemd-analyze security` calls exposure: 100 is a service that may do
/// anything, 50 and more "medium". It talks to the whole Internet, which alone makes 10.
const EXPOSURE: &str = "--threshold=20";

fn read(name: &str) -> String {
    sources::read(&format!("{FOLDER}/{name}"))
}

/// The values that a unit gives a key, in order.
fn values(unit: &str, key: &str) -> Vec<String> {
    let line = |line: &str| Some(line.strip_prefix(key)?.strip_prefix('=')?.to_owned());
    unit.lines().filter_map(line).collect()
}

#[test]
fn units_run_commands_there_are() {
    for (name, command) in UNITS {
        let unit = read(name);
        let [line] = &values(&unit, "ExecStart")[..] else { panic!("{name}: one ExecStart") };
        // systemd puts the instance there.
        let line = line.replace("%i", "frankfurt");
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(words[0], "/usr/bin/meridian", "{name}");
        let matches = meridian::cli::command().try_get_matches_from(&words);
        let matches = matches.unwrap_or_else(|error| panic!("{name}: {error}"));
        let (found, options) = matches.subcommand().unwrap();
        assert_eq!(found, command, "{name}");
        let config = options.get_one::<PathBuf>("config").unwrap();
        assert_eq!(config.to_str(), Some("/etc/meridian/meridian.toml"), "{name}");
        let node = options.get_one::<String>("node").map(String::as_str);
        assert_eq!(node, name.contains('@').then_some("frankfurt"), "{name}");
    }
}

#[test]
fn units_promise_what_the_program_does() {
    for (name, command) in UNITS {
        let unit = read(name);
        let one = |key: &str| values(&unit, key).join(" ");
        // It notifies; reloads by a signal; watches no clock; ends with 2 for a wrong file.
        assert_eq!(one("Type"), "notify", "{name}");
        assert_eq!(one("ExecReload"), "kill -HUP $MAINPID", "{name}");
        assert_eq!(one("WatchdogSec"), "", "{name}");
        assert_eq!(one("RestartPreventExitStatus"), "2", "{name}");
        assert_eq!(one("DynamicUser"), "yes", "{name}");
        // All that it may have is given to it, and it is one thing.
        let needed = if command == "serve" { "CAP_NET_BIND_SERVICE" } else { "CAP_NET_RAW" };
        assert_eq!(one("AmbientCapabilities"), needed, "{name}");
        assert_eq!(one("CapabilityBoundingSet"), needed, "{name}");
        // Only a name server keeps anything; where, the commands know without being told.
        let kept = if command == "serve" { "meridian" } else { "" };
        assert_eq!(one("StateDirectory"), kept, "{name}");
    }
}

#[test]
fn the_manual_shows_the_units_as_they_are() {
    let manual = sources::read("src/manual/systemd.md");
    for (name, _) in UNITS {
        assert!(manual.contains(&format!("`{name}`")), "{name} is not in the manual");
        let shown = format!("```ini\n{}```\n", read(name));
        assert!(manual.contains(&shown), "the manual shows {name} otherwise");
    }
}

#[test]
fn systemd_takes_the_units_and_calls_them_confined() {
    let folder = tempfile::tempdir().unwrap();
    for (name, _) in UNITS {
        let file = folder.path().join(name);
        let unit = read(name).replace("/usr/bin/meridian", env!("CARGO_BIN_EXE_meridian"));
        fs::write(&file, unit).unwrap();
        let analyze = |words: &[&str]| {
            let mut command = Command::new("systemd-analyze");
            command.args(words).arg("--no-pager").arg(&file).output()
        };
        let Ok(verified) = analyze(&["verify", "--man=no"]) else {
            return needs::left_out("`systemd-analyze` is missing");
        };
        assert!(verified.status.success() && said(&verified).is_empty(), "{}", said(&verified));
        let judged = analyze(&["security", "--offline=true", EXPOSURE]).unwrap();
        if said(&judged).contains("unrecognized option") {
            needs::left_out("`systemd-analyze` is older than 250 and judges no exposure");
            continue;
        }
        assert!(judged.status.success(), "{name}: {}", said(&judged));
    }
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|octets| String::from_utf8_lossy(octets)).concat()
}
