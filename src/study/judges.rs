//! The judge that a user names, ready to judge: `rules`, a model, or the file of one that was fitted to labels.

use std::path::Path;

use rayon::prelude::*;

use super::exchanges::exchanges;
use super::fitting::{ReadyJudge, open_fitted};
use super::model_judge::ModelJudge;
use crate::decoder::Quantize;
use crate::error::{Error, Result};
use crate::events::Events;
use crate::judge::fitted::{ENDING, FittedJudge};
use crate::judge::rubric::Rubric;
use crate::judge::{Exchange, Finding, JudgeCard, Verdict, Verdicts, choice, is_human, rules};
use crate::machine::{Compute, open_model};
use crate::model::hub::HubName;
use crate::run::Finished;

/// How a model judges, where one is named.
#[derive(Debug, Clone, Default)]
pub(crate) struct JudgeSettings {
    /// What it is asked: a bundled rubric, or a rubric file.
    pub(crate) rubric: String,
    /// The text of the question, for rubrics whose text belongs to somebody else.
    pub(crate) rubric_text: Option<String>,
    /// Where it computes: `auto`, `cpu`, `cuda`, `cuda:N` or `metal`.
    pub(crate) device: String,
    /// Type of its weights on a GPU; as stored where there is none.
    pub(crate) dtype: Option<String>,
    /// Into which blocks its weights are put.
    pub(crate) quantize: Option<Quantize>,
    /// Questions that it reads at once.
    pub(crate) batch: usize,
}

/// A judge that was asked for and can be had; its weights are not read yet.
pub(crate) struct ChosenJudge {
    /// What to open. A branch of the hub is named by the commit that it was when this was made, so that it cannot move
    /// while the run is made that is to be judged.
    name: String,
    settings: JudgeSettings,
}

impl ChosenJudge {
    /// Refuses what cannot judge, without reading weights; a model of the hub is fetched.
    ///
    /// # Errors
    /// A person, who judges elsewhere; a rubric or a model that cannot be used.
    pub(crate) fn new(name: &str, settings: JudgeSettings, talk: &dyn Events) -> Result<Self> {
        let mut name = name.to_owned();
        if let Some(path) = fitted(&name) {
            FittedJudge::read(path)?;
        } else if name != rules::NAME {
            rubric(&name, &settings)?;
            let model = open_model(&name, talk).map_err(|error| {
                error.within("`--judge` takes `rules`, a model, or the file of a fitted judge")
            })?;
            if let (Some(origin), Some(hub)) = (&model.origin, HubName::parse(&name)) {
                name = hub.at(&origin.commit).to_string();
            }
        }
        Ok(Self { name, settings })
    }

    /// Whether it is the judge that every run has anyway.
    pub(crate) fn is_rules(&self) -> bool {
        self.name == rules::NAME
    }

    /// Makes it ready: a model's weights are read.
    ///
    /// # Errors
    /// There is no room for the weights, or they cannot be read.
    pub(crate) fn open(&self, talk: &dyn Events) -> Result<Judge> {
        Judge::open(&self.name, &self.settings, talk)
    }
}

/// A judge that is ready.
pub(crate) enum Judge {
    Rules,
    Model(Box<ModelJudge>),
    Fitted(Box<ReadyJudge>),
}

impl Judge {
    /// The judge of this name: `rules`, or a model, whose weights are read.
    fn open(name: &str, args: &JudgeSettings, talk: &dyn Events) -> Result<Self> {
        if name == rules::NAME {
            return Ok(Self::Rules);
        }
        let compute = || Compute::open(&args.device, args.dtype.as_deref(), None, args.quantize);
        if let Some(path) = fitted(name) {
            return Ok(Self::Fitted(Box::new(open_fitted(path, compute, talk)?)));
        }
        let rubric = rubric(name, args)?;
        let compute = compute()?;
        Ok(Self::Model(Box::new(ModelJudge::open(name, rubric, &compute, args.batch, talk)?)))
    }

    /// What the judge is and how it does.
    pub(crate) fn card(&self) -> Result<JudgeCard> {
        match self {
            Self::Rules => rules::card(),
            Self::Model(judge) => Ok(judge.card()),
            Self::Fitted(judge) => judge.card(),
        }
    }

    /// The card as it stands beside the verdicts on this run.
    ///
    /// # Errors
    /// The run has no tier that is trained on, or none that is not.
    pub(crate) fn about_run(&self, card: JudgeCard, run: &Finished) -> Result<JudgeCard> {
        match self {
            Self::Rules | Self::Model(_) => Ok(card),
            Self::Fitted(judge) => judge.about_run(card, run),
        }
    }

    /// What it says of a run.
    ///
    /// # Errors
    /// Those of [`Self::judge`].
    pub(crate) fn verdicts(
        &self,
        card: JudgeCard,
        run: &Finished,
        talk: &dyn Events,
    ) -> Result<Verdicts> {
        let (transcripts, exchanges): (Vec<_>, Vec<_>) =
            exchanges(&run.record, &run.transcripts).unzip();
        let findings = self.judge(&exchanges, &Verdicts::journal(&run.path, &card.judge), talk)?;
        let lines = transcripts.into_iter().zip(findings);
        Ok(Verdicts { card, lines: lines.map(|(t, finding)| Verdict::on(t, finding)).collect() })
    }

    /// One finding for each exchange, in their order. What a model answers goes into the journal at this path, which
    /// whoever keeps the findings removes.
    pub(crate) fn judge(
        &self,
        exchanges: &[Exchange<'_>],
        journal: &Path,
        talk: &dyn Events,
    ) -> Result<Vec<Finding>> {
        match self {
            Self::Rules => Ok(exchanges.par_iter().map(rules::judge).collect()),
            Self::Model(judge) => {
                Ok(settled(exchanges, judge.judge(exchanges, Some(journal), talk)?))
            }
            Self::Fitted(judge) => Ok(settled(exchanges, judge.judge(exchanges, talk)?)),
        }
    }
}

/// The choices among options are read by the same reader for every judge.
fn settled(exchanges: &[Exchange<'_>], findings: Vec<Finding>) -> Vec<Finding> {
    exchanges.iter().zip(findings).map(|(e, finding)| choice::decide(e, finding)).collect()
}

/// The path of a fitted judge's file, where the name is one.
fn fitted(name: &str) -> Option<&Path> {
    let path = Path::new(name);
    let is_file = name.ends_with(ENDING) || (name.ends_with(".json") && path.is_file());
    is_file.then_some(path)
}

fn rubric(name: &str, args: &JudgeSettings) -> Result<Rubric> {
    if is_human(name) {
        return Err(Error::input(format!("`{name}` judges with `candor label`"))
            .hint("`--judge` takes `rules` or a model"));
    }
    Rubric::load(&args.rubric, args.rubric_text.as_deref())
}
