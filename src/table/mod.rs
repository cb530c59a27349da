//! Tables that people bring, read in one way for every command: comma, tab, semicolon or bar between cells, JSON Lines
//! (pretty-printed too), a JSON list of objects, a JSON object of columns, Parquet, and gzip around any of them. What a
//! file holds is told by its content; its name only decides between readings that are equally possible. Knows nothing
//! about what the columns mean: no requests, no verdicts, no runs.

mod delimited;
mod json;
mod missing;
mod parquet;
mod sheet;
mod text;

pub(crate) use delimited::{head, looks_like_table};
pub(crate) use json::{Object, looks_like_json, objects};
pub(crate) use missing::is_missing;
pub(crate) use sheet::Sheet;
pub(crate) use text::decoded;
