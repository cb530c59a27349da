//! A finished run and its model in, what the weights say about the tiers out: where in a reply the tier matters, how
//! likely the decision was, and how much of the tier's effect goes through the scratchpad.
//!
//! Replies are taken as they are stored and scored under prompts of choice; only the swaps draw anything. The results
//! stand in `probe/` of the run folder, which no seal covers. Formulas, sources and what each measure does not show:
//! METHODS.md. Knows nothing about how anything is shown.

mod activations;
mod controls;
mod decision;
mod direction;
mod divergence;
mod estimate;
mod linear;
mod pieces;
mod position;
mod results;
mod sensitivity;
mod stored;
mod swap;

/// The folder of a run in which results stand.
const FOLDER: &str = "probe";

pub use activations::{Activations, Origin, parse_depths};
pub use controls::{Control, Labels, PartControl, control};
pub use decision::{DecisionEstimates, Decisions, Masses, OptionEstimates};
pub use direction::{About, Direction, steering};
pub use divergence::Divergence;
pub use estimate::Estimate;
pub use linear::{Label, LinearProbe, LinearProbes, Reached};
pub use position::Position;
pub use results::{Probe, ProbeSettings, ReplyHeat, TokenHeat, heat};
pub use sensitivity::{
    PartSensitivity, RequestSensitivity, Scored, Sensitivity, TierSensitivity, score_pairs,
};
pub use stored::{DecisionPoint, Pairs, ReplyPart, Stored};
pub use swap::{Changed, Effects, SwapEstimates, Swaps};
