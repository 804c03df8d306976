//! The folder for what survives a restart.

use std::path::Path;
use std::path::PathBuf;

use crate::config;

/// Where it is: as configured, as the service manager says, or beside the configuration.
pub(super) fn folder(configured: Option<&Path>, config: &Path) -> PathBuf {
    config::state_directory(configured, std::env::var_os("STATE_DIRECTORY"), config)
}
