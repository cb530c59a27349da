//! Tables in JSON Lines: one object a line, whose keys are the columns. Knows nothing about what stands in them.

use std::path::Path;

use serde_json::Value;

/// Whether a file's name says that it is one.
pub(in crate::cli) fn is_json_lines(path: &Path) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| ["jsonl", "ndjson"].contains(&&*extension.to_ascii_lowercase()))
}

/// A line of an object with further keys behind its own, which stay as they were written. Cells that are numbers or
/// truth values become such, empty ones null.
pub(in crate::cli) fn extended(object: &str, names: &[&str], cells: &[String]) -> String {
    let own = object.strip_suffix('}').unwrap_or(object).trim_end();
    let mut line = own.to_owned();
    for (name, cell) in names.iter().zip(cells) {
        if !line.ends_with('{') {
            line.push(',');
        }
        line += &format!("{}:{}", Value::from(*name), value(cell));
    }
    line + "}\n"
}

fn value(cell: &str) -> Value {
    match serde_json::from_str(cell) {
        Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
        _ if cell.is_empty() => Value::Null,
        _ => Value::from(cell),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_stays_word_for_word() {
        let names = ["compliance", "compliance_score", "reasoning"];
        let cells = ["full", "0.5", ""].map(str::to_owned);
        assert_eq!(
            extended(r#"{"b": 1.50, "a": "x}"}"#, &names, &cells),
            "{\"b\": 1.50, \"a\": \"x}\",\"compliance\":\"full\",\"compliance_score\":0.5,\"reasoning\":null}\n"
        );
        assert_eq!(extended("{ }", &["a"], &["true".to_owned()]), "{\"a\":true}\n");
    }

    #[test]
    fn names_say_what_is_written() {
        assert!(is_json_lines(Path::new("t.JSONL")) && !is_json_lines(Path::new("t.csv")));
    }
}
