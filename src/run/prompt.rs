//! A prompt: messages through the model's own chat template and tokenizer, held against what was put in.
//! Knows nothing about trials.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::given::given;
use super::settings::{ControlText, Settings};
use crate::error::{Error, Result};
use crate::model::{
    ChatTemplate, ControlTokens, Message, Model, RenderOptions, SystemPrompt, check_words,
};
use crate::scenario::{Messages, Request, Scenario, Variant};

/// A prompt as the model reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The chat template's output.
    pub text: String,
    /// Its token ids.
    pub ids: Vec<u32>,
    /// The first tokens of the reply, which the scenario puts into the model's mouth; mostly none.
    pub given: Vec<u32>,
}

impl Prompt {
    /// All tokens that the model reads before it draws the first one of its own.
    pub fn read(&self) -> Cow<'_, [u32]> {
        match self.given.is_empty() {
            true => Cow::Borrowed(&self.ids),
            false => Cow::Owned([&self.ids[..], &self.given].concat()),
        }
    }
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
    control_text: ControlText,
    /// How the system text reaches the model.
    pub(super) system_prompt: SystemPrompt,
    control: ControlTokens,
}

/// The prompts of a request.
pub(super) struct Arms {
    /// In the order of the scenario's tiers.
    pub(super) prompts: Vec<Prompt>,
    /// What should be known of them and is no error.
    pub(super) notes: BTreeSet<String>,
    /// Marks of a conversation that their words spell, with how often in all of them.
    pub(super) spelled: BTreeMap<String, usize>,
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
        let bare = [("system", "a"), ("user", "a")]
            .map(|(role, content)| Message { role: role.into(), content: content.into() });
        let bare = template.render(&system_prompt.arrange(bare.to_vec()), &options)?;
        let bare = model.tokenizer.encode(&bare)?;
        let control = ControlTokens::of(&model.tokenizer, template, &options, &bare)?;
        let (max_tokens, control_text) = (settings.max_tokens, settings.control_text);
        Ok(Self { model, template, options, max_tokens, control_text, system_prompt, control })
    }

    /// What holds for every prompt and is no error.
    pub(super) fn notes(&self) -> Option<String> {
        (self.system_prompt == SystemPrompt::Merged).then(|| MERGED.to_owned())
    }

    /// The text as it is put in.
    fn put_in<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.control_text {
            ControlText::Defuse => self.control.defuse(text),
            ControlText::Keep | ControlText::Refuse => Cow::Borrowed(text),
        }
    }

    fn text(&self, messages: Messages) -> Result<(String, Vec<Message>, Option<String>)> {
        let message = |(role, content): (&str, String)| Message {
            role: role.into(),
            content: self.put_in(&content).into_owned(),
        };
        let messages = messages.in_order().into_iter().map(message).collect();
        let messages = self.system_prompt.arrange(messages);
        let text = self.template.render(&messages, &self.options)?;
        let note = check_words(&text, &messages)?;
        Ok((text, messages, note))
    }

    /// The prompts of a request.
    ///
    /// # Errors
    /// A template that refuses the messages, changes their words or gives the arms different ones, a token
    /// without an embedding, a beginning of sequence too many, words that spell a mark of a conversation where they
    /// are refused, a prompt that leaves no room for the reply.
    pub(super) fn prompts(
        &self,
        scenario: &Scenario,
        variant: &Variant,
        request: &Request,
    ) -> Result<Arms> {
        let (marked, ..) = self
            .text(variant.messages_with(MARK, request))
            .map_err(|error| error.within(format!("request `{}`", request.id)))?;
        let mut arms =
            Arms { prompts: Vec::new(), notes: BTreeSet::new(), spelled: BTreeMap::new() };
        for tier in &scenario.tiers {
            let place = || format!("request `{}`, tier `{}`", request.id, tier.name);
            let prompt = || {
                let (text, messages, note) = self.text(variant.messages(tier, request))?;
                let label = self.put_in(variant.label(tier));
                check_declared(&text, &marked.replace(MARK, &label))?;
                let ids = self.model.prompt_ids(&text)?;
                let spelled = self.control.spelled(&ids, &messages);
                self.check_spelled(&spelled)?;
                check_room(ids.len(), self.max_tokens, self.model.spec.context)?;
                let missing = self.model.tokenizer.missing_beginning(&ids);
                let spelled = spelled.into_iter().map(|(mark, count)| (mark.to_owned(), count));
                let spelled: BTreeMap<String, usize> = spelled.collect();
                let given = match variant.prefill(tier, request)? {
                    Some(prefill) => {
                        given(self.model, &prefill, (&text, &ids), &variant.tags, self.max_tokens)?
                    }
                    None => Vec::new(),
                };
                Ok::<_, Error>((Prompt { text, ids, given }, [note, missing], spelled))
            };
            let (prompt, said, spelled) = prompt().map_err(|error| error.within(place()))?;
            arms.notes.extend(said.into_iter().flatten());
            for (mark, count) in spelled {
                *arms.spelled.entry(mark).or_default() += count;
            }
            arms.prompts.push(prompt);
        }
        Ok(arms)
    }

    /// Words that spell a mark are read as that mark. Where it is the one that begins a sequence, the prompt has it
    /// twice.
    fn check_spelled(&self, spelled: &BTreeMap<&str, usize>) -> Result<()> {
        let Some(mark) = spelled.keys().next() else { return Ok(()) };
        let bos = self.model.tokenizer.special_tokens().get("bos_token").map(String::as_str);
        if let Some(bos) = bos.filter(|bos| spelled.contains_key(bos)) {
            return Err(Error::input(format!(
                "the words of the prompt spell the beginning-of-sequence token `{bos}`, which the chat template writes itself"
            ))
            .hint("take it out of the scenario or of the request, or use `--defuse`"));
        }
        match self.control_text {
            ControlText::Keep => Ok(()),
            ControlText::Refuse => Err(Error::input(format!(
                "the words of the prompt spell `{mark}`, with which the model's conversations are marked up"
            ))
            .hint("take it out of the scenario or of the request, or use `--defuse`, which puts a blank into it")),
            ControlText::Defuse => Err(Error::input(format!(
                "the words of the prompt spell `{mark}`, which no blank takes apart"
            ))
            .hint("take it out of the scenario or of the request")),
        }
    }
}

/// A note about marks that the words of prompts spell, with how often in how many requests; none without any.
pub(super) fn note_of_spelled(
    spelled: &BTreeMap<String, usize>,
    requests: usize,
) -> Option<String> {
    let marks: Vec<String> =
        spelled.iter().take(5).map(|(mark, count)| format!("`{mark}` ({count} times)")).collect();
    let more = match spelled.len().saturating_sub(marks.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!spelled.is_empty()).then(|| {
        format!(
            "the words of the prompts of {requests} requests spell marks of the model's conversations, which it reads as such: {}{more}; `--defuse` takes them apart",
            marks.join(", ")
        )
    })
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
    if prompt.saturating_add(max_tokens) <= context {
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
