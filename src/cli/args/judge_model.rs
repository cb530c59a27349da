//! What the user can type about a model that judges.

use std::path::PathBuf;

use clap::Args;

use crate::cli::args::bounds::check_count;
use crate::cli::given::input;
use crate::decoder::Quantize;
use crate::engine::BATCH_MAX;
use crate::error::Result;
use crate::judge::rules;
use crate::study::judges::JudgeSettings;

/// How a model judges, where `--judge` names one.
#[derive(Debug, Args)]
pub(in crate::cli) struct JudgeModelArgs {
    /// What a model that judges is asked: a bundled rubric, or a rubric file
    #[arg(long, value_name = "NAME|FILE", default_value = "plain", env = "CANDOR_RUBRIC")]
    pub(in crate::cli) rubric: String,
    /// The text of the question, for rubrics whose text belongs to somebody else
    #[arg(long, value_name = "FILE", env = "CANDOR_RUBRIC_TEXT")]
    pub(in crate::cli) rubric_text: Option<PathBuf>,
    /// Where a model that judges computes: auto, cpu, cuda, cuda:N or metal
    #[arg(long, value_name = "DEVICE", default_value = "auto", env = "CANDOR_JUDGE_DEVICE")]
    pub(in crate::cli) judge_device: String,
    /// Type of its weights on a GPU: f32, bf16 or f16; as stored unless given
    #[arg(long, value_name = "D", env = "CANDOR_JUDGE_DTYPE")]
    pub(in crate::cli) judge_dtype: Option<String>,
    /// Put its weights into blocks of small integers: q8_0, q4_k_m, q4_0, q6_k, …
    #[arg(long, value_name = "Q", env = "CANDOR_JUDGE_QUANTIZE")]
    pub(in crate::cli) judge_quantize: Option<Quantize>,
    /// Questions that it reads at once; changes time and memory, and on the CPU no verdict
    #[arg(long, value_name = "N", default_value_t = 32, env = "CANDOR_JUDGE_BATCH")]
    pub(in crate::cli) judge_batch: usize,
}

impl JudgeModelArgs {
    /// What the judge of this name is to do. The text of the question is read only where a model is asked it: the
    /// variable may be set for another command.
    ///
    /// # Errors
    /// A number that cannot be used; the text cannot be read.
    pub(in crate::cli) fn settings(&self, judge: &str) -> Result<JudgeSettings> {
        if judge != rules::NAME {
            check_count("judge-batch", self.judge_batch as u64, BATCH_MAX as u64)?;
        }
        let text = self.rubric_text.as_deref().filter(|_| judge != rules::NAME);
        Ok(JudgeSettings {
            rubric: self.rubric.clone(),
            rubric_text: text.map(input::text).transpose()?,
            device: self.judge_device.clone(),
            dtype: self.judge_dtype.clone(),
            quantize: self.judge_quantize,
            batch: self.judge_batch,
        })
    }
}
