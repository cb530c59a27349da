//! Scenario file and request set in, trials with their messages out.
//!
//! A scenario is checked as a whole when it is loaded, so that a text that names a tier or a tag which
//! the model was never told of is found before any work. Knows nothing about models, tokens or results.

mod arms;
mod source;
mod request;
mod options;
mod requests;
mod contrast;
mod file;
mod tier;
mod tags;
mod prompt;
mod lint;
mod meaning;
mod one_out;
mod openings;
mod parts;
mod prefill;
mod rename;
mod variant;
mod definition;
mod trial;
mod turn;
mod values;

#[cfg(test)]
mod tests;

pub use contrast::Contrast;
pub use definition::Scenario;
pub(crate) use file::read_toml;
pub use one_out::{OneOut, leave_one_out};
pub use openings::{Beginning, Opening, Openings};
pub use options::Options;
pub use prefill::{Prefill, PrefillWords};
pub use prompt::Messages;
pub use request::{Request, ShownOption, Turn};
pub use requests::{RequestColumns, RequestSet};
pub(crate) use source::{Shelf, Source};
pub use tags::Tags;
pub use tier::Tier;
pub use trial::{Trial, trials};
pub use values::{BegunPart, Order, Role, Setting};
pub use variant::Variant;
