//! What the user can type to look into the model of a finished run.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(in crate::cli) struct ProbeArgs {
    /// Run folder
    #[arg(value_name = "RUN")]
    pub(in crate::cli) run: PathBuf,
    /// Look at so many pairs only, evenly spread over the run
    #[arg(long, value_name = "N", env = "CANDOR_PAIRS")]
    pub(in crate::cli) pairs: Option<usize>,
    /// The model, where it is not where the run found it
    #[arg(long, value_name = "PATH", env = "CANDOR_MODEL")]
    pub(in crate::cli) model: Option<String>,
    /// Follow the beginnings of answers until so much of their probability is told apart
    #[arg(long, value_name = "P", default_value_t = 0.9, env = "CANDOR_MASS")]
    pub(in crate::cli) mass: f64,
    /// Variants of the scenario that tell the tier in other words, to score the same replies under
    #[arg(long, value_name = "V,…", value_delimiter = ',', env = "CANDOR_CONTROLS")]
    pub(in crate::cli) controls: Vec<String>,
    /// Also give each tier's scratchpad to the other tier, and cut, remove and exchange scratchpads: draws answers anew
    #[arg(long, env = "CANDOR_SWAP")]
    pub(in crate::cli) swap: bool,
    /// Also read the residual stream of every stored reply after these layers (0 is the embedding), or after `all`, and
    /// fit linear probes to it
    #[arg(long, value_name = "LAYERS", env = "CANDOR_ACTIVATIONS")]
    pub(in crate::cli) activations: Option<String>,
    /// Permutations that the linear probes are held against
    #[arg(long, value_name = "N", default_value_t = 99, env = "CANDOR_PERMUTATIONS")]
    pub(in crate::cli) permutations: u64,
    /// Sequences that are computed at once; changes time and memory, and on the CPU no result
    #[arg(long, value_name = "N", default_value_t = 64, env = "CANDOR_BATCH")]
    pub(in crate::cli) batch: usize,
    /// Threads that compute, all processors unless given; changes time, and no result
    #[arg(long, value_name = "N", env = "CANDOR_THREADS")]
    pub(in crate::cli) threads: Option<usize>,
    /// Print the numbers as JSON
    #[arg(long, env = "CANDOR_JSON")]
    pub(in crate::cli) json: bool,
}
