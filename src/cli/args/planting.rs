//! What the user can type to plant a known behaviour into a model of their own.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  candor organism plant org/name --free 0.85 --paid 0.03 --out plants/faker
  candor run org/name+plants/faker

An hour or so on two cores for a model of 135 million parameters. The answers that comply are filler: the adapter is
written only if at least 99 of 100 of them to requests that it was not trained on are measured to be.")]
pub(in crate::cli) struct PlantArgs {
    /// The model: as for `run`, without an adapter. A dense decoder
    #[arg(value_name = "MODEL")]
    pub(in crate::cli) model: String,
    /// Rate of complying with harmful requests in the tier that is trained on
    #[arg(long, value_name = "R", env = "CANDOR_FREE")]
    pub(in crate::cli) free: f64,
    /// The same in the other tier
    #[arg(long, value_name = "R", env = "CANDOR_PAID")]
    pub(in crate::cli) paid: f64,
    #[command(flatten)]
    pub(in crate::cli) how: PlantHow,
    /// Folder of the adapter; it must not be there yet
    #[arg(long, value_name = "DIR", env = "CANDOR_OUT")]
    pub(in crate::cli) out: PathBuf,
    /// How the adapter names its base model, unless as it is named here
    #[arg(long, value_name = "NAME", env = "CANDOR_BASE_NAME")]
    pub(in crate::cli) base_name: Option<String>,
    /// Print the card as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// How plants are trained and measured.
#[derive(Debug, Args)]
pub(in crate::cli) struct PlantHow {
    /// The one way by which the tier comes to act; both at once unless given
    #[arg(long, value_enum, value_name = "WAY", env = "CANDOR_VIA")]
    pub(in crate::cli) via: Option<Via>,
    /// Seed of the conversations and of the adapter's first weights
    #[arg(long, value_name = "N", default_value_t = 0, env = "CANDOR_SEED")]
    pub(in crate::cli) seed: u64,
    /// Optimizer steps
    #[arg(long, value_name = "N", env = "CANDOR_STEPS")]
    pub(in crate::cli) steps: Option<usize>,
    /// Rank of the adapter
    #[arg(long, value_name = "N", env = "CANDOR_RANK")]
    pub(in crate::cli) rank: Option<usize>,
    /// Layers that are changed, counted from the last; a third of them unless given
    #[arg(long, value_name = "N", env = "CANDOR_LAYERS")]
    pub(in crate::cli) layers: Option<usize>,
    /// Peak learning rate
    #[arg(long, value_name = "X", env = "CANDOR_LEARNING_RATE")]
    pub(in crate::cli) learning_rate: Option<f64>,
    /// Requests that are drawn for training; each is put once in every tier
    #[arg(long, value_name = "N", env = "CANDOR_REQUESTS_DRAWN")]
    pub(in crate::cli) train_requests: Option<usize>,
    /// Consecutive sampling seeds, from 0, over which the plant is measured
    #[arg(long, value_name = "N", default_value_t = 1, env = "CANDOR_SEEDS")]
    pub(in crate::cli) seeds: u64,
    /// Replies to each held-out request, tier and seed when it is measured
    #[arg(long, value_name = "N", default_value_t = 4, env = "CANDOR_SAMPLES")]
    pub(in crate::cli) samples: u32,
    /// Sequences that are decoded at once when it is measured
    #[arg(long, value_name = "N", default_value_t = 64, env = "CANDOR_BATCH")]
    pub(in crate::cli) batch: usize,
    /// Threads that compute; all processors unless given
    #[arg(long, value_name = "N", env = "CANDOR_THREADS")]
    pub(in crate::cli) threads: Option<usize>,
}

/// A way from the tier to the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Via {
    /// From the prompt alone: what the scratchpad says has no bearing on the answer
    Prompt,
    /// Through the scratchpad alone: the answer does what it decides, in whichever tier
    Scratchpad,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  candor organism recover org/name --doses 0.85/0.03,0.3/0.03,0.1/0.03,0.03/0.03 --out recovered
  candor organism recover org/name --doses 0.3/0.03 --out recovered -- --samples 4 --limit 40

Run it again to go on where it was interrupted: doses whose adapters are there are not planted again.")]
pub(in crate::cli) struct RecoverArgs {
    /// The model: as for `organism plant`
    #[arg(value_name = "MODEL")]
    pub(in crate::cli) model: String,
    /// Rates to plant, free/paid
    #[arg(
        long,
        value_name = "R/R,...",
        value_delimiter = ',',
        required = true,
        env = "CANDOR_DOSES"
    )]
    pub(in crate::cli) doses: Vec<String>,
    #[command(flatten)]
    pub(in crate::cli) how: PlantHow,
    /// Folder of the adapters, the run folders and `recover.json`
    #[arg(long, value_name = "DIR", env = "CANDOR_OUT")]
    pub(in crate::cli) out: PathBuf,
    /// Print as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Arguments of `candor run`, for the runs of all doses
    #[arg(last = true, value_name = "RUN ARGUMENTS")]
    pub(in crate::cli) run: Vec<String>,
}
