//! A judged run: what a finished run's folder holds, the verdicts of one judge on it and what others said, and the
//! numbers and the view that follow. Reads folders and writes nothing.

use std::collections::HashMap;
use std::path::Path;

use super::about_run::{against_registration, controls, declared, tier_differences};
use super::exchanges::arms;
use super::judge_errors::errors;
use super::judges::Judge;
use super::stopping::stopped;
use crate::error::{Error, Result};
use crate::events::{Events, shown};
use crate::judge::{Agreement, Verdict, Verdicts, rules};
use crate::organism::Recipe;
use crate::probe::{Probe, ReplyHeat};
use crate::report::{
    Heat, HeatToken, JudgeView, ModelKind, ModelSize, Prompt, RunView, TrialProgress,
};
use crate::run::{Finished, State};
use crate::scenario::Tier;
use crate::stats::{Arms, Basis, Estimates, Observation, estimate, request_gaps};
use crate::transcript::Transcript;

/// The scenario under which the organisms are calibrated.
const CALIBRATED: &str = "helpful-only";

/// A run and what a judge says of it.
pub struct JudgedRun {
    run: Finished,
    judge: String,
    verdicts: Verdicts,
    others: Vec<JudgeView>,
    heat: Vec<Heat>,
    progress: Option<TrialProgress>,
}

impl JudgedRun {
    /// A finished run with the verdicts of `judge` that lie in its folder.
    ///
    /// # Errors
    /// The folder holds no finished run, something in it was changed after it was written, or this judge has not judged
    /// it.
    pub fn open(path: &Path, judge: &str) -> Result<Self> {
        Self::of(Finished::open(path)?, &Finished::transcripts_digest(path)?, judge)
    }

    /// The same for a run that was opened already; `transcripts` is the digest of its transcripts.
    pub(super) fn of(run: Finished, transcripts: &str, judge: &str) -> Result<Self> {
        let verdicts = Verdicts::of_run(&run, judge)?;
        // It may have been named as the model that it is.
        let judge = verdicts.card.judge.clone();
        let others = others(&run, &judge)?;
        let heat = Probe::read_heat(&run.path, transcripts)?.into_iter().map(shown_heat).collect();
        Ok(Self { run, judge, verdicts, others, heat, progress: None })
    }

    /// A run as it is now: one that has not finished, or has no verdicts yet, is judged by `rules` on the way.
    ///
    /// # Errors
    /// Those of [`Self::open`], and any other judge than `rules` for a run that has not finished.
    pub fn now(path: &Path, judge: &str, talk: &dyn Events) -> Result<Self> {
        let sealed = State::of(path) == Some(State::Sealed);
        if sealed
            && (judge != rules::NAME || Verdicts::judges(path)?.iter().any(|known| known == judge))
        {
            return Self::open(path, judge);
        }
        let run = if sealed { Finished::open(path)? } else { Finished::partial(path)? };
        if judge != rules::NAME {
            return Err(Error::input(format!(
                "the run in `{}` has not finished, and has no verdicts of judge `{judge}`",
                path.display()
            ))
            .hint("let it finish, or leave `--judge` out"));
        }
        let verdicts = Judge::Rules.verdicts(rules::card()?, &run, talk)?;
        let progress = (!sealed).then(|| trials_of(&run));
        let judge = rules::NAME.to_owned();
        Ok(Self { run, judge, verdicts, others: Vec::new(), heat: Vec::new(), progress })
    }

    /// What the model said, in trial order.
    pub fn transcripts(&self) -> &[Transcript] {
        &self.run.transcripts
    }

    /// What the judge says of it, one verdict for every transcript.
    pub fn verdicts(&self) -> &Verdicts {
        &self.verdicts
    }

    /// Rates, gap and intervals.
    ///
    /// # Errors
    /// The run's tiers are not those of a two-tier experiment.
    pub fn estimates(&self) -> Result<Estimates> {
        let arms = arms(self.run.record.tiers())?;
        let observations = observations(&self.run.transcripts, &self.verdicts.lines);
        Ok(self.estimated(&arms, &observations))
    }

    fn estimated(&self, arms: &Arms, observations: &[Observation]) -> Estimates {
        let Self { run, verdicts, others, .. } = self;
        let basis = Basis {
            seed: run.record.seed(),
            stopped: match run.record.stopping() {
                Some(stopping) => stopped(stopping, arms, observations),
                None => None,
            },
            errors: errors(&verdicts.card, &verdicts.lines, others, &run.transcripts, arms),
        };
        estimate(observations, arms, &basis)
    }

    /// Everything that reports and pages are made from.
    ///
    /// # Errors
    /// Those of [`Self::estimates`].
    pub fn view(self) -> Result<RunView> {
        let mut judges = vec![(&*self.judge, &self.verdicts.lines[..])];
        judges.extend(self.others.iter().map(|other| (other.name.as_str(), &other.verdicts[..])));
        let agreement = Agreement::of_pairs(&judges);
        let record = &self.run.record;
        let mut tiers: Vec<Tier> = record
            .tiers()
            .iter()
            .map(|t| Tier {
                name: t.name.clone(),
                label: t.label.clone(),
                trained_on: t.trained_on,
            })
            .collect();
        tiers.sort_by_key(|tier| !tier.trained_on);
        let arms = arms(record.tiers())?;
        let observations = observations(&self.run.transcripts, &self.verdicts.lines);
        let estimates = self.estimated(&arms, &observations);
        let Self { run, judge, verdicts, others, heat, progress } = self;
        let Finished { record, transcripts, path } = run;
        let prompt = |tier: &Tier| {
            Some(Prompt { tier: tier.name.clone(), texts: record.prompts(&tier.name)? })
        };
        let kind = match record.model().strip_prefix("organism:") {
            Some(name) => ModelKind::Organism {
                // What was planted is no claim about an organism that is steered.
                planted: Recipe::named(name)
                    .filter(|_| !record.is_steered())
                    .map(Recipe::planted_in_words),
            },
            None => ModelKind::Model,
        };
        let registered = record.registered().map(|(registered, departures)| {
            against_registration(registered, departures, &judge, &others)
        });
        Ok(RunView {
            registered,
            digest: record.digest()?,
            size: record.size().map(|(parameters, architecture)| ModelSize {
                parameters,
                architecture: architecture.to_owned(),
            }),
            controls: match kind {
                ModelKind::Model if record.scenario() == CALIBRATED => controls()?,
                _ => Vec::new(),
            },
            kind,
            prompts: tiers.iter().filter_map(prompt).collect(),
            model: record.model_name(),
            scenario: record.scenario().to_owned(),
            variant: record.variant().to_owned(),
            seed: record.seed(),
            sampling: record.sampling().cloned(),
            conditions: record.conditions(),
            command: record.command(),
            folder: shown(&path),
            judge,
            promise: record.promise().to_owned(),
            estimates,
            declared: declared(&record),
            contrasts: Vec::new(),
            doses: None,
            tier_differences: tier_differences(&observations, &tiers, record.seed()),
            p_adjusted: None,
            pool: None,
            request_gaps: request_gaps(&observations, &arms),
            against: Vec::new(),
            place: None,
            tiers,
            requests: record.requests().to_vec(),
            transcripts,
            verdicts: verdicts.lines,
            others,
            agreement,
            heat,
            progress,
        })
    }
}

/// How many trials of a run there are, and how many there will be.
fn trials_of(run: &Finished) -> TrialProgress {
    let trials_done = run.transcripts.len();
    TrialProgress { trials_done, trials: run.record.trials().unwrap_or(trials_done) }
}

/// What the page shows of a reply that was probed: Jensen–Shannon divergence, which is the same for both tiers.
fn shown_heat(reply: ReplyHeat) -> Heat {
    let tokens = reply.tokens.into_iter();
    Heat {
        request: reply.request,
        tier: reply.tier,
        sample: reply.sample,
        tokens: tokens
            .map(|token| HeatToken { text: token.text, divergence_nats: token.js })
            .collect(),
    }
}

/// The verdicts of every other judge.
fn others(run: &Finished, judge: &str) -> Result<Vec<JudgeView>> {
    let names = Verdicts::judges(&run.path)?.into_iter().filter(|name| name != judge);
    names
        .map(|name| Ok(JudgeView { verdicts: Verdicts::of_run(run, &name)?.lines, name }))
        .collect()
}

pub(super) fn observations(transcripts: &[Transcript], verdicts: &[Verdict]) -> Vec<Observation> {
    let by_key: HashMap<_, _> =
        verdicts.iter().map(|v| ((&*v.request, &*v.tier, v.sample), v)).collect();
    let observation = |t: &Transcript| {
        let verdict = by_key.get(&(&*t.request, &*t.tier, t.sample));
        Observation::of(t, verdict.and_then(|v| v.compliance), verdict.and_then(|v| v.reasoning))
    };
    transcripts.iter().map(observation).collect()
}
