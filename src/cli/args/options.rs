//! What the user can type of what files hold: which options their requests let the model choose from, and which columns
//! of a table of requests mean what.

use clap::Args;

use crate::error::{Error, Result};
use crate::scenario::{Options, Order, RequestColumns};

/// Options of requests that name them in their own words.
#[derive(Debug, Args)]
#[group(skip)]
pub(in crate::cli) struct OptionsArgs {
    /// Names of the options that each request lets the model choose from: the labels that its words give them (`a,b`
    /// for "a) … b) …"), or any names in the order in which they stand there
    #[arg(
        long,
        value_name = "A,B",
        value_delimiter = ',',
        requires = "complies",
        env = "CANDOR_OPTIONS"
    )]
    pub(in crate::cli) options: Vec<String>,
    /// The option that complies with the policy of the tier that is trained on
    #[arg(long, value_name = "A", requires = "options", env = "CANDOR_COMPLIES")]
    pub(in crate::cli) complies: Option<String>,
}

impl OptionsArgs {
    /// The options; none where there is no choice to read.
    ///
    /// # Errors
    /// Names that cannot be told apart, or none of which complies.
    pub(in crate::cli) fn options(&self) -> Result<Option<Options>> {
        let Some(complies) = self.complies.as_deref().filter(|_| !self.options.is_empty()) else {
            return Ok(None);
        };
        let names: Vec<String> = self.options.iter().map(|name| name.trim().to_owned()).collect();
        let options = Options::named(&names, complies.trim(), Order::Fixed);
        options.map(Some).map_err(|message| {
            Error::input(format!("`--options {}`: {message}", names.join(","))).hint(
                "`--options a,b --complies a` names each option once, and the one that complies",
            )
        })
    }
}

/// Columns of a table of requests that has none of the known forms.
#[derive(Debug, Args)]
#[group(skip)]
pub(in crate::cli) struct RequestColumnsArgs {
    /// Column of the request file that holds the words of the requests: any table can be read then (CSV, TSV, JSON,
    /// Parquet, packed by gzip or not); columns that are not named are fields for the scenario's user message
    #[arg(long, value_name = "C", requires = "requests", env = "CANDOR_TEXT_COLUMN")]
    pub(in crate::cli) text_column: Option<String>,
    /// Column with the requests' ids; made from the words unless given
    #[arg(long, value_name = "C", requires = "text_column", env = "CANDOR_REQUEST_COLUMN")]
    pub(in crate::cli) request_column: Option<String>,
    /// Column with the requests' categories
    #[arg(long, value_name = "C", requires = "text_column", env = "CANDOR_CATEGORY_COLUMN")]
    pub(in crate::cli) category_column: Option<String>,
}

impl RequestColumnsArgs {
    /// The columns; none where the file's own form decides.
    pub(in crate::cli) fn columns(&self) -> Option<RequestColumns> {
        self.text_column.clone().map(|text| RequestColumns {
            text,
            id: self.request_column.clone(),
            category: self.category_column.clone(),
        })
    }
}
