//! Runs in the files of other tools, and logs of other tools as runs: Inspect logs, lm-eval's results, CSV and
//! Parquet tables. Knows nothing about run folders, models or how a number came about: it writes down what a
//! [`crate::report::RunView`] holds.
//!
//! The bytes depend on the run and its verdicts alone. No clock is read and no run folder holds one, so that the
//! times in these files are made up: the date that the model was told, at midnight.

mod columns;
mod csv;
mod exported;
mod import;
mod inspect;
mod lm_eval;
mod name;
mod parquet;
mod table;

pub use csv::csv;
pub use exported::{Exported, FileOut};
pub use import::{ImportOptions, Log, Taken};
pub use inspect::{Form, read as read_inspect, write as write_inspect};
pub use lm_eval::lm_eval;
pub use parquet::parquet;
pub use table::{ReplyColumns, TableOf, read_table};
