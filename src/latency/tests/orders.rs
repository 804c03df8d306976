//! What is learnt of the table, and what changes what is published.

use std::collections::HashMap;

use super::*;

/// What is published after what was, for one prefix in Paris.
fn learned(table: &Table, before: &Orders, rules: &Rules) -> Orders {
    let model = Model::fit(table, |_| paris(), now());
    Orders::learn(table, &model, [paris()], |_| paris(), before, rules, now())
}

/// The first region of the prefix that was measured, as a map has it.
fn first(orders: &Orders) -> u16 {
    let own = orders.blocks().find(|(net, _)| net.to_string() == "10.1.0.0/24");
    let order = own.map(|(_, order)| order).or_else(|| orders.of_place(&paris()));
    order.unwrap().rated()[0].region().0
}

fn measure(table: &mut Table, prefix: u8, frankfurt: f64, dublin: f64) {
    for source in 0..5 {
        for _ in 0..40 {
            table.take(&sample(prefix, 2, frankfurt, source), None, now()).unwrap();
            table.take(&sample(prefix, 1, dublin, source), None, now()).unwrap();
        }
    }
}

#[test]
fn a_region_overtakes_by_the_margin_only() {
    let (mut table, rules) = (table(), Rules::default());
    measure(&mut table, 1, 30.0, 32.0);
    let mut orders = learned(&table, &Orders::default(), &rules);
    assert_eq!(first(&orders), 2);
    measure(&mut table, 1, 33.0, 30.0);
    let next = learned(&table, &orders, &rules);
    assert_eq!(first(&next), 2);
    assert!(next.steers_like(&orders), "nor is the map made again");
    orders = next;
    measure(&mut table, 1, 50.0, 30.0);
    let next = learned(&table, &orders, &rules);
    assert_eq!(first(&next), 1);
    assert!(!next.steers_like(&orders));
    let octets = postcard::to_stdvec(&next).unwrap();
    assert_eq!(postcard::from_bytes::<Orders>(&octets).unwrap(), next);
}

/// An order of these regions, with their round trips in milliseconds.
fn order_of(rated: &[(u16, f64)]) -> Order {
    let rated = rated.iter().map(|(region, mean_ms)| Estimate {
        region: RegionId(*region),
        rtt: Duration::ZERO,
        spread: 0.1,
        source: Level::Prefix,
        age: None,
        count: 1,
        mean_ms: *mean_ms,
        km: 0.0,
    });
    Order::new(rated.map(|estimate| Rated::of(&estimate, Tick::of(now()))))
}

#[test]
fn small_steps_in_a_row_do_not_hold_up_a_large_one() {
    let margin = Margin::default();
    let settled = |before: &[(u16, f64)], wanted: &[(u16, f64)]| {
        let order = order_of(before).settled(&order_of(wanted), &margin);
        assert_eq!(order.settled(&order_of(wanted), &margin), order, "it stays");
        order.rated().iter().map(|rated| rated.region().0).collect::<Vec<_>>()
    };
    let were = [(0, 20.0), (1, 21.0), (2, 22.0), (3, 23.0)];
    let wanted = [(3, 38.0), (2, 42.0), (1, 46.0), (0, 50.0)];
    assert_eq!(settled(&were, &wanted), [2, 3, 0, 1], "the first is within it of the best");
    assert_eq!(settled(&were[..2], &wanted[2..]), [0, 1]);
    assert_eq!(settled(&were, &[(0, 20.0), (3, 30.0), (1, 40.0), (2, 41.0)]), [0, 3, 1, 2]);
}

#[test]
fn who_has_none_of_the_regions_left_has_the_order_around_it() {
    let mut table = table();
    for prefix in [1, 2, 3, 80, 81, 82] {
        measure(&mut table, prefix, 20.0, 40.0);
    }
    let mut orders = learned(&table, &Orders::default(), &Rules::default());
    let block = Block { first: ClientPrefix::of([10, 9, 0, 1].into()), is_wide: false };
    orders.blocks.push((block, order_of(&[(3, 5.0)])));
    let kept = orders.renumbered(|region| Some(region).filter(|region| region.0 != 3));
    assert_eq!((kept.n_areas(), kept.n_blocks()), (1, 0));
    assert!(kept.renumbered(|_| None).is_empty());
}

#[test]
fn a_block_has_an_order_of_its_own_where_that_beats_its_areas() {
    let mut table = table();
    for prefix in [1, 2, 3, 80, 81, 82] {
        measure(&mut table, prefix, 20.0, 40.0);
    }
    measure(&mut table, 9, 60.0, 20.0);
    let orders = learned(&table, &Orders::default(), &Rules::default());
    let area = orders.of_place(&paris()).unwrap();
    assert_eq!(area.rated()[0].region().0, 2, "the area goes with the most");
    let blocks: Vec<(String, u16)> = orders
        .blocks()
        .map(|(net, order)| (net.to_string(), order.rated()[0].region().0))
        .collect();
    assert_eq!(blocks, [("10.9.0.0/24".to_owned(), 1)]);
}

#[test]
fn what_many_of_a_place_agree_on_holds_for_all_of_it() {
    let mut table = table();
    for prefix in 0..40 {
        measure(&mut table, prefix, 60.0, 20.0);
    }
    let orders = learned(&table, &Orders::default(), &Rules::default());
    let area = orders.of_place(&paris()).unwrap();
    assert_eq!(area.rated()[0].region().0, 1);
    assert_eq!(orders.blocks().count(), 0, "nor has any of them one of its own");
}

#[test]
fn without_samples_nobody_has_an_order() {
    let orders = learned(&table(), &Orders::default(), &Rules::default());
    assert!(orders.is_empty());
}

#[test]
fn who_has_no_place_has_the_order_that_was_measured() {
    let mut table = table();
    measure(&mut table, 1, 60.0, 20.0);
    let nowhere = |_| Place::default();
    let model = Model::fit(&table, nowhere, now());
    let rules = Rules::default();
    let orders = Orders::learn(&table, &model, [], nowhere, &Orders::default(), &rules, now());
    let (net, order) = orders.blocks().next().unwrap();
    let regions: Vec<u16> = order.rated().iter().map(|rated| rated.region().0).collect();
    assert_eq!((net.to_string().as_str(), &regions[..]), ("10.1.0.0/24", &[1, 2][..]));
    assert_eq!(order.rated()[0].rtt().as_millis(), 20);
}

#[test]
fn who_explores_comes_back_to_what_was_published() {
    let mut table = table();
    measure(&mut table, 1, 20.0, 40.0);
    let exploration = Exploration { share: 1.0, ..Exploration::default() };
    let explore = Rules { exploration, ..Rules::default() };
    let orders = learned(&table, &Orders::default(), &explore);
    assert_ne!(first(&orders), 2);
    assert!(orders.of_place(&paris()).unwrap().is_exploring());
    assert_eq!(first(&learned(&table, &orders, &Rules::default())), 2);
}

/// Maps are compiled by orders of the positions that their configuration gives regions.
#[test]
fn who_explores_does_so_in_every_configuration() {
    let explored = order_of(&[(0, 10.0), (1, 20.0), (2, 30.0)]).exploring(2);
    let areas = HashMap::from([(Area::of(&paris()).unwrap(), explored)]);
    let orders = Orders { areas, blocks: Vec::new() };
    let of = |orders: &Orders| {
        let order = orders.of_place(&paris()).unwrap();
        let regions = |order: &Order| order.rated().iter().map(|one| one.region().0).collect();
        let (shown, base): (Vec<u16>, Vec<u16>) = (regions(order), regions(&order.base()));
        (shown, base, order.is_exploring())
    };
    let renumbered = |position: fn(u16) -> Option<u16>| {
        of(&orders.clone().renumbered(|region| position(region.0).map(RegionId)))
    };
    assert_eq!(renumbered(Some), (vec![2, 0, 1], vec![0, 1, 2], true));
    let moved = renumbered(|region| [None, Some(5), Some(0)][usize::from(region)]);
    assert_eq!(moved, (vec![0, 5], vec![5, 0], true), "one ahead of it is gone");
    let gone = renumbered(|region| Some(region).filter(|region| *region != 2));
    assert_eq!(gone, (vec![0, 1], vec![0, 1], false), "it is gone itself");
    let alone = renumbered(|region| Some(region).filter(|region| *region == 2));
    assert_eq!(alone, (vec![2], vec![2], false));
}
