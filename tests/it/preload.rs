//! Libraries that are loaded before the C library, so that the system does to a node what it does
//! seldom.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::needs;

/// Builds one; none where there is no compiler, which is said.
pub(crate) fn library(folder: &Path, source: &str) -> Option<PathBuf> {
    let (text, library) = (folder.join("preload.c"), folder.join("preload.so"));
    std::fs::write(&text, source).unwrap();
    let mut compile = Command::new("gcc");
    compile.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&text).arg("-ldl");
    match compile.output() {
        Ok(output) if output.status.success() => Some(library),
        Ok(output) => panic!("{}", String::from_utf8_lossy(&output.stderr)),
        Err(_) => {
            needs::left_out("`gcc` is missing (see tests/prerequisites.sh)");
            None
        }
    }
}
