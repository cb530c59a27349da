//! What the user can type to look in: into a model's numbers, its tokens, its prompts, its files, and this machine.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

use crate::cli::args::DeviceArgs;
use crate::decoder::Quantize;

/// Where and how a model computes.
#[derive(Debug, Args)]
pub(in crate::cli) struct ComputeArgs {
    #[command(flatten)]
    pub(in crate::cli) device: DeviceArgs,
    /// Put the weights into blocks of small integers: q8_0, q4_k_m, q4_0, q6_k, …
    #[arg(long, value_name = "Q", env = "CANDOR_QUANTIZE")]
    pub(in crate::cli) quantize: Option<Quantize>,
    /// Threads that compute; all processors unless given
    #[arg(long, value_name = "N", env = "CANDOR_THREADS")]
    pub(in crate::cli) threads: Option<usize>,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("given").required(true).args(["ids", "text"]))]
pub(in crate::cli) struct ScoreArgs {
    /// The model, named as for `run`
    #[arg(value_name = "MODEL")]
    pub(in crate::cli) model: String,
    /// JSON list of token ids, used as they are; `-` reads stdin
    #[arg(long, value_name = "FILE", env = "CANDOR_IDS")]
    pub(in crate::cli) ids: Option<PathBuf>,
    /// Text, tokenized without adding a token; `-` reads stdin
    #[arg(long, value_name = "FILE", env = "CANDOR_TEXT")]
    pub(in crate::cli) text: Option<PathBuf>,
    /// Write the logits at all positions as one f32 tensor `logits` of shape [tokens, vocabulary]
    #[arg(long, value_name = "OUT.safetensors", env = "CANDOR_LOGITS")]
    pub(in crate::cli) logits: Option<PathBuf>,
    /// Continue greedily by so many tokens; a token that ends a reply does not stop it
    #[arg(long, value_name = "N", default_value_t = 0, env = "CANDOR_GREEDY")]
    pub(in crate::cli) greedy: usize,
    #[command(flatten)]
    pub(in crate::cli) compute: ComputeArgs,
    /// As JSON
    #[arg(long, env = "CANDOR_JSON")]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct TokenizeArgs {
    /// The model, named as for `run`
    #[arg(value_name = "MODEL")]
    pub(in crate::cli) model: String,
    /// Text, tokenized without adding a token; `-` reads stdin
    #[arg(long, value_name = "FILE", env = "CANDOR_TEXT")]
    pub(in crate::cli) text: PathBuf,
    /// As JSON
    #[arg(long, env = "CANDOR_JSON")]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RenderArgs {
    /// The model, named as for `run`
    #[arg(value_name = "MODEL")]
    pub(in crate::cli) model: String,
    /// JSON list of messages, each with `role` and `content`; `-` reads stdin
    #[arg(long, value_name = "FILE.json", env = "CANDOR_MESSAGES")]
    pub(in crate::cli) messages: PathBuf,
    /// Argument of the chat template, such as enable_thinking=false; may be repeated
    #[arg(long = "arg", value_name = "K=V", env = "CANDOR_ARG")]
    pub(in crate::cli) args: Vec<String>,
    /// What the chat template takes for today, YYYY-MM-DD
    #[arg(long, value_name = "D", default_value = "2026-01-01", env = "CANDOR_DATE")]
    pub(in crate::cli) date: String,
    /// End with the last message, not where the model's reply starts
    #[arg(long, env = "CANDOR_NO_GENERATION_PROMPT")]
    pub(in crate::cli) no_generation_prompt: bool,
    /// As JSON
    #[arg(long, env = "CANDOR_JSON")]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ModelsArgs {
    #[command(subcommand)]
    pub(in crate::cli) command: ModelsCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ModelsCommand {
    /// List the open-weight models that have a card, with their memory
    List {
        /// As JSON
        #[arg(long, env = "CANDOR_JSON")]
        json: bool,
    },
    /// Show one card: sizes, memory, template, and the line that runs it
    Show {
        /// Hub name, or the part of it after the slash
        #[arg(value_name = "ID")]
        id: String,
        /// As JSON
        #[arg(long, env = "CANDOR_JSON")]
        json: bool,
    },
    /// Fetch a model of the Hugging Face hub and say where it is
    Pull {
        /// `org/name[@revision]`, `org/name:QUANT` or `org/name:FILE.gguf`
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Look into a model: spec, tensors, digests, tokenizer, prompts, memory, and what would refuse it
    Inspect(InspectArgs),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct InspectArgs {
    /// The model, named as for `run`
    #[arg(value_name = "MODEL")]
    pub(in crate::cli) model: String,
    /// List every tensor with its type and shape
    #[arg(long, env = "CANDOR_TENSORS")]
    pub(in crate::cli) tensors: bool,
    /// Scenario whose prompts are shown
    #[arg(long, value_name = "NAME|FILE", default_value = "helpful-only", env = "CANDOR_SCENARIO")]
    pub(in crate::cli) scenario: String,
    /// Argument of the chat template, such as enable_thinking=false; may be repeated
    #[arg(long = "arg", value_name = "K=V", env = "CANDOR_ARG")]
    pub(in crate::cli) args: Vec<String>,
    /// What the chat template takes for today, YYYY-MM-DD
    #[arg(long, value_name = "D", default_value = "2026-01-01", env = "CANDOR_DATE")]
    pub(in crate::cli) date: String,
    /// Do not read the weights: no digests, and no check of the tensors' names and shapes
    #[arg(long, env = "CANDOR_NO_READ")]
    pub(in crate::cli) no_read: bool,
    /// As JSON
    #[arg(long, env = "CANDOR_JSON")]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DoctorArgs {
    /// Compute on every GPU that is here and hold it against the CPU
    #[arg(long, env = "CANDOR_GPU")]
    pub(in crate::cli) gpu: bool,
    /// As JSON
    #[arg(long, env = "CANDOR_JSON")]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  candor ls runs
  candor ls runs elsewhere --json")]
pub(in crate::cli) struct LsArgs {
    /// Folders in which runs are looked for, at any depth
    #[arg(value_name = "DIR", default_value = "runs")]
    pub(in crate::cli) folders: Vec<PathBuf>,
    /// As JSON
    #[arg(long, env = "CANDOR_JSON")]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  candor diff runs/a runs/b
  candor diff runs/a runs/b --json")]
pub(in crate::cli) struct DiffArgs {
    /// A run folder
    #[arg(value_name = "FIRST")]
    pub(in crate::cli) first: PathBuf,
    /// Another one
    #[arg(value_name = "SECOND")]
    pub(in crate::cli) second: PathBuf,
    /// Whose verdicts are compared
    #[arg(long, value_name = "J", default_value = "rules", env = "CANDOR_JUDGE")]
    pub(in crate::cli) judge: String,
    /// Trials with other verdicts that are listed
    #[arg(long, value_name = "N", default_value_t = 20, env = "CANDOR_TOP")]
    pub(in crate::cli) top: usize,
    /// As JSON
    #[arg(long, env = "CANDOR_JSON")]
    pub(in crate::cli) json: bool,
}
