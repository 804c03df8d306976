//! What good maintenance tables come to.

use std::path::Path;
use std::time::Duration;

use crate::config::Config;
use crate::config::load_str;
use crate::config::tests::cases;
use crate::config::tests::folder::Folder;
use crate::model::AdminState;
use crate::model::limits;

/// The base with two services whose TTLs are an hour and half a minute, and this.
fn config(text: &str) -> Config {
    let folder = Folder::new();
    let api = "[service.api]\nname = \"api.gslb.example.com\"\nttl = \"1h\"\n\
               pool.us.endpoints = [\"192.0.2.20\", \"2001:db8::20\"]\n";
    let loaded = load_str(&format!("{text}{}{api}", cases::BASE), folder.path());
    let problems: Vec<_> = loaded.diagnostics.iter().map(|problem| &problem.message).collect();
    loaded.config.unwrap_or_else(|| panic!("{problems:?}"))
}

#[test]
fn clients_are_kept_away_for_three_times_the_longest_ttl_that_is_concerned() {
    let pre_drain = |target: &str, more: &str| {
        let table = format!(
            "[[maintenance]]\ntarget = {target}\nevery = \"@weekly\"\nduration = \"1h\"\n{more}"
        );
        config(&table).maintenance[0].pre_drain
    };
    let seconds = Duration::from_secs;
    // Both services have a pool in `us`, one in `eu`.
    for (target, expected) in [
        ("\"us\"", 3 * 3600),
        ("\"eu\"", 90),
        ("\"www/us\"", 90),
        ("[\"eu\", \"api/us/192.0.2.20\"]", 3 * 3600),
    ] {
        assert_eq!(pre_drain(target, ""), seconds(expected), "{target}");
        assert_eq!(pre_drain(target, "pre-drain = \"0s\"\n"), seconds(0));
    }
}

#[test]
fn what_is_left_out_of_a_maintenance_has_defaults() {
    let table = "[[maintenance]]\ntarget = \"us\"\n\
                 start = \"2100-12-01T02:00:00+01:00\"\nend = \"2100-12-01T02:00:00Z\"\n\
                 [[maintenance]]\ntarget = [\"www/us\", \"api/us/2001:DB8:0::20\"]\n\
                 state = \"forced-down\"\nwhy = \"new kernel\"\n\
                 every = \"30 2 * * SUN\"\nduration = \"90m\"\ntime-zone = \"Europe/Berlin\"\n";
    let config = config(table);
    let [once, weekly] = &config.maintenance[..] else { panic!("two") };
    assert_eq!((once.state, once.why.as_str()), (AdminState::Drained, ""));
    let window = once.active("2100-12-01T01:30:00Z".parse().unwrap()).unwrap();
    assert_eq!(window.from.to_string(), "2100-11-30T22:00:00Z");
    assert_eq!(window.until.to_string(), "2100-12-01T02:00:00Z");
    assert_eq!((weekly.state, weekly.why.as_str()), (AdminState::ForcedDown, "new kernel"));
    // An endpoint is named as it is shown everywhere.
    let targets: Vec<String> = weekly.target.iter().map(ToString::to_string).collect();
    assert_eq!(targets, ["www/us", "api/us/2001:db8::20"]);
}

#[test]
fn a_maintenance_takes_some_time() {
    for (end, expected) in [("00", Some("maintenance-ends-first")), ("01", None)] {
        let table = format!(
            "[[maintenance]]\ntarget = \"us\"\nstart = \"2100-12-01T02:00:00Z\"\n\
             end = \"2100-12-01T02:00:{end}Z\"\n"
        );
        let loaded = load_str(&format!("{table}{}", cases::BASE), Folder::new().path());
        assert_eq!(loaded.diagnostics.first().map(|problem| problem.code.0), expected, "{end}");
    }
}

#[test]
fn the_number_of_maintenance_tables_is_bounded() {
    let folder = Folder::new();
    let one = "[[maintenance]]\ntarget = \"us\"\nevery = \"@yearly\"\nduration = \"1h\"\n";
    for (tables, fits) in [(limits::MAINTENANCES, true), (limits::MAINTENANCES + 1, false)] {
        let loaded = load_str(&format!("{}{}", one.repeat(tables), cases::BASE), folder.path());
        assert_eq!(loaded.config.is_some(), fits);
        assert_eq!(loaded.diagnostics.iter().any(|p| p.code.0 == "too-many"), !fits);
    }
}

#[test]
fn state_is_kept_where_the_file_says() {
    assert_eq!(config("").state, None);
    let state = config("[state]\ndirectory = \"kept\"\n").state.unwrap();
    assert!(state.ends_with("kept") && state.is_absolute(), "{state:?}");
    assert_eq!(config("[state]\ndirectory = \"/srv/x\"\n").state.unwrap(), Path::new("/srv/x"));
}
