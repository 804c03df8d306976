//! The keeper: restarts, damaged files, a full queue.

use std::fs;
use std::path::Path;

use super::*;
use crate::model::NodeProblems;
use crate::store::Store;

const LINE: &[u8] = br#"{"client":"192.0.2.1","region":"us","rtt_ms":20}"#;

fn sites(names: &[&str]) -> Vec<Site> {
    names.iter().map(|name| Site { name: (*name).to_owned(), location: None }).collect()
}

fn open(folder: &Path, names: &[&str]) -> (Keeper, Tasks) {
    let tasks = Tasks::new();
    let (store, ..) = Store::open(folder, &NodeProblems::default(), &tasks);
    let shelf = store.shelf("latency.bin", limits::LATENCY_FILE);
    (Keeper::start(sites(names), Some(shelf), &tasks).unwrap(), tasks)
}

fn end(tasks: &Tasks) {
    tasks.cancel();
    while tasks.running() > 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn regions(keeper: &Keeper) -> Vec<String> {
    let page = keeper.page(None).unwrap().blocking_recv().unwrap();
    let regions = page.prefixes.into_iter().flat_map(|prefix| prefix.regions);
    regions.map(|region| region.region).collect()
}

#[test]
fn what_was_taken_is_there_after_a_restart_and_under_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let (keeper, tasks) = open(folder.path(), &["us", "eu"]);
    let taken = keeper.take(LINE.to_vec(), SourceId(1)).unwrap().blocking_recv().unwrap();
    assert_eq!(taken.taken, 1);
    assert_eq!((keeper.counts().taken, keeper.counts().prefixes), (1, 1));
    end(&tasks);
    assert_eq!(keeper.look([192, 0, 2, 1].into()).unwrap_err(), Unheard::Gone);
    let (keeper, tasks) = open(folder.path(), &["eu", "us"]);
    assert_eq!(regions(&keeper), ["us"]);
    keeper.set_sites(sites(&["us"]));
    assert_eq!(regions(&keeper), ["us"]);
    keeper.set_sites(sites(&["eu"]));
    assert!(regions(&keeper).is_empty(), "a region that is gone");
    end(&tasks);
}

#[test]
fn a_file_that_is_damaged_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("latency.bin"), b"MRDN-RTT\x01 and so on").unwrap();
    let (keeper, tasks) = open(folder.path(), &["us"]);
    assert!(regions(&keeper).is_empty());
    end(&tasks);
    let entries = fs::read_dir(folder.path()).unwrap();
    let mut names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: Vec<String> = names.by_ref().collect();
    assert!(names.iter().any(|name| name.starts_with("latency.bin.broken-")), "{names:?}");
}

#[test]
fn a_full_queue_refuses_and_counts() {
    let (queue, _work) = sync_channel(1);
    let keeper = Keeper { queue, shared: Arc::default() };
    let waiting = keeper.take(Vec::new(), SourceId(1));
    assert!(waiting.is_ok());
    assert_eq!(keeper.take(Vec::new(), SourceId(1)).unwrap_err(), Unheard::Overflow);
    assert_eq!(keeper.counts().overflows, 1);
}
