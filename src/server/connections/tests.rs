//! Whom room is made by.
#![forbid(unsafe_code)]

use super::*;

/// A table, and the moment at which it begins.
fn table(in_all: usize, per_client: usize) -> (Arc<Connections>, Instant) {
    let counters = Arc::new(Counters::default());
    (Arc::new(Connections::new(in_all, per_client, counters)), Instant::now())
}

fn client(n: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, n])
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn is_told(slot: &Slot) -> bool {
    slot.connections.table().open.get(&slot.id).unwrap().is_leaving
}

fn counted(connections: &Connections) -> [u64; 2] {
    [connections.counters.tcp_evicted.value(), connections.counters.tcp_unread.value()]
}

#[test]
fn whoever_has_most_connections_makes_room_with_the_one_heard_longest_ago() {
    let (connections, start) = table(4, 4);
    let alone = connections.admit(client(1), start).unwrap();
    let of_crowd = [1, 2, 3].map(|n| connections.admit(client(2), start + seconds(n)).unwrap());
    of_crowd[0].heard(start + seconds(9));
    let new = connections.admit(client(3), start + seconds(10)).unwrap();
    let told = [&alone, &of_crowd[0], &of_crowd[1], &of_crowd[2], &new].map(is_told);
    assert_eq!(told, [false, false, true, false, false]);
    assert_eq!(counted(&connections), [1, 0]);
}

#[test]
fn between_equals_who_came_first_makes_room() {
    let (connections, start) = table(3, 3);
    let slots = [7, 3, 5].map(|n| connections.admit(client(n), start).unwrap());
    drop(connections.admit(client(9), start).unwrap());
    assert_eq!(slots.each_ref().map(is_told), [true, false, false]);
}

#[test]
fn who_takes_nothing_makes_room_before_who_is_idle() {
    let (connections, start) = table(3, 3);
    let idle = connections.admit(client(1), start).unwrap();
    let second = connections.admit(client(1), start).unwrap();
    let stuck = connections.admit(client(2), start + seconds(100)).unwrap();
    stuck.hold(5_000, start + seconds(100)).unwrap();
    // It may be on its way yet.
    let new = connections.admit(client(3), start + seconds(100)).unwrap();
    assert_eq!([&idle, &second, &stuck, &new].map(is_told), [true, false, false, false]);
    let new = connections.admit(client(4), start + seconds(101)).unwrap();
    assert_eq!([&second, &stuck, &new].map(is_told), [false, true, false]);
    assert_eq!(counted(&connections), [1, 1]);
}

#[test]
fn who_took_nothing_and_had_to_go_gets_no_connection_for_a_while() {
    let (connections, start) = table(2, 2);
    let stuck = connections.admit(client(1), start).unwrap();
    stuck.hold(5_000, start).unwrap();
    let idle = connections.admit(client(2), start).unwrap();
    let now = start + seconds(1);
    let new = connections.admit(client(3), now).unwrap();
    assert_eq!([&stuck, &idle, &new].map(is_told), [true, false, false]);
    drop(stuck);
    let at = |n, since: Duration| connections.admit(client(n), now + since).is_some();
    assert!(!at(1, Duration::ZERO) && !at(1, REFUSED_FOR - Duration::from_millis(1)));
    assert!(at(4, Duration::ZERO), "others are none of its concern");
    assert!(at(1, REFUSED_FOR));
    // Who was idle, and not stuck, may come back at once.
    assert!(at(2, Duration::ZERO));
}

#[test]
fn who_is_refused_is_remembered_within_bounds() {
    let many = limits::TCP_CONNECTIONS + 9;
    let (connections, start) = table(many, 1);
    let address = |n: usize| IpAddr::from(u32::try_from(n).unwrap().to_be_bytes());
    let admit = |n, now| connections.admit(address(n), now).unwrap();
    let stuck: Vec<Slot> = (0..many).map(|n| admit(n, start)).collect();
    for slot in &stuck {
        slot.hold(1, start).unwrap();
    }
    let new: Vec<Slot> = (0..many).map(|n| admit(many + n, start + seconds(1))).collect();
    assert!(stuck.iter().all(is_told) && !new.iter().any(is_told));
    assert_eq!(connections.table().refused.len(), limits::TCP_CONNECTIONS);
}

#[test]
fn a_client_makes_room_for_itself() {
    let (connections, now) = table(100, 2);
    let other = connections.admit(client(9), now).unwrap();
    let first = connections.admit(client(1), now).unwrap();
    let second = connections.admit(client(1), now + seconds(1)).unwrap();
    let third = connections.admit(client(1), now + seconds(2)).unwrap();
    let told = [&other, &first, &second, &third].map(is_told);
    assert_eq!(told, [false, true, false, false]);
}

#[test]
fn an_ipv6_client_is_a_64_and_an_ipv4_client_an_address() {
    let admit = |addresses: [&str; 2]| {
        let (connections, now) = table(100, 1);
        let slots = addresses.map(|a| connections.admit(a.parse().unwrap(), now).unwrap());
        slots.each_ref().map(is_told)
    };
    assert_eq!(admit(["2001:db8::1", "2001:db8::ffff:0:0:1"]), [true, false]);
    assert_eq!(admit(["2001:db8::1", "2001:db8:0:1::1"]), [false, false]);
    assert_eq!(admit(["192.0.2.1", "192.0.2.2"]), [false, false]);
}

#[test]
fn who_holds_most_makes_room_for_octets() {
    let (connections, now) = table(100, 100);
    let most = limits::TCP_BUFFERS;
    let small = connections.admit(client(1), now).unwrap();
    small.hold(most / 8, now).unwrap();
    let large = connections.admit(client(2), now).unwrap();
    large.hold(most / 2, now).unwrap();
    let third = connections.admit(client(3), now).unwrap();
    third.hold(most / 8 * 3, now).unwrap();
    assert!([&small, &large, &third].map(is_told) == [false; 3]);
    small.hold(most / 4, now).unwrap();
    assert_eq!([&small, &large, &third].map(is_told), [false, true, false]);
    // Who holds most itself is refused, and nobody else goes.
    assert_eq!(third.hold(most, now), Err(NoRoom));
    assert!(!is_told(&small));
    assert_eq!(counted(&connections), [0, 1]);
}

#[test]
fn many_that_hold_little_each_are_one_client_that_holds_much() {
    let (connections, now) = table(200, 200);
    let part = limits::TCP_BUFFERS / 64;
    let crowd: Vec<Slot> = (0..63).map(|_| connections.admit(client(1), now).unwrap()).collect();
    for slot in &crowd {
        slot.hold(part, now).unwrap();
    }
    let other = connections.admit(client(2), now).unwrap();
    other.hold(part * 2, now).unwrap();
    assert_eq!(crowd.iter().filter(|slot| is_told(slot)).count(), 1);
    assert!(!is_told(&other));
}

#[test]
fn what_is_held_is_at_most_twice_the_budget_whatever_has_not_gone_yet() {
    let (connections, now) = table(1000, 1);
    let part = limits::TCP_BUFFERS / 16;
    let mut slots = Vec::new();
    for n in 0..200 {
        let slot = connections.admit(client(n), now).unwrap();
        // None of those that were told to go has gone.
        let is_held = slot.hold(part, now).is_ok();
        if is_held {
            slots.push(slot);
        }
        let held = connections.table().held;
        assert!(held <= 2 * limits::TCP_BUFFERS, "{held}");
    }
    drop(slots);
    assert_eq!(connections.table().held, 0);
    assert_eq!(connections.table().leaving, 0);
}

#[test]
fn the_table_forgets_whom_it_does_not_serve() {
    let (connections, now) = table(10, 2);
    for n in 0..100 {
        let slot = connections.admit(client(n), now).unwrap();
        slot.hold(usize::from(n) * 100, now).unwrap();
    }
    let table = connections.table();
    assert!(table.open.is_empty() && table.clients.is_empty());
    assert!(table.crowds.is_empty() && table.holders.is_empty());
    assert_eq!((table.held, table.leaving, table.leavers), (0, 0, 0));
}

#[test]
fn it_is_told_that_many_have_left_until_few_are_there() {
    let (connections, now) = table(MANY, MANY);
    let fill = |n| (0..n).map(|_| connections.admit(client(1), now).unwrap()).collect::<Vec<_>>();
    let mut slots = fill(MANY);
    assert!(!connections.have_left());
    for left in [MANY / 2, MANY / 4, MANY / 8] {
        slots.truncate(left + 1);
        assert!(!connections.have_left(), "{left}");
        slots.truncate(left);
        assert!(connections.have_left(), "{left}");
        assert!(!connections.have_left(), "told once");
    }
    drop(slots);
    // Fewer than that come and go.
    for n in [0, MANY - 1, 0] {
        let _slots = fill(n);
        assert!(!connections.have_left());
    }
}
