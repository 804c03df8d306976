//! Where the files of a configuration are read from: where the operator has them, or copies that
//! were kept of them. Notes which were read.

use std::collections::BTreeMap;
use std::path::Component;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

/// The files of a configuration; shared by all that reads them.
///
/// A file is known by its name: the absolute path as the configuration spells it, links not
/// followed, so that a copy is found where the file itself is gone.
#[derive(Clone, Debug, Default)]
pub struct InputFiles {
    /// Where the copies are, by name; nothing if the files themselves are read.
    kept: Option<Arc<BTreeMap<PathBuf, PathBuf>>>,
    /// Where the files are that were read, by name.
    read: Arc<Mutex<BTreeMap<PathBuf, PathBuf>>>,
}

impl InputFiles {
    /// Copies, by name. What is not among them is read where it is.
    pub fn kept(copies: BTreeMap<PathBuf, PathBuf>) -> Self {
        Self { kept: Some(Arc::new(copies)), read: Arc::default() }
    }

    /// Whether copies are read: then a file that is not there is no mistake, since it was there
    /// when they were made.
    pub const fn is_kept(&self) -> bool {
        self.kept.is_some()
    }

    /// Where to open a file that is about to be read.
    pub fn open_at(&self, path: &Path) -> PathBuf {
        self.open_as(path, path)
    }

    /// The same for one that is known by another path than where it is.
    pub fn open_as(&self, known: &Path, path: &Path) -> PathBuf {
        let name = name(known);
        let copy = self.kept.as_ref().and_then(|kept| kept.get(&name));
        let found = copy.cloned().unwrap_or_else(|| path.to_owned());
        self.read_mut().insert(name, found.clone());
        found
    }

    /// The copies in a folder, by name; nothing if the files themselves are read.
    pub fn in_folder(&self, folder: &Path) -> Option<Vec<PathBuf>> {
        let (kept, folder) = (self.kept.as_ref()?, name(folder));
        Some(kept.keys().filter(|path| path.parent() == Some(&*folder)).cloned().collect())
    }

    /// Where the files are that were read, by name.
    pub fn read(&self) -> BTreeMap<PathBuf, PathBuf> {
        self.read_mut().clone()
    }

    fn read_mut(&self) -> MutexGuard<'_, BTreeMap<PathBuf, PathBuf>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name by which a file is known: absolute, without `.` and `..`.
pub fn name(path: &Path) -> PathBuf {
    // Without a current folder there are no files at relative paths either.
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut name = PathBuf::new();
    for part in absolute.components() {
        match part {
            Component::ParentDir => {
                name.pop();
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => name.push(part),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_absolute_and_straight() {
        for (path, expected) in [("/a/b/../c", "/a/c"), ("/a/./b//c/", "/a/b/c"), ("/../a", "/a")] {
            assert_eq!(name(Path::new(path)), Path::new(expected), "{path}");
        }
        let here = std::env::current_dir().unwrap();
        assert_eq!(name(Path::new("x/../y")), here.join("y"));
    }

    #[test]
    fn copies_are_read_in_place_of_files_and_what_is_read_is_known() {
        let direct = InputFiles::default();
        assert_eq!(direct.open_at(Path::new("/etc/m/../m/a")), Path::new("/etc/m/../m/a"));
        let linked = direct.open_as(Path::new("/etc/m/b"), Path::new("/data/b"));
        assert_eq!(linked, Path::new("/data/b"));
        let read = direct.clone().read();
        assert_eq!(read[Path::new("/etc/m/b")], Path::new("/data/b"));
        assert_eq!((read.len(), direct.in_folder(Path::new("/etc/m"))), (2, None));
        let copies = read.into_keys().zip(["/kept/1", "/kept/2"].map(PathBuf::from)).collect();
        let kept = InputFiles::kept(copies);
        assert!(kept.is_kept());
        assert_eq!(kept.open_at(Path::new("/etc/m/a")), Path::new("/kept/1"));
        assert_eq!(kept.open_at(Path::new("/etc/m/other")), Path::new("/etc/m/other"));
        let names = ["/etc/m/a", "/etc/m/b"].map(PathBuf::from).to_vec();
        assert_eq!(kept.in_folder(Path::new("/etc/m/")), Some(names));
        assert_eq!(kept.in_folder(Path::new("/etc")), Some(vec![]));
    }
}
