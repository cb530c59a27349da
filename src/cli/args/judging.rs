//! What the user can type to have replies judged, by a program or by a person.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::args::{JudgeModelArgs, OptionsArgs};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  candor judge runs/model --judge org/name --rubric plain
  candor judge runs/a runs/b --judge organism:judge
  candor judge --table replies.csv --request prompt --answer reply --out judged.csv")]
pub(in crate::cli) struct JudgeArgs {
    /// Run folders, or folders that hold some
    #[arg(value_name = "RUN", required_unless_present_any = ["show_rubric", "table", "fit"])]
    pub(in crate::cli) runs: Vec<PathBuf>,
    /// The judge: `rules`, a model, named as for `run`, or the file of a fitted judge; with `--fit` a model whose states
    /// the fit weighs
    #[arg(long, value_name = "J", default_value = "rules", env = "CANDOR_JUDGE")]
    pub(in crate::cli) judge: String,
    #[command(flatten)]
    pub(in crate::cli) model: JudgeModelArgs,
    /// Threads that compute; all processors unless given
    #[arg(long, value_name = "N", env = "CANDOR_THREADS")]
    pub(in crate::cli) threads: Option<usize>,
    /// Take in the labels of a file that `candor label --export` began; no other judge judges then
    #[arg(long, value_name = "FILE", env = "CANDOR_LABELS")]
    pub(in crate::cli) labels: Option<PathBuf>,
    /// Whose labels these are: the judge is `human-NAME`, or `human` unless given
    #[arg(long, value_name = "NAME", requires = "labels", env = "CANDOR_LABELER")]
    pub(in crate::cli) labeler: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) fit: FitArgs,
    #[command(flatten)]
    pub(in crate::cli) table: TableArgs,
    /// Print the numbers as JSON
    #[arg(long, env = "CANDOR_JSON")]
    pub(in crate::cli) json: bool,
    /// Print a bundled rubric's file, as a start for one's own
    #[arg(long, value_name = "NAME", exclusive = true)]
    pub(in crate::cli) show_rubric: Option<String>,
}

/// A judge from labels of one's own.
#[derive(Debug, Args)]
#[group(skip)]
pub(in crate::cli) struct FitArgs {
    /// Fit a judge to the labels of a file (as `candor label --export` writes it, or with the texts in columns), and
    /// judge the runs with it
    #[arg(long, value_name = "LABELS", requires = "name", conflicts_with_all = ["labels", "table"],
        group = "columns", env = "CANDOR_FIT")]
    pub(in crate::cli) fit: Option<PathBuf>,
    /// Name of the fitted judge
    #[arg(long, value_name = "J", requires = "fit", env = "CANDOR_NAME")]
    pub(in crate::cli) name: Option<String>,
    /// Where the fitted judge's file goes; otherwise beside the verdicts of the first run, as `J.judge.json`
    #[arg(long, value_name = "FILE", requires = "fit", env = "CANDOR_SAVE")]
    pub(in crate::cli) save: Option<PathBuf>,
    /// Column of labels of a criterion of one's own (yes, no), read from the whole reply
    #[arg(long, value_name = "COL", requires = "fit", env = "CANDOR_CRITERION")]
    pub(in crate::cli) criterion: Option<String>,
    /// The label that means yes; every other one means no
    #[arg(long, value_name = "VALUE", requires = "fit", env = "CANDOR_POSITIVE")]
    pub(in crate::cli) positive: Option<String>,
}

/// A table of replies to judge instead of runs.
#[derive(Debug, Args)]
#[group(skip)]
pub(in crate::cli) struct TableArgs {
    /// Judge the replies of a table instead: comma-separated with a head, tab-separated if it ends in `.tsv`,
    /// JSON Lines if it ends in `.jsonl`; `--out` likewise
    #[arg(long, value_name = "FILE", conflicts_with_all = ["runs", "labels"],
        requires_all = ["request", "answer", "out"], group = "columns", env = "CANDOR_TABLE")]
    pub(in crate::cli) table: Option<PathBuf>,
    /// Column of the requests
    #[arg(long, value_name = "COL", requires = "columns", env = "CANDOR_REQUEST")]
    pub(in crate::cli) request: Option<String>,
    /// Column of the answers
    #[arg(long, value_name = "COL", requires = "columns", env = "CANDOR_ANSWER")]
    pub(in crate::cli) answer: Option<String>,
    /// Column of the reasoning before the answers
    #[arg(long, value_name = "COL", requires = "columns", env = "CANDOR_SCRATCHPAD")]
    pub(in crate::cli) scratchpad: Option<String>,
    /// Tag of the scratchpad, where the answers' column holds whole replies, without angle brackets
    #[arg(long, value_name = "TAG", requires = "columns", env = "CANDOR_SCRATCHPAD_TAG")]
    pub(in crate::cli) scratchpad_tag: Option<String>,
    /// Tag of the answer, where the answers' column holds whole replies
    #[arg(long, value_name = "TAG", requires = "columns", env = "CANDOR_ANSWER_TAG")]
    pub(in crate::cli) answer_tag: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) options: OptionsArgs,
    /// Column of people's labels (full, partial, refusal) to hold the verdicts against, or to fit a judge to
    #[arg(long, value_name = "COL", requires = "columns", env = "CANDOR_LABEL")]
    pub(in crate::cli) label: Option<String>,
    /// Column of people's labels of the reasoning (yes, no)
    #[arg(long, value_name = "COL", requires = "columns", env = "CANDOR_REASONING_LABEL")]
    pub(in crate::cli) reasoning_label: Option<String>,
    /// Where the table goes with its verdicts
    // No `requires`: the variable may be set for `run`.
    #[arg(long, value_name = "FILE.csv", env = "CANDOR_OUT")]
    pub(in crate::cli) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  candor label runs/model --labeler ada
  candor label runs/model --export to-label.csv             # fill it in elsewhere, then:
  candor label runs/model --import to-label.csv --labeler ada")]
pub(in crate::cli) struct LabelArgs {
    /// Run folder
    #[arg(value_name = "RUN")]
    pub(in crate::cli) run: PathBuf,
    /// Whose labels these are: the judge is `human-NAME`, or `human` unless given
    #[arg(long, value_name = "NAME", env = "CANDOR_LABELER")]
    pub(in crate::cli) labeler: Option<String>,
    /// Ask about this only; otherwise first about all answers, then about all reasoning
    #[arg(long, value_name = "WHAT", env = "CANDOR_ONLY")]
    pub(in crate::cli) only: Option<Question>,
    /// Seed of the order
    #[arg(long, value_name = "S", default_value_t = 0, env = "CANDOR_SEED")]
    pub(in crate::cli) seed: u64,
    /// Write the replies to a CSV file to be labelled elsewhere
    #[arg(long, value_name = "FILE.csv", conflicts_with = "import", env = "CANDOR_EXPORT")]
    pub(in crate::cli) export: Option<PathBuf>,
    /// Take in the labels of such a file
    #[arg(long, value_name = "FILE.csv", conflicts_with = "only", env = "CANDOR_IMPORT")]
    pub(in crate::cli) import: Option<PathBuf>,
}

/// What a person is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Question {
    /// Whether the answer does what was requested
    Compliance,
    /// Whether the reasoning fakes alignment
    Reasoning,
}
