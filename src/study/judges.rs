//! The judge that a user names, ready to judge: `rules`, or a model.

use std::path::Path;

use rayon::prelude::*;

use super::model_judge::ModelJudge;
use crate::decoder::Quantize;
use crate::error::{Error, Result};
use crate::events::Events;
use crate::judge::rubric::Rubric;
use crate::judge::{Exchange, Finding, JudgeCard, choice, is_human, rules};
use crate::machine::{Compute, open_model};

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

/// A judge that is ready.
pub(crate) enum Judge {
    Rules,
    Model(Box<ModelJudge>),
}

impl Judge {
    /// The judge of this name: `rules`, or a model, whose weights are read.
    ///
    /// # Errors
    /// A person, who judges elsewhere; a rubric or a model that cannot be used.
    pub(crate) fn open(name: &str, args: &JudgeSettings, talk: &dyn Events) -> Result<Self> {
        if name == rules::NAME {
            return Ok(Self::Rules);
        }
        let rubric = rubric(name, args)?;
        let compute =
            Compute::open(&args.device, args.dtype.as_deref(), args.batch, args.quantize)?;
        Ok(Self::Model(Box::new(ModelJudge::open(name, rubric, &compute, args.batch, talk)?)))
    }

    /// Refuses what [`Self::open`] would refuse, without reading weights; a model of the hub is fetched.
    pub(crate) fn check(name: &str, args: &JudgeSettings, talk: &dyn Events) -> Result<()> {
        if name == rules::NAME {
            return Ok(());
        }
        rubric(name, args)?;
        open_model(name, talk)
            .map(drop)
            .map_err(|error| error.within("`--judge` takes `rules` or a model"))
    }

    /// What the judge is and how it does.
    pub(crate) fn card(&self) -> Result<JudgeCard> {
        match self {
            Self::Rules => rules::card(),
            Self::Model(judge) => Ok(judge.card()),
        }
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
                let findings = judge.judge(exchanges, journal, talk)?;
                Ok(exchanges
                    .iter()
                    .zip(findings)
                    .map(|(e, finding)| choice::settle(e, finding))
                    .collect())
            }
        }
    }
}

fn rubric(name: &str, args: &JudgeSettings) -> Result<Rubric> {
    if is_human(name) {
        return Err(Error::input(format!("`{name}` judges with `candor label`"))
            .hint("`--judge` takes `rules` or a model"));
    }
    Rubric::load(&args.rubric, args.rubric_text.as_deref())
}
