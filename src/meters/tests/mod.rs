//! Readings over real connections, from sites that behave well and badly.

mod bad;
mod reload;
mod secure;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::meters::Fault;
use crate::meters::Meters;
use crate::meters::Reading;
use crate::meters::Readings;
use crate::model::LoadFormat;
use crate::model::LoadFrom;
use crate::model::LoadLogin;
use crate::model::LoadSource;
use crate::model::LoadTls;
use crate::model::NginxField;
use crate::model::Region;
use crate::model::RegionLoad;
use crate::tasks::Tasks;

/// From start to start of a reading. Shorter than a file may say.
const INTERVAL: Duration = Duration::from_millis(100);

/// For what must come.
const DEADLINE: Duration = Duration::from_secs(30);

fn region(name: &str, from: LoadFrom) -> Region {
    let load = RegionLoad { interval: INTERVAL, hold: INTERVAL * 20, from };
    Region {
        name: name.to_owned(),
        location: None,
        bias: 0,
        monitor: None,
        min_pools: 0,
        capacity: None,
        load: Some(load),
    }
}

fn pulled(name: &str, sources: Vec<LoadSource>) -> Region {
    region(name, LoadFrom::Pulled(sources))
}

fn source(address: SocketAddr, format: LoadFormat) -> LoadSource {
    LoadSource {
        url: format!("http://{address}/status?key=secret"),
        format,
        // Longer than a file may say: what is slow here is the machine.
        timeout: DEADLINE,
        login: LoadLogin::Anyone,
        tls: LoadTls::default(),
    }
}

/// A number by itself, which is a document of JSON.
fn plain(address: SocketAddr) -> LoadSource {
    source(address, LoadFormat::Json { pointer: String::new(), rate: false })
}

/// A site that gives everybody the answer of the moment, and notes what it was asked.
#[derive(Clone)]
struct Site {
    address: SocketAddr,
    answer: Arc<Mutex<String>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Site {
    async fn open(tasks: &Tasks, body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let site = Self { address, answer: Arc::default(), asked: Arc::default() };
        site.say(body);
        let (answer, asked) = (Arc::clone(&site.answer), Arc::clone(&site.asked));
        let stop = tasks.stopping().clone();
        let serve = async move {
            loop {
                let Ok((mut stream, _)) = listener.accept().await else { return };
                let request = head(&mut stream).await;
                asked.lock().unwrap().push(request);
                let answer = answer.lock().unwrap().clone();
                // Whoever asked may have had enough.
                drop(stream.write_all(answer.as_bytes()).await);
            }
        };
        let serve = async move {
            tokio::select! {
                () = serve => {}
                () = stop.cancelled() => {}
            }
        };
        tasks.spawn("site", serve).unwrap();
        site
    }

    fn say(&self, body: &str) {
        self.answer_with("200 OK", "", body);
    }

    fn answer_with(&self, status: &str, headers: &str, body: &str) {
        let length = body.len();
        *self.answer.lock().unwrap() = format!(
            "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Reads the head of a request.
async fn head(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(octet) => request.push(octet),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&request).into_owned()
}

async fn next(readings: &mut Readings) -> Vec<Reading> {
    timeout(DEADLINE, readings.next()).await.expect("a reading")
}

/// The next reading of a region that is as wanted.
async fn until(
    readings: &mut Readings,
    region: &str,
    is_so: impl Fn(&Result<f64, Fault>) -> bool,
) -> Result<f64, Fault> {
    let wait = async {
        loop {
            let found = readings.next().await.into_iter().find(|found| found.region == region);
            if let Some(found) = found.filter(|found| is_so(&found.value)) {
                return found.value;
            }
        }
    };
    timeout(DEADLINE, wait).await.expect("such a reading")
}

fn is(wanted: f64) -> impl Fn(&Result<f64, Fault>) -> bool {
    move |value| value.as_ref().is_ok_and(|value| (value - wanted).abs() < 1e-9)
}

#[tokio::test]
async fn the_balancers_of_a_region_add_up() {
    let tasks = Tasks::new();
    let one = Site::open(&tasks, "800.5").await;
    let other = Site::open(
        &tasks,
        "Active connections: 291 \nserver accepts handled requests\n 1 1 1 \n\
         Reading: 6 Writing: 179 Waiting: 106 \n",
    )
    .await;
    let sources = vec![
        plain(one.address),
        source(other.address, LoadFormat::NginxStatus(NginxField::Active)),
    ];
    let meters = Meters::start(&[pulled("us", sources)], &tasks).unwrap();
    let found = next(&mut meters.readings()).await.remove(0);
    assert!(found.region == "us" && is(1091.5)(&found.value), "{found:?}");
    let figures = meters.figures();
    assert_eq!((figures.regions[0].load, figures.regions[0].taken > 0), (Some(1091.5), true));
    let request = one.asked().remove(0);
    assert!(request.starts_with("GET /status?key=secret HTTP/1.1\r\n"), "{request}");
}

#[tokio::test]
async fn counters_are_rates_from_the_second_reading_on() {
    let tasks = Tasks::new();
    let site = Site::open(&tasks, "1000").await;
    let format = LoadFormat::Json { pointer: String::new(), rate: true };
    let sources = vec![source(site.address, format)];
    let mut us = pulled("us", sources);
    // After six of them without a reading there is nothing to grow from.
    let interval = INTERVAL * 5;
    us.load.as_mut().unwrap().interval = interval;
    let meters = Meters::start(&[us], &tasks).unwrap();
    let mut readings = meters.readings();
    assert_eq!(until(&mut readings, "us", |_| true).await, Ok(0.0), "it did not grow");
    site.say("1000000");
    let grown = until(&mut readings, "us", |value| *value != Ok(0.0)).await.unwrap();
    let least = 999_000.0 / (interval * 6).as_secs_f64();
    assert!(grown >= least, "{grown}, expected at least {least}");
    site.say("5");
    let fault = until(&mut readings, "us", Result::is_err).await.unwrap_err();
    assert_eq!(fault.reason.as_str(), "restart");
    assert_eq!(until(&mut readings, "us", Result::is_ok).await, Ok(0.0), "from 5 on");
}

#[tokio::test]
async fn of_readings_that_nobody_takes_the_last_counts() {
    let tasks = Tasks::new();
    let site = Site::open(&tasks, "1").await;
    let meters = Meters::start(&[pulled("us", vec![plain(site.address)])], &tasks).unwrap();
    while meters.figures().regions[0].taken < 3 {
        tokio::time::sleep(INTERVAL / 10).await;
    }
    site.say("2");
    while meters.figures().regions[0].load != Some(2.0) {
        tokio::time::sleep(INTERVAL / 10).await;
    }
    let waiting = next(&mut meters.readings()).await;
    assert_eq!(waiting.len(), 1);
    assert!(is(2.0)(&waiting[0].value));
}

#[tokio::test]
async fn what_is_told_is_a_reading_until_it_is_too_old() {
    let tasks = Tasks::new();
    let regions = [region("us", LoadFrom::Pushed), pulled("eu", Vec::new())];
    let meters = Meters::start(&regions[..1], &tasks).unwrap();
    let pushed = meters.push(br#"[{"region":"us","load":1},{"region":"us","load":7}]"#).unwrap();
    assert_eq!((pushed.taken, pushed.refused_total), (2, 0));
    let waiting = next(&mut meters.readings()).await;
    assert!(waiting.len() == 1 && is(7.0)(&waiting[0].value), "{waiting:?}");
    assert_eq!(meters.figures().regions[0].load, Some(7.0));
    while meters.figures().regions[0].load.is_some() {
        tokio::time::sleep(INTERVAL).await;
    }
    assert!(meters.figures().regions[0].last.is_some(), "when it was is still known");
    meters.renew(&regions).unwrap();
    let pushed = meters.push(br#"{"region":"eu","load":1}"#).unwrap();
    assert_eq!(pushed.refused[0].reason.as_str(), "not-pushed");
}
