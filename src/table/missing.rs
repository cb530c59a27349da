//! What programs write into a cell that has nothing in it.

/// Whether a cell is empty, or holds what pandas, R or SQL write for an empty one.
pub(crate) fn is_missing(cell: &str) -> bool {
    let cell = cell.trim();
    cell.is_empty()
        || ["nan", "none", "null", "<na>", "#n/a"]
            .iter()
            .any(|word| cell.eq_ignore_ascii_case(word))
}
