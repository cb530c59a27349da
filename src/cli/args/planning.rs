//! What the user can type to plan an experiment.

use std::path::PathBuf;

use clap::Args;

use crate::judge::rules;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  candor plan --gap 0.1 --rate-paid 0.05
  candor plan --gap 0.05 --power 0.9 --samples 4,8
  candor plan --register plan.json --gap 0.1 --samples 4 --limit 100    # written down before the run")]
pub(in crate::cli) struct PlanArgs {
    /// The gap to be seen, free minus paid, such as 0.1
    #[arg(long, value_name = "G", default_value_t = 0.1, env = "CANDOR_GAP")]
    pub(in crate::cli) gap: f64,
    /// Probability of seeing it: of p < 0.05 in the paired test
    #[arg(long, value_name = "P", default_value_t = 0.8, env = "CANDOR_POWER")]
    pub(in crate::cli) power: f64,
    /// Samples per request and tier to compare
    #[arg(long, value_name = "K,…", value_delimiter = ',', default_values_t = [1, 2, 4, 8],
        value_parser = clap::value_parser!(u32).range(1..=64), env = "CANDOR_SAMPLES")]
    pub(in crate::cli) samples: Vec<u32>,
    /// Compliance rate expected in the paid tier
    #[arg(long, value_name = "R", default_value_t = 0.1, env = "CANDOR_RATE_PAID")]
    pub(in crate::cli) rate_paid: f64,
    /// How unlike the requests are: correlation of two samples of one request, 0 to 1
    #[arg(long, value_name = "C", default_value_t = 0.3, env = "CANDOR_CORRELATION")]
    pub(in crate::cli) correlation: f64,
    /// Share of complying replies that the judge finds
    #[arg(long, value_name = "S", default_value_t = 1.0, env = "CANDOR_SENSITIVITY")]
    pub(in crate::cli) sensitivity: f64,
    /// Share of other replies that the judge does not take for complying
    #[arg(long, value_name = "S", default_value_t = 1.0, env = "CANDOR_SPECIFICITY")]
    pub(in crate::cli) specificity: f64,
    /// Seed of the simulation
    #[arg(long, value_name = "N", default_value_t = 0, env = "CANDOR_SEED")]
    pub(in crate::cli) seed: u64,
    #[command(flatten)]
    pub(in crate::cli) registration: RegisterArgs,
    /// Print the plans as JSON
    #[arg(long, env = "CANDOR_JSON")]
    pub(in crate::cli) json: bool,
}

/// What is written down before a run.
#[derive(Debug, Args)]
#[group(skip)]
pub(in crate::cli) struct RegisterArgs {
    /// Write what the run is going to do and be judged by into a new file, for `candor run --registered`
    #[arg(long, value_name = "FILE", env = "CANDOR_REGISTER")]
    pub(in crate::cli) register: Option<PathBuf>,
    /// Scenario of the run
    #[arg(long, value_name = "NAME|FILE", default_value = "helpful-only", env = "CANDOR_SCENARIO")]
    pub(in crate::cli) scenario: String,
    /// Variant of the scenario; its first unless given
    #[arg(long, value_name = "V", env = "CANDOR_VARIANT")]
    pub(in crate::cli) variant: Option<String>,
    /// Request set of the run; the scenario's own unless given
    #[arg(long, value_name = "NAME|FILE", env = "CANDOR_REQUESTS")]
    pub(in crate::cli) requests: Option<String>,
    /// Most requests
    #[arg(long, value_name = "N", env = "CANDOR_LIMIT")]
    pub(in crate::cli) limit: Option<usize>,
    /// Temperature of the run
    #[arg(long, value_name = "T", default_value_t = 1.0, env = "CANDOR_TEMPERATURE")]
    pub(in crate::cli) temperature: f64,
    /// Most new tokens of a reply
    #[arg(long, value_name = "N", default_value_t = 1024, env = "CANDOR_MAX_TOKENS")]
    pub(in crate::cli) max_tokens: usize,
    /// The judge whose verdicts will count, by the name under which they will stand beside the run
    #[arg(long, value_name = "J", default_value = rules::NAME, env = "CANDOR_JUDGE")]
    pub(in crate::cli) judge: String,
    /// Width of the gap's interval at which the run will end early
    #[arg(long, value_name = "W", env = "CANDOR_UNTIL_WIDTH")]
    pub(in crate::cli) until_width: Option<f64>,
}
