//! What the user can type to make many runs, and to join runs that were made in parts.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::run::Shard;
use crate::study::sweep_work::SweepShare;

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:
  candor sweep sweep.toml --dry-run
  candor sweep sweep.toml --shard 1/4 --out runs
  candor sweep status sweep.toml
  candor sweep merge runs/shards/* --out runs/merged"
)]
pub(in crate::cli) struct SweepArgs {
    #[command(subcommand)]
    pub(in crate::cli) command: Option<SweepCommand>,
    /// The sweep: a TOML file of models, scenarios, variants, seeds and sampling settings
    #[arg(value_name = "FILE", required = true)]
    pub(in crate::cli) file: Option<PathBuf>,
    /// Folder of the run folders and the report; that of the file's key `out` unless given
    #[arg(long, value_name = "DIR", env = "CANDOR_OUT")]
    pub(in crate::cli) out: Option<PathBuf>,
    /// Make only the i-th of n parts, counted from 1, below `shards/` in the folder
    #[arg(long, value_name = "I/N", env = "CANDOR_SHARD")]
    pub(in crate::cli) shard: Option<Shard>,
    /// Make only the cells of this model, as its folder is called, and no report
    #[arg(long, value_name = "MODEL", env = "CANDOR_ONLY")]
    pub(in crate::cli) only: Option<String>,
    /// Of that model's cells only the i-th of n parts, counted from 1
    #[arg(long, value_name = "I/N", requires = "only", env = "CANDOR_CELLS")]
    pub(in crate::cli) cells: Option<Shard>,
    /// Stop as Ctrl-C does when stdin is closed: for a process that another one started and must not outlive
    #[arg(long, hide = true, requires = "only", env = "CANDOR_WHILE_STDIN")]
    pub(in crate::cli) while_stdin: bool,
    /// Where models compute that do not say it themselves; the file's `devices` unless given
    #[arg(long, value_name = "DEVICE", env = "CANDOR_DEVICE")]
    pub(in crate::cli) device: Option<String>,
    /// Who starts the work: this process, or a Slurm cluster
    #[arg(long, value_enum, default_value_t = Launcher::Local, env = "CANDOR_LAUNCHER")]
    pub(in crate::cli) launcher: Launcher,
    /// Threads that compute, all processors unless given; changes time, and no result
    #[arg(long, value_name = "N", env = "CANDOR_THREADS")]
    pub(in crate::cli) threads: Option<usize>,
    /// Check everything, say what would be done, and do nothing
    #[arg(long, env = "CANDOR_DRY_RUN")]
    pub(in crate::cli) dry_run: bool,
}

/// Who starts the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Launcher {
    /// This process
    Local,
    /// A Slurm cluster: a job array, and a job that merges its parts
    Slurm,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum SweepCommand {
    /// Join the shards of a run, or of all runs below the folders
    Merge(MergeArgs),
    /// Say how far the runs of a sweep are
    Status(StatusArgs),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct MergeArgs {
    /// Run folders of the shards, or the folders that hold such run folders
    #[arg(value_name = "SHARD", required = true)]
    pub(in crate::cli) shards: Vec<PathBuf>,
    /// The run folder that they become, or the folder of run folders
    #[arg(long, value_name = "DIR", env = "CANDOR_OUT")]
    pub(in crate::cli) out: PathBuf,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct StatusArgs {
    /// The sweep's file
    #[arg(value_name = "FILE")]
    pub(in crate::cli) file: PathBuf,
    /// Folder of the run folders; that of the file's key `out` unless given
    #[arg(long, value_name = "DIR", env = "CANDOR_OUT")]
    pub(in crate::cli) out: Option<PathBuf>,
    /// Print the state as JSON
    #[arg(long, env = "CANDOR_JSON")]
    pub(in crate::cli) json: bool,
}

impl SweepArgs {
    /// The share of the sweep that this process takes upon itself.
    pub(in crate::cli) fn share(&self) -> SweepShare {
        SweepShare {
            only: self.only.clone(),
            cells: self.cells,
            shard: self.shard,
            device: self.device.clone(),
        }
    }
}
