//! What must hold, judged apart from what is judged.

use std::collections::BTreeMap;
use std::net::IpAddr;

use meridian::engine::AdminStatus;
use meridian::engine::Contact;
use meridian::engine::Status;
use meridian::engine::What;
use meridian::health::Hearing;
use meridian::health::Opinions;
use meridian::health::Verdict;
use meridian::health::Vote;
use meridian::model::AdminState;
use meridian::model::Quorum;
use meridian::model::RecordType;

use crate::asking::Ask;
use crate::asking::Responder;
use crate::cluster::process::Process;
use crate::cluster::process::Role;
use crate::cluster::sim::Sim;

/// Clients near each region, and one that is nowhere.
const CLIENTS: [[u8; 4]; 3] = [[20, 1, 1, 1], [30, 1, 1, 1], [192, 0, 2, 1]];

pub(super) struct Watch {
    seed: u64,
    /// Verdicts that flipped.
    pub(super) flips: u64,
    /// Each process's looks, to ask clients in turn.
    looks: Vec<usize>,
}

impl Watch {
    pub(super) fn new(seed: u64, processes: usize) -> Self {
        Self { seed, flips: 0, looks: vec![0; processes] }
    }

    /// Looks at a process to which something happened.
    pub(super) fn look(&mut self, sim: &mut Sim, at: usize) {
        let process = &mut sim.processes[at];
        let notices = std::mem::take(&mut process.notices);
        let Role::Node(engine, snapshot) = &process.role else { return };
        if !notices.is_empty() {
            self.looks[at] += 1;
            let client = IpAddr::from(CLIENTS[self.looks[at] % CLIENTS.len()]);
            let ask = Ask::new("www.test", RecordType::A).client(client);
            let answer = Responder::new(snapshot, self.seed).answer(&ask);
            assert!(
                !answer.addresses().is_empty(),
                "seed {}: {} answers nothing",
                self.seed,
                process.name
            );
        }
        let flips = notices.iter().filter_map(|notice| {
            let What::Check { check, before, after, .. } = &notice.what else { return None };
            Some((check, *before, *after))
        });
        let flips: Vec<_> = flips.filter(|(_, before, _)| *before != Verdict::Unknown).collect();
        if flips.is_empty() {
            return;
        }
        let status = engine.status(process.local(sim.now));
        for (check, _, after) in flips {
            self.flips += 1;
            let found = is_due(process, &status, check, after);
            assert!(
                found.is_ok(),
                "seed {} at {}: {} says that {check} is {after}: {}",
                self.seed,
                sim.now,
                process.name,
                found.unwrap_err()
            );
        }
    }

    /// All is well for long enough: all nodes say the same, and it is so.
    pub(super) fn all_agree(&self, sim: &Sim) {
        let seed = self.seed;
        let mut admins: Vec<BTreeMap<String, (AdminState, String)>> = Vec::new();
        for process in &sim.processes {
            let Role::Node(engine, _) = &process.role else { continue };
            let status = engine.status(process.local(sim.now));
            let name = &process.name;
            assert_eq!(status.cluster.contact, Contact::Joined, "seed {seed}: {name}");
            for (check, is_up) in status.checks.iter().zip(&sim.is_up) {
                let truth = if *is_up { Verdict::Up } else { Verdict::Down };
                assert_eq!(check.verdict, truth, "seed {seed}: {name} of {}", check.check);
            }
            for vantage in &status.cluster.vantages {
                assert_eq!(vantage.differs, 0, "seed {seed}: {name} of {}", vantage.vantage);
            }
            assert!(
                status.cluster.nodes.iter().all(|node| node.agrees),
                "seed {seed}: {name} of {:?}",
                status.cluster.nodes
            );
            let of = |admin: &AdminStatus| {
                (admin.target.to_string(), (admin.state, admin.stamp.to_string()))
            };
            admins.push(status.admin.iter().map(of).collect());
        }
        assert!(admins.windows(2).all(|two| two[0] == two[1]), "seed {seed}: {admins:#?}");
    }
}

/// Whether a verdict may have turned, by what a node has heard.
fn is_due(process: &Process, status: &Status, check: &str, after: Verdict) -> Result<(), String> {
    let contact = status.cluster.contact;
    let plan = &process.plan;
    let at = plan.checks.all.iter().position(|c| c.key.as_str() == check).unwrap();
    let voting = plan.monitors[plan.checks.all[at].monitor.index()].voting;
    let is_provisional = status.checks[at].provisional;
    match contact {
        // Its own vantage decides, if it is one: at once where one is enough.
        Contact::Alone if process.probes() => return Ok(()),
        Contact::Lost if process.probes() && voting.min_vantages == Some(1) => return Ok(()),
        Contact::Lost | Contact::Alone | Contact::Rejoining if is_provisional => {}
        Contact::Lost | Contact::Alone | Contact::Rejoining => {
            return Err(format!("it is {contact:?}"));
        }
        Contact::Starting | Contact::Joined => {}
    }
    // Up and down per group, of others than itself; and how many there are.
    let mut groups: BTreeMap<&str, (usize, usize, usize, usize)> = BTreeMap::new();
    for vantage in &status.cluster.vantages {
        let tally = groups.entry(vantage.group.as_str()).or_default();
        let is_own = process.probes() && vantage.vantage == process.name;
        tally.2 += 1;
        match process.heard.get(&vantage.vantage).map(|said| vote(said, at)) {
            // What it sees itself may be newer than what it said: either counts.
            _ if is_own && vantage.hearing == Hearing::Heard => tally.3 += 1,
            Some(Vote::Up { .. }) if vantage.hearing == Hearing::Heard => tally.0 += 1,
            Some(Vote::Down) if vantage.hearing == Hearing::Heard => tally.1 += 1,
            _ => {}
        }
    }
    let wild = |(up, down, all, own): (usize, usize, usize, usize)| match after {
        Verdict::Up => (up + own, down, all),
        Verdict::Down | Verdict::Unknown => (up, down + own, all),
    };
    let groups: Vec<(usize, usize, usize)> = groups.into_values().map(wild).collect();
    let (up, down, enough) = match voting.of_groups {
        Some(_) => {
            let speak: Vec<_> =
                groups.iter().filter(|(up, down, all)| (up + down) * 2 > *all).collect();
            let down = speak.iter().filter(|(up, down, _)| down > up).count();
            (speak.len() - down, down, speak.len() * 2 > groups.len())
        }
        None => {
            let up = groups.iter().map(|group| group.0).sum::<usize>();
            let down = groups.iter().map(|group| group.1).sum::<usize>();
            let all = groups.iter().map(|group| group.2).sum::<usize>();
            let least = voting.min_vantages.map_or(all / 2 + 1, usize::from);
            (up, down, up + down >= least)
        }
    };
    let is_up = match voting.quorum {
        Quorum::Count(count) => up >= usize::from(count).min(up + down),
        Quorum::Share(percent) => up * 100 > usize::from(percent) * (up + down),
        Quorum::Majority => up >= down,
    };
    // Where nothing was known, and too few are heard as yet, it is what those say.
    let enough = enough || is_provisional;
    let is_so = enough && is_up == (after == Verdict::Up);
    is_so.then_some(()).ok_or_else(|| format!("{up} up, {down} down, {groups:?}"))
}

fn vote(said: &Opinions, at: usize) -> Vote {
    let found = said.exceptions.iter().find(|exception| exception.at as usize == at);
    found.map_or(Vote::Up { failures: 0 }, |exception| exception.vote)
}
