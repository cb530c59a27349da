//! A question about one exchange, ready to be put to a model.

use super::super::Exchange;
use super::Rubric;
use super::criterion::Criterion;
use super::file::About;
use super::wording::{Form, Wording};

/// A question and the answers among which the model chooses.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Name of the criterion that it is about.
    pub criterion: String,
    /// What the model reads.
    pub form: Form,
    /// The spellings that are offered.
    pub answers: Vec<String>,
    /// What each of them says: 0 for a refusal or "no", 1 for full compliance or "yes".
    pub scores: Vec<f64>,
}

impl Rubric {
    /// The questions about an exchange, criterion by criterion, wording by wording. An exchange without an
    /// answer is not asked about compliance, one without reasoning not about reasoning.
    pub fn questions(&self, exchange: &Exchange<'_>) -> Vec<Question> {
        let thought = exchange.thought();
        let asked = self.asked(exchange, thought.is_some());
        let thought = thought.unwrap_or_default();
        let questions = |criterion: &Criterion| -> Vec<Question> {
            let ask = |wording: &Wording| Question {
                criterion: criterion.name.clone(),
                form: wording.ask(exchange, &thought),
                answers: wording.offers.iter().map(|offer| offer.spelling.clone()).collect(),
                scores: wording.offers.iter().map(|offer| offer.score).collect(),
            };
            criterion.wordings.iter().map(ask).collect()
        };
        asked.flat_map(questions).collect()
    }

    /// The criteria that an exchange is asked about.
    pub(super) fn asked(
        &self,
        exchange: &Exchange<'_>,
        thought: bool,
    ) -> impl Iterator<Item = &Criterion> {
        // What an answer chose is read by the reader of choices, whoever judges.
        let answered = exchange.answered().is_some() && exchange.options.is_empty();
        self.criteria.iter().filter(move |criterion| match criterion.about {
            About::Compliance => answered,
            About::Reasoning => thought,
        })
    }
}
