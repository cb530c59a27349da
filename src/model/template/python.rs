//! Where the template engine is less like Python than templates expect: filters and tests that differ, and
//! methods, which are those of `minijinja_contrib::pycompat` and of `strings.rs`. Knows nothing about prompts.

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Environment, Error, State, Value};

use super::strings;
use super::tojson::tojson;

/// Makes an environment behave as Jinja does in Python.
pub(super) fn install(environment: &mut Environment<'_>) {
    environment.set_unknown_method_callback(call);
    environment.add_filter("tojson", tojson);
    environment.add_filter("default", default);
    environment.add_filter("d", default);
    environment.add_filter("trim", trim);
    environment.add_filter("wordcount", |text: &str| strings::words(text, None).len());
    environment.add_filter("center", |state: &State, text: &str, width: Option<usize>| {
        strings::pad(state, text, width.unwrap_or(80), ' ', strings::Side::Both)
    });
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

/// `trim(value, chars=none)`; of a value that is not text, its text.
fn trim(state: &State, value: &Value, chars: Option<String>) -> Result<String, Error> {
    let text = value.to_string();
    state.consume_fuel(text.len() as u64 / 64)?;
    Ok(strings::strip(&text, chars.as_deref(), strings::Side::Both).to_owned())
}

/// Calls a method of a value. A call on a text costs fuel by its length, as most of them look at all of it.
fn call(state: &mut State, value: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    if let Some(text) = value.as_str() {
        state.consume_fuel(text.len() as u64 / 64)?;
        if let Some(result) = strings::call(state, text, method, args) {
            return result;
        }
    }
    minijinja_contrib::pycompat::unknown_method_callback(state, value, method, args)
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
}
