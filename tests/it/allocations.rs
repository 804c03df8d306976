//! `respond` takes no memory: an allocator that counts is the judge.
#![expect(unsafe_code, reason = "an allocator can't be written without")]

use std::alloc::GlobalAlloc;
use std::alloc::Layout;
use std::alloc::System;
use std::cell::Cell;
use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;

use hickory_server::proto::op::ResponseCode;
use meridian::load::Cutoff;
use meridian::load::Cutoffs;
use meridian::model::Class;
use meridian::model::RecordType;
use meridian::responder::Transport;
use meridian::snapshot::Snapshot;
use meridian::steer::Admission;

use crate::asking::Answer;
use crate::asking::Ask;
use crate::asking::NOWHERE;
use crate::asking::Responder;
use crate::ground;
use crate::ground::Ground;

thread_local! {
    /// How often this thread asked for memory.
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counted.
struct Counted;

#[global_allocator]
static COUNTED: Counted = Counted;

impl Counted {
    fn count() {
        // A thread that is ending has no counter any more, and no test either.
        let _ended = ASKED.try_with(|asked| asked.set(asked.get() + 1));
    }
}

// SAFETY: every call goes to the system's allocator unchanged; the counter has no destructor
// and takes no memory itself.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::count();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above; `at` came from `System`.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::count();
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::count();
        // SAFETY: as above; `at` came from `System`.
        unsafe { System.realloc(at, layout, size) }
    }
}

/// How often `work` asks for memory.
fn asked(work: impl FnOnce()) -> u64 {
    let before = ASKED.get();
    work();
    ASKED.get() - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(asked(|| drop(black_box(Box::new(1)))), 1);
    assert_eq!(asked(|| ()), 0);
}

/// What the reply must be like, so that each row is of the class that it says.
type Expect = fn(&Answer) -> bool;

/// A row for each kind of work that a query can cause.
fn classes() -> Vec<(&'static str, Ask, Expect)> {
    let net = |text: &str| text.parse().unwrap();
    let a = |name: &str| Ask::new(name, RecordType::A);
    let aaaa = |name: &str| Ask::new(name, RecordType::AAAA);
    let one: Expect = |answer| answer.addresses().len() == 1;
    let mut broken = a("www.test");
    broken.options.push((8, vec![0, 1, 24, 24, 20, 1, 1]));
    let mut update = a("www.test");
    update.flags = 0x2800;
    let mut chaos = Ask::new("id.server", RecordType::TXT);
    chaos.class = Class::CH;
    let mut badvers = a("www.test");
    badvers.version = 1;
    let mut nsid = a("www.test");
    nsid.options.push((3, Vec::new()));
    let long = Ask { payload: Some(512), ..Ask::new("long.test", RecordType::TXT) };
    vec![
        ("A, v4 subnet", a("www.test").subnet(net("20.1.1.0/24")), one),
        ("AAAA, v4 subnet", aaaa("www.test").subnet(net("30.64.3.0/24")), one),
        ("A, v6 subnet", a("www.test").subnet(net("2a00:1234::/56")), one),
        ("AAAA, v6 subnet", aaaa("www.test").subnet(net("2400::/56")), one),
        ("v4 in v6", a("www.test").subnet(net("2002:1e40:300::/48")), one),
        ("inner node, v4", a("www.test").subnet(net("30.0.0.0/7")), one),
        ("inner node, v6", a("www.test").subnet(net("2a00::/12")), one),
        ("everybody", a("www.test").subnet(net("0.0.0.0/0")), one),
        ("special-purpose", a("www.test").subnet(net("10.1.1.0/24")), one),
        ("operator's net", a("www.test").subnet(net("20.5.5.0/24")), one),
        ("no EDNS", a("www.test").plain(), one),
        ("NSID", nsid, one),
        ("ANY", Ask::new("www.test", RecordType::ANY).subnet(net("20.1.1.0/24")), one),
        ("several answers", a("many.test").subnet(net("20.1.1.0/24")), |x| {
            x.addresses().len() == 3
        }),
        ("sticky", a("sticky.test").subnet(net("20.1.1.0/24")), one),
        ("weights", a("split.test").subnet(net("20.1.1.0/24")), one),
        ("alias, followed", a("alias.test").subnet(net("20.1.1.0/24")), |answer| {
            answer.0.answers.len() == 2
        }),
        ("alias, elsewhere", a("alias.test").subnet(net("40.1.1.0/24")), |answer| {
            answer.0.answers.len() == 1
        }),
        ("static", a("static.test"), one),
        ("TXT", Ask::new("test", RecordType::TXT), |x| x.rcode() == ResponseCode::NoError),
        ("NS with addresses", Ask::new("test", RecordType::NS), |x| x.0.additionals.len() == 3),
        ("wildcard", Ask::new("a.b.wild.test", RecordType::TXT), |x| x.0.answers.len() == 1),
        ("NODATA", Ask::new("www.test", RecordType::MX), |x| x.0.authorities.len() == 1),
        ("NXDOMAIN", a("nobody.test"), |x| x.rcode() == ResponseCode::NXDomain),
        ("referral", a("x.sub.test"), |x| x.0.authorities.len() == 1),
        ("CNAME chain", a("one.test"), |x| x.0.answers.len() == 3),
        ("CNAME to a service", a("towww.test"), |x| x.0.answers.len() == 1),
        ("CNAME out", a("out.test"), |x| x.0.answers.len() == 1),
        ("DNAME", a("a.old.test"), |x| x.0.answers.len() == 3),
        ("truncated", long, |x| x.0.metadata.truncation),
        ("elsewhere", a("www.example.org"), |x| x.rcode() == ResponseCode::Refused),
        ("CHAOS", chaos, |x| x.0.answers.len() == 1),
        ("FORMERR", broken, |x| x.rcode() == ResponseCode::FormErr),
        ("NOTIMP", update, |x| x.rcode() == ResponseCode::NotImp),
        ("BADVERS", badvers, |answer| u16::from(answer.rcode()) == 16),
    ]
}

fn counts(snapshot: &Snapshot, rows: Vec<(&'static str, Ask, Expect)>) {
    let mut responder = Responder::new(snapshot, 5);
    for (class, ask, expect) in rows {
        let octets = ask.octets();
        for transport in [Transport::Udp, Transport::Tcp] {
            for resolver in [NOWHERE, IpAddr::from([20, 1, 1, 1])] {
                // The first time warms up.
                let reply = responder.raw(&octets, resolver, transport).unwrap();
                let answer = Answer::read(reply);
                let is_cut = class == "truncated" && transport == Transport::Tcp;
                assert!(expect(&answer) || is_cut, "{class}: {answer:?}");
                let mut length = 0;
                let times = asked(|| {
                    for _ in 0..16 {
                        length = responder.raw(&octets, resolver, transport).unwrap().len();
                    }
                });
                assert_eq!(times, 0, "{class} by {transport:?}");
                assert!(length >= 12);
            }
        }
    }
    assert_eq!(asked(|| assert!(responder.raw(b"short", NOWHERE, Transport::Udp).is_none())), 0);
}

/// DESIGN 9: `respond` allocates nothing, whatever it is asked.
#[test]
fn respond_allocates_nothing() {
    let ground = Ground::usual();
    counts(&ground.snapshot(), classes());
}

/// Nor when everything is down: fail open, fallback, SERVFAIL.
#[test]
fn respond_allocates_nothing_when_all_is_down() {
    let ground = Ground::usual();
    let all_up = ground.snapshot();
    let a = |name: &str| Ask::new(name, RecordType::A).subnet("20.1.1.0/24".parse().unwrap());
    for admission in [Admission::Down, Admission::Drained] {
        let snapshot = ground::with_standing(&all_up, |_, _| admission);
        let rows: Vec<(&'static str, Ask, Expect)> = vec![
            ("fail open", a("www.test"), |x| x.addresses().len() == 1),
            ("fail open, several", a("many.test"), |x| x.addresses().len() == 3),
            ("fallback", a("spare.test"), |x| x.addresses() == [IpAddr::from([203, 0, 113, 52])]),
            ("SERVFAIL", a("closed.test"), |x| x.rcode() == ResponseCode::ServFail),
        ];
        counts(&snapshot, rows);
    }
}

/// Nor where regions are full: refused by one, by a share of it, and by all.
#[test]
fn respond_allocates_nothing_when_regions_refuse() {
    let all_up = Ground::usual().snapshot();
    let net = |text: &str| text.parse().unwrap();
    let one: Expect = |answer| answer.addresses().len() == 1;
    for cutoffs in [
        Cutoffs::new([Cutoff::ALL]),
        Cutoffs::new([Cutoff::from_ms(-4.0); 3]),
        Cutoffs::new([Cutoff::ALL; 3]),
    ] {
        let standing = Arc::new(all_up.standing.with_cutoffs(cutoffs));
        let snapshot = Snapshot { standing, world: Arc::clone(&all_up.world) };
        let a = |name: &str| Ask::new(name, RecordType::A);
        let rows: Vec<(&'static str, Ask, Expect)> = vec![
            ("by subnet", a("www.test").subnet(net("20.1.1.0/24")), one),
            ("by resolver", a("www.test").plain(), one),
            ("sticky", a("sticky.test").subnet(net("20.1.1.0/24")), one),
            ("in a tier", a("split.test").subnet(net("20.1.1.0/24")), one),
            ("with nowhere to go", a("spare.test").subnet(net("20.1.1.0/24")), one),
        ];
        counts(&snapshot, rows);
    }
}
