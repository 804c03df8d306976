//! What is kept, damaged, or can not be kept.

use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::*;
use crate::model::NodeProblems;
use crate::store::Store;
use crate::tasks::Tasks;

/// A folder of files, a state directory, and what keeps copies of the ones in the other.
struct Ground {
    folder: TempDir,
    last_good: LastGood,
    _store: Store,
    tasks: Tasks,
}

impl Ground {
    fn new() -> Self {
        let (folder, tasks) = (TempDir::new().unwrap(), Tasks::new());
        let state = folder.path().join("state");
        let (store, ..) = Store::open(&state, &NodeProblems::default(), &tasks);
        Self { folder, last_good: store.last_good(), _store: store, tasks }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn main(&self) -> PathBuf {
        self.folder.path().join("a.toml")
    }

    fn files(&self, contents: &[(&str, &str)]) -> BTreeMap<PathBuf, PathBuf> {
        let write = |(name, text): &(&str, &str)| {
            let path = self.folder.path().join(name);
            fs::write(&path, text).unwrap();
            (path.clone(), path)
        };
        contents.iter().map(write).collect()
    }

    fn keep(&self, contents: &[(&str, &str)], is_current: bool) -> io::Result<bool> {
        let files = self.files(contents);
        self.last_good.keep(&self.main(), &files, &digests(&files)?, || is_current)
    }

    /// What is kept, by file name.
    fn kept(&self) -> Vec<(String, String)> {
        let kept = last_good(&self.state(), &self.main()).unwrap().unwrap();
        let read = |(name, copy): (PathBuf, PathBuf)| {
            let name = name.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(copy).unwrap())
        };
        kept.files.into_iter().map(read).collect()
    }

    fn entries(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.state().join(FOLDER)).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.tasks.cancel();
    }
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn one_generation_is_kept_whole_for_its_owner_alone() {
    let ground = Ground::new();
    assert_eq!(last_good(&ground.state(), &ground.main()), Ok(None));
    let first = [("a.toml", "1"), ("b.zone", "same"), ("token", "secret")];
    assert!(ground.keep(&first, true).unwrap());
    assert_eq!(ground.kept(), pairs(&first));
    for path in ground.entries() {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
    }
    let second = [("a.toml", "2"), ("b.zone", "same")];
    assert!(ground.keep(&second, true).unwrap());
    assert_eq!(ground.kept(), pairs(&second));
    assert_eq!(ground.entries().len(), 3, "a manifest and two copies");
    // The files may go, and change in place: the copies are none of theirs.
    fs::write(ground.folder.path().join("b.zone"), "other").unwrap();
    fs::remove_file(ground.main()).unwrap();
    assert_eq!(ground.kept(), pairs(&second));
    // Files that are others by now are not kept, nor is anything of them left.
    assert!(!ground.keep(&[("a.toml", "3")], false).unwrap());
    assert_eq!((ground.kept(), ground.entries().len()), (pairs(&second), 3));
}

#[test]
fn what_is_damaged_or_of_another_configuration_is_told_and_not_used() {
    let ground = Ground::new();
    let files = [("a.toml", "1"), ("b.zone", "zone")];
    ground.keep(&files, true).unwrap();
    let problem = || last_good(&ground.state(), &ground.main()).unwrap_err();
    let other = last_good(&ground.state(), Path::new("/etc/other.toml")).unwrap_err();
    assert!(other.contains("another configuration"), "{other}");
    for path in ground.entries() {
        let whole = fs::read(&path).unwrap();
        for damaged in [&whole[..whole.len() - 1], &[&whole[..], b" "].concat(), b""] {
            fs::write(&path, damaged).unwrap();
            assert!(problem().contains("is damaged"), "{}", problem());
        }
        let is_manifest = path.ends_with(MANIFEST);
        fs::remove_file(&path).unwrap();
        match is_manifest {
            true => assert_eq!(last_good(&ground.state(), &ground.main()), Ok(None)),
            false => assert!(problem().contains("can't be read"), "{}", problem()),
        }
        fs::write(&path, whole).unwrap();
    }
    // A copy that is damaged is made again.
    let zone = ground.entries().into_iter().find(|path| fs::read(path).unwrap() == b"zone");
    fs::write(zone.unwrap(), "enoz").unwrap();
    ground.keep(&files, true).unwrap();
    assert_eq!(ground.kept(), pairs(&files));
    // What may not be read need not be damaged: here a folder.
    let manifest = ground.state().join(FOLDER).join(MANIFEST);
    fs::remove_file(&manifest).unwrap();
    fs::create_dir(&manifest).unwrap();
    assert!(problem().contains("can't be read: Is a directory"), "{}", problem());
}

#[test]
fn what_can_not_be_kept_leaves_what_was() {
    let ground = Ground::new();
    ground.keep(&[("a.toml", "1")], true).unwrap();
    let mut files = ground.files(&[("a.toml", "2"), ("b", "")]);
    let of_files = digests(&files).unwrap();
    let large = File::options().write(true).open(ground.folder.path().join("b")).unwrap();
    large.set_len(limits::LAST_GOOD + 1).unwrap();
    let too_large = ground.last_good.keep(&ground.main(), &files, &of_files, || true);
    assert!(too_large.unwrap_err().to_string().contains("more than"));
    large.set_len(1).unwrap();
    let changed = ground.last_good.keep(&ground.main(), &files, &of_files, || true);
    assert!(changed.unwrap_err().to_string().contains("changes all the time"));
    files.insert("/gone".into(), "/gone".into());
    assert!(digests(&files).is_err());
    assert_eq!((ground.kept(), ground.entries().len()), (pairs(&[("a.toml", "1")]), 2));
}
