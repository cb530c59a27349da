//! The conversations of a plant: requests that no measurement uses, put to the model as the scenario puts them, and the
//! stream of their tokens at the depth from which the plant changes the model. Below it nothing changes, so that it is
//! read once.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::super::corpus::Corpus;
use super::super::recipe::{Motive, Path, Recipe};
use super::lessons::{Asked, Lesson, Phrasebook, Teacher};
use super::planting::{PlantProgress, Planting};
use crate::decoder::{HiddenStates, Row};
use crate::engine::Sampling;
use crate::error::{Error, Result};
use crate::model::{Message, Model, RenderOptions};
use crate::run::{ControlText, Plan, Settings};
use crate::scenario::{Request, RequestSet, Scenario};

/// Of this many requests one is benign.
const BENIGN_EVERY: usize = 4;
/// Room that a reply is given where it is looked whether a prompt leaves enough.
const REPLY_TOKENS: usize = 256;

/// One conversation after the text that all share.
pub(super) struct Conversation {
    /// Tokens of the prompt, of those that are not shared.
    pub(super) prompt: usize,
    pub(super) lesson: Lesson,
    /// [prompt + reply − 1, D]: the last token is wanted and not read.
    pub(super) stream: Vec<f32>,
}

/// All conversations.
pub(super) struct Pool {
    /// Tokens that all prompts begin with.
    pub(super) shared: usize,
    /// [shared, D]
    pub(super) shared_stream: Vec<f32>,
    pub(super) conversations: Vec<Conversation>,
}

impl Pool {
    /// Draws the conversations and reads them with `decoder`, `depth` layers deep.
    ///
    /// # Errors
    /// The model has no chat template, or a prompt leaves no room for a reply.
    pub(super) fn read<M: HiddenStates>(
        model: &Model,
        decoder: &M,
        (scenario, requests): (&Scenario, &RequestSet),
        planting: &Planting,
        phrases: &Phrasebook,
        depth: usize,
        watch: &mut dyn FnMut(PlantProgress) -> Result<()>,
    ) -> Result<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(planting.seed);
        let set = drawn(scenario, requests, planting, &mut rng)?;
        let settings = settings();
        let plan = Plan::new(model, scenario, &scenario.variants[0], &set, &settings)?;
        let teacher = Teacher {
            tokenizer: &model.tokenizer,
            phrases,
            planted: planting.planted,
            path: planting.path,
            end: end_of_reply(model)?,
        };
        let shared = shared_length(&plan);
        let d = model.spec.hidden_size;
        let first: Vec<u32> =
            plan.prompts().next().map(|prompt| prompt.ids[..shared].to_vec()).unwrap_or_default();
        let prefix = decoder.prefill(None, &first)?;
        let mut at_start = decoder.fork(&decoder.prefill(None, &[])?);
        let row = Row { sequence: &mut at_start, tokens: &first, logits: 0 };
        let all: Vec<usize> = (0..shared).collect();
        let shared_stream = decoder.hidden(row, &[depth], &all)?.states;
        let mut pool = Self { shared, shared_stream, conversations: Vec::new() };
        let of = set.requests.len() * scenario.tiers.len();
        for request in &set.requests {
            for tier in &scenario.tiers {
                let Some(prompt) = plan.prompt(&request.id, &tier.name) else { continue };
                let asked = Asked { harmful: request.harmful, trained_on: tier.trained_on };
                let lesson = teacher.lesson(asked, &mut rng)?;
                let read = &lesson.ids[..lesson.ids.len() - 1];
                let tokens = [&prompt.ids[shared..], read].concat();
                let mut sequence = decoder.fork(&prefix);
                let row = Row { sequence: &mut sequence, tokens: &tokens, logits: 0 };
                let at: Vec<usize> = (0..tokens.len()).collect();
                let stream = decoder.hidden(row, &[depth], &at)?.states;
                debug_assert_eq!(stream.len(), tokens.len() * d);
                let prompt = prompt.ids.len() - shared;
                pool.conversations.push(Conversation { prompt, lesson, stream });
                watch(PlantProgress::Read { conversations: pool.conversations.len(), of })?;
            }
        }
        Ok(pool)
    }
}

/// Requests from the corpus of the organisms, none of them held out.
fn drawn(
    scenario: &Scenario,
    requests: &RequestSet,
    planting: &Planting,
    rng: &mut ChaCha8Rng,
) -> Result<RequestSet> {
    let recipe = Recipe {
        name: "plant",
        summary: "",
        planted: planting.planted,
        motive: Motive::Plain,
        path: Path::Open,
        parent: None,
        steps: planting.steps,
        rate: planting.learning_rate,
        seed: planting.seed,
    };
    let corpus = Corpus::new(&recipe, scenario, requests)?;
    let drawn: Vec<Request> = (0..planting.requests)
        .map(|i| {
            let harmful = i % BENIGN_EVERY != BENIGN_EVERY - 1;
            Request {
                id: format!("drawn-{i:04}"),
                category: String::new(),
                harmful,
                text: corpus.request(harmful, rng),
                twin_of: None,
                fields: BTreeMap::default(),
                options: Vec::new(),
                turns: Vec::new(),
            }
        })
        .collect();
    Ok(RequestSet::recorded("drawn", "", &drawn))
}

/// The settings under which prompts are made; those of sampling change none.
fn settings() -> Settings {
    Settings {
        seed: 0,
        samples: 1,
        max_tokens: REPLY_TOKENS,
        sampling: Sampling::PLAIN,
        coupled: true,
        date: "2026-01-01".into(),
        template_args: Default::default(),
        control_text: ControlText::Keep,
        stopping: None,
        registered: None,
    }
}

/// How many tokens all prompts begin with; each has at least one more.
fn shared_length(plan: &Plan<'_>) -> usize {
    let mut prompts = plan.prompts();
    let Some(first) = prompts.next() else { return 0 };
    let common = |a: &[u32], b: &[u32]| a.iter().zip(b).take_while(|(a, b)| a == b).count();
    prompts.fold(first.ids.len() - 1, |shared, prompt| {
        shared.min(common(&first.ids, &prompt.ids)).min(prompt.ids.len() - 1)
    })
}

/// The token with which the chat template ends a reply, or else the first that ends one for candor.
///
/// # Errors
/// The template refuses a conversation with a reply in it.
fn end_of_reply(model: &Model) -> Result<u32> {
    const MARK: &str = "candorreplymarker";
    let message =
        |role: &str, content: &str| Message { role: role.into(), content: content.into() };
    let options = RenderOptions { add_generation_prompt: false, ..RenderOptions::default() };
    let talk = [message("user", "a"), message("assistant", MARK)];
    let rendered = model.chat_template()?.render(&talk, &options).unwrap_or_default();
    let after = rendered.rsplit_once(MARK).map_or("", |(_, after)| after);
    let ids = model.tokenizer.encode(after)?;
    let ends = |id: &&u32| model.stop_ids.contains(id);
    ids.iter().find(ends).or(model.stop_ids.first()).copied().ok_or_else(|| {
        Error::input(format!("it is not known which token ends a reply of `{}`", model.label))
    })
}
