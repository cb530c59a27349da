//! Where the template engine is less like Python than templates expect: string methods that its own Python
//! compatibility lacks, and filters and tests that differ. Knows nothing about prompts.

use minijinja::value::{Kwargs, ValueKind, from_args};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::tojson::tojson;

/// Makes an environment behave as Jinja does in Python.
pub(super) fn install(environment: &mut Environment<'_>) {
    environment.set_unknown_method_callback(call);
    environment.add_filter("tojson", tojson);
    environment.add_filter("default", default);
    environment.add_filter("d", default);
    // In Python a string and a dictionary are sequences, and a truth value is a number.
    environment.add_test("sequence", |value: &Value| value.len().is_some());
    environment.add_test("number", |value: &Value| {
        matches!(value.kind(), ValueKind::Number | ValueKind::Bool)
    });
}

/// `default(value, default_value='', boolean=false)`, which takes its arguments by name as well.
fn default(
    value: &Value,
    other: Option<Value>,
    boolean: Option<Value>,
    kwargs: Kwargs,
) -> Result<Value, Error> {
    let other = if other.is_some() { other } else { kwargs.get("default_value")? };
    let boolean = if boolean.is_some() { boolean } else { kwargs.get("boolean")? };
    kwargs.assert_all_used()?;
    if value.is_undefined() || (boolean.is_some_and(|flag| flag.is_true()) && !value.is_true()) {
        return Ok(other.unwrap_or_else(|| Value::from("")));
    }
    Ok(value.clone())
}

/// Calls a method of a value: those of `minijinja_contrib::pycompat`, then those below.
fn call(state: &mut State, value: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    match minijinja_contrib::pycompat::unknown_method_callback(state, value, method, args) {
        Err(error) if error.kind() == ErrorKind::UnknownMethod => match value.as_str() {
            Some(text) => string_method(text, method, args),
            None => Err(error),
        },
        result => result,
    }
}

fn string_method(text: &str, method: &str, args: &[Value]) -> Result<Value, Error> {
    match method {
        "removeprefix" => {
            let (prefix,): (&str,) = from_args(args)?;
            Ok(Value::from(text.strip_prefix(prefix).unwrap_or(text)))
        }
        "removesuffix" => {
            let (suffix,): (&str,) = from_args(args)?;
            Ok(Value::from(text.strip_suffix(suffix).unwrap_or(text)))
        }
        "partition" => {
            let (separator,): (&str,) = from_args(args)?;
            Ok(match split_at_separator(text.split_once(separator), separator)? {
                Some(parts) => parts,
                None => list([text, "", ""]),
            })
        }
        "rpartition" => {
            let (separator,): (&str,) = from_args(args)?;
            Ok(match split_at_separator(text.rsplit_once(separator), separator)? {
                Some(parts) => parts,
                None => list(["", "", text]),
            })
        }
        "rsplit" => {
            let (separator, limit): (&str, Option<i64>) = from_args(args)?;
            if separator.is_empty() {
                return Err(empty_separator());
            }
            // A negative limit means none.
            let limit = limit
                .and_then(|limit| usize::try_from(limit).ok())
                .map_or(usize::MAX, |limit| limit.saturating_add(1));
            let mut parts: Vec<&str> = text.rsplitn(limit, separator).collect();
            parts.reverse();
            Ok(list(parts))
        }
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

fn split_at_separator(
    halves: Option<(&str, &str)>,
    separator: &str,
) -> Result<Option<Value>, Error> {
    if separator.is_empty() {
        return Err(empty_separator());
    }
    Ok(halves.map(|(before, after)| list([before, separator, after])))
}

fn list<'a>(parts: impl IntoIterator<Item = &'a str>) -> Value {
    parts.into_iter().map(Value::from).collect()
}

fn empty_separator() -> Error {
    Error::new(ErrorKind::InvalidOperation, "the separator must not be empty")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(expression: &str) -> String {
        let mut environment = minijinja::Environment::new();
        install(&mut environment);
        let template = format!("{{{{ {expression} }}}}");
        environment.render_str(&template, ()).unwrap_or_else(|error| format!("error: {error}"))
    }

    #[test]
    fn filters_and_tests_are_those_of_python() {
        assert_eq!(
            value(
                "x | default('a') ~ '' | d('b', true) ~ none | default('c') ~ '' | default(default_value='d', boolean=true)"
            ),
            "abNoned"
        );
        assert_eq!(value("x | default"), "");
        assert!(value("x | default(colour=1)").starts_with("error"));
        assert_eq!(
            value(
                "['x' is sequence, {} is sequence, 1 is sequence, x is sequence, true is number, '1' is number]"
            ),
            "[True, True, False, False, True, False]"
        );
    }

    #[test]
    fn methods_are_those_of_python() {
        assert_eq!(
            value("'abc'.removeprefix('ab') ~ 'abc'.removesuffix('bc') ~ 'abc'.removeprefix('x')"),
            "caabc"
        );
        assert_eq!(value("'a-b-c'.partition('-') | join('|')"), "a|-|b-c");
        assert_eq!(value("'a-b-c'.rpartition('-') | join('|')"), "a-b|-|c");
        assert_eq!(value("'abc'.partition('-') | join('|')"), "abc||");
        assert_eq!(value("'abc'.rpartition('-') | join('|')"), "||abc");
        assert_eq!(value("'a-b-c'.rsplit('-', 1) | join('|')"), "a-b|c");
        assert_eq!(value("'a-b-c'.rsplit('-') | join('|')"), "a|b|c");
        assert_eq!(value("'a-b-c'.rsplit('-', 0) | join('|')"), "a-b-c");
        assert_eq!(value("' Ab '.strip().upper()"), "AB");
        assert!(value("'a'.partition('')").starts_with("error"));
        assert!(value("'a'.nothing()").starts_with("error"));
        assert!(value("[1].partition('a')").starts_with("error"));
    }
}
