//! The folder for what survives a restart.

use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;

use ring::digest;

use crate::config;

/// Where the unit has its files.
const UNIT: &str = "/etc/meridian";

/// Where it is: as configured, as the service manager says, or where this user keeps state. There
/// each configuration has a folder of its own, so that two nodes of one machine are not in each
/// other's way; those of the unit have the one that the unit has.
pub(super) fn folder(configured: Option<&Path>, file: &Path) -> PathBuf {
    folder_by(configured, file, &|name| std::env::var_os(name))
}

/// The same, by these variables of the environment.
fn folder_by(
    configured: Option<&Path>,
    file: &Path,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> PathBuf {
    let is_root = rustix::process::geteuid().is_root();
    let folder = config::state_directory(configured, variable, is_root);
    let is_given =
        configured.is_some() || variable("STATE_DIRECTORY").is_some_and(|at| !at.is_empty());
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    if is_given || file.starts_with(UNIT) { folder } else { folder.join(own(&file)) }
}

/// The name of a configuration's folder: what its file is called, and a hash of where it is.
fn own(file: &Path) -> String {
    let hash = digest::digest(&digest::SHA256, file.as_os_str().as_encoded_bytes());
    let hash: String = hash.as_ref().iter().take(6).map(|octet| format!("{octet:02x}")).collect();
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    format!("{name}-{hash}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_configuration_has_a_folder_of_its_own() {
        let (a, b) = (Path::new("/srv/a/meridian.toml"), Path::new("/srv/b/meridian.toml"));
        assert_ne!(own(a), own(b));
        assert_eq!(own(a), own(a));
        assert!(own(a).starts_with("meridian-"));
        let said = Path::new("/srv/state");
        let of = |configured, file| folder_by(configured, file, &|_| None);
        assert_eq!(of(Some(said), a), said);
        assert_ne!(of(None, a), of(None, b));
        let (x, y) = (Path::new("/etc/meridian/x.toml"), Path::new("/etc/meridian/y.toml"));
        assert_eq!(of(None, x), of(None, y));
        // The service manager's folder is that of one node.
        let given = |file| {
            folder_by(None, file, &|name| {
                (name == "STATE_DIRECTORY").then(|| "/var/lib/given".into())
            })
        };
        assert_eq!((given(a), given(b)), ("/var/lib/given".into(), "/var/lib/given".into()));
    }
}
