//! The folder for what survives a restart.

use std::path::Path;
use std::path::PathBuf;

use crate::config;

/// Where it is: as configured, as the service manager says, or where this user keeps state.
pub(super) fn folder(configured: Option<&Path>) -> PathBuf {
    let is_root = rustix::process::geteuid().is_root();
    config::state_directory(configured, |name| std::env::var_os(name), is_root)
}
