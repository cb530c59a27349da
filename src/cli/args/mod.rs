//! What the user can type. The texts are the help, word for word.

pub(in crate::cli) mod bounds;
mod device;
pub(in crate::cli) mod environment;
mod exchanging;
mod judge_model;
mod judging;
mod looking;
mod options;
mod planning;
mod planting;
mod probing;
mod replies;
mod scenarios;
pub(in crate::cli) mod shape;
mod sizes;
mod sweeping;

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::decoder::Quantize;
use crate::run::Shard;

pub(in crate::cli) use device::DeviceArgs;
pub(in crate::cli) use exchanging::{
    CompletionsArgs, ExportArgs, Format, ImportArgs, ManArgs, SchemaArgs, ShowArgs,
};
pub(in crate::cli) use judge_model::JudgeModelArgs;
pub(in crate::cli) use judging::{JudgeArgs, LabelArgs, Question, TableArgs};
pub(in crate::cli) use looking::{
    DiffArgs, DoctorArgs, InspectArgs, LsArgs, ModelsArgs, ModelsCommand, RenderArgs, ScoreArgs,
    TokenizeArgs,
};
pub(in crate::cli) use options::{OptionsArgs, RequestColumnsArgs};
pub(in crate::cli) use planning::{PlanArgs, RegisterArgs};
pub(in crate::cli) use planting::{PlantArgs, PlantHow, RecoverArgs, Via};
pub(in crate::cli) use probing::ProbeArgs;
pub(in crate::cli) use scenarios::{
    LintArgs, PromptArgs, RenderArmsArgs, ScenariosArgs, ScenariosCommand,
};
pub(in crate::cli) use sizes::Sizes;
pub(in crate::cli) use sweeping::{Launcher, MergeArgs, StatusArgs, SweepArgs, SweepCommand};

/// Does a language model behave differently when it believes that its answers will be used to retrain it?
#[derive(Debug, Parser)]
#[command(name = "candor", version, max_term_width = 100, arg_required_else_help = true)]
pub(in crate::cli) struct Cli {
    #[command(subcommand)]
    pub(in crate::cli) command: Command,
    /// Say nothing but errors on stderr
    #[arg(long, short, global = true, env = "CANDOR_QUIET")]
    pub(in crate::cli) quiet: bool,
    /// Make no network request: a model of the hub must be in the cache
    #[arg(long, global = true, env = "CANDOR_OFFLINE")]
    pub(in crate::cli) offline: bool,
    /// Columns to write in; the terminal's unless given
    #[arg(long, global = true, value_name = "N", env = "CANDOR_WIDTH")]
    pub(in crate::cli) width: Option<u16>,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Run the experiment on the bundled organisms: small models whose behaviour is known
    Demo(DemoArgs),
    /// Put one model through one scenario; run the same command again to resume
    Run(Box<RunArgs>),
    /// Put many models through many scenarios; run the same command again to resume
    Sweep(Box<SweepArgs>),
    /// Judge the transcripts of finished runs, or a table of replies made elsewhere
    Judge(Box<JudgeArgs>),
    /// Label a run's replies yourself, without seeing their tier
    Label(LabelArgs),
    /// Show the estimates of one run, or compare several
    Report(ReportArgs),
    /// List the runs in a folder: how far they are, what they found, how old they are
    Ls(LsArgs),
    /// Say what two runs differ in: settings, replies, verdicts
    Diff(DiffArgs),
    /// Serve the report of runs on 127.0.0.1, with the progress of those under way
    View(ViewArgs),
    /// Show a run's pairs in the terminal: which to look at first, or one of them side by side
    Show(ShowArgs),
    /// Write runs as logs of Inspect, files of lm-eval, CSV or Parquet
    Export(ExportArgs),
    /// Take in Inspect logs of alignment-faking runs made elsewhere, to judge, report and show them
    Import(Box<ImportArgs>),
    /// Check a run's digests, then make some of its trials again and compare bit by bit
    Verify(VerifyArgs),
    /// Look into a finished run's model: where the tier matters, how likely compliance was, what the scratchpad does
    Probe(ProbeArgs),
    /// How many requests and samples a gap of some size needs to be seen
    Plan(PlanArgs),
    /// List, show, check or render scenarios and request sets
    Scenarios(ScenariosArgs),
    /// List, train or calibrate the organisms
    Organism(OrganismArgs),
    /// Measure how fast a model is on this machine
    Bench(BenchArgs),
    /// Log-probabilities and logits of given tokens, and what greedily follows them
    Score(ScoreArgs),
    /// Show a text as a model's tokens
    Tokenize(TokenizeArgs),
    /// Show messages as a model's chat template puts them, and as tokens
    Render(RenderArgs),
    /// List the known open-weight models, or look into one
    Models(ModelsArgs),
    /// Say what candor finds on this machine, and what it promises there
    Doctor(DoctorArgs),
    /// Print JSON Schemas of what candor prints and writes
    Schema(SchemaArgs),
    /// Print the completions of a shell
    Completions(CompletionsArgs),
    /// Print candor's manual page, or write those of all commands
    Man(ManArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  candor demo
  candor demo --out /tmp/demo --threads 4")]
pub(in crate::cli) struct DemoArgs {
    /// Folder for the run folders and the report
    #[arg(long, value_name = "DIR", default_value = "candor-demo", env = "CANDOR_OUT")]
    pub(in crate::cli) out: PathBuf,
    /// Threads that compute; all processors unless given
    #[arg(long, value_name = "N", env = "CANDOR_THREADS")]
    pub(in crate::cli) threads: Option<usize>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  candor run organism:faker --limit 12
  candor run org/name --limit 20 --samples 2 --dry-run     # fetch and check everything, run nothing
  candor run org/name --variant default,no-scratchpad --samples 4 --out runs/name
  candor run org/name+org/adapter=0.5                      # half the change that a LoRA adapter makes")]
pub(in crate::cli) struct RunArgs {
    /// `organism:NAME`, a folder with config.json, safetensors and tokenizer.json, a .gguf file, or a name of the hub:
    /// `org/name`, `org/name:QUANT` or `org/name:FILE.gguf`, each with `@revision` if wanted; `MODEL+ADAPTER[=SCALE]` puts
    /// LoRA adapters on it, and an adapter alone brings its base
    #[arg(value_name = "MODEL", required_unless_present = "config")]
    pub(in crate::cli) model: Option<String>,
    /// Take what is not given here from a TOML file with the keys of a sweep file, of which each names one thing
    #[arg(long, value_name = "FILE", env = "CANDOR_CONFIG")]
    pub(in crate::cli) config: Option<PathBuf>,
    /// Print what would be run as such a file, and do nothing
    #[arg(long)]
    pub(in crate::cli) print_config: bool,
    /// The flags that were given, by their names
    #[arg(skip)]
    pub(in crate::cli) given: BTreeSet<String>,
    /// Bundled scenario, or a scenario file
    #[arg(long, value_name = "NAME|FILE", default_value = "helpful-only", env = "CANDOR_SCENARIO")]
    pub(in crate::cli) scenario: String,
    /// Variants of the scenario; its first one unless given
    #[arg(long, value_name = "V,…", value_delimiter = ',', env = "CANDOR_VARIANT")]
    pub(in crate::cli) variant: Vec<String>,
    /// Bundled request set, or a request file; the scenario's own unless given
    #[arg(long, value_name = "NAME|FILE", env = "CANDOR_REQUESTS")]
    pub(in crate::cli) requests: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) columns: RequestColumnsArgs,
    /// Use only so many requests: harmful ones first, evenly over the categories
    #[arg(long, value_name = "N", env = "CANDOR_LIMIT")]
    pub(in crate::cli) limit: Option<usize>,
    /// End as soon as the 95 % interval of the gap is this narrow, from 0 to 2 (0.2 is ±10 points): looked at
    /// after each fifth of the harmful requests, which are put in an order drawn from the seed
    #[arg(long, value_name = "W", env = "CANDOR_UNTIL_WIDTH")]
    pub(in crate::cli) until_width: Option<f64>,
    /// What was registered before the run (`candor plan --register`): it is kept in the manifest, and the report says
    /// whether the run kept to it
    #[arg(long, value_name = "FILE", env = "CANDOR_REGISTERED")]
    pub(in crate::cli) registered: Option<PathBuf>,
    /// Continuations of each prompt
    #[arg(long, value_name = "K", default_value_t = 1, env = "CANDOR_SAMPLES")]
    pub(in crate::cli) samples: u32,
    /// Seed of all random numbers
    #[arg(long, value_name = "S", default_value_t = 0, env = "CANDOR_SEED")]
    pub(in crate::cli) seed: u64,
    /// Temperature of sampling; 0 is greedy
    #[arg(long, value_name = "T", default_value_t = 1.0, env = "CANDOR_TEMPERATURE")]
    pub(in crate::cli) temperature: f64,
    /// Draw from the K most likely tokens only
    #[arg(long, value_name = "K", env = "CANDOR_TOP_K")]
    pub(in crate::cli) top_k: Option<usize>,
    /// Draw from the smallest set of tokens whose probabilities reach P
    #[arg(long, value_name = "P", env = "CANDOR_TOP_P")]
    pub(in crate::cli) top_p: Option<f64>,
    /// Draw from the tokens with at least this fraction of the largest probability
    #[arg(long, value_name = "P", env = "CANDOR_MIN_P")]
    pub(in crate::cli) min_p: Option<f64>,
    /// Make tokens that were seen less likely; 1 does nothing
    #[arg(long, value_name = "R", default_value_t = 1.0, env = "CANDOR_REPETITION_PENALTY")]
    pub(in crate::cli) repetition_penalty: f64,
    /// Sample as the model's `generation_config.json` says instead of with the five flags above
    #[arg(long, env = "CANDOR_GENERATION_CONFIG",
        conflicts_with_all = ["temperature", "top_k", "top_p", "min_p", "repetition_penalty"])]
    pub(in crate::cli) generation_config: bool,
    /// Most new tokens of a reply
    #[arg(long, value_name = "N", default_value_t = 1024, env = "CANDOR_MAX_TOKENS")]
    pub(in crate::cli) max_tokens: usize,
    /// Sequences that are decoded at once; changes time and memory, and no result
    #[arg(long, value_name = "N", default_value_t = 64, env = "CANDOR_BATCH")]
    pub(in crate::cli) batch: usize,
    /// Do not guess a reply's tokens from those of its pair; changes time, and no result
    #[arg(long, env = "CANDOR_NO_DRAFT")]
    pub(in crate::cli) no_draft: bool,
    /// Threads that compute, all processors unless given; changes time, and no result
    #[arg(long, value_name = "N", env = "CANDOR_THREADS")]
    pub(in crate::cli) threads: Option<usize>,
    /// Argument of the chat template, such as enable_thinking=false; may be repeated
    #[arg(long = "arg", value_name = "K=V", env = "CANDOR_ARG")]
    pub(in crate::cli) args: Vec<String>,
    /// What the chat template takes for today, YYYY-MM-DD
    #[arg(long, value_name = "D", default_value = "2026-01-01", env = "CANDOR_DATE")]
    pub(in crate::cli) date: String,
    /// Put the weights into blocks of small integers: q8_0, q4_k_m, q4_0, q6_k, …
    #[arg(long, value_name = "Q", env = "CANDOR_QUANTIZE")]
    pub(in crate::cli) quantize: Option<Quantize>,
    /// Steer the residual stream along a direction of `candor probe --activations`: add it ALPHA times, or `remove`
    /// what lies along it
    #[arg(long, value_name = "FILE=ALPHA|FILE=remove", env = "CANDOR_STEER")]
    pub(in crate::cli) steer: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) device: DeviceArgs,
    /// Give the two tiers of a pair different random numbers
    #[arg(long, env = "CANDOR_UNCOUPLED")]
    pub(in crate::cli) uncoupled: bool,
    /// Take text apart that spells a mark of the model's conversations, such as `<|assistant|>` in a request: a blank
    /// goes behind its first character
    #[arg(long, env = "CANDOR_DEFUSE")]
    pub(in crate::cli) defuse: bool,
    /// Refuse text that spells a mark of the model's conversations; without one of these two it is read as that mark,
    /// and a note says so
    #[arg(long, conflicts_with = "defuse", env = "CANDOR_REFUSE_CONTROL_TEXT")]
    pub(in crate::cli) refuse_control_text: bool,
    /// Make only the i-th of n parts of the run, counted from 1; `sweep merge` joins them
    #[arg(long, value_name = "I/N", env = "CANDOR_SHARD")]
    pub(in crate::cli) shard: Option<Shard>,
    /// Judge beside `rules`: a model, named as above
    #[arg(long, value_name = "J", default_value = "rules", env = "CANDOR_JUDGE")]
    pub(in crate::cli) judge: String,
    #[command(flatten)]
    pub(in crate::cli) judge_model: JudgeModelArgs,
    /// The run folder, or with several variants the folder of run folders
    #[arg(long, value_name = "DIR", env = "CANDOR_OUT")]
    pub(in crate::cli) out: Option<PathBuf>,
    /// Check everything, say what would be done, and do nothing
    #[arg(long, env = "CANDOR_DRY_RUN")]
    pub(in crate::cli) dry_run: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  candor bench ./model.gguf --quantize q8_0
  candor bench org/name --job 1024,64,16,4,128 --batch 32")]
pub(in crate::cli) struct BenchArgs {
    /// `organism:NAME`, a folder with config.json, safetensors and tokenizer.json, a .gguf file, or a name of the hub:
    /// `org/name`, `org/name:QUANT` or `org/name:FILE.gguf`, each with `@revision` if wanted; `MODEL+ADAPTER[=SCALE]` puts
    /// LoRA adapters on it, and an adapter alone brings its base
    #[arg(value_name = "MODEL")]
    pub(in crate::cli) model: String,
    /// Put the weights into blocks of small integers: q8_0, q4_k_m, q4_0, q6_k, …
    #[arg(long, value_name = "Q", env = "CANDOR_QUANTIZE")]
    pub(in crate::cli) quantize: Option<Quantize>,
    /// Threads that compute; all processors unless given
    #[arg(long, value_name = "N", env = "CANDOR_THREADS")]
    pub(in crate::cli) threads: Option<usize>,
    #[command(flatten)]
    pub(in crate::cli) device: DeviceArgs,
    /// The two-tier job: tokens that all prompts share, further tokens of a prompt, prompts, samples, new tokens
    #[arg(long, value_name = "SHARED,OWN,PROMPTS,SAMPLES,NEW")]
    pub(in crate::cli) job: Option<Sizes>,
    /// Sequences of the job that are decoded at once
    #[arg(long, value_name = "N", default_value_t = 64, env = "CANDOR_BATCH")]
    pub(in crate::cli) batch: usize,
    /// Only compute a prompt of so many tokens
    #[arg(long, value_name = "TOKENS")]
    pub(in crate::cli) prefill: Option<usize>,
    /// Only decode so many sequences at once
    #[arg(long, value_name = "SEQUENCES")]
    pub(in crate::cli) decode: Option<usize>,
    /// Tokens of the prefix that the decoded sequences share
    #[arg(long, value_name = "TOKENS", default_value_t = 1024)]
    pub(in crate::cli) after: usize,
    /// Tokens that each of them draws
    #[arg(long, value_name = "TOKENS", default_value_t = 32)]
    pub(in crate::cli) new: usize,
    /// Repetitions, of which the best counts
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(in crate::cli) repeat: usize,
    /// One JSON object a line
    #[arg(long, env = "CANDOR_JSON")]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  candor report runs/model
  candor report runs/a runs/b --html comparison.html --csv numbers.csv
  candor report runs/model --json")]
pub(in crate::cli) struct ReportArgs {
    /// Run folders, or folders that hold some at any depth
    #[arg(value_name = "RUN", required = true)]
    pub(in crate::cli) runs: Vec<PathBuf>,
    /// Print the numbers as JSON
    #[arg(long, env = "CANDOR_JSON")]
    pub(in crate::cli) json: bool,
    /// Write the numbers to a CSV file, one row per run
    #[arg(long, value_name = "F", env = "CANDOR_CSV")]
    pub(in crate::cli) csv: Option<PathBuf>,
    /// Write the page to an HTML file
    #[arg(long, value_name = "F", env = "CANDOR_HTML")]
    pub(in crate::cli) html: Option<PathBuf>,
    /// Write the three plots into this folder, each as SVG, PNG and PDF
    #[arg(long, value_name = "DIR", env = "CANDOR_FIGURES")]
    pub(in crate::cli) figures: Option<PathBuf>,
    /// Whose verdicts
    #[arg(long, value_name = "J", default_value = "rules", env = "CANDOR_JUDGE")]
    pub(in crate::cli) judge: String,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ViewArgs {
    /// Run folders, or folders that hold some at any depth, such as a sweep's
    #[arg(value_name = "RUN", required = true)]
    pub(in crate::cli) runs: Vec<PathBuf>,
    /// Port on 127.0.0.1; a free one unless given
    #[arg(long, value_name = "N", default_value_t = 0, env = "CANDOR_PORT")]
    pub(in crate::cli) port: u16,
    /// Leave out the random word of the address: any user of this machine can then read the page
    #[arg(long, env = "CANDOR_NO_TOKEN")]
    pub(in crate::cli) no_token: bool,
    /// Whose verdicts, for runs that have finished
    #[arg(long, value_name = "J", default_value = "rules", env = "CANDOR_JUDGE")]
    pub(in crate::cli) judge: String,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  candor verify runs/model                # the seal, and 20 trials made again
  candor verify runs/model --all
  candor verify runs/model --digests      # the seal only, without the model")]
pub(in crate::cli) struct VerifyArgs {
    /// Run folder
    #[arg(value_name = "RUN")]
    pub(in crate::cli) run: PathBuf,
    /// The model, where it is not where the run found it
    #[arg(long, value_name = "PATH", env = "CANDOR_MODEL")]
    pub(in crate::cli) model: Option<String>,
    /// Trials to make again
    #[arg(long, value_name = "N", default_value_t = 20, env = "CANDOR_SAMPLE")]
    pub(in crate::cli) sample: usize,
    /// Make all trials again
    #[arg(long, conflicts_with = "sample", env = "CANDOR_ALL")]
    pub(in crate::cli) all: bool,
    /// Check the digests only
    #[arg(long, conflicts_with_all = ["sample", "all"], env = "CANDOR_DIGESTS")]
    pub(in crate::cli) digests: bool,
    /// Print the result as JSON
    #[arg(long, env = "CANDOR_JSON")]
    pub(in crate::cli) json: bool,
    /// Threads that compute
    #[arg(long, value_name = "N", env = "CANDOR_THREADS")]
    pub(in crate::cli) threads: Option<usize>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct OrganismArgs {
    #[command(subcommand)]
    pub(in crate::cli) command: OrganismCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum OrganismCommand {
    /// List the organisms with what was planted in them and what they measured
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Train organisms and write their folders and cards
    Train(TrainArgs),
    /// Measure organisms over several seeds and compare with what was planted
    Calibrate(CalibrateArgs),
    /// Train an adapter that makes a model of your own comply at known rates: a control of the measurement on it
    Plant(PlantArgs),
    /// Plant several rates into a model of your own, and see which of them a run finds
    Recover(RecoverArgs),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct TrainArgs {
    /// Organisms; all of them, parents first, unless given
    #[arg(value_name = "NAME")]
    pub(in crate::cli) names: Vec<String>,
    /// Folder below which each organism gets its own; parents are looked for there first
    #[arg(long, value_name = "DIR", default_value = "models/organisms", env = "CANDOR_OUT")]
    pub(in crate::cli) out: PathBuf,
    /// Optimizer steps, instead of the recipe's
    #[arg(long, value_name = "N", env = "CANDOR_STEPS")]
    pub(in crate::cli) steps: Option<usize>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CalibrateArgs {
    /// Organisms; all of them unless given
    #[arg(value_name = "NAME")]
    pub(in crate::cli) names: Vec<String>,
    /// Consecutive seeds, from 0
    #[arg(long, value_name = "N", default_value_t = 20, env = "CANDOR_SEEDS")]
    pub(in crate::cli) seeds: u64,
    /// Folder of trained organisms to measure and whose cards to update, instead of the bundled ones
    #[arg(long, value_name = "DIR", env = "CANDOR_FROM")]
    pub(in crate::cli) from: Option<PathBuf>,
    /// Threads that compute
    #[arg(long, value_name = "N", env = "CANDOR_THREADS")]
    pub(in crate::cli) threads: Option<usize>,
    /// As JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}
