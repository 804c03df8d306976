//! Looking up names: both families at once, each name once at a time, and what it had before.
//!
//! The system's resolver is asked, which knows hosts files and whatever else the machine is set
//! up with. A look-up can't be called off: it runs on a thread of its own until the resolver
//! gives up, and probes of the same name wait for that one instead of asking again.
//!
//! A resolver that is silent is this node's trouble. So a name keeps the addresses that it had
//! for a while, and probes go there.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::HashSet;
use std::io;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::UdpSocket;
use std::rc::Rc;
use std::time::Duration;

use dns_lookup::AddrInfoHints;
use dns_lookup::LookupError;
use dns_lookup::LookupErrorKind;
use dns_lookup::getaddrinfo;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio::time::sleep_until;

use crate::model::Family;
use crate::prober::blame::Trouble;
use crate::prober::failure::Fault;

/// A part of the timeout, and at most so long, is for the look-up alone if there are addresses to
/// go on with.
const PATIENCE: (u32, Duration) = (4, Duration::from_secs(1));

/// Addresses of one family, none if there are none for sure; or why there is no answer, and in
/// words.
type Answer = Result<Vec<IpAddr>, (Trouble, String)>;

/// What is known of all names that are probed.
#[derive(Debug, Default)]
pub(super) struct Names(RefCell<HashMap<String, Rc<[Question; 2]>>>);

/// A name and an address family.
#[derive(Debug)]
struct Question {
    family: Family,
    state: watch::Sender<State>,
}

/// What is known of the answer.
#[derive(Clone, Debug, Default)]
struct State {
    /// Since when it is being asked.
    asked: Option<Instant>,
    /// How often it was answered.
    n_answers: u64,
    /// The last answer.
    answer: Option<Answer>,
    /// The last that it had, and when that was confirmed.
    had: Option<(Vec<IpAddr>, Instant)>,
}

impl Names {
    /// Forgets all names but these.
    pub(super) fn retain(&self, used: &HashSet<&str>) {
        self.0.borrow_mut().retain(|name, _| used.contains(&**name));
    }

    /// The addresses of a name: as the resolver says now, or as it said at most `keep` ago if it
    /// has no answer in a good part of `timeout`. Waits for ever where there is neither.
    pub(super) async fn find(
        &self,
        name: &str,
        timeout: Duration,
        keep: Duration,
    ) -> Result<Vec<IpAddr>, Fault> {
        let now = Instant::now();
        let questions = self.questions(name);
        let mut heard = [None, None];
        let mut states = Vec::new();
        let mut patient_until = now + (timeout / PATIENCE.0).min(PATIENCE.1);
        for question in &*questions {
            let is_begun = question.state.borrow().asked;
            // Whoever has waited for this one has waited for all that come after it.
            if let Some(since) = is_begun {
                patient_until = patient_until.min(since + PATIENCE.1.min(timeout / PATIENCE.0));
            }
            let before = question.ask(name);
            states.push((question.state.subscribe(), before));
        }
        loop {
            for (slot, (state, before)) in heard.iter_mut().zip(&mut states) {
                let state = state.borrow_and_update();
                if slot.is_none() && state.n_answers > *before {
                    *slot = state.answer.clone();
                }
            }
            let is_patient = Instant::now() < patient_until;
            if let Some(done) = settled(name, &heard, &questions, keep, is_patient) {
                return done;
            }
            let [(v4, _), (v6, _)] = &mut *states else { return Ok(Vec::new()) };
            tokio::select! {
                _ = v4.changed() => {}
                _ = v6.changed() => {}
                () = sleep_until(patient_until), if is_patient => {}
            }
        }
    }

    fn questions(&self, name: &str) -> Rc<[Question; 2]> {
        let mut all = self.0.borrow_mut();
        let new = || {
            let of = |family| Question { family, state: watch::Sender::default() };
            Rc::new(Family::ALL.map(of))
        };
        Rc::clone(all.entry(name.to_owned()).or_insert_with(new))
    }
}

/// What the answers so far come to, if that is enough to go on with.
fn settled(
    name: &str,
    heard: &[Option<Answer>; 2],
    questions: &[Question; 2],
    keep: Duration,
    is_patient: bool,
) -> Option<Result<Vec<IpAddr>, Fault>> {
    let is_waiting = heard.iter().any(Option::is_none);
    if is_waiting && is_patient {
        return None;
    }
    let mut addresses = Vec::new();
    for (heard, question) in heard.iter().zip(questions) {
        match heard {
            Some(Ok(found)) => addresses.extend_from_slice(found),
            // There is none for sure.
            Some(Err((Trouble::NoAddress, _))) => {}
            Some(Err(_)) | None => addresses.extend(question.had(keep)),
        }
    }
    if !addresses.is_empty() {
        return Some(Ok(addresses));
    }
    if is_waiting {
        return None;
    }
    let fault = |(trouble, text): &(Trouble, String)| {
        Fault::of_lookup(format!("no address of {name}: {text}"), *trouble)
    };
    let faults = heard.iter().flatten().filter_map(|answer| answer.as_ref().err()).map(fault);
    // One family for sure has none; of the other it is not known.
    let ours = faults.clone().find(|fault| matches!(fault, Fault::Ours(_)));
    let found = ours.or_else(|| faults.into_iter().next());
    Some(Err(found.unwrap_or_else(|| Fault::target(format!("no address of {name}")))))
}

impl Question {
    /// Asks, unless that is under way; returns how often it was answered before.
    fn ask(&self, name: &str) -> u64 {
        let before = self.state.borrow().n_answers;
        if self.state.borrow().asked.is_some() {
            return before;
        }
        self.state.send_modify(|state| state.asked = Some(Instant::now()));
        let (state, family, name) = (self.state.clone(), self.family, name.to_owned());
        // Bounded: one of each name and family, on at most `BLOCKING_THREADS` threads.
        drop(tokio::task::spawn_blocking(move || {
            let answer = look_up(&name, family);
            state.send_modify(|state| state.take(answer, Instant::now()));
        }));
        before
    }

    /// The addresses that it had at most `keep` ago.
    fn had(&self, keep: Duration) -> Vec<IpAddr> {
        let state = self.state.borrow();
        let had = state.had.as_ref().filter(|(_, at)| at.elapsed() < keep);
        had.map(|(addresses, _)| addresses.clone()).unwrap_or_default()
    }
}

impl State {
    fn take(&mut self, answer: Answer, now: Instant) {
        self.asked = None;
        self.n_answers += 1;
        match &answer {
            Ok(found) => self.had = Some((found.clone(), now)),
            Err((Trouble::NoAddress, _)) => self.had = None,
            Err(_) => {}
        }
        self.answer = Some(answer);
    }
}

/// Asks the system, which may take as long as it likes.
fn look_up(name: &str, family: Family) -> Answer {
    let address = match family {
        Family::V4 => libc::AF_INET,
        Family::V6 => libc::AF_INET6,
    };
    // Else each address would be there once for each type of socket.
    let hints = AddrInfoHints { address, socktype: libc::SOCK_STREAM, ..AddrInfoHints::default() };
    match getaddrinfo(Some(name), None, Some(hints)) {
        Ok(found) => Ok(found.filter_map(Result::ok).map(|found| found.sockaddr.ip()).collect()),
        Err(error) => Err(trouble(error)),
    }
}

/// glibc: there are addresses, but of the other family; as a hosts file says.
const EAI_ADDRFAMILY: i32 = -9;

/// What an error of the resolver says.
fn trouble(error: LookupError) -> (Trouble, String) {
    let of_system =
        |error: io::Error| (Trouble::Error(error.raw_os_error().unwrap_or(0)), error.to_string());
    let none = || "it has none".to_owned();
    // Without descriptors a C library can't read its files, and says that nothing is there.
    if let Some(error) = exhausted() {
        return of_system(error);
    }
    match error.kind() {
        LookupErrorKind::NoName => (Trouble::NoAddress, "there is no such name".to_owned()),
        LookupErrorKind::NoData => (Trouble::NoAddress, none()),
        _ if error.error_num() == EAI_ADDRFAMILY => (Trouble::NoAddress, none()),
        LookupErrorKind::System => of_system(error.into()),
        LookupErrorKind::Again => (Trouble::NoAnswer, "it can't be looked up now".to_owned()),
        LookupErrorKind::Badflags
        | LookupErrorKind::Fail
        | LookupErrorKind::Family
        | LookupErrorKind::IO
        | LookupErrorKind::Memory
        | LookupErrorKind::Service
        | LookupErrorKind::Socktype
        | LookupErrorKind::Unknown => (Trouble::NoAnswer, io::Error::from(error).to_string()),
    }
}

/// Why this process can open nothing more, if that is so.
fn exhausted() -> Option<io::Error> {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).err()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: Duration = Duration::from_secs(300);

    /// The answer for one family: addresses, `none`, `later`, or `-` if it has not come.
    fn answer(text: &str) -> Option<Answer> {
        match text {
            "-" => None,
            "none" => Some(Err((Trouble::NoAddress, "it has none".to_owned()))),
            "later" => Some(Err((Trouble::NoAnswer, "later".to_owned()))),
            addresses => Some(Ok(addresses.split(' ').map(|text| text.parse().unwrap()).collect())),
        }
    }

    /// What IPv4 and IPv6 come to, after what they had before (`-` for nothing) so long ago:
    /// `…` to wait on, addresses, `target: …`, or `ours: …`.
    fn come_to(had: [&str; 2], ago: Duration, now: [&str; 2], is_patient: bool) -> String {
        let new = |family| Question { family, state: watch::Sender::default() };
        let questions = Family::ALL.map(new);
        for (question, had) in questions.iter().zip(had) {
            let begun = Instant::now() - ago;
            answer(had).into_iter().for_each(|had| {
                question.state.send_modify(|state| state.take(had.clone(), begun));
            });
        }
        let heard = now.map(answer);
        match settled("a.test", &heard, &questions, KEEP, is_patient) {
            None => "…".to_owned(),
            Some(Ok(found)) => {
                let found: Vec<String> = found.iter().map(ToString::to_string).collect();
                found.join(" ")
            }
            Some(Err(Fault::Ours(text))) => format!("ours: {text}"),
            Some(Err(fault)) => format!("target: {}", fault.text()),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_is_what_the_resolver_says_or_said_a_while_ago() {
        tokio::time::advance(2 * KEEP).await;
        let soon = Duration::from_secs(10);
        let none = "target: no address of a.test: it has none";
        let later = "ours: no address of a.test: later: this node's resolver has no answer";
        let both = ["192.0.2.1", "2001:db8::1"];
        for (had, ago, now, patient, expected) in [
            // Both families are waited for, but not for long.
            (["-", "-"], soon, both, true, "192.0.2.1 2001:db8::1"),
            (["-", "-"], soon, ["192.0.2.1", "-"], true, "…"),
            (["-", "-"], soon, ["192.0.2.1", "-"], false, "192.0.2.1"),
            (["-", "-"], soon, ["192.0.2.1", "later"], true, "192.0.2.1"),
            (["-", "-"], soon, ["none", "2001:db8::1"], true, "2001:db8::1"),
            // Nothing to go on with.
            (["-", "-"], soon, ["-", "-"], false, "…"),
            (["-", "-"], soon, ["none", "-"], false, "…"),
            (["-", "-"], soon, ["none", "none"], true, none),
            (["-", "-"], soon, ["none", "later"], true, later),
            (["-", "-"], soon, ["later", "later"], true, later),
            // The resolver fell silent, or has no answer now.
            (["192.0.2.1", "none"], soon, ["-", "-"], false, "192.0.2.1"),
            (["192.0.2.1", "none"], soon, ["later", "later"], true, "192.0.2.1"),
            (both, soon, ["192.0.2.2", "-"], false, "192.0.2.2 2001:db8::1"),
            (["192.0.2.1", "none"], KEEP, ["later", "later"], true, later),
            // A name that is gone is gone.
            (["192.0.2.1", "none"], soon, ["none", "none"], true, none),
        ] {
            assert_eq!(come_to(had, ago, now, patient), expected, "{had:?} {now:?} {patient}");
        }
    }

    #[tokio::test]
    async fn a_name_of_the_hosts_file_is_found() {
        let names = Names::default();
        let found = names.find("localhost", Duration::from_secs(30), KEEP).await.unwrap();
        assert!(found.contains(&Ipv4Addr::LOCALHOST.into()), "{found:?}");
        names.retain(&HashSet::new());
        assert!(names.0.borrow().is_empty());
    }
}
