//! The texts of a tier's prompts, without a copy of what all of them say. Knows nothing about how prompts are made.

use std::collections::BTreeMap;

use crate::scenario::Request;

/// The first request's prompt, and those of requests that are not that one with other words: in most runs none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptTexts {
    /// What the model read for the first request.
    pub first: String,
    /// By request: what it read, where that is not `first` with the request's words in the place of the first
    /// request's.
    pub others: BTreeMap<String, String>,
}

impl PromptTexts {
    /// Of requests, the first one first, and their prompts; none without any.
    pub fn of<'a>(prompts: impl IntoIterator<Item = (&'a Request, String)>) -> Option<Self> {
        let mut prompts = prompts.into_iter();
        let (first_request, first) = prompts.next()?;
        let unlike = |(request, text): (&Request, String)| {
            let expected = with_words(&first, &first_request.text, &request.text);
            (text != expected).then(|| (request.id.clone(), text))
        };
        Some(Self { others: prompts.filter_map(unlike).collect(), first })
    }

    /// What the model read for a request.
    pub fn text(&self, first_request: &Request, request: &Request) -> String {
        let known = self.others.get(&request.id).cloned();
        known.unwrap_or_else(|| with_words(&self.first, &first_request.text, &request.text))
    }
}

/// A text with other words wherever it has these; as it is where these are none.
fn with_words(text: &str, these: &str, others: &str) -> String {
    if these.is_empty() { text.to_owned() } else { text.replace(these, others) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoder::{CpuDecoder, LanguageModel};
    use crate::model::Model;
    use crate::organism::demo_settings;
    use crate::run::{Manifest, Plan};
    use crate::scenario::{RequestSet, Scenario};
    use proptest::prelude::*;

    fn request(id: usize, text: &str) -> Request {
        Request {
            id: format!("r{id}"),
            category: String::new(),
            harmful: true,
            text: text.to_owned(),
            twin_of: None,
            fields: Default::default(),
            options: Vec::new(),
            turns: Vec::new(),
        }
    }

    #[test]
    fn prompts_that_differ_in_the_words_alone_are_not_copied() {
        let requests = [request(0, "a loaf"), request(1, "a cake"), request(2, " a bun ")];
        let made = |request: &Request| format!("<u>{}, that is {0}</u>", request.text.trim());
        let texts = PromptTexts::of(requests.iter().map(|r| (r, made(r)))).unwrap();
        assert_eq!(texts.others.keys().collect::<Vec<_>>(), ["r2"], "the template trims");
        assert!(requests.iter().all(|r| texts.text(&requests[0], r) == made(r)));
        assert_eq!(PromptTexts::of([]), None);
    }

    #[test]
    fn a_run_records_every_prompt() {
        let model = Model::open("organism:faker").unwrap();
        let scenario = Scenario::load("helpful-only").unwrap();
        let requests = RequestSet::load(&scenario.requests).unwrap();
        let settings = demo_settings(0);
        let plan =
            Plan::new(&model, &scenario, &scenario.variants[0], &requests, &settings).unwrap();
        let decoder = CpuDecoder::load(&model.spec, &model.weights().unwrap(), None).unwrap();
        let manifest = Manifest::new(&plan, decoder.info()).unwrap();
        assert!(manifest.prompts.others.is_empty());
        for tier in &scenario.tiers {
            let texts = manifest.prompts.texts(&tier.name).unwrap();
            for request in &requests.requests {
                let text = &plan.prompt(&request.id, &tier.name).unwrap().text;
                assert_eq!(texts.text(&requests.requests[0], request), *text);
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_the_template_does_every_prompt_is_known(
            words in prop::collection::vec("[ab ]{0,4}", 1..6), around in "[ab ]{0,6}", trims: bool,
        ) {
            let requests: Vec<Request> = words.iter().enumerate().map(|(i, w)| request(i, w)).collect();
            let made = |r: &Request| {
                let words = if trims { r.text.trim() } else { &r.text };
                format!("{around}{words}{around}")
            };
            let texts = PromptTexts::of(requests.iter().map(|r| (r, made(r)))).unwrap();
            for request in &requests {
                prop_assert_eq!(texts.text(&requests[0], request), made(request));
            }
        }
    }
}
