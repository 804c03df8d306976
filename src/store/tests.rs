//! What ends half way, is in the way, or is somebody else's.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::model::NodeProblems;
use crate::model::ProblemCode;
use crate::model::limits;
use crate::store::Store;
use crate::store::writer::Pace;
use crate::tasks::Stopped;
use crate::tasks::Tasks;

#[path = "../../tests/it/needs.rs"]
#[expect(dead_code, reason = "some of it is for `tests/it`")]
mod needs;

/// Nothing here takes so long on the slowest machine.
const DEADLINE: Duration = Duration::from_secs(30);

/// A folder for a store, and the tasks its writer is one of.
struct Ground {
    folder: TempDir,
    tasks: Tasks,
    problems: NodeProblems,
}

impl Ground {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), tasks: Tasks::new(), problems: <_>::default() }
    }

    fn directory(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Writes a file of the folder, as if a node before had.
    fn left(&self, name: &str, octets: &[u8]) {
        fs::create_dir_all(self.directory()).unwrap();
        fs::write(self.directory().join(name), octets).unwrap();
    }

    fn open(&self) -> (Store, Option<String>, Vec<String>) {
        self.open_by(&self.tasks)
    }

    fn open_by(&self, tasks: &Tasks) -> (Store, Option<String>, Vec<String>) {
        Store::open(&self.directory(), &self.problems, tasks)
    }

    fn slow(&self) -> Store {
        let slow = Pace { rest: DEADLINE, most: DEADLINE, ..Pace::default() };
        Store::paced(&self.directory(), &self.problems, &self.tasks, slow).0
    }

    /// What is said of files that can't be written.
    fn said(&self) -> Vec<String> {
        let all = self.problems.all();
        assert!(all.iter().all(|problem| problem.code == ProblemCode::StateNotSaved));
        all.into_iter().map(|problem| format!("{}: {}", problem.subject, problem.message)).collect()
    }

    fn broken(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut broken: Vec<String> = names.filter(|name| name.contains(".broken-")).collect();
        broken.sort_unstable();
        broken
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.tasks.cancel();
    }
}

/// Ends the writer, which holds the lock until then.
fn end(tasks: &Tasks) {
    tasks.cancel();
    while tasks.running() > 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn text_in(directory: &Path) -> String {
    fs::read_to_string(directory.join("state.json")).unwrap()
}

#[test]
fn what_was_saved_is_there_again() {
    use std::os::unix::fs::PermissionsExt;
    let ground = Ground::new();
    let (store, text, warnings) = ground.open();
    assert_eq!((text, warnings), (None, vec![]));
    store.save("first".to_owned());
    assert!(store.shared.settle(DEADLINE));
    assert_eq!(text_in(&ground.directory()), "first");
    store.save("second".to_owned());
    assert!(store.shared.settle(DEADLINE));
    let mode = |name: &str| {
        fs::metadata(ground.directory().join(name)).unwrap().permissions().mode() & 0o777
    };
    assert_eq!((mode(""), mode("state.json")), (0o700, 0o600));
    assert_eq!(ground.open().1.as_deref(), Some("second"));
}

/// A process that is killed while it writes leaves a part of `state.json.new`, of any length.
#[test]
fn half_of_a_text_is_never_read() {
    let ground = Ground::new();
    ground.left("state.json", b"{\"old\": true}");
    let next = b"{\"new\": true}";
    for length in 0..=next.len() {
        ground.left("state.json.new", &next[..length]);
        let part = Tasks::new();
        let (store, text, warnings) = ground.open_by(&part);
        assert_eq!((text.as_deref(), warnings), (Some("{\"old\": true}"), vec![]), "{length}");
        drop(store);
        end(&part);
    }
    let (store, ..) = ground.open();
    store.save("{}".to_owned());
    assert!(store.shared.settle(DEADLINE));
    assert_eq!(text_in(&ground.directory()), "{}");
}

/// A disk that lost the end of the file: what is left is read or set aside, never a panic.
#[test]
fn a_file_that_was_cut_or_is_no_text_is_no_reason_to_stop() {
    let whole = "{\"région\": \"é\"}".as_bytes();
    for length in 0..=whole.len() {
        let ground = Ground::new();
        ground.left("state.json", &whole[..length]);
        let (_store, text, warnings) = ground.open();
        match std::str::from_utf8(&whole[..length]) {
            Ok(expected) => assert_eq!((text.as_deref(), warnings.len()), (Some(expected), 0)),
            Err(_) => {
                assert_eq!((text, warnings.len()), (None, 1));
                assert!(warnings[0].contains("not text at offset"), "{warnings:?}");
                assert_eq!(ground.broken().len(), 1);
            }
        }
    }
}

#[test]
fn of_what_was_set_aside_the_last_three_are_kept() {
    let ground = Ground::new();
    for n in 0..5 {
        ground.left("state.json", format!("old format {n}").as_bytes());
        let tasks = Tasks::new();
        let (store, text, warnings) = ground.open_by(&tasks);
        assert_eq!((text, warnings), (Some(format!("old format {n}")), vec![]));
        let told = store.set_aside("version 0 is from before");
        let kept = ground.broken();
        assert_eq!(kept.len(), (n + 1).min(3));
        let last = kept.last().unwrap();
        assert!(told.contains("version 0 is from before") && told.contains(last), "{told}");
        let newest = fs::read_to_string(ground.directory().join(last)).unwrap();
        assert_eq!(newest, format!("old format {n}"));
        drop(store);
        end(&tasks);
    }
}

#[test]
fn a_file_that_is_too_large_or_can_not_be_read_is_set_aside() {
    for name in ["state.json", "other"] {
        let (ground, most) = (Ground::new(), u64::try_from(limits::STATE).unwrap());
        ground.left(name, b""); // A folder can't be read as a file, by whomever.
        let state = ground.directory().join("state.json");
        let file = fs::OpenOptions::new().write(true).open(&state);
        file.map_or_else(|_| fs::create_dir(&state), |file| file.set_len(most + 1)).unwrap();
        let (_store, text, told) = ground.open();
        assert_eq!((text, told.len(), ground.broken().len()), (None, 1, 1));
    }
}

#[test]
fn a_folder_that_can_not_be_is_a_warning() {
    let ground = Ground::new();
    fs::write(ground.directory(), "in the way").unwrap();
    let (store, text, warnings) = ground.open();
    assert_eq!((text, warnings.len()), (None, 1));
    assert!(warnings[0].contains("failed to make the folder"), "{warnings:?}");
    assert!(ground.said()[0].contains("failed to make the folder"), "{:?}", ground.said());
    store.save("lost".to_owned());
    assert!(!store.shared.settle(DEADLINE), "it says that it is not written");
    // Mended while the node runs, it is taken.
    fs::remove_file(ground.directory()).unwrap();
    assert!(store.shared.settle(DEADLINE));
    assert_eq!(text_in(&ground.directory()), "lost");
}

#[test]
fn a_second_node_reads_and_writes_nothing_until_the_first_is_gone() {
    let ground = Ground::new();
    let (first, ..) = ground.open();
    first.save("of the first".to_owned());
    assert!(first.shared.settle(DEADLINE));
    let others = Tasks::new();
    let (second, text, warnings) = ground.open_by(&others);
    assert_eq!(text.as_deref(), Some("of the first"));
    assert!(warnings[0].contains("another node keeps its state"), "{warnings:?}");
    second.save("of the second".to_owned());
    assert!(!second.shared.settle(DEADLINE));
    assert!(second.set_aside("why").contains("it isn't ours"));
    assert_eq!(text_in(&ground.directory()), "of the first");
    drop(first);
    end(&ground.tasks);
    assert!(second.shared.settle(DEADLINE));
    assert_eq!(text_in(&ground.directory()), "of the second");
    others.cancel();
}

/// Each is told by a write that holds what it handed over, never by an earlier one that ends.
#[test]
fn one_who_waits_is_never_told_for_another() {
    let ground = Ground::new();
    let store = ground.slow();
    store.save("0".to_owned());
    assert!(store.shared.settle(DEADLINE));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let (store, directory) = (&store, ground.directory());
            scope.spawn(move || {
                for _ in 0..20 {
                    let number = store.shared.hand_over_counted();
                    store.saved(number).blocking_recv().unwrap().unwrap();
                    let on_disk: u64 = text_in(&directory).parse().unwrap();
                    assert!(on_disk >= number, "{number} was confirmed by {on_disk}");
                }
            });
        }
    });
    // While the folder is held nothing is written: who waits for what is on disk is told at
    // once, who waits for more is not.
    let (held, written) = (store.shared.folder(), store.shared.hand_over_counted() - 1);
    let mut later = store.saved(written + 1);
    store.saved(written).blocking_recv().unwrap().unwrap();
    std::thread::sleep(Duration::from_millis(20));
    assert!(later.try_recv().is_err(), "nothing was written");
    drop(held);
    later.blocking_recv().unwrap().unwrap();
}

#[test]
fn a_folder_that_was_taken_away_is_made_again() {
    let ground = Ground::new();
    let (store, ..) = ground.open();
    store.save("first".to_owned());
    assert!(store.shared.settle(DEADLINE));
    fs::remove_dir_all(ground.directory()).unwrap();
    // Where another folder is mounted in its place there is none of its locks.
    fs::create_dir(ground.directory()).unwrap();
    store.save("second".to_owned());
    assert!(store.shared.settle(DEADLINE));
    assert_eq!(text_in(&ground.directory()), "second");
    let (_, _, warnings) = ground.open_by(&Tasks::new());
    assert!(warnings[0].contains("another node"), "its lock is taken too: {warnings:?}");
}

#[test]
fn of_many_texts_the_newest_is_written_and_few_are() {
    let ground = Ground::new();
    let store = ground.slow();
    store.save("at once".to_owned());
    assert!(store.shared.settle(DEADLINE));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for n in 0..1000 {
                    store.save(format!("{thread} {n}"));
                }
            });
        }
    });
    // It rests, so nothing of it was written yet.
    assert_eq!(text_in(&ground.directory()), "at once");
    store.save("newest".to_owned());
    assert!(store.shared.settle(DEADLINE));
    assert_eq!(text_in(&ground.directory()), "newest");
}

#[tokio::test]
async fn what_was_handed_over_is_written_when_the_node_stops() {
    let ground = Ground::new();
    let store = ground.slow();
    store.save("first".to_owned());
    assert!(store.shared.settle(DEADLINE));
    store.save("last".to_owned());
    assert_eq!(ground.tasks.stop(DEADLINE).await, Stopped::Clean);
    assert_eq!(text_in(&ground.directory()), "last");
    // After that nobody writes, and nobody waits for it.
    store.save("too late".to_owned());
    assert!(!store.shared.settle(DEADLINE));
}

#[test]
fn a_full_disk_leaves_the_text_before_and_is_written_to_when_it_is_not_full() {
    let ground = Ground::new();
    let Some(disk) = Disk::mount(&ground.directory()) else {
        return needs::left_out("no file system may be mounted (run it as root)");
    };
    let (store, ..) = ground.open();
    store.save("small".to_owned());
    assert!(store.shared.settle(DEADLINE));
    let large = "x".repeat(256 * 1024);
    let saved = store.saved(store.save(large.clone()));
    let why = saved.blocking_recv().unwrap().unwrap_err();
    assert!(why.contains("No space left") && why.contains("state.json"), "{why}");
    assert!(ground.said()[0].contains("No space left"), "{:?}", ground.said());
    assert_eq!(text_in(&disk.0), "small");
    // With more room it is written, without being handed over again.
    assert!(Disk::command("mount", &["-o", "remount,size=2m", disk.0.to_str().unwrap()]));
    assert!(store.shared.settle(DEADLINE));
    assert_eq!(text_in(&disk.0), large);
    assert_eq!(ground.said(), [""; 0]);
    drop(store);
    end(&ground.tasks);
}

#[test]
fn a_disk_that_became_read_only_is_said_and_is_written_to_when_it_is_not() {
    let ground = Ground::new();
    let (store, ..) = ground.open();
    store.save("before".to_owned());
    assert!(store.shared.settle(DEADLINE));
    // Over the folder, since what is open for writing below keeps its own mount from that.
    let at = ground.directory();
    let at = at.to_str().unwrap();
    if !Disk::command("mount", &["--bind", at, at]) {
        return needs::left_out("no file system may be mounted (run it as root)");
    }
    let disk = Disk(ground.directory());
    assert!(Disk::command("mount", &["-o", "remount,bind,ro", at]));
    let saved = store.saved(store.save("after".to_owned()));
    let why = saved.blocking_recv().unwrap().unwrap_err();
    assert!(why.contains("Read-only file system") && why.contains("state.json"), "{why}");
    assert!(ground.said()[0].contains("Read-only file system"), "{:?}", ground.said());
    assert_eq!(text_in(&disk.0), "before");
    assert!(Disk::command("mount", &["-o", "remount,bind,rw", at]));
    assert!(store.shared.settle(DEADLINE));
    assert_eq!(text_in(&disk.0), "after");
    assert_eq!(ground.said(), [""; 0]);
    drop(disk);
    drop(store);
    end(&ground.tasks);
}

/// A file system of a few pages; it goes away with this.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let words = ["-t", "tmpfs", "-o", "size=64k", "tmpfs", at.to_str().unwrap()];
        Self::command("mount", &words).then(|| Self(at.to_owned()))
    }

    fn command(program: &str, words: &[&str]) -> bool {
        Command::new(program).args(words).output().is_ok_and(|output| output.status.success())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        assert!(Self::command("umount", &["--lazy", self.0.to_str().unwrap()]));
    }
}

#[test]
fn a_shelf_is_whole_bounded_and_nobody_elses() {
    let ground = Ground::new();
    let (store, ..) = ground.open();
    let shelf = store.shelf("pairs.bin", 4);
    assert_eq!(shelf.read(), (None, vec![]));
    shelf.write(b"\xff\x00ab").unwrap();
    assert!(shelf.write(b"abcde").is_err());
    assert_eq!(shelf.read(), (Some(b"\xff\x00ab".to_vec()), vec![]));
    ground.left("pairs.bin", b"abcde");
    let (octets, warnings) = shelf.read();
    assert_eq!((octets, warnings.len()), (None, 1), "{warnings:?}");
    assert!(ground.broken()[0].starts_with("pairs.bin.broken-"), "{:?}", ground.broken());
    let other = Tasks::new();
    let (second, ..) = ground.open_by(&other);
    assert!(second.shelf("pairs.bin", 4).write(b"x").is_err(), "the first node has the lock");
    let said = ground.said();
    assert!(said.iter().any(|said| said.contains("pairs.bin: failed to write")), "{said:?}");
    shelf.write(b"y").unwrap();
    assert!(!ground.said().iter().any(|said| said.contains("pairs.bin")));
    end(&other);
}
