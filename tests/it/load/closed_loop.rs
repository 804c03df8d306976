//! The closed loop: clients with resolver caches, regions with loads, gauges that read them late
//! and inexactly, the planner, and the real decision. One step is a second.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use meridian::load::Cutoffs;
use meridian::load::Gauge;
use meridian::load::Patience;
use meridian::load::Plan;
use meridian::load::Planner;
use meridian::load::Reading;
use meridian::model::Capacity;
use meridian::model::Family;
use meridian::snapshot::Snapshot;
use meridian::snapshot::Standing;
use meridian::steer::Admission;
use meridian::steer::Answered;
use meridian::steer::Client;
use meridian::steer::Gate;
use meridian::steer::NoTrace;
use meridian::steer::ServiceStanding;
use meridian::steer::decide;

use crate::load::world;
use crate::load::world::REGIONS;

pub(crate) const N: usize = REGIONS.len();

/// How many clients there are: the load of a region comes in pieces of a few thousandths.
const CLIENTS: usize = 50_000;

pub(crate) const NEAREST: &str = "rank = [\"nearest\"]";

/// What the loop is like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) seed: u64,
    /// Which clients there are.
    pub(crate) draw: u64,
    /// In seconds, as all times here.
    pub(crate) ttl: u32,
    pub(crate) interval: u32,
    /// Over how long before it a reading is an average; 0 for what is there at that second.
    pub(crate) span: u32,
    /// Whether regions are read one after the other, not all at the same moment.
    pub(crate) apart: bool,
    /// From the end of a reading's interval until the planner has it.
    pub(crate) lag: u32,
    /// A reading is wrong by up to this part of it.
    pub(crate) noise: f64,
    /// How much more the clients of one country ask for than those of another: up to this
    /// factor, either way. The planner does not know.
    pub(crate) uneven: f64,
    pub(crate) policy: &'static str,
}

impl Setup {
    pub(crate) const USUAL: Self = Self {
        seed: 1,
        draw: 1,
        ttl: 30,
        interval: 10,
        span: 10,
        apart: true,
        lag: 2,
        noise: 0.03,
        uneven: 1.0,
        policy: NEAREST,
    };
}

struct Cached {
    client: Client,
    /// Whose it is when nobody is full.
    home: usize,
    /// What it asks for.
    rate: f64,
    region: Option<usize>,
    ends: u32,
    moves: u32,
}

/// What a second was like.
#[derive(Clone, Debug)]
pub(crate) struct Second {
    pub(crate) loads: [f64; N],
    /// The rate of clients whose region changed, over the rate of all.
    pub(crate) moved: f64,
    pub(crate) published: bool,
}

pub(crate) struct Loop {
    setup: Setup,
    rng: Rng,
    snapshot: Snapshot,
    clients: Vec<Cached>,
    pub(crate) capacities: Vec<Option<Capacity>>,
    gauges: Vec<Gauge>,
    planner: Planner,
    pub(crate) plan: Option<Plan>,
    /// By home, what its clients' rates are multiplied by.
    pub(crate) demand: [f64; N],
    down: [bool; N],
    /// Whose gauge fails.
    pub(crate) broken: Option<usize>,
    pub(crate) past: Vec<Second>,
    /// When the planner has a reading, of which region, of when, and what it is.
    late: VecDeque<(u32, usize, u32, f64)>,
}

/// Made once each: a world under a policy with some clients, and others for each draw.
fn shared(policy: &'static str, draw: u64) -> (Snapshot, Arc<[Client]>) {
    type Made = BTreeMap<(&'static str, u64), (Snapshot, Arc<[Client]>)>;
    static MADE: Mutex<Made> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap();
    let populated = || {
        let (snapshot, clients) = world::populated(policy, CLIENTS, &mut Rng::with_seed(7 * draw));
        (snapshot, clients.into())
    };
    made.entry((policy, draw)).or_insert_with(populated).clone()
}

impl Loop {
    /// Regions are used to these parts of their capacities when all is as usual.
    pub(crate) fn new(setup: Setup, used: [f64; N]) -> Self {
        let mut rng = Rng::with_seed(setup.seed);
        let (snapshot, all) = shared(setup.policy, setup.draw);
        let mut uneven = [1.0; 256];
        uneven.iter_mut().for_each(|rate| *rate = setup.uneven.powf(rng.f64() * 2.0 - 1.0));
        let clients = all.iter().map(|client| {
            // The first octet stands for where it is.
            let net = client.subnet.map_or(0, |subnet| (subnet.address >> 24) as usize);
            Cached {
                client: *client,
                home: 0,
                rate: uneven[net & 255],
                region: None,
                ends: rng.u32(..setup.ttl),
                moves: 0,
            }
        });
        let n = snapshot.world.services().len();
        assert_eq!(n, 1);
        let at = Self::timestamp(0);
        let ttl = Duration::from_secs(setup.ttl.into());
        let crowds = snapshot.world.crowds(N);
        let mut made = Self {
            planner: Planner::new(crowds, ttl, Cutoffs::none(N), at),
            clients: clients.collect(),
            snapshot,
            capacities: Vec::new(),
            gauges: Vec::new(),
            plan: None,
            demand: [1.0; N],
            down: [false; N],
            broken: None,
            past: Vec::new(),
            late: VecDeque::new(),
            setup,
            rng,
        };
        for at in 0..made.clients.len() {
            let region = made.resolve(at);
            made.clients[at].home = region.unwrap();
            made.clients[at].region = region;
        }
        let interval = Duration::from_secs(setup.interval.into());
        for (load, used) in made.loads().into_iter().zip(used) {
            let amount = load / used;
            let capacity = Capacity { amount, soft: Capacity::SOFT, hard: Capacity::HARD };
            made.capacities.push(Some(capacity));
            made.gauges.push(Gauge::new(Patience::usual(interval), amount));
        }
        made
    }

    fn timestamp(second: u32) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + i64::from(second)).unwrap()
    }

    pub(crate) fn now(&self) -> u32 {
        u32::try_from(self.past.len()).unwrap()
    }

    fn resolve(&mut self, at: usize) -> Option<usize> {
        let (world, standing) = (&self.snapshot.world, &self.snapshot.standing);
        let service = &world.services()[0];
        let gate = Gate { standing: standing.service(0).unwrap(), cutoffs: standing.cutoffs() };
        let map = &world.maps()[service.map];
        let client = &self.clients[at].client;
        let decision = decide(service, Family::V4, map, gate, client, &mut self.rng, &mut NoTrace);
        match decision.answered {
            Answered::Endpoints { pool, .. } => Some(service.pools[pool].region.index()),
            Answered::Fallback | Answered::ServFail => None,
        }
    }

    fn loads(&self) -> [f64; N] {
        let mut loads = [0.0; N];
        for client in &self.clients {
            if let Some(region) = client.region.filter(|region| !self.down[*region]) {
                loads[region] += client.rate * self.demand[client.home];
            }
        }
        loads
    }

    /// Takes a region down, or up again, and plans at once.
    pub(crate) fn set_down(&mut self, region: usize, down: bool) {
        self.down[region] = down;
        let service = &self.snapshot.world.services()[0];
        let standing = ServiceStanding::new(service, |id| match self.down[id.index()] {
            true => Admission::Down,
            false => Admission::Admitted,
        });
        self.snapshot.standing = Arc::new(self.snapshot.standing.with([(0, standing)]));
        self.replan();
    }

    fn replan(&mut self) -> bool {
        let now = Self::timestamp(self.now());
        let readings: Vec<_> = self.gauges.iter().map(|gauge| gauge.reading(now)).collect();
        let standing = &self.snapshot.standing;
        let availability = self.snapshot.world.availability(standing, N);
        let plan = self.planner.plan(now, &self.capacities, &availability, &readings);
        let is_new = plan.is_new;
        if is_new {
            self.snapshot.standing = Arc::new(standing.with_cutoffs(plan.cutoffs.clone()));
        }
        self.plan = Some(plan);
        is_new
    }

    pub(crate) fn standing(&self) -> &Standing {
        &self.snapshot.standing
    }

    /// So many seconds.
    pub(crate) fn run(&mut self, seconds: u32) {
        for _ in 0..seconds {
            self.second();
        }
    }

    fn second(&mut self) {
        let now = self.now();
        let mut moved = 0.0;
        for at in 0..self.clients.len() {
            if self.clients[at].ends > now {
                continue;
            }
            let region = self.resolve(at);
            let client = &mut self.clients[at];
            client.ends = now + self.setup.ttl;
            if region != client.region {
                client.moves += 1;
                moved += client.rate;
            }
            client.region = region;
        }
        let all: f64 = self.clients.iter().map(|client| client.rate).sum();
        self.past.push(Second { loads: self.loads(), moved: moved / all, published: false });
        let now = self.now();
        let means = self.mean(self.setup.span.max(1));
        for (region, mean) in means.into_iter().enumerate() {
            let phase = self.setup.interval * position(region) / position(N);
            let phase = if self.setup.apart { phase } else { 0 };
            if (now + phase).is_multiple_of(self.setup.interval) {
                self.late.push_back((now + self.setup.lag, region, now, mean));
            }
        }
        let mut is_said = false;
        while let Some((_, region, at, mean)) = self.late.pop_front_if(|(due, ..)| *due <= now) {
            self.read(region, at, mean);
            is_said = true;
        }
        if is_said {
            let published = self.replan();
            self.past.last_mut().unwrap().published = published;
        }
    }

    /// The mean loads of the last seconds.
    fn mean(&self, seconds: u32) -> [f64; N] {
        let mut means = [0.0; N];
        for second in self.past.iter().rev().take(seconds as usize) {
            for (mean, load) in means.iter_mut().zip(second.loads) {
                *mean += load / f64::from(seconds);
            }
        }
        means
    }

    fn read(&mut self, region: usize, at: u32, mean: f64) {
        let span = Duration::from_secs(self.setup.span.into());
        let wrong = 1.0 + self.setup.noise * (self.rng.f64() * 2.0 - 1.0);
        let gauge = &mut self.gauges[region];
        if self.broken == Some(region) || self.down[region] {
            gauge.fail();
        } else {
            gauge.take(Reading { load: mean * wrong, at: Self::timestamp(at), span });
        }
    }

    /// The greatest load of a region from a second on, as a part of its capacity, over ten
    /// seconds each; and which region.
    pub(crate) fn peak(&self, from: u32) -> (f64, usize) {
        let mut peak = (0.0, 0);
        for window in self.past[from as usize..].windows(10) {
            for (region, capacity) in self.capacities.iter().enumerate() {
                let load: f64 = window.iter().map(|second| second.loads[region] / 10.0).sum();
                let used = load / capacity.as_ref().unwrap().amount;
                if used > peak.0 {
                    peak = (used, region);
                }
            }
        }
        peak
    }

    /// How much moved between two seconds: 1 is everybody once.
    pub(crate) fn moved(&self, from: u32, to: u32) -> f64 {
        self.past[from as usize..to as usize].iter().map(|second| second.moved).sum()
    }

    /// Forgets how often clients moved.
    pub(crate) fn forget_moves(&mut self) {
        self.clients.iter_mut().for_each(|client| client.moves = 0);
    }

    /// How many clients moved so many times, by times.
    pub(crate) fn moves(&self) -> Vec<usize> {
        let mut counts = vec![0; 16];
        for client in &self.clients {
            counts[(client.moves as usize).min(15)] += 1;
        }
        counts
    }

    /// The part of the clients that are at home.
    pub(crate) fn at_home(&self) -> f64 {
        let home = self.clients.iter().filter(|client| client.region == Some(client.home));
        home.map(|client| client.rate).sum::<f64>()
            / self.clients.iter().map(|client| client.rate).sum::<f64>()
    }

    /// A picture for whoever looks into a failure.
    pub(crate) fn show(&self, every: u32) -> String {
        let mut text = String::new();
        for (at, second) in self.past.iter().enumerate().step_by(every as usize) {
            let used = second.loads.iter().zip(&self.capacities);
            let used: Vec<String> =
                used.map(|(l, c)| format!("{:4.2}", l / c.as_ref().unwrap().amount)).collect();
            let published = self.past[at..].iter().take(every as usize).any(|s| s.published);
            text += &format!("{at:4} {} {}\n", used.join(" "), if published { "*" } else { "" });
        }
        for region in self.plan.iter().flat_map(|plan| &plan.regions) {
            text += &format!(
                "{:?}: {:?} read, {:.1} come, {:.1} served, cutoff {:.2} ms, {:?}\n",
                region.region.0,
                region.read,
                region.arrivals,
                region.served,
                region.cutoff.ms(),
                region.reason
            );
        }
        text
    }
}

fn position(region: usize) -> u32 {
    u32::try_from(region).unwrap()
}
