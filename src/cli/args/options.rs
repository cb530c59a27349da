//! What the user can type of choices that were put elsewhere: which options there were, and which one complies.

use clap::Args;

use crate::error::{Error, Result};
use crate::scenario::{Options, Order};

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
