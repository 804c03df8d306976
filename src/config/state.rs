//! `[state]`: where a node keeps what it knows over a restart.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::path::PathBuf;

use crate::config::files;
use crate::config::section::Section;

/// The folder beside the configuration, where nothing else is said.
const FOLDER: &str = "state";

/// Reads `[state]`.
pub(super) fn read(mut section: Section<'_>) -> Option<PathBuf> {
    let directory = section.value("directory", "\"state\"").and_then(|value| value.path());
    section.close();
    directory.map(|at| at.value)
}

/// Returns where state is kept: what `[state]` says, else what the service manager gives in
/// `$STATE_DIRECTORY` (the first, if it gives several), else `state` beside the main file.
pub fn state_directory(
    configured: Option<&Path>,
    from_manager: Option<OsString>,
    main_file: &Path,
) -> PathBuf {
    let given = from_manager.and_then(|all| {
        let first = all.as_bytes().split(|octet| *octet == b':').next()?.to_vec();
        (!first.is_empty()).then(|| PathBuf::from(OsString::from_vec(first)))
    });
    configured
        .map(Path::to_owned)
        .or(given)
        .unwrap_or_else(|| files::folder(main_file).join(FOLDER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_comes_before_what_is_given() {
        let main = Path::new("/etc/meridian/meridian.toml");
        let said = Path::new("/srv/state");
        for (configured, given, expected) in [
            (Some(said), Some("/var/lib/meridian"), "/srv/state"),
            (None, Some("/var/lib/meridian"), "/var/lib/meridian"),
            (None, Some("/var/lib/a:/var/lib/b"), "/var/lib/a"),
            (None, Some(""), "/etc/meridian/state"),
            (None, None, "/etc/meridian/state"),
        ] {
            let found = state_directory(configured, given.map(OsString::from), main);
            assert_eq!(found, Path::new(expected), "{configured:?} {given:?}");
        }
        assert_eq!(state_directory(None, None, Path::new("meridian.toml")), Path::new("state"));
    }
}
