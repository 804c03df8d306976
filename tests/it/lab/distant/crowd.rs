//! A crowd: clients that connect to where they are sent, and stay connected.

use std::net::Ipv4Addr;
use std::time::Instant;

use socket2::Socket;

use crate::lab::Distant;
use crate::running::now;

/// Clients in networks of their own. Each asks for `www` again whenever what it was answered has
/// expired. Those that are connected have one connection each, to where they were sent last.
/// Dropped, they close them.
pub(crate) struct Crowd<'a> {
    lab: &'a Distant,
    members: Vec<Member>,
    n_connected: u32,
}

struct Member {
    address: Ipv4Addr,
    /// When it asks again, and which region it was sent to last.
    due: Instant,
    region: Option<usize>,
    /// The region that it is connected to.
    held: Option<(usize, Socket)>,
}

impl<'a> Crowd<'a> {
    /// So many, up to 128; they come over a TTL, so that they do not ask all at once later.
    pub(super) fn new(lab: &'a Distant, n: u32) -> Self {
        let n = u8::try_from(n).unwrap();
        let begun = now();
        let member = |at: u8| Member {
            address: Ipv4Addr::new(20, at * 2, 7, 7),
            due: begun + Distant::TTL * u32::from(at) / u32::from(n),
            region: None,
            held: None,
        };
        Self { lab, members: (0..n).map(member).collect(), n_connected: 0 }
    }

    /// Where they are.
    pub(super) const NETWORK: &'static str = "20.0.0.0/8";

    /// So many of them are connected from now on.
    pub(crate) fn connect(&mut self, n: u32) {
        self.n_connected = n;
        self.settle();
    }

    /// Whoever has to ask does, and goes where it is sent.
    pub(crate) fn step(&mut self) {
        let now = now();
        let due: Vec<&mut Member> =
            self.members.iter_mut().filter(|member| member.due <= now).collect();
        let addresses: Vec<Ipv4Addr> = due.iter().map(|member| member.address).collect();
        for (member, region) in due.into_iter().zip(self.lab.answers(&addresses)) {
            member.region = region;
            // Whoever was held up keeps its place among the others.
            while member.due <= now {
                member.due += Distant::TTL;
            }
        }
        self.settle();
    }

    /// All of them connect to all regions for a moment, so that round trips are measured.
    pub(crate) fn visit(&self) {
        for region in 0..Distant::regions().count() {
            assert!(self.lab.ask(&self.addresses(), region, 1));
        }
    }

    /// How many were sent to each region by what they were answered last.
    pub(crate) fn sent(&self) -> [u32; 3] {
        let sent_to = |region| {
            let members = self.members.iter().filter(|member| member.region == Some(region));
            u32::try_from(members.count()).unwrap()
        };
        [0, 1, 2].map(sent_to)
    }

    /// Whether all of them would be answered this region now.
    pub(crate) fn is_answered(&self, region: usize) -> bool {
        self.lab.answers(&self.addresses()).iter().all(|answer| *answer == Some(region))
    }

    /// What the node knows of the first of them, in milliseconds by region.
    pub(crate) fn known(&self) -> Vec<(String, f64)> {
        self.lab.known(self.members[0].address)
    }

    /// One that was sent to a region.
    pub(crate) fn one_at(&self, region: usize) -> Option<Ipv4Addr> {
        let found = self.members.iter().find(|member| member.region == Some(region));
        found.map(|member| member.address)
    }

    fn addresses(&self) -> Vec<Ipv4Addr> {
        self.members.iter().map(|member| member.address).collect()
    }

    fn settle(&mut self) {
        for (at, member) in (0..).zip(&mut self.members) {
            let wanted = member.region.filter(|_| at < self.n_connected);
            if member.held.as_ref().map(|(region, _)| *region) != wanted {
                let open = |region| (region, self.lab.open(member.address, region));
                member.held = wanted.map(open);
            }
        }
    }
}
