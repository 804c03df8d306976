//! Which of several addresses is used: the first that answers (RFC 8305, "Happy Eyeballs").
//!
//! The families take turns, IPv6 first. One address is tried; the next joins when it fails, or
//! when it has been silent for a short pause. All of it fits within the timeout of the probe.

use std::net::IpAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::sleep;

use crate::model::limits;
use crate::prober::connect::Found;
use crate::prober::connect::Stage;
use crate::prober::failure::Fault;

/// RFC 8305, 8: the recommended "Connection Attempt Delay", and the least that is sound.
const PAUSE: Duration = Duration::from_millis(250);
const LEAST_PAUSE: Duration = Duration::from_millis(10);

/// How long an address is waited for before the next of `n` is tried too: short enough for the
/// last of them to have as long as the others.
pub(super) fn pause(timeout: Duration, n: usize) -> Duration {
    let n = u32::try_from(n).unwrap_or(u32::MAX).saturating_add(1);
    (timeout / n).clamp(LEAST_PAUSE, PAUSE)
}

/// Addresses in the order in which they are tried: the families in turn, each in its own order
/// (RFC 8305, 4), each address once, and no more than [`limits::PROBE_ADDRESSES`].
pub(super) fn interleaved(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let of_family = |is_v6: bool| {
        addresses.iter().filter(move |address| address.to_canonical().is_ipv6() == is_v6)
    };
    let (mut v6, mut v4) = (of_family(true), of_family(false));
    let mut found: Vec<IpAddr> = Vec::new();
    loop {
        let turn = [v6.next(), v4.next()];
        if turn == [None, None] || found.len() >= limits::PROBE_ADDRESSES {
            break;
        }
        for address in turn.into_iter().flatten() {
            if !found.contains(address) {
                found.push(*address);
            }
        }
    }
    found.truncate(limits::PROBE_ADDRESSES);
    found
}

/// The first address with which an attempt succeeds, and what came of it; if none does, what all
/// their faults come to.
pub(super) async fn first<T>(
    found: &Found,
    stage: &Stage,
    attempt: impl AsyncFn(IpAddr) -> Result<T, Fault>,
) -> Result<(T, IpAddr), Fault> {
    let several = found.addresses().len() > 1;
    let mut rest = found.addresses().iter().copied();
    let mut under_way = FuturesUnordered::new();
    let attempt = &attempt;
    let one = |address| async move { (attempt(address).await, address) };
    let mut is_next_due = true;
    loop {
        if is_next_due && let Some(address) = rest.next() {
            stage.asks(address);
            under_way.push(one(address));
        }
        is_next_due = tokio::select! {
            biased;
            Some((result, address)) = under_way.next(), if !under_way.is_empty() => match result {
                Ok(value) => {
                    stage.goes_on_with(address);
                    return Ok((value, address));
                }
                Err(fault) => {
                    stage.fails(address, fault, several);
                    true
                }
            },
            () = sleep(found.pause()), if rest.len() > 0 => true,
            else => return Err(stage.failure()),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future::pending;

    use tokio::time::Instant;

    use super::*;

    fn addresses(text: &str) -> Vec<IpAddr> {
        text.split_whitespace().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns_and_each_address_comes_once() {
        for (given, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1 2001:db8::1", "2001:db8::1 192.0.2.1"),
            (
                "192.0.2.1 192.0.2.2 192.0.2.3 2001:db8::1 2001:db8::2",
                "2001:db8::1 192.0.2.1 2001:db8::2 192.0.2.2 192.0.2.3",
            ),
            ("192.0.2.1 192.0.2.1 2001:db8::1", "2001:db8::1 192.0.2.1"),
            // An IPv4 address, however it is written.
            ("::ffff:192.0.2.1 2001:db8::1", "2001:db8::1 ::ffff:192.0.2.1"),
        ] {
            assert_eq!(interleaved(&addresses(given)), addresses(expected), "{given}");
        }
        let many: Vec<IpAddr> = (0..200).map(|n| IpAddr::from([192, 0, 2, n])).collect();
        assert_eq!(interleaved(&many), many[..limits::PROBE_ADDRESSES]);
    }

    #[test]
    fn all_addresses_are_tried_within_the_timeout() {
        let pause = |ms, n| pause(Duration::from_millis(ms), n).as_millis();
        assert_eq!([pause(3000, 1), pause(3000, 2), pause(3000, 16)], [250, 250, 176]);
        assert_eq!([pause(500, 2), pause(100, 4), pause(1, 4)], [166, 20, 10]);
    }

    /// What each address does: answers after so many ms, or fails after them.
    async fn race(text: &str) -> (Result<IpAddr, Fault>, u128, Vec<(String, u128)>) {
        let plan: Vec<(IpAddr, &str)> = text
            .split(", ")
            .map(|one| one.split_once(' ').unwrap())
            .map(|(address, does)| (address.parse().unwrap(), does))
            .collect();
        let addresses = plan.iter().map(|(address, _)| *address).collect();
        let found = Found::several(addresses, Duration::from_secs(3));
        let (stage, begun) = (Stage::default(), Instant::now());
        let tried = RefCell::new(Vec::new());
        let attempt = async |address: IpAddr| {
            tried.borrow_mut().push((address.to_string(), begun.elapsed().as_millis()));
            let (_, does) = plan.iter().find(|(of, _)| *of == address).unwrap();
            let (word, ms) = does.split_once(' ').unwrap_or((does, "0"));
            sleep(Duration::from_millis(ms.parse().unwrap())).await;
            match word {
                "answers" => Ok(()),
                "fails" => Err(Fault::target("refused")),
                "can't" => Err(Fault::Ours("no address".to_owned())),
                _ => pending().await,
            }
        };
        let result = first(&found, &stage, attempt).await;
        let took = begun.elapsed().as_millis();
        (result.map(|((), address)| address), took, tried.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_that_answers_is_used() {
        let (found, took, _) = race("2001:db8::1 answers 20, 192.0.2.1 answers 1").await;
        assert_eq!((found, took), (Ok("2001:db8::1".parse().unwrap()), 20), "IPv6 comes first");
        let (found, took, tried) = race("2001:db8::1 hangs, 192.0.2.1 answers 5").await;
        assert_eq!((found, took), (Ok("192.0.2.1".parse().unwrap()), 255));
        assert_eq!(tried[1].1, 250);
        let (found, took, _) = race("2001:db8::1 fails 3, 192.0.2.1 answers 5").await;
        assert_eq!((found, took), (Ok("192.0.2.1".parse().unwrap()), 8), "the next at once");
        let slow = "2001:db8::1 answers 400, 192.0.2.1 hangs";
        assert_eq!(race(slow).await.1, 400, "the earlier attempt goes on");
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_the_targets_fault_if_one_address_shows_it() {
        let (found, ..) = race("2001:db8::1 can't, 192.0.2.1 fails").await;
        let text = "2001:db8::1: no address; 192.0.2.1: refused";
        assert_eq!(found, Err(Fault::target(text)));
        let (found, ..) = race("2001:db8::1 can't, 2001:db8::2 can't").await;
        let text = "2001:db8::1: no address; 2001:db8::2: no address";
        assert_eq!(found, Err(Fault::Ours(text.to_owned())));
        assert_eq!(race("192.0.2.1 fails").await.0, Err(Fault::target("refused")));
    }
}
