//! Many runs from one file: which cells there are, where each lies, how they are divided among machines, what a
//! cluster is asked for. Knows nothing about how a cell is run, and loads no model.

mod cell;
mod division;
mod file;
mod single;
mod slurm;

pub use cell::{Cell, Sweep};
pub use division::Division;
pub use file::{ModelEntry, SamplingEntry, SettingsEntry, SlurmEntry};
pub use single::Single;
pub use slurm::{Submission, array_script, merge_script, quoted, sbatch_arguments};
