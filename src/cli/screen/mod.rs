//! What people see: notes and progress on stderr, tables and JSON on stdout, within the terminal's width and letters. Knows
//! nothing about how anything came about.

pub(in crate::cli) mod memory_table;
pub(in crate::cli) mod model_sizes;
pub(in crate::cli) mod show;
pub(in crate::cli) mod talk;
pub(in crate::cli) mod terminal;
pub(in crate::cli) mod time;
pub(in crate::cli) mod token_digests;
