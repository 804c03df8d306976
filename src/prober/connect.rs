//! Finding the addresses of a target, and connecting to the first of them that answers.

use std::cell::Cell;
use std::cell::RefCell;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::model::ProbeHost;
use crate::prober::allowed::Allowed;
use crate::prober::blame::Step;
use crate::prober::blame::Trouble;
use crate::prober::failure;
use crate::prober::failure::Fault;
use crate::prober::means::Node;
use crate::prober::names::Names;
use crate::prober::race;

/// What a probe is doing and with whom: for the words of a timeout, and for whose fault it is.
#[derive(Debug, Default)]
pub(super) struct Stage {
    doing: Cell<&'static str>,
    /// Its addresses are being looked up.
    is_looking_up: Cell<bool>,
    node: Rc<Node>,
    /// The addresses that were asked and have neither answered nor failed; then the one that
    /// answered.
    asked: RefCell<Vec<IpAddr>>,
    /// What became of others.
    failed: RefCell<Vec<Fault>>,
    /// What it came to, and when, if that is known before it ends.
    decided: RefCell<Option<(Result<(), Fault>, Instant)>>,
}

impl Stage {
    /// Of a probe of this node.
    pub(super) fn new(node: &Rc<Node>) -> Self {
        Self { node: Rc::clone(node), ..Self::default() }
    }

    /// Begins something.
    pub(super) fn begin(&self, doing: &'static str) {
        self.doing.set(doing);
    }

    /// Begins to look up the addresses, or has them.
    pub(super) fn looks_up(&self, is_looking_up: bool) {
        self.begin("looking up its name");
        self.is_looking_up.set(is_looking_up);
    }

    /// What was begun last.
    pub(super) fn doing(&self) -> &'static str {
        self.doing.get()
    }

    /// The result is this, now: what the probe does from here on only ends it in order.
    pub(super) fn decide(&self, result: Result<(), Fault>) {
        self.decided.replace(Some((result, Instant::now())));
    }

    /// The result and its time, if it was known before the end.
    pub(super) fn decided(&self) -> Option<(Result<(), Fault>, Instant)> {
        self.decided.take()
    }

    /// An address is asked.
    pub(super) fn asks(&self, address: IpAddr) {
        self.asked.borrow_mut().push(address);
    }

    /// An address answered, and the probe goes on with it alone.
    pub(super) fn goes_on_with(&self, address: IpAddr) {
        self.node.reached(address);
        *self.asked.borrow_mut() = vec![address];
        self.failed.borrow_mut().clear();
    }

    /// An address is done with, and why; `is_one_of` several, which are then told apart.
    pub(super) fn fails(&self, address: IpAddr, fault: Fault, is_one_of: bool) {
        let fault = fault.settled(Step::Connecting, address, &self.node);
        let fault = if is_one_of { fault.after(&address.to_string()) } else { fault };
        self.asked.borrow_mut().retain(|asked| *asked != address);
        self.failed.borrow_mut().push(fault);
    }

    /// What all that failed comes to.
    pub(super) fn failure(&self) -> Fault {
        let failed = self.failed.take();
        failure::together(failed).unwrap_or_else(|| Fault::target("no address"))
    }

    /// A fault with whose it is: it happened with the address that the probe went on with.
    pub(super) fn settled(&self, fault: Fault) -> Fault {
        let asked = self.asked.borrow();
        match asked.first() {
            Some(address) => fault.settled(Step::Exchanging, *address, &self.node),
            None => fault,
        }
    }

    /// Nothing in time.
    pub(super) fn late(&self, timeout: Duration) -> Fault {
        let text = format!("no answer within {} while {}", failure::show(timeout), self.doing());
        if self.is_looking_up.get() {
            return Fault::of_lookup(text, Trouble::Silence);
        }
        let asked = self.asked.take();
        let silent = |address: &IpAddr| {
            let silent = Fault::silent(text.clone(), Step::Exchanging, *address, &self.node);
            let is_one_of = asked.len() + self.failed.borrow().len() > 1;
            if is_one_of { silent.after(&address.to_string()) } else { silent }
        };
        let silent: Vec<Fault> = asked.iter().map(silent).collect();
        let all = self.failed.take().into_iter().chain(silent).collect();
        // A program knows no addresses.
        failure::together(all).unwrap_or(Fault::Target(text))
    }
}

/// The addresses that a host has now, all of which may be probed. Every probe gets its sockets'
/// addresses from here and asks only once, so that no second look-up can say another.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// In the order in which they are tried; at least one.
    addresses: Vec<IpAddr>,
    /// How long one is waited for before the next is tried too.
    pause: Duration,
}

/// What a probe looks its target up with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lookup<'a> {
    /// Where it may go.
    pub(super) allowed: &'a Allowed,
    /// What is known of names.
    pub(super) names: &'a Names,
    /// How long the whole probe may take.
    pub(super) timeout: Duration,
    /// How long addresses are good for that a name had before the resolver fell silent.
    pub(super) keep: Duration,
}

/// The addresses of a host; a name is asked for anew for each probe. One that may not be probed
/// spoils them all: which of them would be used is up to the system, or the target.
pub(super) async fn find(
    host: &ProbeHost,
    lookup: Lookup<'_>,
    stage: &Stage,
) -> Result<Found, Fault> {
    let Lookup { allowed, names, timeout, keep } = lookup;
    allowed.target(host).map_err(Fault::Ours)?;
    let addresses = match host {
        ProbeHost::Address(address) => vec![*address],
        ProbeHost::Name(name) => {
            stage.looks_up(true);
            let addresses = names.find(name, timeout, keep).await?;
            stage.looks_up(false);
            addresses
        }
    };
    for address in &addresses {
        allowed.address(host, *address).map_err(Fault::Ours)?;
    }
    if addresses.is_empty() {
        return Err(Fault::target(format!("no address of {host}")));
    }
    Ok(Found::several(addresses, timeout))
}

impl Found {
    /// An address that nobody looked up.
    pub(super) fn of(address: IpAddr) -> Self {
        Self { addresses: vec![address], pause: Duration::ZERO }
    }

    /// Several, to be tried within a timeout.
    pub(super) fn several(addresses: Vec<IpAddr>, timeout: Duration) -> Self {
        let addresses = race::interleaved(&addresses);
        let pause = race::pause(timeout, addresses.len());
        Self { addresses, pause }
    }

    /// The addresses, in the order in which they are tried.
    pub(super) fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// How long one is waited for before the next is tried too.
    pub(super) const fn pause(&self) -> Duration {
        self.pause
    }

    /// A new connection, to the first address that takes one.
    pub(super) async fn connect(&self, port: u16, stage: &Stage) -> Result<TcpStream, Fault> {
        self.connect_to(port, stage).await.map(|(stream, _)| stream)
    }

    /// The same, with that address.
    pub(super) async fn connect_to(
        &self,
        port: u16,
        stage: &Stage,
    ) -> Result<(TcpStream, IpAddr), Fault> {
        stage.begin("connecting");
        let connect = async |address| {
            let stream = TcpStream::connect(SocketAddr::new(address, port)).await;
            let stream = stream.map_err(|error| Fault::of_socket("connecting", &error))?;
            // Small messages, each at once; a failure to say so only makes it slower.
            stream.set_nodelay(true).ok();
            Ok(stream)
        };
        let (stream, address) = race::first(self, stage, connect).await?;
        Ok((stream, address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a timeout comes to, of a probe of loopback, which this machine can reach.
    #[test]
    fn a_timeout_says_whose_it_is_by_what_was_going_on() {
        let [v4, other]: [IpAddr; 2] = ["127.0.0.1", "127.0.0.2"].map(|text| text.parse().unwrap());
        let late = |stage: &Stage| stage.late(Duration::from_secs(3));
        let stage = Stage::default();
        stage.looks_up(true);
        let text = "no answer within 3 s while looking up its name: this node's resolver has no \
                    answer";
        assert_eq!(late(&stage), Fault::Ours(text.to_owned()));
        stage.looks_up(false);
        stage.begin("connecting");
        stage.asks(v4);
        assert_eq!(late(&stage), Fault::target("no answer within 3 s while connecting"));
        // One failed before, for a reason of this node's; the other was silent.
        let stage = Stage::default();
        stage.begin("connecting");
        stage.asks(other);
        stage.fails(other, Fault::Ours("no IPv6".to_owned()), true);
        stage.asks(v4);
        let text = "127.0.0.2: no IPv6; 127.0.0.1: no answer within 3 s while connecting";
        assert_eq!(late(&stage), Fault::target(text));
        // A program has no addresses.
        let stage = Stage::default();
        stage.begin("the program ran");
        assert_eq!(late(&stage), Fault::target("no answer within 3 s while the program ran"));
    }
}
