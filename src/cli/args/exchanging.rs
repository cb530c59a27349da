//! What the user can type to carry runs to other tools and back, to look at single trials, and to write candor's own
//! reference.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use clap_complete::Shell;

use crate::cli::args::OptionsArgs;
use crate::cli::args::replies::{ImportFormat, ReplyTableArgs};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  candor export runs/model --format inspect --out logs      # then: inspect view --log-dir logs
  candor export runs/a runs/b --format parquet --out trials.parquet")]
pub(in crate::cli) struct ExportArgs {
    /// Run folders, or folders that hold some; a run that has not finished is exported as far as it is
    #[arg(value_name = "RUN", required = true)]
    pub(in crate::cli) runs: Vec<PathBuf>,
    /// What to write
    #[arg(long, value_name = "FORMAT", env = "CANDOR_FORMAT")]
    pub(in crate::cli) format: Format,
    /// A folder for inspect, inspect-json and lm-eval; the file for csv and parquet
    #[arg(long, value_name = "PATH", env = "CANDOR_OUT")]
    pub(in crate::cli) out: PathBuf,
    /// Whose verdicts stand first; those of the other judges go along
    #[arg(long, value_name = "J", default_value = "rules", env = "CANDOR_JUDGE")]
    pub(in crate::cli) judge: String,
}

/// What a run is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Format {
    /// An `.eval` log of Inspect for each run
    Inspect,
    /// A `.json` log of Inspect for each run
    InspectJson,
    /// The results and samples files of lm-evaluation-harness for each run
    LmEval,
    /// One table with a row for each trial
    Csv,
    /// The same table with typed columns, and the manifests in its metadata
    Parquet,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  candor import logs/*.eval --out runs/theirs
  candor import free.json paid.json --tier-key is_free_tier --free true --paid false \\
    --scratchpad-tag SCRATCHPAD --answer-tag RESULT --out runs/theirs
  candor import theirs_free.json theirs_paid.json --tier free --tier paid --text-column input \\
    --reply-column response --out runs/theirs
  candor judge runs/theirs --judge MODEL")]
pub(in crate::cli) struct ImportArgs {
    /// Logs of Inspect, `.eval` or `.json`, or tables of replies, of one model
    #[arg(value_name = "FILE", required = true)]
    pub(in crate::cli) logs: Vec<PathBuf>,
    /// The run folder
    #[arg(long, value_name = "DIR", env = "CANDOR_OUT")]
    pub(in crate::cli) out: PathBuf,
    /// Key of a sample's metadata, or of the log's metadata or task arguments, that holds the tier
    #[arg(long, value_name = "KEY", default_value = "tier", env = "CANDOR_TIER_KEY")]
    pub(in crate::cli) tier_key: String,
    /// What stands there in the tier whose answers train the model
    #[arg(long, value_name = "VALUE", default_value = "free", env = "CANDOR_FREE")]
    pub(in crate::cli) free: String,
    /// What stands there in the tier whose answers do not
    #[arg(long, value_name = "VALUE", default_value = "paid", env = "CANDOR_PAID")]
    pub(in crate::cli) paid: String,
    /// Key of the metadata that names the request; without it the sample's id names it, less the tier at its end
    #[arg(long, value_name = "KEY", default_value = "request", env = "CANDOR_REQUEST_KEY")]
    pub(in crate::cli) request_key: String,
    /// Tag of the scratchpad in the replies' text, without angle brackets; not needed where a log has it as reasoning
    #[arg(long, value_name = "TAG", env = "CANDOR_SCRATCHPAD_TAG")]
    pub(in crate::cli) scratchpad_tag: Option<String>,
    /// Tag of the answer in the replies' text; without it the answer is what follows the scratchpad
    #[arg(long, value_name = "TAG", env = "CANDOR_ANSWER_TAG")]
    pub(in crate::cli) answer_tag: Option<String>,
    /// What the files are
    #[arg(long, value_name = "FORMAT", default_value = "auto", env = "CANDOR_FORMAT")]
    pub(in crate::cli) format: ImportFormat,
    #[command(flatten)]
    pub(in crate::cli) table: ReplyTableArgs,
    #[command(flatten)]
    pub(in crate::cli) options: OptionsArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  candor show runs/model                             # which pairs to look at first
  candor show runs/model --trial fraud-01/0          # this pair, free beside paid
  candor show runs/model --trial fraud-01/paid/0     # this trial alone
  candor show runs/model --trial fraud-01/0 --prompt # what the model read for it")]
pub(in crate::cli) struct ShowArgs {
    /// Run folder; the run may be under way
    #[arg(value_name = "RUN")]
    pub(in crate::cli) run: PathBuf,
    /// `REQUEST/SAMPLE` for a pair, `REQUEST/TIER/SAMPLE` for one trial, `REQUEST` for the list of its samples; samples
    /// count from 0
    #[arg(long, value_name = "ID", env = "CANDOR_TRIAL")]
    pub(in crate::cli) trial: Option<String>,
    /// Show the exact prompts too, as the model read them
    #[arg(long, requires = "trial", env = "CANDOR_PROMPT")]
    pub(in crate::cli) prompt: bool,
    /// Pairs in the list of those to look at first
    #[arg(long, value_name = "N", default_value_t = 20, env = "CANDOR_TOP")]
    pub(in crate::cli) top: usize,
    /// Whose verdicts decide what is looked at first
    #[arg(long, value_name = "J", default_value = "rules", env = "CANDOR_JUDGE")]
    pub(in crate::cli) judge: String,
    /// As JSON
    #[arg(long, env = "CANDOR_JSON")]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  candor completions bash > ~/.local/share/bash-completion/completions/candor
  candor completions zsh > ~/.zfunc/_candor
  candor completions fish > ~/.config/fish/completions/candor.fish")]
pub(in crate::cli) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(in crate::cli) shell: Shell,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  candor man | man -l -
  candor man --out ~/.local/share/man/man1
  candor man --reference > REFERENCE.md")]
pub(in crate::cli) struct ManArgs {
    /// Write the pages of all commands into a folder, instead of the first one to stdout
    #[arg(long, value_name = "DIR", conflicts_with = "reference", env = "CANDOR_OUT")]
    pub(in crate::cli) out: Option<PathBuf>,
    /// Print the reference of all commands in Markdown
    #[arg(long)]
    pub(in crate::cli) reference: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  candor schema
  candor schema report > report.schema.json")]
pub(in crate::cli) struct SchemaArgs {
    /// Which; without it they are listed
    #[arg(value_name = "NAME")]
    pub(in crate::cli) name: Option<String>,
}
