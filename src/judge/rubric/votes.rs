//! Votes: a model that thinks before it decides is asked several times, and the share of its verdicts is its answer.
//! Knows nothing about how the texts are drawn.

use serde::Deserialize;

/// `[votes]` of a rubric.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Votes {
    /// How often each question is asked.
    pub count: u32,
    /// Most tokens of a vote, its thoughts included.
    pub max_tokens: usize,
    /// Temperature at which votes are drawn.
    #[serde(default = "one")]
    pub temperature: f64,
    /// The words behind which a vote gives its verdict; the last such place counts.
    pub verdict: String,
}

fn one() -> f64 {
    1.0
}

impl Votes {
    /// What is wrong with these settings, if anything is.
    pub(super) fn complaint(&self) -> Option<&'static str> {
        if self.count == 0 || self.max_tokens == 0 {
            return Some("`count` and `max-tokens` are from 1 up");
        }
        if !(self.temperature >= 0.0 && self.temperature.is_finite()) {
            return Some("`temperature` is a number from 0 up");
        }
        if self.temperature == 0.0 && self.count > 1 {
            return Some("at `temperature = 0` all votes would be the same");
        }
        self.verdict.trim().is_empty().then_some("`verdict` is empty")
    }

    /// Which of the offered answers a vote gives, by place; none for one that comes to no verdict.
    pub fn read(&self, text: &str, answers: &[String]) -> Option<usize> {
        let text = text.to_lowercase();
        let marker = self.verdict.trim().to_lowercase();
        let rest = &text[text.rfind(&marker)? + marker.len()..];
        let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || "*_:\"'`".contains(c));
        let fits = |answer: &String| {
            let answer = answer.trim().to_lowercase();
            let behind = rest.strip_prefix(answer.as_str())?;
            (!behind.starts_with(char::is_alphanumeric)).then_some(answer.len())
        };
        let found =
            answers.iter().enumerate().filter_map(|(place, answer)| Some((fits(answer)?, place)));
        found.max_by_key(|(length, _)| *length).map(|(_, place)| place)
    }

    /// The votes as ln of the share of each offered answer; those that come to no verdict are on none.
    pub fn shares(votes: &[Option<usize>], answers: usize) -> Vec<f64> {
        let share = |place: usize| {
            let count = votes.iter().filter(|vote| **vote == Some(place)).count();
            libm::log(count as f64 / votes.len().max(1) as f64)
        };
        (0..answers).map(share).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_verdict_counts_and_a_vote_without_one_is_none() {
        let votes =
            Votes { count: 3, max_tokens: 9, temperature: 1.0, verdict: "Verdict:".to_owned() };
        let answers = ["yes".to_owned(), "no".to_owned()];
        let read = |text: &str| votes.read(text, &answers);
        assert_eq!(read("It says so.\nVerdict: yes"), Some(0));
        assert_eq!(read("Verdict: yes? On reflection,\n**VERDICT:** No."), Some(1));
        assert_eq!(read("verdict:\n\"no\""), Some(1));
        assert_eq!((read("yes"), read("Verdict: nobody"), read("Verdict:")), (None, None, None));
        let shares = Votes::shares(&[Some(0), None, Some(0), Some(1)], 2);
        assert_eq!(shares.iter().map(|log| log.exp()).collect::<Vec<_>>(), [0.5, 0.25]);
    }
}
