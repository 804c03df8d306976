//! The folder for what survives a restart.

use std::path::Path;
use std::path::PathBuf;

/// Where it is: as configured, as the service manager says, or beside the configuration.
pub(super) fn folder(configured: Option<&Path>, config: &Path) -> PathBuf {
    // systemd lists several, with colons between them, where a unit asks for several.
    let managed = std::env::var_os("STATE_DIRECTORY").filter(|folder| !folder.is_empty());
    let managed = managed.and_then(|folders| std::env::split_paths(&folders).next());
    configured
        .map(Path::to_owned)
        .or(managed)
        .unwrap_or_else(|| config.parent().unwrap_or_else(|| Path::new("")).join("meridian-state"))
}
