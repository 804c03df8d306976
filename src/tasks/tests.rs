//! Ends, limits and panics.
#![forbid(unsafe_code)]

use std::future::pending;
use std::sync::mpsc::sync_channel;

use super::*;

#[tokio::test(start_paused = true)]
async fn stop_waits_for_tasks_and_threads_that_obey() {
    let tasks = Tasks::new();
    let stop = tasks.stopping().clone();
    tasks.spawn("obedient", async move { stop.cancelled().await }).unwrap();
    let (tx, rx) = sync_channel(1);
    tasks
        .thread("thread", move |stop| {
            rx.recv().unwrap();
            assert!(stop.is_cancelled());
        })
        .unwrap();
    assert_eq!(tasks.running(), 2);
    tasks.cancel();
    tx.send(()).unwrap();
    while tasks.running() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(tasks.stop(Duration::from_secs(1)).await, Stopped::Clean);
    assert_eq!(tasks.panics(), 0);
}

#[tokio::test(start_paused = true)]
async fn stop_names_what_is_late() {
    let tasks = Tasks::new();
    tasks.spawn("stubborn", pending()).unwrap();
    let stopped = tasks.stop(Duration::from_secs(5)).await;
    assert_eq!(stopped, Stopped::Late(vec!["stubborn".into()]));
    assert!(matches!(tasks.spawn("late", async {}), Err(SpawnError::Stopping { .. })));
}

#[tokio::test]
async fn a_panic_ends_its_task_only_and_is_counted() {
    let tasks = Tasks::new();
    tasks.spawn("task", async { panic!("on purpose") }).unwrap();
    tasks.thread("thread", |_| panic!("on purpose, {}", 2)).unwrap();
    assert_eq!(tasks.stop(Duration::from_secs(60)).await, Stopped::Clean);
    assert_eq!(tasks.panics(), 2);
}

#[tokio::test]
async fn a_part_stops_alone() {
    let tasks = Tasks::new();
    let part = tasks.part();
    part.cancel();
    assert!(matches!(part.spawn("x", async {}), Err(SpawnError::Stopping { .. })));
    assert!(!tasks.stopping().is_cancelled());
    tasks.spawn("elsewhere", pending()).unwrap();
    assert_eq!(part.stop(Duration::from_secs(60)).await, Stopped::Clean);
    let other = tasks.part();
    tasks.cancel();
    assert!(other.stopping().is_cancelled());
}

#[tokio::test]
async fn a_part_on_a_thread_runs_there_and_ends_after_its_tasks() {
    let tasks = Tasks::new();
    let part = tasks.part_on_thread("apart").unwrap();
    let (tell, told) = tokio::sync::oneshot::channel();
    let inner = part.part();
    let stop = part.stopping().clone();
    inner
        .spawn("task", async move {
            let thread = std::thread::current().name().map(str::to_owned);
            tell.send(thread).unwrap();
            stop.cancelled().await;
            // It still has its timers when it was told to stop.
            tokio::time::sleep(Duration::from_millis(1)).await;
        })
        .unwrap();
    assert_eq!(told.await.unwrap().as_deref(), Some("apart"));
    // The thread itself is of the whole.
    assert_eq!((tasks.running(), part.running()), (2, 1));
    assert_eq!(part.stop(Duration::from_secs(60)).await, Stopped::Clean);
    assert_eq!(tasks.stop(Duration::from_secs(60)).await, Stopped::Clean);
    assert_eq!(tasks.panics(), 0);
    assert!(matches!(tasks.part_on_thread("late"), Err(SpawnError::Stopping { .. })));
}

#[tokio::test]
async fn the_number_of_tasks_is_bounded() {
    let tasks = Tasks::new();
    for _ in 0..limits::TASKS {
        tasks.spawn("one of many", pending()).unwrap();
    }
    assert!(matches!(tasks.spawn("one more", async {}), Err(SpawnError::Limit { .. })));
}
