//! A prompt: messages through the model's own chat template and tokenizer, held against what was put in.
//! Knows nothing about trials.

use std::collections::BTreeSet;

use super::plan::Settings;
use crate::error::{Error, Result};
use crate::model::{ChatTemplate, Message, Model, RenderOptions, SystemPrompt, check_words};
use crate::scenario::{Messages, Request, Scenario, Variant};

/// A prompt as the model reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The chat template's output.
    pub text: String,
    /// Its token ids.
    pub ids: Vec<u32>,
}

/// Stands in the place of a tier's label, to see all that the label changes. No template writes it of itself.
const MARK: &str = "candorlabelmarker";

const MERGED: &str = "the chat template takes no system message: the system text stands in front of the user message, in every arm";

/// Makes the prompts of one model.
pub(super) struct Renderer<'a> {
    model: &'a Model,
    template: &'a ChatTemplate,
    options: RenderOptions,
    max_tokens: usize,
    /// How the system text reaches the model.
    pub(super) system_prompt: SystemPrompt,
    /// How often the template itself writes each named special token.
    written: Vec<(String, u32, usize)>,
}

impl<'a> Renderer<'a> {
    pub(super) fn new(model: &'a Model, settings: &Settings) -> Result<Self> {
        let template = model.chat_template()?;
        let options = RenderOptions {
            add_generation_prompt: true,
            date: settings.date.parse()?,
            args: settings.template_args.clone(),
        };
        template.check_args(&options)?;
        let system_prompt = template.system_prompt(&options)?;
        let max_tokens = settings.max_tokens;
        let mut renderer =
            Self { model, template, options, max_tokens, system_prompt, written: Vec::new() };
        let bare = Messages { system: "a".to_owned(), user: "a".to_owned() };
        let (text, _) = renderer.text(bare)?;
        let ids = model.tokenizer.encode(&text)?;
        let named = model.tokenizer.special_tokens().iter();
        renderer.written = named
            .filter(|(name, _)| *name != "unk_token")
            .filter_map(|(name, token)| Some((name.clone(), model.tokenizer.id_of(token)?)))
            .map(|(name, id)| (name, id, count(&ids, id)))
            .collect();
        Ok(renderer)
    }

    /// What holds for every prompt and is no error.
    pub(super) fn notes(&self) -> Option<String> {
        (self.system_prompt == SystemPrompt::Merged).then(|| MERGED.to_owned())
    }

    fn text(&self, messages: Messages) -> Result<(String, Option<String>)> {
        let messages = [("system", messages.system), ("user", messages.user)]
            .map(|(role, content)| Message { role: role.into(), content });
        let messages = self.system_prompt.arrange(messages.to_vec());
        let text = self.template.render(&messages, &self.options)?;
        let note = check_words(&text, &messages)?;
        Ok((text, note))
    }

    /// The prompts of a request, in the order of the scenario's tiers.
    ///
    /// # Errors
    /// A template that refuses the messages, changes their words or gives the arms different ones, a token
    /// without an embedding, a beginning of sequence too many, a prompt that leaves no room for the reply.
    pub(super) fn prompts(
        &self,
        scenario: &Scenario,
        variant: &Variant,
        request: &Request,
        notes: &mut BTreeSet<String>,
    ) -> Result<Vec<Prompt>> {
        let (marked, _) = self
            .text(variant.messages_with(MARK, request))
            .map_err(|error| error.within(format!("request `{}`", request.id)))?;
        let mut prompts = Vec::new();
        for tier in &scenario.tiers {
            let place = || format!("request `{}`, tier `{}`", request.id, tier.name);
            let prompt = || {
                let (text, note) = self.text(variant.messages(tier, request))?;
                check_declared(&text, &marked.replace(MARK, variant.label(tier)))?;
                let ids = self.model.prompt_ids(&text)?;
                let spelled = self.spelled(&ids)?;
                check_room(ids.len(), self.max_tokens, self.model.spec.context)?;
                let missing = self.model.tokenizer.missing_beginning(&ids);
                Ok::<_, Error>((Prompt { text, ids }, [note, spelled, missing]))
            };
            let (prompt, said) = prompt().map_err(|error| error.within(place()))?;
            notes.extend(said.into_iter().flatten());
            prompts.push(prompt);
        }
        Ok(prompts)
    }

    /// Words that spell a special token are read as that token. Where it is the one that begins a sequence, the
    /// prompt has it twice.
    fn spelled(&self, ids: &[u32]) -> Result<Option<String>> {
        let mut note = None;
        for (name, id, written) in &self.written {
            if count(ids, *id) <= *written {
                continue;
            }
            let token = self.model.tokenizer.token_of(*id).unwrap_or_default();
            if name == "bos_token" {
                return Err(Error::input(format!(
                    "the words of the prompt spell the beginning-of-sequence token `{token}`, which the chat template writes itself"
                ))
                .hint("take it out of the scenario or of the request"));
            }
            note = Some(format!(
                "the words of a prompt spell the special token `{token}`, and the model reads them as that token"
            ));
        }
        Ok(note)
    }
}

fn count(ids: &[u32], id: u32) -> usize {
    ids.iter().filter(|known| **known == id).count()
}

/// An arm is the common text with its label in the marked places, and nothing else.
fn check_declared(text: &str, expected: &str) -> Result<()> {
    if text == expected {
        return Ok(());
    }
    let same = text.chars().zip(expected.chars()).take_while(|(a, b)| a == b).count();
    let shown = |text: &str| -> String {
        let start = same.saturating_sub(20);
        text.chars().skip(start).take(60).collect()
    };
    Err(Error::input(format!(
        "the arms differ in more than the label of the tier: the prompt has {:?} where {:?} was expected",
        shown(text),
        shown(expected)
    ))
    .hint("the chat template changes its text with the words of the messages: use another template, or other labels"))
}

fn check_room(prompt: usize, max_tokens: usize, context: usize) -> Result<()> {
    if prompt + max_tokens <= context {
        return Ok(());
    }
    let message = format!(
        "the prompt has {prompt} tokens, and with {max_tokens} new ones it exceeds the context of {context}"
    );
    Err(Error::input(message).hint(match context.checked_sub(prompt).filter(|&room| room > 0) {
        Some(room) => {
            format!("use `--max-tokens {room}` or less, or a model with a longer context")
        }
        None => "use a shorter scenario, or a model with a longer context".into(),
    }))
}
