//! Places: who gets one, who keeps it and who goes.

use std::time::Duration;

use super::*;

fn peer(n: u32) -> IpAddr {
    IpAddr::V4(n.into())
}

fn holder(name: &str, role: Role) -> Option<Holder> {
    Some(Holder { name: name.into(), role })
}

/// So many connections of a peer, all later than those before.
fn enter(places: &Places, of: u32, count: usize) -> Vec<Place> {
    let begin = Instant::now() + Duration::from_secs(places.table().next);
    (0..count).map(|_| places.enter(peer(of), begin)).collect()
}

fn left(places: &[Place]) -> usize {
    places.iter().filter(|place| place.leave.is_cancelled()).count()
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_goes_for_others_and_the_oldest_of_ones_own_first() {
    let places = Places::default();
    let first = enter(&places, 1, limits::API_CONNECTIONS_PER_PEER);
    let more = enter(&places, 1, 3);
    assert_eq!((left(&first), left(&more)), (3, 0));
    assert!(first[..3].iter().all(|place| place.leave.is_cancelled()));
    let peers = 2..100;
    let others: Vec<Vec<Place>> = peers.map(|of| enter(&places, of, 8)).collect();
    let counts = places.counts();
    assert_eq!((counts.of_anybody, counts.of_tokens), (limits::API_CONNECTIONS, 0));
    let newest = others.last().unwrap();
    assert_eq!(left(newest), 0, "whoever comes gets in");
    drop((first, more, others));
    assert_eq!(places.counts().of_anybody, 0);
}

#[tokio::test(start_paused = true)]
async fn who_works_stays_and_some_places_are_never_taken_by_work() {
    let places = Places::default();
    let now = Instant::now();
    let mut working = Vec::new();
    for of in 0..1000 {
        let place = places.enter(peer(of), now);
        if place.works(None, now).is_ok() {
            working.push(place);
        }
    }
    assert_eq!(working.len(), limits::API_BUSY);
    assert_eq!(left(&working), 0);
    let waiting = enter(&places, 5000, limits::API_CONNECTIONS);
    assert_eq!(left(&working), 0, "who waits goes first");
    let operator = places.enter(peer(1), now + Duration::from_secs(10_000));
    assert!(operator.works(None, now).is_err(), "503");
    assert!(operator.works(holder("ops", Role::Operate), now).is_ok());
    assert!(!operator.leave.is_cancelled() && left(&waiting) > 0);
    let one = Places::default();
    let of_one = enter(&one, 1, limits::API_CONNECTIONS_PER_PEER);
    let works = of_one.iter().filter(|place| place.works(None, now).is_ok()).count();
    assert_eq!(works, limits::API_BUSY_PER_PEER);
}

#[tokio::test(start_paused = true)]
async fn a_token_has_places_of_its_own_and_an_operator_those_of_lesser_roles() {
    let places = Places::default();
    let now = Instant::now();
    let work = |name: &str, role, count: usize| {
        let all = (0..count).map(|_| {
            let place = places.enter(peer(1), now);
            let is_taken = place.works(holder(name, role), now).is_ok();
            is_taken.then_some(place)
        });
        all.flatten().collect::<Vec<Place>>()
    };
    let most = limits::API_CONNECTIONS_PER_TOKEN;
    let of_one = work("a", Role::Report, most + 5);
    assert_eq!((of_one.len(), left(&of_one)), (most, 0));
    of_one[0].rests(now);
    assert_eq!(work("a", Role::Report, 1).len(), 1);
    assert!(of_one[0].leave.is_cancelled(), "its own that waits goes");
    let names: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    let all: Vec<_> = names.iter().map(|name| work(name, Role::Report, most)).collect();
    assert!(all.iter().map(Vec::len).sum::<usize>() <= limits::API_CONNECTIONS);
    assert_eq!(work("ops", Role::Operate, 3).len(), 3);
    assert!(places.counts().of_tokens <= limits::API_CONNECTIONS);
}

#[tokio::test(start_paused = true)]
async fn streams_are_bounded_and_go_for_those_of_a_token() {
    let places = Places::default();
    let now = Instant::now();
    let stream = |of: u32, holder: Option<Holder>| {
        let place = places.enter(peer(of), now);
        let is_taken = place.works(holder, now).and_then(|()| place.streams()).is_ok();
        is_taken.then_some(place)
    };
    let of_one: Vec<Place> = (0..100).filter_map(|_| stream(1, None)).collect();
    assert_eq!(of_one.len(), limits::API_STREAMS_PER_PEER);
    let rest: Vec<Place> = (2..100).filter_map(|of| stream(of, None)).collect();
    assert_eq!(of_one.len() + rest.len(), limits::API_STREAMS);
    assert!(stream(200, None).is_none());
    assert!(stream(1, holder("page", Role::Read)).is_some());
    assert_eq!(left(&of_one) + left(&rest), 1);
}

#[tokio::test(start_paused = true)]
async fn bodies_are_bounded_for_each_and_in_sum_and_operators_have_room() {
    let places = Places::default();
    let now = Instant::now();
    let send = |name: &str, role, octets, is_batch| {
        let place = places.enter(peer(1), now);
        place.works(holder(name, role), now).unwrap();
        place.carries(octets, is_batch).is_ok().then_some(place)
    };
    let mib = 1024 * 1024;
    let batch = limits::LATENCY_BATCH;
    let of_one: Vec<Place> =
        (0..20).filter_map(|_| send("a", Role::Report, batch, false)).collect();
    assert_eq!(of_one.len() * batch, limits::API_BODIES / 2);
    let other: Vec<Place> = (0..20).filter_map(|_| send("b", Role::Report, batch, true)).collect();
    assert_eq!(other.len(), limits::LATENCY_QUEUE / 4, "batches have a share of their queue");
    assert!(send("c", Role::Report, mib, false).is_none(), "in sum");
    assert!(send("ops", Role::Operate, limits::API_BODY, false).is_some());
    of_one[0].rests(now);
    assert!(send("c", Role::Report, mib, false).is_some());
}

#[tokio::test(start_paused = true)]
async fn answers_that_nobody_takes_are_cut_off_and_operators_last() {
    const ANSWER: usize = 1 << 20;
    let places = Places::default();
    let now = Instant::now();
    let asks = |of: u32, holder: Option<Holder>, second: u64| {
        let place = places.enter(peer(of), now);
        place.works(holder, now + Duration::from_secs(second)).unwrap();
        place
    };
    // Each has one of its own, unless it is said which.
    let own = |place: &Place| Kept { at: place.number.try_into().unwrap(), octets: ANSWER };
    let held = || octets(places.table().seats.values());
    let ops = asks(9, holder("ops", Role::Operate), 0);
    ops.answers(own(&ops)).unwrap();
    let honest = asks(1, None, 0);
    honest.answers(own(&honest)).unwrap();
    let mut taken = Vec::new();
    for of in 2..7 {
        for second in 0..20 {
            let place = asks(of, None, second);
            place.answers(own(&place)).unwrap();
            assert!(held() <= limits::API_ANSWERS);
            taken.push(place);
        }
    }
    assert!(!honest.leave.is_cancelled(), "who takes most goes first");
    assert!(!taken[99].leave.is_cancelled(), "the newest gets its answer");
    assert_eq!(left(&taken), 102 - limits::API_ANSWERS / ANSWER);
    let newer = |second| taken[80..].iter().skip(second).all(|p| !p.leave.is_cancelled());
    assert!(newer(19) && !newer(0), "of one's own the oldest goes first");
    let same: Vec<Place> = (10..40).map(|of| asks(of, None, 0)).collect();
    same.iter().for_each(|place| place.answers(own(&honest)).unwrap());
    assert_eq!((left(&same), left(&taken), held()), (0, 70, limits::API_ANSWERS), "one text");
    taken[99].rests(now);
    assert_eq!(held(), limits::API_ANSWERS - ANSWER);
    let large = asks(9, holder("ops", Role::Operate), 0);
    large.answers(Kept { at: 0, octets: 2 * limits::API_ANSWERS }).unwrap();
    assert_eq!(held(), 2 * limits::API_ANSWERS, "one is taken whatever its size");
    let late = asks(8, None, 99);
    assert!(late.answers(own(&late)).is_err(), "503: nobody cuts off an operator");
    large.rests(now);
    assert!(late.answers(own(&late)).is_ok());
}
