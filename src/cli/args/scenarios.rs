//! What the user can type about scenarios.

use clap::{Args, Subcommand};

use crate::cli::args::RequestColumnsArgs;

#[derive(Debug, Args)]
pub(in crate::cli) struct ScenariosArgs {
    #[command(subcommand)]
    pub(in crate::cli) command: ScenariosCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ScenariosCommand {
    /// List the bundled scenarios with their variants, and the request sets
    List {
        /// As JSON
        #[arg(long, env = "CANDOR_JSON")]
        json: bool,
    },
    /// Print a bundled scenario's file, as a start for one's own
    Show {
        /// Bundled scenario, or a scenario file
        #[arg(value_name = "NAME|FILE")]
        scenario: String,
    },
    /// Print a scenario in which each sentence of another one's system text is left out in a variant of its own
    LeaveOneOut {
        /// Bundled scenario, or a scenario file
        #[arg(value_name = "NAME|FILE")]
        scenario: String,
        /// Variant whose sentences are left out; the scenario's first one unless given
        #[arg(long, value_name = "V", env = "CANDOR_VARIANT")]
        variant: Option<String>,
    },
    /// Check that the arms differ in what the scenario says and in nothing else
    Lint(LintArgs),
    /// Show the prompts of a request in both tiers side by side
    Render(RenderArmsArgs),
}

/// Whose prompts are made, and how.
#[derive(Debug, Args)]
pub(in crate::cli) struct PromptArgs {
    /// Bundled scenario, or a scenario file
    #[arg(value_name = "NAME|FILE")]
    pub(in crate::cli) scenario: String,
    /// Model whose chat template and tokenizer make the prompts; the texts alone unless given
    #[arg(long, value_name = "MODEL", env = "CANDOR_MODEL")]
    pub(in crate::cli) model: Option<String>,
    /// Bundled request set, or a request file; the scenario's own unless given
    #[arg(long, value_name = "NAME|FILE", env = "CANDOR_REQUESTS")]
    pub(in crate::cli) requests: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) columns: RequestColumnsArgs,
    /// Most new tokens of a reply, for which the context must have room
    #[arg(long, value_name = "N", default_value_t = 1024, env = "CANDOR_MAX_TOKENS")]
    pub(in crate::cli) max_tokens: usize,
    /// Argument of the chat template, such as enable_thinking=false; may be repeated
    #[arg(long = "arg", value_name = "K=V", env = "CANDOR_ARG")]
    pub(in crate::cli) args: Vec<String>,
    /// What the chat template takes for today, YYYY-MM-DD
    #[arg(long, value_name = "D", default_value = "2026-01-01", env = "CANDOR_DATE")]
    pub(in crate::cli) date: String,
    /// As JSON
    #[arg(long, env = "CANDOR_JSON")]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct LintArgs {
    #[command(flatten)]
    pub(in crate::cli) prompts: PromptArgs,
    /// Variants of the scenario; all of them unless given
    #[arg(long, value_name = "V,…", value_delimiter = ',', env = "CANDOR_VARIANT")]
    pub(in crate::cli) variant: Vec<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RenderArmsArgs {
    #[command(flatten)]
    pub(in crate::cli) prompts: PromptArgs,
    /// Variant of the scenario; its first one unless given
    #[arg(long, value_name = "V", env = "CANDOR_VARIANT")]
    pub(in crate::cli) variant: Option<String>,
    /// Request to put; the first one of the set unless given
    #[arg(long, value_name = "ID", env = "CANDOR_REQUEST")]
    pub(in crate::cli) request: Option<String>,
}
