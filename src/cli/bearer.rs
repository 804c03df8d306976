//! The token that a command shows a node.

use std::path::Path;
use std::path::PathBuf;

use crate::cli::api::Failure;
use crate::cli::api::Intent;
use crate::cli::state;
use crate::config;
use crate::config::Access;
use crate::control::token;

/// The token that the command line or the environment has.
///
/// # Errors
///
/// If the file that was named can't be read.
pub(super) fn given(file: Option<&Path>) -> Result<Option<String>, Failure> {
    if let Some(path) = file {
        let token = first_line(path);
        return token.map(Some).map_err(Failure::Usage);
    }
    let token = std::env::var("MERIDIAN_TOKEN").ok();
    Ok(token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty()))
}

/// The token that the configuration leads to.
///
/// # Errors
///
/// If there is none, and something is to be changed.
pub(super) fn found(
    access: &Access,
    file: &Path,
    intent: Intent,
) -> Result<Option<String>, Failure> {
    let local = token::local_path(&state::folder(access.state.as_deref(), file));
    // The unit's folder: the variable that names it is set for the node alone.
    let of_unit = token::local_path(Path::new(config::INSTALLED));
    let mut files: Vec<&PathBuf> = access.token_files.iter().chain([&local]).collect();
    files.extend(access.state.is_none().then_some(&of_unit));
    let mut problem = String::new();
    for file in files {
        match first_line(file) {
            Ok(token) => return Ok(Some(token)),
            Err(why) if problem.is_empty() => problem = why,
            Err(_) => {}
        }
    }
    if intent == Intent::Look {
        // The node will say what it thinks of that.
        return Ok(None);
    }
    Err(Failure::Negative(format!(
        "no token to change anything with: {problem}; run it as the user that Meridian runs as, \
         or give a token with `--token-file` or in MERIDIAN_TOKEN"
    )))
}

fn first_line(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("failed to read `{}`: {error}", path.display()))?;
    let token = text.lines().next().unwrap_or_default().trim();
    if token.is_empty() {
        return Err(format!("the first line of `{}` is empty, expected a token", path.display()));
    }
    Ok(token.to_owned())
}
