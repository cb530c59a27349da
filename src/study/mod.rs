//! The study: from a model in memory to runs that are sealed, judged, estimated and published, alone or as the cells
//! of a sweep. Knows no arguments, no stdout and no progress bar; what happens meanwhile is told to
//! [`crate::events::Events`].

mod about_run;
pub(crate) mod compare;
mod contrasts;
pub(crate) mod exchanges;
pub(crate) mod experiment;
pub(crate) mod fit;
pub(crate) mod fitting;
mod judge_errors;
pub(crate) mod judged;
pub(crate) mod judged_run;
pub(crate) mod judges;
pub(crate) mod labelled;
pub(crate) mod listing;
pub(crate) mod longest;
pub(crate) mod merge;
pub(crate) mod model_judge;
pub(crate) mod page;
pub(crate) mod performance;
pub(crate) mod pool;
pub(crate) mod reckoning;
pub(crate) mod recorded;
pub(crate) mod rejudge;
mod single;
pub(crate) mod state_reader;
pub(crate) mod stopping;
pub(crate) mod sweep_work;
pub(crate) mod verdicts;

pub use judged_run::JudgedRun;
pub use single::Experiment;
