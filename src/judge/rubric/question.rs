//! A question about one exchange, ready to be put to a model.

use super::super::Exchange;
use super::Rubric;
use super::criterion::Criterion;
use super::file::About;
use crate::model::Message;

/// What the model reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// A conversation, for the model's own chat template.
    Chat(Vec<Message>),
    /// The whole prompt, after the token with which the model's texts begin.
    Raw(String),
}

/// A question and the answers among which the model chooses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What the model reads.
    pub form: Form,
    /// The spellings that are offered.
    pub answers: Vec<String>,
}

impl Rubric {
    /// The questions about an exchange, criterion by criterion, wording by wording. An exchange without an
    /// answer is not asked about compliance, one without reasoning not about reasoning.
    pub fn questions(&self, exchange: &Exchange<'_>) -> Vec<Question> {
        let thought = exchange.thought();
        let asked = self.asked(exchange, thought.is_some());
        let thought = thought.unwrap_or_default();
        asked
            .flat_map(|criterion| &criterion.wordings)
            .map(|wording| wording.ask(exchange, &thought))
            .collect()
    }

    /// The criteria that an exchange is asked about.
    pub(super) fn asked(
        &self,
        exchange: &Exchange<'_>,
        thought: bool,
    ) -> impl Iterator<Item = &Criterion> {
        let answered = exchange.answered().is_some();
        self.criteria.iter().filter(move |criterion| match criterion.about {
            About::Compliance => answered,
            About::Reasoning => thought,
        })
    }
}
