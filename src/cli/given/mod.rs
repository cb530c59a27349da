//! What a user names on the command line, read or found: files, folders of runs, tables, labels. Knows nothing about what a
//! command does with it.

pub(in crate::cli) mod folders;
pub(in crate::cli) mod input;
mod json_lines;
pub(in crate::cli) mod labels;
pub(in crate::cli) mod recipes;
pub(in crate::cli) mod table;
