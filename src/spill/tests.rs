//! A book with a small world, without clocks and threads.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::config;
use crate::load::Cutoff;
use crate::load::Cutoffs;
use crate::load::Reading;
use crate::model::Capacity;
use crate::model::LoadFrom;
use crate::model::Region;
use crate::model::RegionId;
use crate::model::RegionLoad;
use crate::snapshot::Standing;
use crate::snapshot::World;
use crate::spill::Shares;
use crate::spill::Stage;
use crate::spill::book::Book;

const TEXT: &str = r#"
[zone.test]
file = "zone"
[region.us]
[region.eu]
[policy.even]
rank = ["priority"]
[service.www]
name = "www.test"
[service.www.pool.us]
endpoints = ["192.0.2.1"]
[service.www.pool.eu]
endpoints = ["192.0.2.2"]
"#;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn reading(load: f64, second: i64) -> Option<Reading> {
    Some(Reading { load, at: at(second), span: Duration::ZERO })
}

/// All clients prefer `us`, which can take so much.
fn stage(amount: Option<f64>) -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let zone = "@ 60 SOA ns h 1 2 3 4 5\n@ 60 NS ns\n";
    std::fs::write(folder.path().join("zone"), zone).unwrap();
    let config = config::load_str(TEXT, folder.path()).config.unwrap();
    let load = RegionLoad {
        interval: Duration::from_secs(10),
        hold: Duration::from_secs(60),
        from: LoadFrom::Pushed,
    };
    let of = |region: &Region| {
        let amount = if region.name == "us" { amount } else { amount.map(|amount| amount * 10.0) };
        Region {
            capacity: amount.map(|amount| Capacity { amount, soft: 0.8, hard: 0.95 }),
            load: Some(load.clone()),
            ..region.clone()
        }
    };
    let regions: Arc<[Region]> = config.regions.iter().map(of).collect();
    let (world, _) = World::build(config).unwrap();
    let standing = Arc::new(Standing::all_admitted(&world));
    Stage { world: Arc::new(world), standing, regions, ttl: Duration::from_secs(30) }
}

/// Two regions of which the first refuses who loses less than 100 ms.
fn shares(second: i64) -> Shares {
    let mut cutoffs = Cutoffs::none(2);
    cutoffs.set(RegionId(0), Cutoff::from_ms(100.0));
    Shares::new(at(second), ["us", "eu"], &cutoffs)
}

#[test]
fn who_is_over_its_limit_refuses_and_says_why() {
    let mut book = Book::new(Shares::default());
    book.enter(stage(Some(100.0)), at(0));
    assert_eq!(book.decide(at(0)), None, "nothing was read");
    for (region, load) in [("us", 150.0), ("eu", 10.0), ("mars", 1.0)] {
        book.hear(region, reading(load, 1));
    }
    let decided = book.decide(at(1)).unwrap();
    assert!(decided.cutoff_ms("us").is_some() && decided.cutoff_ms("eu").is_none(), "{decided:?}");
    let status = book.status(at(1));
    let us = &status.iter().find(|(name, _)| name == "us").unwrap().1;
    assert_eq!((us.load, us.capacity, &*us.readings), (Some(150.0), Some(100.0), "good"));
    assert!(us.share.unwrap() < 70 && us.reason.contains("soft limit"), "{us:?}");
    // What is said late, or not at all, is shown; and after a while it counts for nothing.
    book.hear("us", None);
    let status = book.status(at(20));
    assert!(status[0].1.readings.starts_with("kept: "), "{status:?}");
    let status = book.status(at(90));
    assert!(status[0].1.readings.starts_with("ignored: "), "{status:?}");
    assert_eq!(status[0].1.load, None);
}

#[test]
fn without_capacities_nobody_is_refused() {
    let mut book = Book::new(shares(0));
    book.enter(stage(None), at(0));
    let decided = book.decide(at(1)).unwrap();
    assert!(decided.is_none());
    assert_eq!(book.decide(at(2)), None, "that was said");
}

#[test]
fn what_another_decides_holds_and_is_gone_on_from() {
    let mut book = Book::new(Shares::default());
    book.enter(stage(Some(100.0)), at(0));
    assert!(book.adopt(shares(5), at(5)));
    assert!(!book.adopt(shares(5), at(5)));
    let status = book.status(at(5));
    assert_eq!(status[0].1.cutoff_ms, Some(100.0), "{status:?}");
    // It takes over without a reading: all stays as it is.
    assert_eq!(book.decide(at(6)), None);
    assert_eq!(book.status(at(6))[0].1.cutoff_ms, Some(100.0));
    assert!(book.status(at(6))[0].1.share.is_some());
    // Another decides again, the same: what it makes of it is not known here.
    book.follow(at(7));
    assert_eq!(book.status(at(7))[0].1.share, None);
}

/// Of those who ask three times as much alone it would follow that all do.
#[test]
fn nothing_is_decided_until_all_were_read_or_had_the_time() {
    let mut book = Book::new(Shares::default());
    book.enter(stage(Some(100.0)), at(0));
    book.hear("us", reading(300.0, 1));
    assert_eq!(book.decide(at(1)), None, "eu was not read yet");
    let mut other = Book::new(Shares::default());
    other.enter(stage(Some(100.0)), at(0));
    other.hear("us", reading(300.0, 1));
    other.hear("eu", None);
    assert!(other.decide(at(2)).is_some(), "eu can't be read");
    book.hear("us", reading(300.0, 31));
    assert!(book.decide(at(31)).is_some(), "it had three intervals");
}

#[test]
fn a_clock_that_is_set_back_stops_nothing() {
    let mut book = Book::new(Shares::default());
    book.enter(stage(Some(100.0)), at(7200));
    let hear = |book: &mut Book, load: f64, second: i64| {
        book.hear("us", reading(load, second));
        book.hear("eu", reading(10.0, second));
    };
    hear(&mut book, 50.0, 7201);
    assert_eq!(book.decide(at(7201)), None, "there is room");
    book.set_back(at(0));
    hear(&mut book, 150.0, 10);
    assert!(book.decide(at(10)).is_some(), "an hour is not waited for");
    assert_eq!(book.status(at(10))[0].1.load, Some(150.0));
}

#[test]
fn shares_go_by_name_and_are_read_as_they_were_written() {
    let shares = shares(7);
    assert_eq!(Shares::decode(&shares.encode()), Ok(shares.clone()));
    let cutoffs = shares.cutoffs(["ap", "us"]);
    assert!(cutoffs.of(RegionId(1)).refuses() && !cutoffs.of(RegionId(0)).refuses());
    for fine in (-8 * 1024..4096 * 1024).step_by(997) {
        let cutoffs = Cutoffs::new([Cutoff::from_ms(f64::from(fine) / 1024.0)]);
        let shares = Shares::new(at(7), ["us"], &cutoffs);
        assert_eq!(Shares::decode(&shares.encode()), Ok(shares), "others compare them");
    }
    assert!(Shares::decode(b"{}").is_err());
    let newer = String::from_utf8(shares.encode()).unwrap().replace("\"format\":1", "\"format\":2");
    assert!(Shares::decode(newer.as_bytes()).unwrap_err().to_string().contains("format 2"));
}

/// Caches end over a TTL, so what is read just after a decision is not what follows from it.
#[test]
fn who_takes_over_goes_on_as_the_one_before_would_have() {
    let mut books = [Book::new(Shares::default()), Book::new(Shares::default())];
    let hear = |books: &mut [Book], us: f64, eu: f64, second: i64| {
        for book in books {
            book.hear("us", reading(us, second));
            book.hear("eu", reading(eu, second));
        }
    };
    books.iter_mut().for_each(|book| book.enter(stage(Some(100.0)), at(0)));
    for (us, eu, second) in [(70.0, 1.0, 1), (180.0, 1.0, 11)] {
        hear(&mut books, us, eu, second);
        books[1].follow(at(second));
        if let Some(decided) = books[0].decide(at(second)) {
            books[1].adopt(decided, at(second));
        }
    }
    let held = books[0].status(at(11))[0].1.cutoff_ms;
    assert!(held.is_some());
    // The first is gone.
    for (us, eu, second) in
        [(180.0, 1.0, 12), (150.0, 31.0, 21), (120.0, 61.0, 31), (88.0, 92.0, 41)]
    {
        hear(&mut books, us, eu, second);
        books.iter_mut().for_each(|book| assert_eq!(book.decide(at(second)), None, "{second}"));
    }
    let [one, other] = [0, 1].map(|nth: usize| books[nth].status(at(41))[0].1.clone());
    // What is not planned is shown alike.
    books[1].follow(at(41));
    assert_eq!(books[1].status(at(41))[0].1.cutoff_ms, held);
    assert_eq!((one.cutoff_ms, &one), (held, &other));
}

/// Shares go by name, so they hold for a region that is gone for a while.
#[test]
fn a_region_that_comes_back_refuses_nobody_for_ever() {
    let renamed = |name: &str| {
        let mut stage = stage(Some(100.0));
        let rename = |region: &Region| {
            let name = if region.name == "us" { name } else { &region.name };
            Region { name: name.to_owned(), ..region.clone() }
        };
        stage.regions = stage.regions.iter().map(rename).collect();
        stage
    };
    let mut book = Book::new(Shares::default());
    let mut refuses = false;
    for (second, name, load) in [(0, "us", 180.0), (10, "other", 10.0), (20, "us", 10.0)] {
        book.enter(renamed(name), at(second));
        book.hear(name, reading(load, second + 1));
        book.hear("eu", reading(load, second + 1));
        if second == 10 {
            continue;
        }
        for second in [second + 1, second + 300, second + 600] {
            if let Some(decided) = book.decide(at(second)) {
                refuses = decided.cutoff_ms("us").is_some();
            }
        }
    }
    assert!(!refuses);
}

#[test]
fn a_capacity_that_changes_says_what_a_jump_is() {
    let mut book = Book::new(Shares::default());
    book.enter(stage(Some(100.0)), at(0));
    book.hear("us", reading(1.0, 1));
    book.enter(stage(Some(100_000.0)), at(2));
    book.hear("us", reading(300.0, 3));
    assert_eq!(book.status(at(3))[0].1.load, Some(300.0), "next to nothing of what it can take");
}
