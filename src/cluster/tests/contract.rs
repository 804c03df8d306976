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
    contract(Nats::new(&at(&server)), Nats::new(&at(&server))).await;
}

/// Two handles on one store that is empty.
async fn contract(here: impl Bucket, there: impl Bucket) {
    let mut watch_here = here.watch().await.unwrap();
    let mut watch_there = there.watch().await.unwrap();
    assert_eq!(here.read().await, Ok(vec![]));

    what_one_puts_all_see(&here, [&mut watch_here, &mut watch_there]).await;
    both_shelves_are_read_whole(&there).await;
    large_values_are_refused(&here).await;

    // A watch that begins later has what comes after, and of before nothing that is undone.
    let before = there.read().await.unwrap();
    let mut late = there.watch().await.unwrap();
    let revision = here.put(node("late"), Arc::new([9])).await.unwrap();
    let mut entry = next(&mut late).await;
    while entry.revision != revision || entry.key != node("late") {
        assert!(before.contains(&entry), "{entry:?}");
        entry = next(&mut late).await;
    }
    let read = there.read().await.unwrap();
    assert_eq!(read.iter().filter(|entry| entry.key == node("late")).count(), 1);
}

async fn what_one_puts_all_see(here: &impl Bucket, watches: [&mut Watch; 2]) {
    let before = Timestamp::now() - Duration::from_secs(60);
    let first = here.put(node("a"), Arc::new([1])).await.unwrap();
    let second = here.put(node("a"), Arc::new([2])).await.unwrap();
    assert!(second > first, "{second} {first}");
    for watch in watches {
        for (revision, octet) in [(first, 1), (second, 2)] {
            let entry = next(watch).await;
            assert_eq!((entry.key, entry.revision), (node("a"), revision));
            assert_eq!(entry.value.as_ref(), [octet]);
            assert!(before < entry.stored && entry.stored < Timestamp::now(), "{}", entry.stored);
        }
    }
    let read = here.read().await.unwrap();
    assert_eq!((read.len(), read[0].revision, read[0].value.as_ref()), (1, second, &[2_u8][..]));
}

async fn both_shelves_are_read_whole(there: &impl Bucket) {
    let keys = [
        node("a"),
        Key::Admin("service www.example, pool é".to_owned()),
        Key::Monitors,
        Key::Opinions("fra".to_owned()),
        Key::Checks(u64::MAX),
    ];
    for key in &keys {
        there.put(key.clone(), Arc::from(key.to_string().as_bytes())).await.unwrap();
    }
    let mut read = there.read().await.unwrap();
    read.sort_by(|a, b| a.key.cmp(&b.key));
    let mut expected: Vec<_> = keys.into_iter().map(|key| (key.clone(), key.to_string())).collect();
    expected.sort();
    let text = |entry: Entry| (entry.key, String::from_utf8(entry.value.to_vec()).unwrap());
    assert_eq!(read.into_iter().map(text).collect::<Vec<_>>(), expected);
}

async fn large_values_are_refused(here: &impl Bucket) {
    let most = limits::SHARED_VALUE;
    here.put(node("large"), vec![7; most].into()).await.unwrap();
    let read = here.read().await.unwrap();
    let large = read.iter().find(|entry| entry.key == node("large")).unwrap();
    assert_eq!(large.value.as_ref(), vec![7; most]);
    let fault = here.put(node("large"), vec![7; most + 1].into()).await.unwrap_err();
    let expected = "the value of `nodes.large` has 1048577 octets, expected 1048576 at most";
    assert_eq!(fault.to_string(), expected);
    here.put(node("large"), Arc::new([])).await.unwrap();
    let read = here.read().await.unwrap();
    let empty = read.iter().find(|entry| entry.key == node("large")).unwrap();
    assert!(empty.value.is_empty(), "a value may be empty");
}

async fn next(watch: &mut Watch) -> Entry {
    let next = tokio::time::timeout(DEADLINE, watch.next()).await;
    next.expect("an entry in time").expect("a watch that goes on").unwrap()
}
