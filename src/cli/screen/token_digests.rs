//! The digests of the tokens that runs have drawn, for people.

use crate::report::RunView;
use crate::transcript::token_digest;

/// A line for each run: its digest and which run it is.
pub(in crate::cli) fn token_digests(views: &[RunView]) -> String {
    let mut text = "\nBLAKE3 of the token ids:\n".to_owned();
    for view in views {
        let name = view.model.strip_prefix("organism:").unwrap_or(&view.model);
        text += &format!("{} {name}\n", token_digest(&view.transcripts));
    }
    text
}
