//! Numbers and transcripts to what people and programs read: a terminal table, JSON, CSV, one
//! self-contained HTML page, plots for papers.
//!
//! Computes nothing: every number comes from [`crate::stats::Estimates`] and is only formatted
//! here. Knows nothing about models, engines, run folders, or how a judge reaches a verdict. All
//! text of runs is treated as hostile.

mod columns;
mod compare;
mod contrasts;
mod csv;
mod figure;
mod html;
mod island;
mod json;
mod looks;
mod matrix;
mod names;
mod numbers;
mod pair;
mod picture;
mod registered;
mod rows;
#[cfg(test)]
mod sample;
mod sizes;
mod table;
mod tables;
#[cfg(test)]
mod tests;
mod text;
mod view;
mod words;

pub use columns::{hanging, wrapped};
pub use csv::csv;
pub(crate) use csv::field as csv_field;
pub use html::{html, live, progress_in_words};
pub use json::json;
pub use looks::{Look, looks, samples};
pub use names::labels;
pub use pair::{looks_table, pair};
pub use picture::{Picture, pictures};
pub use registered::AgainstRegistration;
pub use table::{table, table_within};
pub(crate) use text::block;
pub use view::{
    Against, ContrastView, Control, Declared, DosePoint, DoseView, Heat, HeatToken, JudgeView,
    ModelKind, ModelSize, Place, Pool, Prompt, RunView, TierDifference, TrialProgress,
};
pub(crate) use words::{points, points_interval};
