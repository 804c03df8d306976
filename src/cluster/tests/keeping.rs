//! The link over a store that does as it is told, in virtual time.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::sleep;

use crate::cluster::Entry;
use crate::cluster::Fault;
use crate::cluster::Key;
use crate::cluster::Link;
use crate::cluster::News;
use crate::cluster::tests::Listener;
use crate::cluster::tests::node;
use crate::cluster::tests::pair;
use crate::cluster::tests::script::Script;
use crate::model::limits;

fn unreachable() -> Fault {
    Fault::Unreachable { servers: "nowhere".to_owned(), found: "nobody".to_owned() }
}

fn denied() -> Fault {
    Fault::NotAllowed { subject: "x".to_owned(), found: "no".to_owned() }
}

/// Each number is within a quarter below what is expected.
fn about(found: &[u64], expected: &[u64]) {
    let is_near = |(found, most): (&u64, &u64)| (most * 3 / 4..=most + 2).contains(found);
    assert_eq!(found.len(), expected.len(), "{found:?}");
    assert!(found.iter().zip(expected).all(is_near), "{found:?} for {expected:?}");
}

fn gaps(times: &[u64]) -> Vec<u64> {
    times.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_not_there_is_tried_for_ever_and_complained_of_once() {
    let script = Script::new();
    script.fail(unreachable());
    let mut listener = script.listen();
    assert_eq!(
        listener.lost().await,
        "no NATS server can be reached at nowhere: nobody; trying again"
    );
    sleep(Duration::from_millis(13_400)).await;
    about(&gaps(&script.watched())[..6], &[100, 200, 400, 800, 1600, 3200]);
    sleep(Duration::from_secs(100)).await;
    let watched = script.watched();
    assert!((20..=28).contains(&watched.len()), "each five seconds or sooner: {watched:?}");
    assert_eq!(listener.news.len(), 0);
    script.mend();
    listener.joined().await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_was_there_is_back_within_half_a_second() {
    let script = Script::new();
    let mut listener = script.listen();
    listener.joined().await;
    sleep(Duration::from_secs(10)).await;
    let before = script.since_begin();
    script.fail(Fault::lost("suddenly"));
    assert_eq!(listener.lost().await, "the connection to NATS ended: suddenly");
    assert_eq!(script.since_begin(), before, "it is said at once");
    sleep(Duration::from_secs(30)).await;
    let longest = gaps(&script.watched()[1..]).into_iter().max().unwrap();
    assert!(longest <= 500, "{longest} ms");
    script.mend();
    let before = script.since_begin();
    listener.joined().await;
    assert!(script.since_begin() - before <= 500);
}

#[tokio::test(start_paused = true)]
async fn what_only_hands_mend_is_said_and_tried_slowly() {
    let script = Script::new();
    let mut listener = script.listen();
    listener.joined().await;
    script.fail(denied());
    assert!(listener.lost().await.starts_with("the login may not use `x`: no; permit it"));
    sleep(Duration::from_secs(60)).await;
    assert_eq!(gaps(&script.watched()).into_iter().max().map(|most| most > 3_700), Some(true));
    script.mend();
    listener.joined().await;
}

#[tokio::test(start_paused = true)]
async fn what_passes_in_time_costs_a_pause_only() {
    let script = Script::new();
    let mut listener = script.listen();
    listener.joined().await;
    script.store(node("a"), b"1");
    assert_eq!(listener.entry().await, pair("servers.a", "1"));
    script.fail(Fault::timeout("a leader"));
    script.store(node("a"), b"2");
    sleep(Duration::from_secs(4)).await;
    script.mend();
    assert_eq!(listener.read().await, (vec![pair("servers.a", "2")], false));
    // The next trouble has patience of its own.
    sleep(Duration::from_secs(10)).await;
    let before = script.since_begin();
    script.fail(Fault::timeout("a leader"));
    assert_eq!(listener.lost().await, "no answer in time to a leader");
    assert!((5_000..5_600).contains(&(script.since_begin() - before)));
    script.mend();
    assert_eq!(listener.read().await, (vec![pair("servers.a", "2")], true));
}

#[tokio::test(start_paused = true)]
async fn all_is_read_each_minute() {
    let script = Script::new();
    let mut listener = script.listen();
    listener.joined().await;
    // What no watch ever says: it was lost on its way.
    let stored = Timestamp::UNIX_EPOCH;
    let entry = Entry { key: node("a"), value: [1].into(), stored, revision: 1 };
    script.state().entries.insert(node("a"), entry);
    sleep(Duration::from_secs(59)).await;
    assert_eq!(listener.news.len(), 0);
    assert_eq!(listener.read().await, (vec![pair("servers.a", [1])], false));
    assert_eq!((script.since_begin(), script.state().reads), (60_000, 2));
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_all_is_read_is_neither_lost_nor_undone() {
    let script = Script::new();
    script.state().read_takes = Duration::from_secs(2);
    script.store(node("a"), b"1");
    let mut listener = script.listen();
    sleep(Duration::from_secs(1)).await;
    script.store(node("a"), b"2");
    script.store(node("b"), b"1");
    let expected = vec![pair("servers.a", "2"), pair("servers.b", "1")];
    assert_eq!(listener.read().await, (expected, true));
    sleep(Duration::from_secs(61)).await;
    // The reading under way has no more than the second value.
    script.store(node("a"), b"3");
    assert_eq!(listener.entry().await, pair("servers.a", "3"), "nobody waits for a reading");
    let expected = vec![pair("servers.a", "3"), pair("servers.b", "1")];
    assert_eq!(listener.read().await, (expected, false));
}

#[tokio::test(start_paused = true)]
async fn of_one_key_the_newest_value_arrives_and_one_at_a_time() {
    let script = Script::new();
    script.state().put_takes = Duration::from_secs(1);
    let mut listener = script.listen();
    listener.joined().await;
    listener.link.put(node("a"), vec![1]);
    sleep(Duration::from_millis(10)).await;
    for octet in 2..=5 {
        listener.link.put(node("a"), vec![octet]);
    }
    assert_eq!(listener.entry().await, pair("servers.a", [1]));
    assert_eq!(listener.entry().await, pair("servers.a", [5]));
    assert_eq!(script.put(), [pair("servers.a", [1]), pair("servers.a", [5])]);
    for n in 0..100 {
        listener.link.put(node(&n.to_string()), vec![]);
    }
    for _ in 0..100 {
        listener.entry().await;
    }
    assert_eq!(script.state().most_under_way, limits::PUTS_IN_FLIGHT);
}

#[tokio::test(start_paused = true)]
async fn a_put_without_an_answer_is_tried_again_unless_a_newer_one_waits() {
    let script = Script::new();
    script.state().puts = [None, None].into();
    let mut listener = script.listen();
    listener.joined().await;
    listener.link.put(node("a"), vec![1]);
    listener.link.put(node("b"), vec![1]);
    sleep(Duration::from_secs(1)).await;
    listener.link.put(node("b"), vec![2]);
    let mut came = [listener.entry().await, listener.entry().await];
    came.sort();
    assert_eq!(came, [pair("servers.a", [1]), pair("servers.b", [2])]);
    assert_eq!(script.watched().len(), 1, "the watch is none the worse for it");
}

#[tokio::test(start_paused = true)]
async fn what_was_not_sent_is_kept_until_there_is_contact() {
    let script = Script::new();
    script.fail(unreachable());
    let mut listener = script.listen();
    listener.lost().await;
    for octet in 1..=3 {
        listener.link.put(node("a"), vec![octet]);
    }
    sleep(Duration::from_secs(1)).await;
    assert_eq!(script.put(), []);
    script.mend();
    listener.joined().await;
    assert_eq!(listener.entry().await, pair("servers.a", [3]));
    // On its way when the contact ends: it goes again.
    script.state().puts = [None].into();
    listener.link.put(node("b"), vec![4]);
    sleep(Duration::from_secs(1)).await;
    script.fail(Fault::lost("suddenly"));
    listener.lost().await;
    script.mend();
    assert_eq!(listener.read().await, (vec![pair("servers.a", [3])], true));
    assert_eq!(listener.entry().await, pair("servers.b", [4]));
}

#[tokio::test(start_paused = true)]
async fn what_no_store_takes_is_refused_and_nothing_else_with_it() {
    let script = Script::new();
    let mut listener = script.listen();
    listener.joined().await;
    listener.link.put(node("large"), vec![0; limits::SHARED_CARDS.1 + 1]);
    let (key, why) = listener.refused().await;
    assert_eq!((key, why.contains("8193 octets")), (node("large"), true), "{why}");
    listener.link.put(node(""), vec![0]);
    assert_eq!(listener.refused().await.0, node(""));
    script.state().puts = [Some(denied())].into();
    listener.link.put(node("denied"), vec![0]);
    assert_eq!(listener.refused().await.0, node("denied"));
    // One that may be taken later is not: here, a bucket that is full.
    let full = Fault::Store { asked: "it".to_owned(), found: "no space".to_owned() };
    script.state().puts = [Some(full.clone()), Some(full)].into();
    listener.link.put(node("a"), vec![1]);
    assert_eq!(listener.entry().await, pair("servers.a", [1]));
    assert_eq!(script.watched().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_went_away_under_a_put_is_watched_anew() {
    let script = Script::new();
    let mut listener = script.listen();
    listener.joined().await;
    let gone = Fault::Unavailable { asked: "it".to_owned(), found: "no responders".to_owned() };
    script.state().puts = [Some(gone)].into();
    listener.link.put(node("a"), vec![1]);
    assert_eq!(listener.read().await, (vec![], false));
    assert_eq!(listener.entry().await, pair("servers.a", [1]));
    assert_eq!(script.watched().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_listens_slowly_misses_nothing_and_fills_no_memory() {
    let script = Script::new();
    let mut listener = script.listen();
    listener.joined().await;
    let most = limits::NEWS as u64;
    // As many names as fit, twice each.
    let names = limits::SHARED_CARDS.0 as u64;
    for n in 0..names * 2 {
        script.store(node(&format!("{:05}", n % names)), &n.to_be_bytes());
    }
    sleep(Duration::from_secs(200)).await;
    assert_eq!((listener.news.len(), script.state().reads), (limits::NEWS, 1));
    for _ in 0..limits::NEWS {
        listener.entry().await;
    }
    let (all, joined) = listener.read().await;
    assert_eq!((all.len() as u64, joined), (names, false));
    assert_eq!(all[0].1, names.to_be_bytes());
    // The end of the contact is said, however full the queue was.
    for n in 0..most + 1 {
        script.store(node(&format!("{n:05}")), &[]);
    }
    sleep(Duration::from_secs(1)).await;
    script.fail(Fault::lost("suddenly"));
    sleep(Duration::from_secs(1)).await;
    script.mend();
    sleep(Duration::from_secs(1)).await;
    for _ in 0..limits::NEWS {
        listener.entry().await;
    }
    listener.lost().await;
    assert!(listener.read().await.1);
}

/// A flood of the largest values that there may be: what waits is bounded in octets too, and what
/// is read by kind.
#[tokio::test(start_paused = true)]
async fn large_values_fill_no_memory_either() {
    let script = Script::new();
    let mut listener = script.listen();
    listener.joined().await;
    let large = vec![7; limits::SHARED_VALUE];
    let opinions = |n: usize| Key::Opinions(n.to_string());
    for n in 0..100 {
        script.store(opinions(n), &large);
    }
    sleep(Duration::from_secs(1)).await;
    assert_eq!(listener.news.len(), limits::NEWS_OCTETS / limits::SHARED_VALUE);
    for _ in 0..listener.news.len() {
        listener.entry().await;
    }
    let (all, _) = listener.read().await;
    assert_eq!(all.len(), limits::SHARED_OPINIONS.2 / limits::SHARED_VALUE);
    let left_out = listener.link.refusals().counts();
    let left_out = left_out.iter().find(|of| (of.kind, of.why) == ("opinions", "too-many"));
    assert_eq!(left_out.unwrap().count, 100 - all.len() as u64);
    // There is room again.
    script.store(opinions(200), &large);
    listener.entry().await;
}

#[tokio::test(start_paused = true)]
async fn it_ends_with_whoever_needs_it() {
    let script = Script::new();
    let Listener { tasks, .. } = &mut script.listen();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(tasks.running(), 1);
    let (link, mut news) = Link::start_on(script.clone(), tasks).unwrap();
    assert!(matches!(news.recv().await, Some(News::Read { .. })));
    drop(link);
    sleep(Duration::from_secs(1)).await;
    assert_eq!((news.recv().await, tasks.running()), (None, 1));
    let (_link, news) = Link::start_on(script, tasks).unwrap();
    drop(news);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(tasks.running(), 1, "nobody listens");
}
