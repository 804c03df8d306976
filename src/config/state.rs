//! `[state]`: where a node keeps what it knows over a restart.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::path::PathBuf;

use crate::config::section::Section;

/// Where the unit keeps state, and root.
pub const INSTALLED: &str = "/var/lib/meridian";

/// Reads `[state]`.
pub(super) fn read(mut section: Section<'_>) -> Option<PathBuf> {
    let directory = section.value("directory", "\"state\"").and_then(|value| value.path());
    section.close();
    directory.map(|at| at.value)
}

/// Returns where state is kept: what `[state]` says, else what the service manager gives in
/// `$STATE_DIRECTORY` (the first, if it gives several), else of root [`INSTALLED`], and of any other
/// user the folder for state that the XDG specification names. Never beside the configuration,
/// which may be a checkout or an image.
pub fn state_directory(
    configured: Option<&Path>,
    variable: impl Fn(&str) -> Option<OsString>,
    is_root: bool,
) -> PathBuf {
    let given = variable("STATE_DIRECTORY").and_then(|all| {
        let first = all.as_bytes().split(|octet| *octet == b':').next()?.to_vec();
        (!first.is_empty()).then(|| PathBuf::from(OsString::from_vec(first)))
    });
    // What is relative there is to be ignored.
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let of_user = || {
        let state = absolute("XDG_STATE_HOME");
        state.or_else(|| Some(absolute("HOME")?.join(".local/state"))).map(|at| at.join("meridian"))
    };
    configured
        .map(Path::to_owned)
        .or(given)
        .or_else(|| if is_root { None } else { of_user() })
        .unwrap_or_else(|| INSTALLED.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_comes_before_what_is_given() {
        let said = Path::new("/srv/state");
        let given = [("STATE_DIRECTORY", "/var/lib/a:/var/lib/b"), ("HOME", "/home/u")];
        let empty = [("STATE_DIRECTORY", ""), ("HOME", "/home/u")];
        let xdg = [("XDG_STATE_HOME", "/x"), ("HOME", "/home/u")];
        let relative = [("XDG_STATE_HOME", "x"), ("HOME", "/home/u")];
        for (configured, variables, is_root, expected) in [
            (Some(said), &given[..], true, "/srv/state"),
            (None, &given, true, "/var/lib/a"),
            (None, &empty, true, "/var/lib/meridian"),
            (None, &empty, false, "/home/u/.local/state/meridian"),
            (None, &xdg, false, "/x/meridian"),
            (None, &xdg, true, "/var/lib/meridian"),
            (None, &relative, false, "/home/u/.local/state/meridian"),
            (None, &[], false, "/var/lib/meridian"),
        ] {
            let variable = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| OsString::from(value))
            };
            let found = state_directory(configured, variable, is_root);
            assert_eq!(found, Path::new(expected), "{configured:?} {variables:?} {is_root}");
        }
    }
}
