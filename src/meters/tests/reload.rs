//! Another configuration: what is the same goes on, what is not begins afresh or ends.

use super::*;

async fn count(site: &Site, more: usize) {
    let wanted = site.asked().len() + more;
    let wait = async {
        while site.asked().len() < wanted {
            tokio::time::sleep(INTERVAL / 10).await;
        }
    };
    timeout(DEADLINE, wait).await.expect("more requests");
}

#[tokio::test]
async fn what_is_gone_is_not_asked_any_more() {
    let tasks = Tasks::new();
    let (stays, goes) = (Site::open(&tasks, "1").await, Site::open(&tasks, "2").await);
    let us = pulled("us", vec![plain(stays.address)]);
    let eu = pulled("eu", vec![plain(goes.address)]);
    let meters = Meters::start(&[us.clone(), eu], &tasks).unwrap();
    count(&stays, 2).await;
    count(&goes, 2).await;
    let taken = meters.figures().regions.iter().find(|r| r.region == "us").unwrap().taken;
    meters.renew(std::slice::from_ref(&us)).unwrap();
    let mut readings = meters.readings();
    // One that was under way may have been noted still.
    count(&stays, 2).await;
    let asked = goes.asked().len();
    count(&stays, 5).await;
    assert_eq!(goes.asked().len(), asked);
    assert!(next(&mut readings).await.iter().all(|reading| reading.region == "us"));
    let of_us = meters.figures().regions.remove(0);
    assert!(of_us.taken > taken, "it went on");
    meters.renew(&[]).unwrap();
    assert!(meters.figures().regions.is_empty());
}

#[tokio::test]
async fn what_changed_begins_afresh_and_nothing_old_is_handed_out() {
    let tasks = Tasks::new();
    let (old, new) = (Site::open(&tasks, "1").await, Site::open(&tasks, "2").await);
    let meters = Meters::start(&[pulled("us", vec![plain(old.address)])], &tasks).unwrap();
    count(&old, 3).await;
    meters.renew(&[pulled("us", vec![plain(new.address)])]).unwrap();
    assert_eq!(meters.figures().regions[0].load, None);
    let mut readings = meters.readings();
    for _ in 0..3 {
        assert!(is(2.0)(&next(&mut readings).await[0].value));
    }
    assert!(meters.figures().regions[0].taken >= 5, "counts go on");
    meters.renew(&[region("us", LoadFrom::Pushed)]).unwrap();
    assert_eq!(meters.push(br#"{"region":"us","load":3}"#).unwrap().taken, 1);
    assert!(is(3.0)(&next(&mut readings).await[0].value));
}

#[tokio::test]
async fn a_capacity_changes_without_a_new_beginning() {
    let tasks = Tasks::new();
    let site = Site::open(&tasks, "1").await;
    let format = LoadFormat::Json { pointer: String::new(), rate: true };
    let mut us = pulled("us", vec![source(site.address, format)]);
    let meters = Meters::start(std::slice::from_ref(&us), &tasks).unwrap();
    let mut readings = meters.readings();
    assert_eq!(until(&mut readings, "us", |_| true).await, Ok(0.0));
    us.capacity = Some(crate::model::Capacity { amount: 10.0, soft: 0.8, hard: 0.95 });
    meters.renew(std::slice::from_ref(&us)).unwrap();
    let of_us = meters.figures().regions.remove(0);
    assert_eq!((of_us.capacity, of_us.load), (Some(10.0), Some(0.0)));
}

#[tokio::test]
async fn all_ends_with_the_tasks() {
    let tasks = Tasks::new();
    let site = Site::open(&tasks, "1").await;
    let regions: Vec<Region> =
        (0..50).map(|n| pulled(&format!("r{n}"), vec![plain(site.address)])).collect();
    let _meters = Meters::start(&regions, &tasks).unwrap();
    count(&site, 50).await;
    assert_eq!(tasks.stop(DEADLINE).await, crate::tasks::Stopped::Clean);
    assert_eq!(tasks.running(), 0);
}
