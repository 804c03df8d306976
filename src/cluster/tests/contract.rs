//! What every store has to do.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use jiff::Timestamp;

use crate::cluster::Bucket;
use crate::cluster::Entry;
use crate::cluster::Fault;
use crate::cluster::Hub;
use crate::cluster::Key;
use crate::cluster::Nats;
use crate::cluster::Refusals;
use crate::cluster::tests::DEADLINE;
use crate::cluster::tests::at;
use crate::cluster::tests::nats_server::NatsServer;
use crate::cluster::tests::node;
use crate::model::limits;

type Watch = BoxStream<'static, Result<Entry, Fault>>;

#[tokio::test]
async fn a_map_in_this_process() {
    let hub = Hub::new();
    contract(hub.clone(), hub).await;
}

#[tokio::test]
async fn a_nats_server() {
    let server = NatsServer::start("");
    contract(nats(&server), nats(&server)).await;
}

fn nats(server: &NatsServer) -> Nats {
    Nats::new(&at(server), Refusals::default())
}

/// All that a store has.
async fn read(bucket: &impl Bucket) -> Vec<Entry> {
    bucket.read().await.unwrap().into_entries()
}

/// Two handles on one store that is empty.
async fn contract(here: impl Bucket, there: impl Bucket) {
    let mut watch_here = here.watch().await.unwrap();
    let mut watch_there = there.watch().await.unwrap();
    assert_eq!(read(&here).await, []);

    what_one_puts_all_see(&here, [&mut watch_here, &mut watch_there]).await;
    both_shelves_are_read_whole(&there).await;
    large_values_are_refused(&here).await;

    // A watch that begins later has what comes after, and of before nothing that is undone.
    let before = read(&there).await;
    let mut late = there.watch().await.unwrap();
    let revision = here.put(node("late"), Arc::new([9])).await.unwrap();
    let mut entry = next(&mut late).await;
    while entry.revision != revision || entry.key != node("late") {
        assert!(before.contains(&entry), "{entry:?}");
        entry = next(&mut late).await;
    }
    let all = read(&there).await;
    assert_eq!(all.iter().filter(|entry| entry.key == node("late")).count(), 1);
}

async fn what_one_puts_all_see(here: &impl Bucket, watches: [&mut Watch; 2]) {
    let before = Timestamp::now() - Duration::from_secs(60);
    let first = here.put(node("a"), Arc::new([1])).await.unwrap();
    let second = here.put(node("a"), Arc::new([2])).await.unwrap();
    assert!(second > first, "{second} {first}");
    for watch in watches {
        // A value that was replaced may not be seen; the newest is, and after that nothing older.
        let mut entry = next(watch).await;
        if entry.revision == first {
            assert_eq!((&entry.key, entry.value.as_ref()), (&node("a"), &[1_u8][..]));
            entry = next(watch).await;
        }
        assert_eq!((entry.key, entry.revision), (node("a"), second));
        assert_eq!(entry.value.as_ref(), [2]);
        assert!(before < entry.stored && entry.stored < Timestamp::now(), "{}", entry.stored);
    }
    let all = read(here).await;
    assert_eq!((all.len(), all[0].revision, all[0].value.as_ref()), (1, second, &[2_u8][..]));
}

async fn both_shelves_are_read_whole(there: &impl Bucket) {
    let keys = [
        node("a"),
        Key::Admin("service www.example, pool é".to_owned()),
        Key::Monitors,
        Key::Opinions("fra".to_owned()),
        Key::Checks("fra".to_owned()),
    ];
    for key in &keys {
        there.put(key.clone(), Arc::from(key.to_string().as_bytes())).await.unwrap();
    }
    let mut all = read(there).await;
    all.sort_by(|a, b| a.key.cmp(&b.key));
    let mut expected: Vec<_> = keys.into_iter().map(|key| (key.clone(), key.to_string())).collect();
    expected.sort();
    let text = |entry: Entry| (entry.key, String::from_utf8(entry.value.to_vec()).unwrap());
    assert_eq!(all.into_iter().map(text).collect::<Vec<_>>(), expected);
}

async fn large_values_are_refused(here: &impl Bucket) {
    let most = limits::SHARED_VALUE;
    let large = || Key::Opinions("large".to_owned());
    here.put(large(), vec![7; most].into()).await.unwrap();
    let all = read(here).await;
    let found = all.iter().find(|entry| entry.key == large()).unwrap();
    assert_eq!(found.value.as_ref(), vec![7; most]);
    let fault = here.put(large(), vec![7; most + 1].into()).await.unwrap_err();
    let expected = "the value of `opinions.large` has 1048577 octets, expected 1048576 at most";
    assert_eq!(fault.to_string(), expected);
    here.put(large(), Arc::new([])).await.unwrap();
    let all = read(here).await;
    let empty = all.iter().find(|entry| entry.key == large()).unwrap();
    assert!(empty.value.is_empty(), "a value may be empty");
}

async fn next(watch: &mut Watch) -> Entry {
    let next = tokio::time::timeout(DEADLINE, watch.next()).await;
    next.expect("an entry in time").expect("a watch that goes on").unwrap()
}
