//! The margin by which an order changes.

use super::*;

#[test]
fn a_margin_is_the_greater_of_share_and_time() {
    let rated = |ms: u16| Rated {
        region: 0,
        rtt: ms * 10,
        confidence: 50,
        level: Level::Prefix,
        last: None,
        count: 1,
    };
    let margin = Margin { share: 0.1, least: Duration::from_millis(5) };
    for (other, better, expected) in
        [(200, 190, false), (200, 179, true), (20, 16, false), (20, 14, true), (20, 30, false)]
    {
        let found = margin.is_beaten(&rated(other), &rated(better));
        assert_eq!(found, expected, "{other} ms by {better} ms");
    }
}
