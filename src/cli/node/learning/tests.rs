//! Lessons that meet reloads, and what others say.

use super::*;
use crate::geo::Atlas;
use crate::geo::Nets;
use crate::model::NodeProblems;
use crate::samples::Site;
use crate::store::Store;

struct Ground {
    learning: Learning,
    keeper: Keeper,
    _folder: tempfile::TempDir,
    tasks: Tasks,
}

impl Ground {
    fn new() -> Self {
        let (folder, tasks) = (tempfile::tempdir().unwrap(), Tasks::new());
        let (store, ..) = Store::open(folder.path(), &NodeProblems::default(), &tasks);
        let sites = vec![Site { name: "us".to_owned(), location: None }];
        let keeper = Keeper::start(sites, None, &tasks).unwrap();
        let shelf = store.shelf("orders.bin", limits::LATENCY_ORDERS_FILE);
        let settings = config::Latency::default();
        let learning = Learning::new(Arc::default(), settings, keeper.clone(), shelf);
        Self { learning, keeper, _folder: folder, tasks }
    }

    /// What is learnt at a second.
    async fn learnt(&self, at: i64) -> Learnt {
        let at = Timestamp::from_second(at).unwrap();
        let lesson = self.keeper.lesson().unwrap().await.unwrap();
        let atlas = Atlas::new(Vec::new(), Nets::default(), &[], &[]);
        let before = Published::default();
        let published = lesson.learn(&atlas, &before, &Rules::default(), at).unwrap();
        Learnt { published, heard: lesson.heard(), took: Duration::ZERO }
    }

    fn begin(&mut self, learnt: Learnt) {
        let (end, lesson) = oneshot::channel();
        assert!(end.send(Ok(learnt)).is_ok());
        self.learning.under_way = Some(lesson);
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.tasks.cancel();
    }
}

#[tokio::test]
async fn what_is_learnt_of_a_configuration_that_is_gone_is_learnt_again() {
    let mut ground = Ground::new();
    let learnt = ground.learnt(100).await;
    ground.begin(learnt);
    ground.learning.renew(config::Latency::default());
    assert!(ground.learning.ended().await.is_some());
    assert_eq!(ground.learning.heard, None, "it is due, though nothing new was heard");
    let learnt = ground.learnt(101).await;
    ground.begin(learnt);
    assert!(ground.learning.ended().await.is_some());
    assert_eq!(ground.learning.heard, Some(0));
}

#[tokio::test]
async fn what_another_made_later_holds() {
    let mut ground = Ground::new();
    let (earlier, later) = (ground.learnt(100).await, ground.learnt(200).await);
    ground.begin(earlier);
    ground.learning.take(later.published, None);
    assert!(ground.learning.ended().await.is_none());
    assert_eq!(ground.learning.published.at().as_second(), 200);
}

fn entry(key: Key, revision: u64) -> Entry {
    let stored = Timestamp::from_second(1_800_000_000).unwrap();
    Entry { key, value: Arc::from(&b"?"[..]), stored, revision }
}

/// All is read again each minute.
#[tokio::test]
async fn what_others_told_is_taken_once_and_leaves_room_for_clients() {
    let mut ground = Ground::new();
    ground.tasks.cancel();
    while ground.tasks.running() > 0 {
        tokio::task::yield_now().await;
    }
    // Nobody takes from the queue any more, so nothing is handed over.
    let told = |revision| {
        let entries = (0..40).map(|slot| entry(Key::Samples("b".to_owned(), slot), revision));
        News::Read { entries: entries.collect(), joined: false }
    };
    let waiting = |of: &Learning| of.told.values().filter(|told| told.waiting.is_some()).count();
    assert!(ground.learning.listen("a", &told(1), &Refusals::default()).is_none());
    assert_eq!((waiting(&ground.learning), ground.keeper.counts().overflows), (40, 0));
    ground.learning.told.values_mut().for_each(|told| told.waiting = None);
    ground.learning.listen("a", &told(1), &Refusals::default());
    assert_eq!(waiting(&ground.learning), 0, "it is known");
    ground.learning.listen("a", &told(2), &Refusals::default());
    assert_eq!(waiting(&ground.learning), 40);
    ground.learning.listen(
        "a",
        &News::Read { entries: Vec::new(), joined: true },
        &Refusals::default(),
    );
    assert!(ground.learning.told.is_empty());
}

#[tokio::test]
async fn what_others_told_is_bounded_while_it_waits() {
    let mut ground = Ground::new();
    ground.tasks.cancel();
    while ground.tasks.running() > 0 {
        tokio::task::yield_now().await;
    }
    let value: Arc<[u8]> = vec![0; limits::SHARED_VALUE].into();
    for node in 0..300 {
        let key = Key::Samples(format!("n{node}"), 0);
        let entry = Entry { value: Arc::clone(&value), ..entry(key, 1) };
        ground.learning.listen("a", &News::Entry(entry), &Refusals::default());
    }
    assert_eq!(ground.learning.told.len(), limits::SHARED_SAMPLES.2 / limits::SHARED_VALUE);
}

#[tokio::test]
async fn orders_hold_for_as_long_as_samples_count_though_nobody_is_heard() {
    let mut ground = Ground::new();
    let rated = serde_json::json!({ "region": 0, "rtt": 9, "confidence": 50, "level": "Prefix",
        "last": null, "count": 1 });
    let order = serde_json::json!({ "rated": [rated], "explored": null });
    let block = serde_json::json!({ "first": 16, "is_wide": false });
    let orders = serde_json::json!({ "areas": {}, "blocks": [[block, order]] });
    let at = Timestamp::from_second(1_800_000_000).unwrap();
    let orders = serde_json::from_value(orders).unwrap();
    ground.learning.take(Published::new(vec!["us".to_owned()], orders, 3, at), None);
    let is_news =
        |of: &Learning, days: i64| of.is_news(of.due, at + SignedDuration::from_hours(24 * days));
    assert!(!is_news(&ground.learning, 29) && is_news(&ground.learning, 31));
    ground.learning.take(Published::new(Vec::new(), Default::default(), 0, at), None);
    assert!(!is_news(&ground.learning, 31), "there are none");
}

/// Orders of one area, which is sent to the second of its regions.
fn exploring() -> Published {
    let rated = |region: u16| (region, 90_u16, 50_u8, 0_u32, None::<u32>, 1_u32);
    let area = ((97_i16, 4_i16), Some(*b"FR"), None::<u32>);
    let areas = BTreeMap::from([(area, (vec![rated(1), rated(0)], Some(1_u16)))]);
    let orders = postcard::to_stdvec(&(areas, Vec::<u8>::new())).unwrap();
    let names = vec!["us".to_owned(), "eu".to_owned()];
    let at = Timestamp::from_second(1_800_000_000).unwrap();
    Published::new(names, postcard::from_bytes(&orders).unwrap(), 3, at)
}

#[tokio::test]
async fn who_is_sent_elsewhere_comes_back_though_nobody_learns() {
    let mut ground = Ground::new();
    assert!(ground.learning.take(exploring(), None));
    assert!(ground.learning.rested().is_none(), "it is too early");
    ground.learning.rest = Some(Instant::now());
    let rested = ground.learning.rested().unwrap();
    assert!(!rested.is_exploring() && rested.at() == exploring().at());
    assert!(ground.learning.take(rested, None), "maps are compiled by it");
    assert!(ground.learning.rest.is_none() && ground.learning.rested().is_none());
}
