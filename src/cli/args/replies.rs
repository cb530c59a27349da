//! What the user can type of tables of replies that were made elsewhere: which column holds what, and which format the
//! files have.

use clap::{Args, ValueEnum};

use crate::error::{Error, Result};

/// What the files of an import are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ImportFormat {
    /// Tables where `--reply-column` is given, else logs of Inspect; what kind of table is told by its content
    Auto,
    /// Logs of Inspect
    Inspect,
    /// Tables with a head and commas, semicolons or bars between the cells
    Csv,
    /// Tables with a head and tabs between the cells
    Tsv,
    /// One JSON object a line
    Jsonl,
    /// A JSON list of objects, or an object of lists
    Json,
    /// Parquet
    Parquet,
}

impl ImportFormat {
    /// Whether the files are tables.
    pub(in crate::cli) fn is_table(self, replies_named: bool) -> bool {
        match self {
            Self::Auto => replies_named,
            Self::Inspect => false,
            _ => true,
        }
    }

    /// Whether the bytes of a file can be what was said.
    ///
    /// # Errors
    /// They begin as a file of another format does. Packed files are not looked into.
    pub(in crate::cli) fn check(self, place: &str, bytes: &[u8]) -> Result<()> {
        if bytes.starts_with(&[0x1f, 0x8b]) {
            return Ok(());
        }
        let parquet = bytes.starts_with(b"PAR1");
        let first = bytes.iter().find(|byte| byte.is_ascii_graphic());
        let json = !parquet && matches!(first, Some(b'{' | b'['));
        let fits = match self {
            Self::Auto | Self::Inspect => true,
            Self::Csv | Self::Tsv => !parquet && !json,
            Self::Jsonl | Self::Json => json,
            Self::Parquet => parquet,
        };
        match fits {
            true => Ok(()),
            false => {
                let named = self.to_possible_value();
                let named = named.as_ref().map_or("", |value| value.get_name());
                Err(Error::input(format!(
                    "`{place}` does not begin as a file of `--format {named}`"
                ))
                .hint("leave `--format` out: the content tells what a table is"))
            }
        }
    }
}

/// Columns of a table of replies. A column of nested JSON is a dotted path.
#[derive(Debug, Args)]
#[group(skip)]
pub(in crate::cli) struct ReplyTableArgs {
    /// Column with the replies; a list there is a trial for each entry
    #[arg(long, value_name = "C", env = "CANDOR_REPLY_COLUMN")]
    pub(in crate::cli) reply_column: Option<String>,
    /// Column with the words of the request, or a list of messages with `role` and `content`
    #[arg(long, value_name = "C", requires = "reply_column", env = "CANDOR_TEXT_COLUMN")]
    pub(in crate::cli) text_column: Option<String>,
    /// Column with the request's id; the number of the row in its file unless given
    #[arg(long, value_name = "C", requires = "reply_column", env = "CANDOR_REQUEST_COLUMN")]
    pub(in crate::cli) request_column: Option<String>,
    /// Column with the tier; `tier` unless given
    #[arg(
        long,
        value_name = "C",
        requires = "reply_column",
        conflicts_with = "tier",
        env = "CANDOR_TIER_COLUMN"
    )]
    pub(in crate::cli) tier_column: Option<String>,
    /// The tier of a whole file; repeated for each file, in the order of the files
    #[arg(long, value_name = "VALUE", requires = "reply_column", env = "CANDOR_TIER")]
    pub(in crate::cli) tier: Vec<String>,
    /// Column with the number of the sample; counted unless given
    #[arg(long, value_name = "C", requires = "reply_column", env = "CANDOR_SAMPLE_COLUMN")]
    pub(in crate::cli) sample_column: Option<String>,
    /// Column with what the model thought, where it is not in the reply
    #[arg(long, value_name = "C", requires = "reply_column", env = "CANDOR_REASONING_COLUMN")]
    pub(in crate::cli) reasoning_column: Option<String>,
    /// Column with labels of compliance: full, partial, refusal, or true and false; they become the judge `labels`
    #[arg(long, value_name = "C", requires = "reply_column", env = "CANDOR_LABEL_COLUMN")]
    pub(in crate::cli) label_column: Option<String>,
    /// Column that says whether the reasoning fakes alignment
    #[arg(
        long,
        value_name = "C",
        requires = "reply_column",
        env = "CANDOR_REASONING_LABEL_COLUMN"
    )]
    pub(in crate::cli) reasoning_label_column: Option<String>,
    /// Column with the option that somebody read in the reply: its name, or its place from 1
    #[arg(
        long,
        value_name = "C",
        requires_all = ["reply_column", "options"],
        env = "CANDOR_OPTION_LABEL_COLUMN"
    )]
    pub(in crate::cli) option_label_column: Option<String>,
    /// Name of the model that replied; what the names of the files begin with unless given
    #[arg(long, value_name = "NAME", requires = "reply_column", env = "CANDOR_MODEL")]
    pub(in crate::cli) model: Option<String>,
}
