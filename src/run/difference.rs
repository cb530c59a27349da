//! Where two lists of tokens differ. Knows nothing about what they mean.

/// A stretch in which two lists differ; one of its sides can be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// Places in the first list: [start, end).
    pub first: std::ops::Range<usize>,
    /// Places in the second list.
    pub second: std::ops::Range<usize>,
}

/// Edits after which two lists count as different altogether.
const EDITS_MAX: usize = 2_000;

/// The stretches in which two lists differ, as few tokens as possible (Myers, 1986).
pub fn stretches(first: &[u32], second: &[u32]) -> Vec<Stretch> {
    let same = first.iter().zip(second).take_while(|(a, b)| a == b).count();
    let rest = (first.len() - same).min(second.len() - same);
    let tail = (0..rest)
        .take_while(|i| first[first.len() - 1 - i] == second[second.len() - 1 - i])
        .count();
    let (a, b) = (&first[same..first.len() - tail], &second[same..second.len() - tail]);
    let mut found = Vec::new();
    let mut at = (0, 0);
    // The end counts as a match, so that what stands before it is told too.
    for (x, y) in matches(a, b).into_iter().chain([(a.len(), b.len())]) {
        if (x, y) != at {
            found.push(Stretch { first: same + at.0..same + x, second: same + at.1..same + y });
        }
        at = (x + 1, y + 1);
    }
    found
}

/// Places of equal tokens that a shortest edit keeps, in order; none beyond [`EDITS_MAX`].
fn matches(a: &[u32], b: &[u32]) -> Vec<(usize, usize)> {
    let most = (a.len() + b.len()).min(EDITS_MAX);
    // By diagonal k = x - y: the furthest x that so many edits reach. Index k + most + 1.
    let mut furthest = vec![0_usize; 2 * most + 3];
    let mut before = Vec::new();
    for edits in 0..=most {
        before.push(furthest.clone());
        for index in (most + 1 - edits..=most + 1 + edits).step_by(2) {
            let (down, right) = (furthest[index + 1], furthest[index - 1] + 1);
            let is_down = index == most + 1 - edits
                || (index != most + 1 + edits && furthest[index - 1] < down);
            let mut x = if is_down { down } else { right };
            let mut y = x + most + 1 - index;
            while x < a.len() && y < b.len() && a[x] == b[y] {
                (x, y) = (x + 1, y + 1);
            }
            furthest[index] = x;
            if x >= a.len() && y >= b.len() {
                return way_back(&before, most, (x, y));
            }
        }
    }
    Vec::new()
}

/// The matches on the way from the end to the start, in the order of the lists.
fn way_back(before: &[Vec<usize>], most: usize, end: (usize, usize)) -> Vec<(usize, usize)> {
    let (mut x, mut y) = end;
    let mut found = Vec::new();
    for (edits, furthest) in before.iter().enumerate().rev() {
        let index = x + most + 1 - y;
        let is_down = index == most + 1 - edits
            || (index != most + 1 + edits && furthest[index - 1] < furthest[index + 1]);
        let from = if is_down { index + 1 } else { index - 1 };
        let (start_x, start_y) = match edits {
            0 => (0, 0),
            _ => (furthest[from], furthest[from] + most + 1 - from),
        };
        while x > start_x && y > start_y {
            (x, y) = (x - 1, y - 1);
            found.push((x, y));
        }
        (x, y) = (start_x, start_y);
    }
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(
        first: &[u32],
        second: &[u32],
    ) -> Vec<(std::ops::Range<usize>, std::ops::Range<usize>)> {
        stretches(first, second).into_iter().map(|s| (s.first, s.second)).collect()
    }

    #[test]
    fn single_tokens_in_long_lists_are_found() {
        assert_eq!(found(&[1, 2, 3], &[1, 2, 3]), []);
        assert_eq!(
            found(&[1, 9, 3, 4, 8, 5], &[1, 7, 3, 4, 6, 6, 5]),
            [(1..2, 1..2), (4..5, 4..6)]
        );
        assert_eq!(found(&[1, 2], &[1, 5, 2]), [(1..1, 1..2)]);
        assert_eq!(found(&[], &[1]), [(0..0, 0..1)]);
    }

    #[test]
    fn lists_that_have_little_in_common_are_one_stretch() {
        let (a, b): (Vec<u32>, Vec<u32>) = ((0..3000).collect(), (3000..6000).collect());
        assert_eq!(found(&a, &b), [(0..3000, 0..3000)]);
    }

    proptest! {
        #[test]
        fn outside_of_the_stretches_the_lists_are_equal(
            a in prop::collection::vec(0..4_u32, 0..30), b in prop::collection::vec(0..4_u32, 0..30),
        ) {
            let (mut made, mut at) = (Vec::<u32>::new(), 0);
            let mut at_second = 0;
            for s in stretches(&a, &b) {
                prop_assert!(s.first.start >= at && s.second.start >= at_second);
                made.extend(&a[at..s.first.start]);
                made.extend(&b[s.second.clone()]);
                (at, at_second) = (s.first.end, s.second.end);
            }
            made.extend(&a[at..]);
            prop_assert_eq!(made, b);
        }
    }
}
