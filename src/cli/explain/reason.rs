//! Why a region has its position, in words.

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::latency::Level;
use crate::latency::Rated;
use crate::load::BAND_MS;
use crate::load::Cutoff;
use crate::load::LoadStatus;
use crate::load::Loss;
use crate::steer::RankReason;

pub(super) fn text_of(reason: RankReason, now: Timestamp) -> String {
    match reason {
        RankReason::Rule(at) => format!("rule {}", at + 1),
        RankReason::Latency(rated) => measured(&rated, now),
        RankReason::Explored(rated) => format!("{}; here to be measured", measured(&rated, now)),
        RankReason::Nearest(km) => format!("nearest, {km:.0} km"),
        RankReason::Priority => "priority".to_owned(),
        RankReason::Equal => "equal".to_owned(),
    }
}

/// Why a region that is full refuses a client: what it loses by that, and who is refused.
pub(super) fn of_refusal(cutoff: Cutoff, loss: Loss, load: Option<&LoadStatus>) -> String {
    let lost = loss.ms().map_or_else(|| "much".to_owned(), |ms| format!("{ms:.1} ms"));
    let (low, high) = (cutoff.ms(), cutoff.ms() + BAND_MS);
    let who = match low < 0.0 {
        true => format!("some of whom lose less than {high:.1} ms go elsewhere"),
        false => format!("who loses up to {low:.1} ms goes elsewhere, of up to {high:.1} ms some"),
    };
    let why = load.map(|load| load.reason.as_str()).filter(|reason| !reason.is_empty());
    let why = why.map(|reason| format!(" ({reason})")).unwrap_or_default();
    format!("full: it loses {lost} by going elsewhere; {who}{why}")
}

/// What an estimate is, from what it comes, and how old that is.
fn measured(rated: &Rated, now: Timestamp) -> String {
    let ms = rated.rtt().as_secs_f64() * 1e3;
    let from = match rated.level() {
        Level::Prefix => format!("{} samples of its prefix", rated.count()),
        Level::WidePrefix => format!("{} around its prefix", rated.count()),
        Level::AsnCountry => format!("{} of its network in the country", rated.count()),
        Level::Area => format!("{} around it", rated.count()),
        Level::Country => format!("{} of its country", rated.count()),
        Level::Distance => "the distance and what others were measured to".to_owned(),
    };
    let age = rated.last().map(|last| age(now.duration_since(last))).unwrap_or_default();
    format!("latency, {ms:.1} ms by {from}{age}, {} % sure", rated.confidence())
}

fn age(age: SignedDuration) -> String {
    match age.as_mins().max(0) {
        minutes @ ..120 => format!(", {minutes} min ago"),
        minutes @ 120..2880 => format!(", {} h ago", minutes / 60),
        minutes => format!(", {} days ago", minutes / 1440),
    }
}
