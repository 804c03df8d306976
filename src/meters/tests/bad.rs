//! Sites that behave badly: each costs its own region a reading, and nobody else anything.

use tokio::time::Instant;

use super::*;
use crate::meters::Reason;
use crate::model::limits;

/// A site that does what it wants with each connection.
async fn wild<F>(tasks: &Tasks, handle: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, all) = (tasks.stopping().clone(), tasks.clone());
    let serve = async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (handled, stop) = (handle(stream), all.stopping().clone());
            let until_stopped = async move {
                tokio::select! {
                    () = handled => {}
                    () = stop.cancelled() => {}
                }
            };
            if all.spawn("connection", until_stopped).is_err() {
                return;
            }
        }
    };
    let serve = async move {
        tokio::select! {
            () = serve => {}
            () = stop.cancelled() => {}
        }
    };
    tasks.spawn("wild site", serve).unwrap();
    address
}

const ENDLESS: &[u8] = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";

/// Sends the same without end, as fast as it is taken.
async fn flood(mut stream: TcpStream, what: Vec<u8>) {
    head(&mut stream).await;
    drop(stream.write_all(ENDLESS).await);
    while stream.write_all(&what).await.is_ok() {}
}

#[tokio::test]
async fn one_source_that_fails_makes_the_sum_unknown() {
    let tasks = Tasks::new();
    let good = Site::open(&tasks, "800").await;
    let bad = Site::open(&tasks, "{}").await;
    bad.answer_with("503 Busy", "", "800");
    let sources = vec![plain(good.address), plain(bad.address), plain(bad.address)];
    let meters = Meters::start(&[pulled("us", sources)], &tasks).unwrap();
    let mut readings = meters.readings();
    let fault = next(&mut readings).await.remove(0).value.unwrap_err();
    let text = format!(
        "http://{}/status: status 503 Service Unavailable, expected 200 to 299, and another source \
         failed",
        bad.address
    );
    assert_eq!(fault.to_string(), text, "and the query, which may hold a secret, is not told");
    bad.say("3");
    assert_eq!(until(&mut readings, "us", Result::is_ok).await, Ok(806.0));
    let of_us = meters.figures().regions.remove(0);
    assert!(of_us.failed.iter().sum::<u64>() > 0 && of_us.load == Some(806.0));
}

#[tokio::test]
async fn slow_and_dead_sources_delay_no_other() {
    let tasks = Tasks::new();
    let good = Site::open(&tasks, "5").await;
    let silent = wild(&tasks, async |stream| {
        tokio::time::sleep(DEADLINE * 2).await;
        drop(stream);
    })
    .await;
    let drip = wild(&tasks, async |mut stream: TcpStream| {
        head(&mut stream).await;
        drop(stream.write_all(ENDLESS).await);
        while stream.write_all(b" ").await.is_ok() {
            tokio::time::sleep(INTERVAL / 20).await;
        }
    })
    .await;
    // Nobody listens there any more.
    let dead = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let regions: Vec<Region> = [("silent", silent), ("drip", drip), ("dead", dead)]
        .into_iter()
        .map(|(name, address)| {
            pulled(name, vec![LoadSource { timeout: INTERVAL, ..plain(address) }])
        })
        .chain([pulled("good", vec![plain(good.address)])])
        .collect();
    let begun = Instant::now();
    let meters = Meters::start(&regions, &tasks).unwrap();
    let mut readings = meters.readings();
    for (name, reason) in
        [("silent", Reason::Late), ("drip", Reason::Late), ("dead", Reason::Unreachable)]
    {
        let fault = until(&mut readings, name, |_| true).await.unwrap_err();
        assert_eq!(fault.reason, reason, "{fault}");
    }
    let taken = |meters: &Meters| {
        let figures = meters.figures();
        let of = |name| figures.regions.iter().find(|region| region.region == name).unwrap().taken;
        (of("good"), of("silent") + of("drip") + of("dead"))
    };
    while taken(&meters).0 < 5 {
        tokio::time::sleep(INTERVAL / 10).await;
    }
    // Five readings are six intervals, the phases included; that is 600 ms, on a machine that
    // may be busy.
    assert!(begun.elapsed() < DEADLINE / 3, "{:?}", begun.elapsed());
    assert_eq!(taken(&meters).1, 0);
}

#[tokio::test]
async fn rubbish_without_end_is_cut_off() {
    let tasks = Tasks::new();
    let line = b"metric_of_nobody{label=\"value\"} 1\n".repeat(4096);
    let lines = wild(&tasks, move |stream| flood(stream, line.clone())).await;
    let zeros = wild(&tasks, |stream| flood(stream, vec![0; 1 << 20])).await;
    let spaces = wild(&tasks, |stream| flood(stream, vec![b' '; 1 << 20])).await;
    let metrics = LoadFormat::Prometheus { metric: "up".into(), labels: vec![], rate: None };
    let regions = [
        pulled("lines", vec![source(lines, metrics.clone())]),
        pulled("zeros", vec![source(zeros, metrics)]),
        pulled("spaces", vec![plain(spaces)]),
    ];
    let meters = Meters::start(&regions, &tasks).unwrap();
    let mut readings = meters.readings();
    let mut faults = Vec::new();
    while faults.len() < 3 {
        for reading in next(&mut readings).await {
            let fault = reading.value.unwrap_err();
            if !faults.iter().any(|(region, _)| *region == reading.region) {
                assert_eq!(fault.reason, Reason::TooLong, "{fault}");
                faults.push((reading.region, fault.found));
            }
        }
    }
    faults.sort();
    let most = [limits::LOAD_BODY, limits::LOAD_DOCUMENT, limits::LOAD_LINE];
    for ((region, found), most) in faults.iter().zip(most) {
        assert!(found.contains(&most.to_string()), "{region}: {found}");
    }
}

#[tokio::test]
async fn a_format_that_changes_is_told_and_comes_back() {
    let tasks = Tasks::new();
    let good = "# TYPE sessions gauge\nsessions{proxy=\"www\"} 12\n";
    let site = Site::open(&tasks, good).await;
    let labels = vec![("proxy".to_owned(), "www".to_owned())];
    let format = LoadFormat::Prometheus { metric: "sessions".into(), labels, rate: None };
    let sources = vec![source(site.address, format)];
    let meters = Meters::start(&[pulled("us", sources)], &tasks).unwrap();
    let mut readings = meters.readings();
    assert_eq!(until(&mut readings, "us", |_| true).await, Ok(12.0));
    for (page, reason) in [
        ("<html><body>moved</body></html>", Reason::Format),
        ("sessions{frontend=\"www\"} 12\n", Reason::Missing),
        ("sessions{proxy=\"www\"} NaN\n", Reason::Number),
        ("# TYPE sessions counter\nsessions{proxy=\"www\"} -5\n", Reason::Number),
    ] {
        site.say(page);
        let wrong =
            |value: &Result<f64, Fault>| value.as_ref().is_err_and(|fault| fault.reason == reason);
        until(&mut readings, "us", wrong).await.unwrap_err();
        site.say(good);
        assert_eq!(until(&mut readings, "us", Result::is_ok).await, Ok(12.0), "{page}");
    }
}

#[tokio::test]
async fn nobody_is_sent_elsewhere() {
    let tasks = Tasks::new();
    let other = Site::open(&tasks, "5").await;
    let site = Site::open(&tasks, "").await;
    let headers = format!("location: http://{}/\r\n", other.address);
    site.answer_with("302 Found", &headers, "");
    let meters = Meters::start(&[pulled("us", vec![plain(site.address)])], &tasks).unwrap();
    let fault = until(&mut meters.readings(), "us", |_| true).await.unwrap_err();
    assert_eq!(fault.reason, Reason::Status);
    assert!(other.asked().is_empty());
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_none() {
    let tasks = Tasks::new();
    let half = wild(&tasks, async |mut stream: TcpStream| {
        head(&mut stream).await;
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n12").await);
    })
    .await;
    let meters = Meters::start(&[pulled("us", vec![plain(half)])], &tasks).unwrap();
    let fault = until(&mut meters.readings(), "us", |_| true).await.unwrap_err();
    assert_eq!(fault.reason, Reason::Unreachable, "{fault}: 12 would be a number");
}
