//! The judge that a user names, ready to judge: `rules`, or a model.

use std::path::Path;

use rayon::prelude::*;

use super::args::JudgeModelArgs;
use super::compute::Compute;
use super::model_judge::ModelJudge;
use super::talk::Talk;
use super::{input, model};
use crate::error::{Error, Result};
use crate::judge::rubric::Rubric;
use crate::judge::{Exchange, Finding, JudgeCard, choice, is_human, rules};

/// A judge that is ready.
pub(super) enum Judge {
    Rules,
    Model(Box<ModelJudge>),
}

impl Judge {
    /// The judge of this name: `rules`, or a model, whose weights are read.
    ///
    /// # Errors
    /// A person, who judges elsewhere; a rubric or a model that cannot be used.
    pub(super) fn open(name: &str, args: &JudgeModelArgs, talk: &Talk) -> Result<Self> {
        if name == rules::NAME {
            return Ok(Self::Rules);
        }
        let rubric = rubric(name, args)?;
        let compute = Compute::open(
            &args.judge_device,
            args.judge_dtype.as_deref(),
            args.judge_batch,
            args.judge_quantize,
        )?;
        Ok(Self::Model(Box::new(ModelJudge::open(name, rubric, &compute, args.judge_batch, talk)?)))
    }

    /// Refuses what [`Self::open`] would refuse, without reading weights; a model of the hub is fetched.
    pub(super) fn check(name: &str, args: &JudgeModelArgs, talk: &Talk) -> Result<()> {
        if name == rules::NAME {
            return Ok(());
        }
        rubric(name, args)?;
        model::open(name, talk)
            .map(drop)
            .map_err(|error| error.within("`--judge` takes `rules` or a model"))
    }

    /// What the judge is and how it does.
    pub(super) fn card(&self) -> Result<JudgeCard> {
        match self {
            Self::Rules => rules::card(),
            Self::Model(judge) => Ok(judge.card()),
        }
    }

    /// One finding for each exchange, in their order. What a model answers goes into the journal at this path, which
    /// whoever keeps the findings removes.
    pub(super) fn judge(
        &self,
        exchanges: &[Exchange<'_>],
        journal: &Path,
        talk: &Talk,
    ) -> Result<Vec<Finding>> {
        match self {
            Self::Rules => Ok(exchanges.par_iter().map(rules::judge).collect()),
            Self::Model(judge) => {
                let findings = judge.judge(exchanges, Some(journal), talk)?;
                Ok(exchanges
                    .iter()
                    .zip(findings)
                    .map(|(e, finding)| choice::settle(e, finding))
                    .collect())
            }
        }
    }
}

fn rubric(name: &str, args: &JudgeModelArgs) -> Result<Rubric> {
    if is_human(name) {
        return Err(Error::input(format!("`{name}` judges with `candor label`"))
            .hint("`--judge` takes `rules` or a model"));
    }
    if args.judge_batch == 0 {
        return Err(Error::input("`--judge-batch 0` cannot be used")
            .hint("`--judge-batch` takes a whole number from 1 up"));
    }
    let text = args.rubric_text.as_deref().map(input::text).transpose()?;
    Rubric::load(&args.rubric, text.as_deref())
}
