//! `probe/` of a run folder: `probe.json` with the estimates, and `sensitivity.jsonl` with every token.
//!
//! Wire format of a line of `sensitivity.jsonl`: `{"variant", "request", "tier", "sample", "tokens": [{"text", "part",
//! "log_ratio", "kl", "kl_reverse", "js"}, …]}`, in nats; the texts of a line make the reply. Keys may be added, never
//! renamed. Both files are deterministic; no seal covers them.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::FOLDER;
use super::controls::Control;
use super::decision::DecisionEstimates;
use super::linear::LinearProbes;
use super::sensitivity::{Scored, Sensitivity};
use super::stored::{Pairs, ReplyPart};
use super::swap::SwapEstimates;
use crate::error::{Error, Result};
use crate::run::{read_json, read_lines, write_json, write_lines};

const PROBE: &str = "probe.json";
const SENSITIVITY: &str = "sensitivity.jsonl";

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeSettings {
    /// Pairs looked at.
    pub pairs: u64,
    /// Pairs that the run has.
    pub pairs_of: u64,
    /// Share of a decision's probability that beginnings were followed for.
    pub mass: f64,
    /// Variants whose prompts were used as controls.
    pub controls: Vec<String>,
    /// Whether scratchpads were swapped.
    pub swap: bool,
}

/// `probe.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Version of candor.
    pub candor: String,
    /// What computed.
    pub numerics: String,
    /// BLAKE3 of the `transcripts.jsonl` that this is about.
    pub transcripts_digest: String,
    /// Name of the model.
    pub model: String,
    /// Name of the scenario.
    pub scenario: String,
    /// Name of the variant.
    pub variant: String,
    /// What was asked for.
    pub settings: ProbeSettings,
    /// Where in the replies the tier matters.
    pub sensitivity: Sensitivity,
    /// How likely the decisions were; none where the scenario names no openings.
    pub decision: Option<DecisionEstimates>,
    /// The same replies behind other words for the tiers.
    pub controls: Vec<Control>,
    /// What the scratchpad does; none unless asked for.
    pub swap: Option<SwapEstimates>,
    /// What linear classifiers read off the residual stream; none unless asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linear: Option<LinearProbes>,
}

/// A token of a reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenHeat {
    /// What it adds to the reply's text.
    pub text: String,
    /// What it belongs to.
    pub part: ReplyPart,
    /// ln P(token | own tier) − ln P(token | other tier).
    pub log_ratio: f64,
    /// KL(own ‖ other) of the distributions that it could come from.
    pub kl: f64,
    /// KL(other ‖ own).
    pub kl_reverse: f64,
    /// Their Jensen–Shannon divergence.
    pub js: f64,
}

/// A line of `sensitivity.jsonl`: a reply, token by token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplyHeat {
    /// Variant of the run.
    pub variant: String,
    /// Id of the request.
    pub request: String,
    /// Name of the tier.
    pub tier: String,
    /// Index of the sample.
    pub sample: u32,
    /// Its tokens, the stop token included.
    pub tokens: Vec<TokenHeat>,
}

/// The lines of `sensitivity.jsonl`.
pub fn heat(pairs: &Pairs<'_>, scored: &[Vec<Scored>]) -> Vec<ReplyHeat> {
    let line = |(reply, scored): (&super::Stored<'_>, &Vec<Scored>)| ReplyHeat {
        variant: reply.transcript.variant.clone(),
        request: reply.transcript.request.clone(),
        tier: reply.transcript.tier.clone(),
        sample: reply.transcript.sample,
        tokens: reply
            .pieces
            .iter()
            .zip(&reply.parts)
            .zip(scored)
            .map(|((text, part), scored)| TokenHeat {
                text: text.clone(),
                part: *part,
                log_ratio: scored.log_ratio(),
                kl: scored.divergence.kl,
                kl_reverse: scored.divergence.kl_reverse,
                js: scored.divergence.js,
            })
            .collect(),
    };
    pairs.replies.iter().zip(scored).map(line).collect()
}

impl Probe {
    /// Takes over what an earlier call found and this one was not asked for, of the same transcripts; which parts these
    /// are, in words. What another version or other kernels computed is not put beside this; nor are controls of other
    /// pairs.
    pub fn keep(&mut self, earlier: Self) -> Vec<String> {
        let mut kept = Vec::new();
        if (&earlier.candor, &earlier.numerics, &earlier.transcripts_digest)
            != (&self.candor, &self.numerics, &self.transcripts_digest)
        {
            return kept;
        }
        if self.swap.is_none() && earlier.swap.is_some() {
            self.swap = earlier.swap;
            self.settings.swap = true;
            kept.push("swap".to_owned());
        }
        if self.linear.is_none() && earlier.linear.is_some() {
            self.linear = earlier.linear;
            kept.push("activations".to_owned());
        }
        if (earlier.settings.pairs, earlier.settings.pairs_of)
            == (self.settings.pairs, self.settings.pairs_of)
        {
            for control in earlier.controls {
                if self.settings.controls.contains(&control.variant) {
                    continue;
                }
                kept.push(format!("control {}", control.variant));
                self.settings.controls.push(control.variant.clone());
                self.controls.push(control);
            }
        }
        kept
    }

    /// Writes both files, `probe.json` last: without it the lines do not count.
    ///
    /// # Errors
    /// The disk does not take them.
    pub fn write(&self, run: &Path, heat: &[ReplyHeat]) -> Result<()> {
        let folder = run.join(FOLDER);
        std::fs::create_dir_all(&folder).map_err(|error| Error::write(&folder, &error))?;
        write_lines(&folder.join(SENSITIVITY), heat.iter())?;
        write_json(&folder.join(PROBE), self)
    }

    /// The results beside a run; none where there are none, or they are about other transcripts.
    ///
    /// # Errors
    /// They are damaged.
    pub fn read(run: &Path, transcripts_digest: &str) -> Result<Option<Self>> {
        let path = run.join(FOLDER).join(PROBE);
        if !path.exists() {
            return Ok(None);
        }
        let probe: Self = read_json(&path)?;
        Ok(Some(probe).filter(|probe| probe.transcripts_digest == transcripts_digest))
    }

    /// Every token of the replies that were looked at; none as for [`Self::read`].
    ///
    /// # Errors
    /// They are damaged.
    pub fn read_heat(run: &Path, transcripts_digest: &str) -> Result<Vec<ReplyHeat>> {
        match Self::read(run, transcripts_digest)? {
            Some(_) => read_lines(&run.join(FOLDER).join(SENSITIVITY)),
            None => Ok(Vec::new()),
        }
    }
}
