//! Files that others may write while the node runs as root: whoever can change what a hook or an
//! `exec` monitor runs, runs it as root.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::cli::node::keeping::Inputs;

/// Files of a configuration, and folders that they are in, which another than root may write:
/// each with why, in words. None where the node does not run as root.
pub(super) fn exposed(inputs: &Inputs) -> Vec<(String, String)> {
    if !rustix::process::geteuid().is_root() {
        return Vec::new();
    }
    let files = inputs.files.keys().map(std::path::PathBuf::as_path);
    let all: BTreeSet<&Path> =
        files.flat_map(|file| [Some(file), file.parent()]).flatten().collect();
    let problem = |path: &Path| {
        let writer = writer(&path.metadata().ok()?)?;
        Some((
            path.display().to_string(),
            format!(
                "{writer} may write it, and this node runs as root: whoever writes it decides what runs as \
                 root; run the node as a user of its own, as the unit does, or let root alone write it"
            ),
        ))
    };
    all.into_iter().filter_map(problem).collect()
}

/// Who else may write a file or folder than root.
fn writer(found: &Metadata) -> Option<String> {
    of_rights(found.mode(), found.uid(), found.gid(), found.is_dir())
}

fn of_rights(mode: u32, owner: u32, group: u32, is_folder: bool) -> Option<String> {
    // In a sticky folder nobody replaces what is another's.
    let is_sticky = is_folder && mode & 0o1000 != 0;
    if owner != 0 {
        Some(format!("user {owner}"))
    } else if mode & 0o002 != 0 && !is_sticky {
        Some("everybody".to_owned())
    } else if mode & 0o020 != 0 && group != 0 && !is_sticky {
        Some(format!("group {group}"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_else_may_write_is_told() {
        for (mode, owner, group, is_folder, expected) in [
            (0o100_644, 0, 0, false, None),
            (0o100_664, 0, 0, false, None),
            (0o100_644, 1000, 0, false, Some("user 1000")),
            (0o100_664, 0, 50, false, Some("group 50")),
            (0o100_666, 0, 0, false, Some("everybody")),
            (0o040_777, 0, 0, true, Some("everybody")),
            (0o041_777, 0, 0, true, None),
        ] {
            let found = of_rights(mode, owner, group, is_folder);
            assert_eq!(found.as_deref(), expected, "{mode:o} {owner} {group}");
        }
    }
}
