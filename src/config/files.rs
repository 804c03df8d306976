//! Finds and reads the files of a configuration.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::codes;
use crate::config::reader::At;
use crate::config::suggest;
use crate::model::Code;
use crate::model::Diagnostic;
use crate::model::InputFiles;
use crate::model::Severity;
use crate::model::SourceId;
use crate::model::Sources;
use crate::model::limits;

/// The folder of a file; empty for a bare file name, so that paths show as typed.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or_else(|| Path::new(""))
}

/// Reads a text file that `path` names.
pub(super) fn read(
    path: &At<PathBuf>,
    sources: &mut Sources,
) -> Result<(SourceId, Arc<str>), Diagnostic> {
    let text = text(&path.value, sources.files()).map_err(|problem| {
        let message = problem.message.clone();
        problem.label(path.span, message)
    })?;
    Ok((sources.add(&path.value, Arc::clone(&text)), text))
}

/// Reads a text file; the problem has no place yet.
pub(super) fn text(path: &Path, files: &InputFiles) -> Result<Arc<str>, Diagnostic> {
    let octets = octets(&files.open_at(path)).map_err(|error| unreadable(path, &error))?;
    if octets.len() > limits::CONFIG_FILE {
        let most = limits::CONFIG_FILE / (1024 * 1024);
        let message = format!("`{}` is too large: expected at most {most} MiB", path.display());
        return Err(new(codes::FILE_UNREADABLE, message).help("split the file"));
    }
    String::from_utf8(octets).map(Arc::from).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let message = format!(
            "`{}` is not UTF-8: expected text, found other octets at offset {at}",
            path.display()
        );
        new(codes::FILE_UNREADABLE, message).help("save the file as UTF-8")
    })
}

/// Reads no more than is needed to see that a file is too large: it may be a device.
fn octets(path: &Path) -> io::Result<Vec<u8>> {
    let most = u64::try_from(limits::CONFIG_FILE).unwrap_or(u64::MAX);
    let mut octets = Vec::new();
    fs::File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut octets)?;
    Ok(octets)
}

/// Returns why a file can't be opened, if it can't. Of copies that were kept none is missed.
pub(super) fn missing(path: &At<PathBuf>, files: &InputFiles) -> Option<Diagnostic> {
    if files.is_kept() {
        return None;
    }
    let problem = match fs::File::open(&path.value).and_then(|file| file.metadata()) {
        Err(error) => unreadable(&path.value, &error),
        Ok(metadata) if metadata.is_dir() => {
            unreadable(&path.value, &io::Error::from(io::ErrorKind::IsADirectory))
        }
        Ok(_) => return None,
    };
    let message = problem.message.clone();
    Some(problem.label(path.span, message))
}

fn unreadable(path: &Path, error: &io::Error) -> Diagnostic {
    let shown = path.display();
    if error.kind() == io::ErrorKind::NotFound {
        let help = match nearest_file(path) {
            Some(near) => format!("there is `{}`: did you mean that?", near.display()),
            None => format!("create `{shown}`, or correct the path; it is relative to this file"),
        };
        return new(codes::FILE_MISSING, format!("there is no file `{shown}`")).help(help);
    }
    let why = if error.kind() == io::ErrorKind::PermissionDenied {
        "permission denied".to_owned()
    } else if error.kind() == io::ErrorKind::IsADirectory {
        "it is a folder".to_owned()
    } else {
        error.to_string()
    };
    new(codes::FILE_UNREADABLE, format!("can't read `{shown}`: {why}"))
        .help("name a file that this user may read")
}

fn new(code: Code, message: String) -> Diagnostic {
    Diagnostic::new(code, Severity::Error, message)
}

/// A file of nearly this name beside where this one should be.
fn nearest_file(path: &Path) -> Option<PathBuf> {
    let wanted = path.file_name()?.to_str()?;
    let folder = match folder(path) {
        empty if empty.as_os_str().is_empty() => Path::new("."),
        folder => folder,
    };
    let entries = fs::read_dir(folder).ok()?.take(1000).flatten();
    let names: Vec<String> = entries.filter_map(|e| e.file_name().into_string().ok()).collect();
    let near = suggest::nearest(wanted, names.iter().map(String::as_str))?;
    (near != wanted).then(|| path.with_file_name(near))
}

/// What a pattern of `include` stands for.
pub(super) struct Included {
    /// The files, by name.
    pub(super) paths: Vec<PathBuf>,
    /// The folder to watch for new ones.
    pub(super) folder: Option<PathBuf>,
}

/// Expands a pattern: a path, or one with `*` in its last part.
pub(super) fn expand(pattern: &At<PathBuf>, files: &InputFiles) -> Result<Included, Diagnostic> {
    let path = &pattern.value;
    let stars = |text: Option<&OsStr>| {
        text.and_then(|text| text.to_str()).is_some_and(|text| text.contains('*'))
    };
    let folder = folder(path);
    if folder.iter().any(|part| stars(Some(part))) {
        let message = format!(
            "`include` pattern `{}` has `*` in a folder, expected it in the last part only",
            path.display()
        );
        return Err(Diagnostic::error(codes::INCLUDE_PATTERN, pattern.span, message)
            .label(pattern.span, "only files are matched, not folders")
            .help("write one pattern per folder, such as \"services/*.toml\""));
    }
    if !stars(path.file_name()) {
        return match missing(pattern, files) {
            Some(problem) => Err(problem),
            None => Ok(Included { paths: vec![path.clone()], folder: None }),
        };
    }
    let wanted = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let real = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    if let Some(copies) = files.in_folder(real) {
        let is_wanted = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| matches(wanted, name))
        };
        let paths = copies.into_iter().filter(is_wanted).collect();
        return Ok(Included { paths, folder: Some(folder.to_owned()) });
    }
    let entries = fs::read_dir(real).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut paths: Vec<PathBuf> = names
        .filter(|name| matches(wanted, name))
        .map(|name| folder.join(name))
        .filter(|path| path.is_file())
        .collect();
    paths.sort_unstable();
    Ok(Included { paths, folder: Some(folder.to_owned()) })
}

/// Whether a file name matches a pattern, in which `*` is any text but a leading dot.
fn matches(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(head) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let Some(tail) = parts.pop() else { return true };
    for part in parts {
        // The leftmost match leaves the most for the parts after it.
        let Some(at) = left.find(part) else { return false };
        left = left.get(at + part.len()..).unwrap_or_default();
    }
    left.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_match_any_text() {
        for (pattern, name, expected) in [
            ("*.toml", "a.toml", true),
            ("*.toml", ".toml", false),
            ("*.toml", "a.toml.bak", false),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxc", false),
            ("a*b*c", "abc", true),
            ("*", "x", true),
            ("a*a", "a", false),
            ("www.toml", "www.toml", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
