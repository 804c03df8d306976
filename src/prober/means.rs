//! What this node itself can do towards an address: its routes, its addresses, what it reached.
//!
//! Nothing is sent to find out. A UDP socket that is connected only asks the routing table.

use std::cell::Cell;
use std::cell::RefCell;
use std::fs;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::net::UdpSocket;
use std::rc::Rc;
use std::time::Duration;

use if_addrs::get_if_addrs;
use tokio::time::Instant;

use crate::prober::blame::Means;
use crate::prober::blame::Sources;

/// For so long the addresses of the node are not read again: many probes fail at once.
const FRESH: Duration = Duration::from_secs(1);

/// For so long something that answered shows that its like can be reached.
const REACHED: Duration = Duration::from_secs(600);

/// The port that the routing table is asked with; nothing is sent to it (discard, RFC 863).
const ANY_PORT: u16 = 9;

/// This node, as far as its probes need to know it.
#[derive(Debug, Default)]
pub(super) struct Node {
    addresses: RefCell<Option<(Instant, Rc<[IpAddr]>)>>,
    /// When something last answered at a global IPv6 address.
    reached_global: Cell<Option<Instant>>,
}

/// How far an address is good for. IPv4 has no unique local addresses: private ones are
/// translated at the border.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Scope {
    Machine,
    Link,
    Site,
    Global,
}

impl Node {
    /// What it can do towards an address now.
    pub(super) fn means(&self, target: IpAddr) -> Means {
        let target = target.to_canonical();
        let wanted = scope(target);
        let reached = self.reached_global.get().filter(|_| wanted == Scope::Global);
        let reached_others = reached.is_some_and(|at| at.elapsed() < REACHED);
        let sources = sources(target, &self.addresses());
        Means { has_route: has_route(target), sources, reached_others }
    }

    /// Something answered at that address.
    pub(super) fn reached(&self, target: IpAddr) {
        if target.is_ipv6() && scope(target.to_canonical()) == Scope::Global {
            self.reached_global.set(Some(Instant::now()));
        }
    }

    fn addresses(&self) -> Rc<[IpAddr]> {
        let mut known = self.addresses.borrow_mut();
        match &*known {
            Some((at, addresses)) if at.elapsed() < FRESH => Rc::clone(addresses),
            _ => {
                let addresses: Rc<[IpAddr]> = own_addresses().into();
                *known = Some((Instant::now(), Rc::clone(&addresses)));
                addresses
            }
        }
    }
}

/// The addresses on interfaces that are up; whether a cable is in them does not matter: its other
/// end may have gone with the target.
fn own_addresses() -> Vec<IpAddr> {
    let all = get_if_addrs().unwrap_or_default();
    all.iter().filter(|of| of.is_oper_up() || is_up(&of.name)).map(|of| of.ip()).collect()
}

/// Whether an operator has an interface up, with a cable or without. An address stays on one that
/// is down, and can even be bound to.
fn is_up(name: &str) -> bool {
    const IFF_UP: u32 = 1;
    // Further addresses may have labels: `eth0:1`.
    let name = name.split(':').next().unwrap_or(name);
    let Ok(text) = fs::read_to_string(format!("/sys/class/net/{name}/flags")) else { return true };
    let flags = u32::from_str_radix(text.trim().trim_start_matches("0x"), 16);
    flags.is_ok_and(|flags| flags & IFF_UP != 0)
}

/// Whether the routing table has a way to an address, from an address that is good for it.
fn has_route(target: IpAddr) -> bool {
    let any: IpAddr = match target {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let source = || {
        let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
        socket.connect(SocketAddr::new(target, ANY_PORT))?;
        socket.local_addr()
    };
    source().is_ok_and(|source| serves(scope(source.ip()), scope(target)))
}

/// Which of a node's addresses could send to a target.
fn sources(target: IpAddr, own: &[IpAddr]) -> Sources {
    let wanted = scope(target);
    let of_family = own.iter().filter(|own| own.is_ipv4() == target.is_ipv4());
    match of_family.map(|own| scope(*own)).max() {
        Some(best) if best >= wanted => Sources::Fit,
        Some(best) if serves(best, wanted) => Sources::Narrower,
        Some(_) | None => Sources::None,
    }
}

/// Whether packets from an address of one scope may reach another: one of a site may be
/// translated at its border.
fn serves(source: Scope, target: Scope) -> bool {
    source >= target || source == Scope::Site
}

fn scope(address: IpAddr) -> Scope {
    match address {
        IpAddr::V4(v4) if v4.is_loopback() => Scope::Machine,
        IpAddr::V4(v4) if v4.is_link_local() => Scope::Link,
        IpAddr::V6(v6) if v6.is_loopback() => Scope::Machine,
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Scope::Link,
        IpAddr::V6(v6) if v6.is_unique_local() => Scope::Site,
        IpAddr::V4(_) | IpAddr::V6(_) => Scope::Global,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_sends_as_far_as_its_scope() {
        use Sources::{Fit, Narrower, None};
        let machine = "127.0.0.1 ::1";
        let no_ipv6 = "127.0.0.1 ::1 10.88.0.1 fe80::1";
        let local = "127.0.0.1 ::1 10.88.0.1 fe80::1 fd88::1";
        let both = "127.0.0.1 ::1 10.88.0.1 fe80::1 2001:db8::1";
        let link = "127.0.0.1 169.254.7.7";
        for (own, target, expected) in [
            (machine, "192.0.2.1", None),
            (machine, "2001:db8::9", None),
            (machine, "127.0.0.1", Fit),
            (machine, "::1", Fit),
            (no_ipv6, "192.0.2.1", Fit),
            (no_ipv6, "2001:db8::9", None),
            (no_ipv6, "fd88::9", None),
            (no_ipv6, "fe80::9", Fit),
            (local, "2001:db8::9", Narrower),
            (local, "fd88::9", Fit),
            (both, "2001:db8::9", Fit),
            (both, "fd88::9", Fit),
            (link, "192.0.2.1", None),
            (link, "169.254.169.254", Fit),
            ("", "127.0.0.1", None),
        ] {
            let own: Vec<IpAddr> = own.split_whitespace().map(|t| t.parse().unwrap()).collect();
            assert_eq!(sources(target.parse().unwrap(), &own), expected, "{target} from {own:?}");
        }
    }

    #[test]
    fn this_machine_reaches_itself() {
        let loopback = Node::default().means(Ipv4Addr::LOCALHOST.into());
        assert!(loopback.has_route && loopback.sources == Sources::Fit, "{loopback:?}");
        assert!(own_addresses().contains(&Ipv4Addr::LOCALHOST.into()));
    }

    #[tokio::test(start_paused = true)]
    async fn what_answered_shows_for_a_while_that_its_like_can_be_reached() {
        let node = Node::default();
        let [global, local] = ["2001:db8::1", "fd88::1"].map(|text| text.parse().unwrap());
        node.reached(local);
        assert!(!node.means(global).reached_others);
        node.reached(global);
        assert!(node.means(global).reached_others && !node.means(local).reached_others);
        tokio::time::advance(REACHED).await;
        assert!(!node.means(global).reached_others);
    }
}
