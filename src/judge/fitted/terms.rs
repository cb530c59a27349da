//! Words and pairs of neighbouring words of a text, weighed by how few texts have them. Knows nothing about what the
//! texts say or what they are read for.

use std::collections::BTreeMap;

/// Texts in which a term must stand to be known: one that stands in a single text tells nothing about another.
const TEXTS_MIN: usize = 2;
/// Terms that are known at most: those that stand in the most texts.
const TERMS_MAX: usize = 5000;

/// How often each word, and each pair of neighbouring words with a blank between them, stands in a text.
pub(super) type Counts = BTreeMap<String, u32>;

/// Counts words and pairs. A word is a run of letters, digits and apostrophes within them, in lower case.
pub(super) fn counts(text: &str) -> Counts {
    let text = text.replace('\u{2019}', "'").to_lowercase();
    let words = text
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
        .map(|word| word.trim_matches('\''))
        .filter(|word| !word.is_empty());
    let mut counts = Counts::new();
    let mut before: Option<&str> = None;
    for word in words {
        *counts.entry(word.to_owned()).or_default() += 1;
        if let Some(before) = before {
            *counts.entry(format!("{before} {word}")).or_default() += 1;
        }
        before = Some(word);
    }
    counts
}

/// A row of which most numbers are 0: the places of the others and the numbers, by place.
pub(super) type Sparse = Vec<(usize, f64)>;

/// The terms that are known, in alphabetical order, and how rare each is.
#[derive(Debug, Clone, Default)]
pub(super) struct Vocabulary {
    /// ln((1 + n) / (1 + d)) + 1 for a term in d of n texts (inverse document frequency, smoothed as scikit-learn's
    /// `TfidfTransformer` does).
    rarity: BTreeMap<String, f64>,
}

impl Vocabulary {
    /// The terms of these texts.
    pub(super) fn of<'a>(texts: impl Iterator<Item = &'a Counts>) -> Self {
        let mut found: BTreeMap<&str, usize> = BTreeMap::new();
        let mut n = 0;
        for text in texts {
            n += 1;
            text.keys().for_each(|term| *found.entry(term).or_default() += 1);
        }
        let mut known: Vec<(&str, usize)> =
            found.into_iter().filter(|(_, texts)| *texts >= TEXTS_MIN).collect();
        known.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        known.truncate(TERMS_MAX);
        let rarity = |texts: usize| libm::log((1 + n) as f64 / (1 + texts) as f64) + 1.0;
        Self {
            rarity: known
                .into_iter()
                .map(|(term, texts)| (term.to_owned(), rarity(texts)))
                .collect(),
        }
    }

    /// The terms with their rarity, in the order of the places in [`Self::row`].
    pub(super) fn terms(&self) -> impl Iterator<Item = (&str, f64)> {
        self.rarity.iter().map(|(term, rarity)| (term.as_str(), *rarity))
    }

    /// A text as numbers: (1 + ln count) × rarity of each known term, the whole row of length 1 (Salton and Buckley
    /// 1988). A text without a known term is the row of zeros.
    pub(super) fn row(&self, counts: &Counts) -> Sparse {
        let known = self.rarity.iter().enumerate();
        weighed(known.filter_map(|(place, (term, rarity))| {
            counts.get(term).map(|count| (place, *count, *rarity))
        }))
    }
}

/// A row of length 1 from place, count and rarity of the terms that a text has.
pub(super) fn weighed(terms: impl Iterator<Item = (usize, u32, f64)>) -> Sparse {
    let mut row: Sparse = terms
        .map(|(place, count, rarity)| (place, (1.0 + libm::log(f64::from(count))) * rarity))
        .collect();
    let length = row.iter().map(|(_, x)| x * x).sum::<f64>().sqrt();
    if length > 0.0 {
        row.iter_mut().for_each(|(_, x)| *x /= length);
    }
    row
}

/// The sum of products of two rows.
pub(super) fn dot(a: &Sparse, b: &Sparse) -> f64 {
    let (mut i, mut j, mut sum) = (0, 0, 0.0);
    while let (Some((p, x)), Some((q, y))) = (a.get(i), b.get(j)) {
        match p.cmp(q) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                sum += x * y;
                (i, j) = (i + 1, j + 1);
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_and_pairs_are_counted() {
        let found = counts("I can't. I can\u{2019}t — 'no'!");
        let expected =
            [("can't", 2), ("can't i", 1), ("can't no", 1), ("i", 2), ("i can't", 2), ("no", 1)];
        assert_eq!(found.iter().map(|(t, n)| (t.as_str(), *n)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn rows_are_those_of_scikit_learn() {
        // TfidfVectorizer(sublinear_tf=True, min_df=2, ngram_range=(1, 2)) of scikit-learn 1.7 on these texts.
        let texts = ["a b a", "b a c", "c d"].map(counts);
        let known = Vocabulary::of(texts.iter());
        assert_eq!(known.terms().map(|(term, _)| term).collect::<Vec<_>>(), ["a", "b", "b a", "c"]);
        let rarity = (4.0_f64 / 3.0).ln() + 1.0;
        assert!(known.terms().all(|(_, found)| (found - rarity).abs() < 1e-12));
        let row = known.row(&texts[0]);
        let twice = 1.0 + 2.0_f64.ln();
        let length = (twice * twice + 2.0).sqrt();
        let expected = [(0, twice / length), (1, 1.0 / length), (2, 1.0 / length)];
        assert_eq!(row.len(), 3);
        for ((place, x), (at, expected)) in row.iter().zip(expected) {
            assert!(*place == at && (x - expected).abs() < 1e-12);
        }
    }

    proptest! {
        #[test]
        fn a_row_has_length_one_or_none(a in "[a-d ]{0,40}", b in "[a-d ]{0,40}") {
            let texts = [counts(&a), counts(&b)];
            let known = Vocabulary::of(texts.iter());
            let rows = [known.row(&texts[0]), known.row(&texts[1])];
            for row in &rows {
                let length = dot(row, row);
                prop_assert!(row.is_empty() && length == 0.0 || (length - 1.0).abs() < 1e-12);
            }
            prop_assert!((dot(&rows[0], &rows[1]) - dot(&rows[1], &rows[0])).abs() < 1e-15);
        }
    }
}
