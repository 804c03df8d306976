//! What probing costs, and how soon a verdict is answered: a node with 10,000 endpoints and the web
//! server that is all of them. README.md beside this file says what is measured.

mod flip;
mod node;
mod website;

use std::error::Error;
use std::io;
use std::io::Write;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::node::Node;
use crate::node::Settings;
use crate::website::Scheme;
use crate::website::Website;

const USAGE: &str = "\
cargo bench --bench probe -- run [--seconds S] [--endpoints N] [--interval S]
Start with benches/probe/README.md.";

/// What any of the parts may fail with.
type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    if arguments.next().as_deref() != Some("run") {
        // `cargo bench` runs every bench with flags of its own.
        writeln!(io::stdout(), "{USAGE}")?;
        return Ok(());
    }
    let (mut seconds, mut endpoints, mut interval): (u64, usize, u64) = (50, 10_000, 10);
    while let Some(option) = arguments.next() {
        let value = arguments.next().ok_or(USAGE)?;
        match option.as_str() {
            "--seconds" => seconds = value.parse()?,
            "--endpoints" => endpoints = value.parse()?,
            "--interval" => interval = value.parse()?,
            _ => return Err(USAGE.into()),
        }
    }
    let settings = |scheme| Settings { scheme, endpoints, pools: 4, interval, fall: 3 };
    let mut out = io::stdout();
    writeln!(out, "{endpoints} endpoints every {interval} s, {seconds} s each\n")?;
    writeln!(out, "| probes | arrived/s | `prober`, cores | the process, cores | resident |")?;
    writeln!(out, "|---|--:|--:|--:|--:|")?;
    for scheme in [Scheme::Http, Scheme::HttpsUnverified, Scheme::Https] {
        writeln!(out, "{}", cost(&settings(scheme), Duration::from_secs(seconds))?)?;
    }
    let flips = Settings { pools: 1, fall: 1, ..settings(Scheme::Http) };
    writeln!(out, "\n{}", flip::measure(&flips)?)?;
    Ok(())
}

/// One row: what a steady state costs.
fn cost(settings: &Settings, lasts: Duration) -> Result<String, Failure> {
    let website = Website::start(settings.scheme)?;
    let node = Node::start(settings, &website)?;
    // The first round is all handshakes at once and the first verdicts; it is not the steady state.
    let all = u64::try_from(settings.endpoints)?;
    node::until("every endpoint was probed", || Ok(website.visits() >= all))?;
    thread::sleep(Duration::from_secs(settings.interval));
    let is_prober = |name: &str| name.starts_with("prober");
    if !node.threads()?.iter().any(|(name, _)| is_prober(name)) {
        return Err("the node has no thread `prober`".into());
    }
    let (mut prober, mut whole, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    // One round each: in every window each endpoint is probed once.
    let window = Duration::from_secs(settings.interval);
    for _ in 0..(lasts.as_secs() / settings.interval).max(1) {
        let (before, visits, begun) = (node.threads()?, website.visits(), now());
        thread::sleep(window);
        let (after, visits, took) = (node.threads()?, website.visits() - visits, begun.elapsed());
        let cores = |which: &dyn Fn(&str) -> bool| {
            let sum = |of: &[(String, u64)]| -> u64 {
                of.iter().filter(|(name, _)| which(name)).map(|(_, nanos)| nanos).sum()
            };
            Duration::from_nanos(sum(&after).saturating_sub(sum(&before))).as_secs_f64()
                / took.as_secs_f64()
        };
        prober.push(cores(&is_prober));
        whole.push(cores(&|_| true));
        rates.push(visits as f64 / took.as_secs_f64());
    }
    let (prober, whole, rate) = (spread(prober, 3), spread(whole, 3), spread(rates, 0));
    let resident = node.resident_mib()?;
    Ok(format!("| {} | {rate} | {prober} | {whole} | {resident} MiB |", settings.scheme))
}

/// The least, the median and the most, with so many decimals.
fn spread(mut of: Vec<f64>, decimals: usize) -> String {
    of.sort_by(f64::total_cmp);
    let at = |place: usize| of.get(place).copied().unwrap_or_default();
    let [least, median, most] = [at(0), at(of.len() / 2), at(of.len().saturating_sub(1))];
    format!("{least:.decimals$} / {median:.decimals$} / {most:.decimals$}")
}

/// The time, which a measurement is about.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}
