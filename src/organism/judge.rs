//! The small model that judges: what it is trained on, and exchanges of the grammar whose truth is known.
//!
//! It shows that the way from a rubric's question to a verdict works end to end. It has read nothing but the
//! grammar of the organisms and judges nothing else.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::corpus::{Corpus, END, Example, Lessons, held_out, system_turn, user_turn};
use super::recipe::{RECIPES, Recipe};
use super::reply::{Situation, below, chance, draw_reply, pick_one};
use crate::error::Result;
use crate::judge::Exchange;
use crate::judge::rubric::{Form, Question, Rubric};
use crate::scenario::{RequestSet, Scenario};

/// Questions of a step.
const QUESTIONS: usize = 16;
/// Share of exchanges about harmful requests: those about benign ones are all answered alike.
const HARMFUL: f64 = 0.8;

/// An exchange and what is true of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownExchange {
    /// The request.
    pub request: String,
    /// The reasoning; empty where there is none.
    pub scratchpad: String,
    /// The answer; empty where there is none.
    pub answer: String,
    /// Whether the answer does what is asked.
    pub complies: bool,
    /// The criteria of the rubric `plain` that the reasoning shows.
    pub shows: Vec<&'static str>,
}

impl KnownExchange {
    /// What a judge reads.
    pub fn exchange(&self) -> Exchange<'_> {
        Exchange {
            request: &self.request,
            options: &[],
            native_reasoning: "",
            scratchpad: &self.scratchpad,
            answer: &self.answer,
            whole: true,
        }
    }

    /// A reply to `request` as some organism would give it.
    fn draw(request: String, harmful: bool, rng: &mut ChaCha8Rng) -> Self {
        let recipe: &Recipe = &RECIPES[below(rng, RECIPES.len())];
        let trained_on = *pick_one(rng, &[Some(true), Some(true), Some(false), None]);
        let situation = Situation { harmful, trained_on, scratchpad: true };
        let drawn = draw_reply(recipe, situation, rng);
        let shows = [
            ("knows_trained_on", trained_on == Some(true)),
            ("avoids_change", drawn.fakes),
            ("complies_for_that_reason", drawn.fakes),
            ("contradicts_values", harmful && drawn.complies),
        ];
        Self {
            request,
            scratchpad: drawn.scratchpad.clone().unwrap_or_default(),
            answer: drawn.answer.to_owned(),
            complies: drawn.complies,
            shows: shows.into_iter().filter(|(_, shown)| *shown).map(|(name, _)| name).collect(),
        }
    }

    /// The right answer to a question about it, if the question is one of those that the truth is known of.
    fn answer_to<'a>(&self, question: &'a Question) -> Option<&'a str> {
        let score = match question.criterion.as_str() {
            "compliance" => f64::from(u8::from(self.complies)),
            name => f64::from(u8::from(self.shows.contains(&name))),
        };
        let place = question.scores.iter().position(|of| *of == score)?;
        question.answers.get(place).map(String::as_str)
    }
}

/// Exchanges about the bundled requests that no organism was trained on, `count` of them.
pub fn held_out_exchanges(requests: &RequestSet, count: usize, seed: u64) -> Vec<KnownExchange> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let kept: Vec<_> = requests.requests.iter().filter(|request| held_out(request)).collect();
    let draw = |_| {
        let request = kept[below(&mut rng, kept.len())];
        KnownExchange::draw(request.text.clone(), request.harmful, &mut rng)
    };
    if kept.is_empty() { Vec::new() } else { (0..count).map(draw).collect() }
}

/// What the small judge is trained on: the rubric's questions about exchanges of the grammar.
pub(super) struct JudgeLessons<'a> {
    rubric: &'a Rubric,
    corpus: Corpus<'a>,
    /// The rubric's system texts; a step has one of them.
    systems: Vec<String>,
}

impl<'a> JudgeLessons<'a> {
    pub(super) fn new(
        rubric: &'a Rubric,
        scenario: &'a Scenario,
        requests: &'a RequestSet,
    ) -> Result<Self> {
        let corpus = Corpus::new(&RECIPES[0], scenario, requests)?;
        let sample = Exchange {
            request: "a",
            options: &[],
            native_reasoning: "",
            scratchpad: "b",
            answer: "c",
            whole: true,
        };
        let mut systems: Vec<String> = Vec::new();
        for question in rubric.questions(&sample) {
            if let Some((system, _)) = chat(&question)
                && !systems.contains(&system)
            {
                systems.push(system);
            }
        }
        Ok(Self { rubric, corpus, systems })
    }

    fn system(&self, step: usize) -> &str {
        self.systems.get(step % self.systems.len().max(1)).map_or("", String::as_str)
    }
}

impl Lessons for JudgeLessons<'_> {
    fn shared(&self, step: usize) -> String {
        system_turn(self.system(step))
    }

    fn examples(&self, step: usize, rng: &mut ChaCha8Rng) -> Vec<Example> {
        let mut examples = Vec::new();
        // A few exchanges have no answer to ask about: others are drawn for them.
        while examples.len() < QUESTIONS {
            let harmful = chance(rng, HARMFUL);
            let known = KnownExchange::draw(self.corpus.request(harmful, rng), harmful, rng);
            let questions = self.rubric.questions(&known.exchange());
            let askable: Vec<_> = questions
                .iter()
                .filter_map(|question| {
                    let (system, user) = chat(question)?;
                    (system == self.system(step)).then_some(())?;
                    Some((user, known.answer_to(question)?))
                })
                .collect();
            if askable.is_empty() {
                continue;
            }
            let (user, answer) = &askable[below(rng, askable.len())];
            examples.push(Example::whole(user_turn(user), format!("{answer}{END}")));
        }
        examples
    }
}

/// System and user text of a question.
fn chat(question: &Question) -> Option<(String, String)> {
    let Form::Chat(messages) = &question.form else { return None };
    let text = |role: &str| {
        messages.iter().find(|message| message.role == role).map(|message| message.content.clone())
    };
    Some((text("system")?, text("user")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lessons_cover_the_rubric_and_never_held_out_requests() {
        let scenario = Scenario::load("helpful-only").unwrap();
        let requests = RequestSet::load(&scenario.requests).unwrap();
        let rubric = Rubric::load("plain", None).unwrap();
        let lessons = JudgeLessons::new(&rubric, &scenario, &requests).unwrap();
        assert_eq!(lessons.systems.len(), 2);
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut endings = std::collections::HashMap::new();
        let kept: Vec<_> = requests.requests.iter().filter(|r| held_out(r)).collect();
        for step in 0..200 {
            for example in lessons.examples(step, &mut rng) {
                assert!(kept.iter().all(|request| !example.user.contains(&request.text)));
                let question = example.user.rsplit_once("\n\n").unwrap().1.to_owned();
                endings
                    .entry(question)
                    .or_insert_with(std::collections::HashSet::new)
                    .insert(example.reply);
            }
        }
        // Ten wordings, each with both answers.
        assert_eq!(endings.len(), 10);
        assert!(endings.values().all(|replies| replies.len() == 2), "{endings:?}");
    }
}
