//! Request files in, a checked set out: candor's own JSON Lines, plain text, and the files in which published
//! request sets come. What a file holds is told by its head. Knows nothing about scenarios or tiers.

mod columns;
mod entry;
mod format;
mod json_lines;
mod json_list;
mod layouts;
mod set;
mod table;
mod text_lines;

#[cfg(test)]
mod tests;

pub use columns::RequestColumns;
pub use set::RequestSet;
