//! A local model as judge: a rubric's questions through the model's own chat template and the engine, the
//! probabilities of the offered answers back to the rubric.

use rayon::prelude::*;

use crate::engine::{Choice, choose};
use crate::error::{Error, Kind, Result};
use crate::events::Events;
use crate::judge::rubric::{Form, Question, Reply, Rubric};
use crate::judge::{Exchange, Finding, JudgeCard, JudgeModel, judge_name};
use crate::machine::{Compute, Decoder, Loaded};
use crate::model::{ChatTemplate, Message, Model, RenderOptions, SystemPrompt};

/// Raised whenever the same model and rubric may say something else.
const VERSION: u32 = 1;
/// The rubric whose name needs not stand in the judge's.
const PLAIN: &str = "plain";

/// A model with its weights in memory and what it is asked.
pub(crate) struct ModelJudge {
    name: String,
    loaded: Loaded,
    rubric: Rubric,
    batch: usize,
}

impl ModelJudge {
    /// Reads the model's weights.
    pub(crate) fn open(
        name: &str,
        rubric: Rubric,
        compute: &Compute,
        batch: usize,
        talk: &dyn Events,
    ) -> Result<Self> {
        // What one exchange gives must not depend on the others: longer texts than this are not asked about.
        let loaded = Loaded::open_hashed(name, compute, |model| Ok(longest(model)), talk)?;
        let label = judge_name(&loaded.model.label);
        let name = match rubric.name.as_str() {
            PLAIN => label,
            rubric => format!("{label}-{}", judge_name(rubric)),
        };
        Ok(Self { name, loaded, rubric, batch })
    }

    /// The model and the rubric, word for word.
    pub(crate) fn card(&self) -> JudgeCard {
        let info = self.loaded.decoder.info();
        let model = JudgeModel {
            label: self.loaded.model.label.clone(),
            files: self.loaded.model.digests().clone(),
            quantize: info.quantize.map(|quantize| quantize.to_string()),
            numerics: info.numerics.clone(),
        };
        JudgeCard {
            model: Some(model),
            rubric: Some(self.rubric.record()),
            ..JudgeCard::new(&self.name, VERSION)
        }
    }

    /// One finding for each exchange.
    pub(crate) fn judge(
        &self,
        exchanges: &[Exchange<'_>],
        talk: &dyn Events,
    ) -> Result<Vec<Finding>> {
        let model = &self.loaded.model;
        let asking = Asking::of(model)?;
        let limit = longest(model);
        // All questions with their places: exchange, question.
        let choices: Vec<((usize, usize), Choice)> = exchanges
            .par_iter()
            .enumerate()
            .map(|(i, exchange)| {
                let questions = questions(&self.rubric, model, exchange);
                let choice = |(j, question): (usize, &Question)| {
                    let choice = asking.choice(question).map_err(|error| {
                        error.within(format!("rubric `{}`, exchange {}", self.rubric.name, i + 1))
                    })?;
                    Ok(((i, j), choice))
                };
                questions.iter().enumerate().map(choice).collect::<Result<Vec<_>>>()
            })
            .collect::<Result<Vec<_>>>()?
            .concat();
        let mut replies: Vec<Vec<Reply>> = vec![Vec::new(); exchanges.len()];
        choices.iter().for_each(|((i, _), _)| replies[*i].push(Reply::TooLong));
        let (places, choices): (Vec<_>, Vec<_>) =
            choices.into_iter().filter(|(_, choice)| choice.tokens() <= limit).unzip();

        let mut bar = talk.steps(&self.name, choices.len());
        let mut answered = 0;
        let stop = talk.stop()?;
        let visit = |choice: usize, logs: &[f64]| {
            let (exchange, question): (usize, usize) = places[choice];
            replies[exchange][question] = Reply::Answered(logs.to_vec());
            answered += 1;
            bar.done(answered);
        };
        let made = match &self.loaded.decoder {
            Decoder::Cpu(decoder) => choose(&**decoder, &choices, self.batch, stop, visit),
            Decoder::Tensor(decoder) => choose(&**decoder, &choices, self.batch, stop, visit),
        };
        drop(bar);
        made.map_err(|error| match error.kind() {
            Kind::Interrupted => {
                Error::interrupted("interrupted: no verdict of this judge was written")
                    .hint("run the same command again")
            }
            _ => error,
        })?;
        let exchanges = exchanges.iter().zip(&replies);
        Ok(exchanges.map(|(exchange, replies)| self.rubric.finding(exchange, replies)).collect())
    }
}

/// Most tokens of a question and its answer.
fn longest(model: &Model) -> usize {
    let context = model.spec.context;
    model.spec.short_context().map_or(context, |short| short.min(context))
}

/// The rubric's questions about an exchange, in whose texts no mark of the judge's own conversations is left.
fn questions(rubric: &Rubric, model: &Model, exchange: &Exchange<'_>) -> Vec<Question> {
    let defuse = |text| model.tokenizer.defuse(text);
    let (request, native) = (defuse(exchange.request), defuse(exchange.native_reasoning));
    let (scratchpad, answer) = (defuse(exchange.scratchpad), defuse(exchange.answer));
    rubric.questions(&Exchange {
        request: &request,
        native_reasoning: &native,
        scratchpad: &scratchpad,
        answer: &answer,
        whole: exchange.whole,
    })
}

/// How a model is asked.
struct Asking<'a> {
    model: &'a Model,
    /// None for a model without a chat template, which raw prompts can do without.
    template: Option<(&'a ChatTemplate, SystemPrompt)>,
    options: RenderOptions,
}

impl<'a> Asking<'a> {
    fn of(model: &'a Model) -> Result<Self> {
        let options = RenderOptions::default();
        let template = match &model.template {
            Some(template) => Some((template, template.system_prompt(&options)?)),
            None => None,
        };
        Ok(Self { model, template, options })
    }

    /// The tokens of a question and of its answers.
    fn choice(&self, question: &Question) -> Result<Choice> {
        let text = match &question.form {
            Form::Raw(text) => match self.model.tokenizer.special_tokens().get("bos_token") {
                Some(bos) if !text.starts_with(bos.as_str()) => format!("{bos}{text}"),
                _ => text.clone(),
            },
            Form::Chat(messages) => self.rendered(messages)?,
        };
        let prompt = self.model.prompt_ids(&text)?;
        let whole = question
            .answers
            .iter()
            .map(|answer| self.model.tokenizer.encode(&format!("{text}{answer}")));
        Choice::between(&prompt, &whole.collect::<Result<Vec<_>>>()?)
    }

    fn rendered(&self, messages: &[Message]) -> Result<String> {
        let Some((template, system)) = self.template else {
            return self.model.chat_template().map(|_| String::new());
        };
        template.render(&system.arrange(messages.to_vec()), &self.options)
    }
}
