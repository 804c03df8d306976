//! Did you mean: the nearest of the names there are.

/// Changes a name may need to be still taken for a slip.
const MOST_CHANGES: usize = 2;

/// How many names a list shows before it says how many more there are.
const MOST_LISTED: usize = 12;

/// Returns the nearest candidate if it is near enough to be what was meant.
pub(super) fn nearest<'a>(
    found: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let most = found.chars().count().div_ceil(3).min(MOST_CHANGES);
    let plain = plain(found);
    candidates
        .into_iter()
        .map(|candidate| (changes(&plain, &self::plain(candidate)), candidate))
        .filter(|(changes, _)| *changes <= most)
        .min_by_key(|(changes, _)| *changes)
        .map(|(_, candidate)| candidate)
}

/// Returns "did you mean …", or else the list of candidates after `intro`.
pub(super) fn help<'a>(
    found: &str,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
    intro: &str,
) -> String {
    match nearest(found, candidates.clone()) {
        Some(near) => format!("write `{near}`: did you mean that?"),
        None => format!("{intro} {}", list(candidates)),
    }
}

/// The same for values, which are quoted: "write …".
pub(super) fn value_help<'a>(
    found: &str,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
) -> String {
    match nearest(found, candidates.clone()) {
        Some(near) => format!("write \"{near}\": did you mean that?"),
        None => format!("write one of {}", list(candidates).replace('`', "\"")),
    }
}

/// Names in backticks, with "or" before the last.
pub(super) fn choice<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let list = list(names);
    list.rsplit_once(" and ").map_or_else(|| list.clone(), |(a, b)| format!("{a} or {b}"))
}

/// Names in backticks, with "and" before the last; "none" if there are none.
pub(super) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut words: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    if words.len() > MOST_LISTED {
        let rest = words.len() - MOST_LISTED;
        words.truncate(MOST_LISTED);
        words.push(format!("{rest} more"));
    }
    match words.split_last() {
        None => "none".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// Case and the choice between `-` and `_` are not what makes names differ.
fn plain(name: &str) -> Vec<char> {
    name.chars().map(|c| if c == '_' { '-' } else { c.to_ascii_lowercase() }).collect()
}

/// Characters to insert, remove, replace or swap with their neighbour.
fn changes(a: &[char], b: &[char]) -> usize {
    if a.len().abs_diff(b.len()) > MOST_CHANGES {
        return usize::MAX;
    }
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut a_before = None;
    for (row, &from) in a.iter().enumerate() {
        let mut next = vec![row + 1];
        let mut b_before = None;
        for (column, &to) in b.iter().enumerate() {
            let above = |cells: &[usize], at: usize| cells.get(at).copied().unwrap_or(usize::MAX);
            let replace = above(&last, column) + usize::from(from != to);
            let mut best = replace.min(above(&last, column + 1) + 1).min(above(&next, column) + 1);
            if a_before == Some(to) && b_before == Some(from) {
                best = best.min(above(&before_last, column.wrapping_sub(1)).saturating_add(1));
            }
            next.push(best);
            b_before = Some(to);
        }
        before_last = std::mem::replace(&mut last, next);
        a_before = Some(from);
    }
    last.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_seen_and_other_names_left_alone() {
        let regions = ["us-east", "us-west", "eu-west", "ap"];
        for (found, near) in [
            ("us-esat", Some("us-east")),
            ("US_EAST", Some("us-east")),
            ("us-eas", Some("us-east")),
            ("eu-wesst", Some("eu-west")),
            ("pa", Some("ap")),
            ("sa-east-1", None),
            ("mars", None),
            ("", None),
        ] {
            assert_eq!(nearest(found, regions), near, "{found}");
        }
    }

    #[test]
    fn distance_counts_each_kind_of_slip_once() {
        let count = |a: &str, b: &str| changes(&plain(a), &plain(b));
        assert_eq!(count("abcd", "abcd"), 0);
        assert_eq!(count("abcd", "acbd"), 1);
        assert_eq!(count("abcd", "bacd"), 1);
        assert_eq!(count("abcd", "abd"), 1);
        assert_eq!(count("abcd", "abxd"), 1);
        assert_eq!(count("abcd", "wxyz"), 4);
        assert_eq!(count("", "ab"), 2);
    }

    #[test]
    fn lists_end_in_and() {
        assert_eq!(list([]), "none");
        assert_eq!(list(["a"]), "`a`");
        assert_eq!(list(["a", "b", "c"]), "`a`, `b` and `c`");
        assert_eq!(choice(["a", "b", "c"]), "`a`, `b` or `c`");
        assert!(list(std::iter::repeat_n("a", 20)).ends_with("and 8 more"));
    }
}
