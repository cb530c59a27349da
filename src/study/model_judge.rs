//! A local model as judge: a rubric's questions through the model's own chat template and the engine, the
//! probabilities of the offered answers, or the votes of sampled texts, back to the rubric. What was answered is kept in
//! a journal, so that an interrupted judge goes on where it was.

use std::collections::BTreeSet;
use std::path::Path;

use rayon::prelude::*;

use crate::engine::{Address, Choice, Job, Limits, Sampling, choose, generate};
use crate::error::{Error, Kind, Result};
use crate::events::{Events, visible};
use crate::judge::rubric::{Form, Question, Reply, Rubric, Votes};
use crate::judge::{Exchange, Finding, JudgeCard, JudgeModel, QuestionJournal, judge_name};
use crate::machine::{Compute, Loaded, with_decoder};
use crate::model::{ChatTemplate, Message, Model, RenderOptions, SystemPrompt};

/// Raised whenever the same model and rubric may say something else.
const VERSION: u32 = 1;
/// The rubric whose name needs not stand in the judge's.
const PLAIN: &str = "plain";
/// Questions that are asked first, evenly spread: a judge that answers none of them is stopped. Fewer questions than
/// this are all asked.
const FIRST: usize = 24;
/// Votes of the first question that is voted on, likewise.
const FIRST_VOTES: usize = 8;
/// Tokens that are shown of what a judge says instead of an answer, and from how many questions.
const SHOWN_TOKENS: usize = 32;
const SHOWN_QUESTIONS: usize = 3;

/// A model with its weights in memory and what it is asked.
pub(crate) struct ModelJudge {
    name: String,
    loaded: Loaded,
    rubric: Rubric,
    batch: usize,
}

/// A question as the engine takes it.
struct Asked {
    /// Its exchange, and its place among the exchange's questions.
    place: (usize, usize),
    choice: Choice,
    /// What the answers are called, for votes.
    answers: Vec<String>,
    /// What it is on record under.
    key: String,
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

    /// One finding for each exchange. Answers go into the journal at this path, if one is given, and those that are there are not asked
    /// for again; whoever keeps the findings removes it.
    ///
    /// # Errors
    /// The user interrupted it; the model answers none of the first questions; the disk does not take the journal.
    pub(crate) fn judge(
        &self,
        exchanges: &[Exchange<'_>],
        journal: Option<&Path>,
        talk: &dyn Events,
    ) -> Result<Vec<Finding>> {
        let asked = self.asked(exchanges)?;
        let mut replies: Vec<Vec<Reply>> = vec![Vec::new(); exchanges.len()];
        for question in &asked {
            replies[question.place.0].push(Reply::TooLong);
        }
        let limit = longest(&self.loaded.model);
        let votes = self.rubric.votes.as_ref();
        let room = votes.map_or(0, |votes| votes.max_tokens);
        let asked: Vec<Asked> =
            asked.into_iter().filter(|asked| asked.choice.tokens() + room <= limit).collect();
        let mut journal = match journal {
            Some(path) => QuestionJournal::open(path)?,
            None => QuestionJournal::default(),
        };
        let answered = match votes {
            None => self.probabilities(&asked, &mut journal, talk),
            Some(votes) => self.votes(&asked, votes, &mut journal, talk),
        };
        let kept = journal.sync();
        for (question, logs) in asked.iter().zip(answered?) {
            let (exchange, place) = question.place;
            replies[exchange][place] = Reply::Answered(logs);
        }
        kept?;
        let exchanges = exchanges.iter().zip(&replies);
        Ok(exchanges.map(|(exchange, replies)| self.rubric.finding(exchange, replies)).collect())
    }

    /// All questions about the exchanges, in their order.
    fn asked(&self, exchanges: &[Exchange<'_>]) -> Result<Vec<Asked>> {
        let model = &self.loaded.model;
        let asking = Asking::of(model)?;
        let identity = serde_json::to_string(&self.card()).map_err(|error| {
            Error::failed(format!("the judge's card cannot be written: {error}"))
        })?;
        let of_exchange = |(i, exchange): (usize, &Exchange<'_>)| {
            let questions = questions(&self.rubric, model, exchange);
            let ask = |(j, question): (usize, Question)| {
                let choice =
                    asking.choice(&question, self.rubric.votes.is_some()).map_err(|error| {
                        error.within(format!("rubric `{}`, exchange {}", self.rubric.name, i + 1))
                    })?;
                let key = key(&identity, &choice);
                Ok(Asked { place: (i, j), choice, answers: question.answers, key })
            };
            questions.into_iter().enumerate().map(ask).collect::<Result<Vec<_>>>()
        };
        let all = exchanges.par_iter().enumerate().map(of_exchange).collect::<Result<Vec<_>>>()?;
        Ok(all.into_iter().flatten().collect())
    }

    /// ln P of the offered answers of each question: those of the first questions before the others.
    fn probabilities(
        &self,
        asked: &[Asked],
        journal: &mut QuestionJournal,
        talk: &dyn Events,
    ) -> Result<Vec<Vec<f64>>> {
        let mut found: Vec<Option<Vec<f64>>> =
            asked.iter().map(|asked| journal.known(&asked.key).map(<[f64]>::to_vec)).collect();
        let (mut bar, mut done) = (talk.steps(&self.name, asked.len()), 0);
        let first: BTreeSet<usize> = match asked.len() >= FIRST {
            true => (0..FIRST).map(|place| place * asked.len() / FIRST).collect(),
            false => BTreeSet::new(),
        };
        let rest = (0..asked.len()).filter(|place| !first.contains(place)).collect();
        for places in [first.iter().copied().collect::<Vec<_>>(), rest] {
            let open: Vec<usize> =
                places.into_iter().filter(|&place| found[place].is_none()).collect();
            let choices: Vec<Choice> =
                open.iter().map(|&place| asked[place].choice.clone()).collect();
            let mut kept = Ok(());
            let visit = |choice: usize, logs: &[f64]| {
                let place: usize = open[choice];
                if kept.is_ok() {
                    kept = journal.add(&asked[place].key, logs);
                }
                found[place] = Some(logs.to_vec());
                done += 1;
                bar.done(done);
            };
            let stop = talk.stop()?;
            let made = with_decoder!(&self.loaded.decoder, it => choose(it, &choices, self.batch, stop, visit));
            made.map_err(|error| self.stopped(error, &found))?;
            kept?;
            let answers = |place: &usize| {
                found[*place].as_ref().is_some_and(|logs| self.rubric.answers(logs))
            };
            if !first.is_empty() && !first.iter().any(answers) {
                drop(bar);
                let prompts: Vec<&[u32]> =
                    first.iter().map(|&place| &asked[place].choice.prompt[..]).collect();
                return Err(self.says_something_else(first.len(), &self.said(&prompts, talk)?));
            }
        }
        drop(bar);
        Ok(found.into_iter().map(Option::unwrap_or_default).collect())
    }

    /// ln of the share of the votes for each offered answer of each question.
    fn votes(
        &self,
        asked: &[Asked],
        votes: &Votes,
        journal: &mut QuestionJournal,
        talk: &dyn Events,
    ) -> Result<Vec<Vec<f64>>> {
        // On record a vote is the place of its answer, or -1.
        let count = votes.count as usize;
        let key = |place: usize, vote: usize| format!("{}/{vote}", asked[place].key);
        let all: Vec<(usize, usize)> =
            (0..asked.len()).flat_map(|place| (0..count).map(move |vote| (place, vote))).collect();
        let mut found: Vec<Option<Vec<f64>>> = all
            .iter()
            .map(|&(place, vote)| journal.known(&key(place, vote)).map(<[f64]>::to_vec))
            .collect();
        let (mut bar, mut done) = (talk.steps(&self.name, all.len()), 0);
        let sampling = Sampling { temperature: votes.temperature, ..Sampling::PLAIN };
        let first = FIRST_VOTES.min(if all.len() >= FIRST { all.len() } else { 0 });
        let mut said = Vec::new();
        for places in [0..first, first..all.len()] {
            let open: Vec<usize> = places.filter(|&place| found[place].is_none()).collect();
            let job = |&place: &usize| {
                let (question, vote) = all[place];
                let asked = &asked[question];
                Job {
                    prompt: (&asked.choice.prompt[..]).into(),
                    begun: 0,
                    address: Address::new(0, &asked.key, vote as u32, None),
                    sampling: &sampling,
                    max_tokens: votes.max_tokens,
                    guess: Vec::new(),
                }
            };
            let jobs: Vec<Job<'_>> = open.iter().map(job).collect();
            let made = self.drawn(&jobs, talk, &mut |job, text| {
                let place = open[job];
                let (question, vote) = all[place];
                let answer = votes.read(&text, &asked[question].answers);
                let number = answer.map_or(-1.0, |answer| answer as f64);
                journal.add(&key(question, vote), &[number])?;
                found[place] = Some(vec![number]);
                if answer.is_none() && said.len() < SHOWN_QUESTIONS {
                    said.push(text);
                }
                done += 1;
                bar.done(done);
                Ok(())
            });
            made.map_err(|error| self.stopped(error, &found))?;
            let decides =
                |vote: &Option<Vec<f64>>| vote.as_ref().is_some_and(|vote| vote[..] != [-1.0]);
            if first > 0 && !found[..first].iter().any(decides) {
                drop(bar);
                return Err(self.says_something_else(first, &said));
            }
        }
        drop(bar);
        let of_question = |place: usize| {
            let votes = &found[place * count..(place + 1) * count];
            let vote = |vote: &Option<Vec<f64>>| {
                vote.as_ref()?
                    .first()
                    .filter(|number| **number >= 0.0)
                    .map(|number| *number as usize)
            };
            Votes::shares(&votes.iter().map(vote).collect::<Vec<_>>(), asked[place].answers.len())
        };
        Ok((0..asked.len()).map(of_question).collect())
    }

    /// Draws texts, and gives each with the place of its job as it ends.
    fn drawn(
        &self,
        jobs: &[Job<'_>],
        talk: &dyn Events,
        ended: &mut dyn FnMut(usize, String) -> Result<()>,
    ) -> Result<()> {
        let model = &self.loaded.model;
        let limits = Limits { stop_ids: &model.stop_ids, batch: self.batch, draft: false };
        let stop = talk.stop()?;
        let step = |step: crate::engine::Step| {
            for done in step.finished {
                let spoken = match done.token_ids.split_last() {
                    Some((last, before)) if model.stop_ids.contains(last) => before,
                    _ => &done.token_ids[..],
                };
                ended(done.job, model.tokenizer.decode(spoken, false)?)?;
            }
            Ok(())
        };
        with_decoder!(&self.loaded.decoder, it => generate(it, jobs, &limits, stop, step))
    }

    /// What the model would have said to the first of these questions.
    fn said(&self, prompts: &[&[u32]], talk: &dyn Events) -> Result<Vec<String>> {
        let greedy = Sampling { temperature: 0.0, ..Sampling::PLAIN };
        let shown = &prompts[..prompts.len().min(SHOWN_QUESTIONS)];
        let jobs: Vec<Job<'_>> = shown
            .iter()
            .map(|prompt| Job {
                prompt: (*prompt).into(),
                begun: 0,
                address: Address::new(0, "", 0, None),
                sampling: &greedy,
                max_tokens: SHOWN_TOKENS,
                guess: Vec::new(),
            })
            .collect();
        let mut said = vec![String::new(); jobs.len()];
        self.drawn(&jobs, talk, &mut |job, text| {
            said[job] = text;
            Ok(())
        })?;
        Ok(said)
    }

    fn says_something_else(&self, questions: usize, said: &[String]) -> Error {
        let shown = |text: &String| {
            let short: String = text.trim().chars().take(160).collect();
            format!("“{}”", visible(&short))
        };
        Error::failed(format!(
            "`{}` answers none of its first {questions} questions: it would say something else than the answers that \
             it is offered by rubric `{}`, such as {}",
            self.name,
            self.rubric.name,
            said.iter().map(shown).collect::<Vec<_>>().join(", ")
        ))
        .hint("use an instruction-tuned model, or the rubric that is made for this one (`--rubric`)")
    }

    /// An interruption says how far it is.
    fn stopped(&self, error: Error, found: &[Option<Vec<f64>>]) -> Error {
        match error.kind() {
            Kind::Interrupted => {
                let done = found.iter().filter(|found| found.is_some()).count();
                Error::interrupted(format!(
                    "interrupted: {done} of {} answers of `{}` are on record, and no verdict yet",
                    found.len(),
                    self.name
                ))
                .hint("run the same command again to go on from there")
            }
            _ => error,
        }
    }
}

/// What a question is on record under: the judge, all that it reads, and what it is offered.
fn key(identity: &str, choice: &Choice) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("candor 2026 question to a judge");
    hasher.update(identity.as_bytes());
    for ids in std::iter::once(&choice.prompt).chain(&choice.continuations) {
        hasher.update(&(ids.len() as u64).to_le_bytes());
        for id in ids {
            hasher.update(&id.to_le_bytes());
        }
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

/// Most tokens of a question and its answer.
pub(super) fn longest(model: &Model) -> usize {
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
        options: exchange.options,
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

    /// The tokens of a question and of its answers; of a question that is voted on, those of the question alone.
    fn choice(&self, question: &Question, voted: bool) -> Result<Choice> {
        let text = match &question.form {
            Form::Raw(text) => match self.model.tokenizer.special_tokens().get("bos_token") {
                Some(bos) if !text.starts_with(bos.as_str()) => format!("{bos}{text}"),
                _ => text.clone(),
            },
            Form::Chat(messages) => self.rendered(messages)?,
        };
        let prompt = self.model.prompt_ids(&text)?;
        if voted {
            return Ok(Choice { prompt, continuations: Vec::new() });
        }
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
