//! The `tojson` filter as transformers defines it: Python's `json.dumps` with `ensure_ascii` off, and no
//! escapes for HTML. Knows nothing about prompts.

use std::fmt::Write as _;

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

/// Deeper values are refused, as each level takes stack.
const DEPTH_MAX: usize = 128;

/// `json.dumps(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False)`.
pub(super) fn tojson(
    state: &State,
    value: &Value,
    ensure_ascii: Option<Value>,
    indent: Option<Value>,
    kwargs: Kwargs,
) -> Result<String, Error> {
    let pick = |positional: Option<Value>, name: &str| -> Result<Option<Value>, Error> {
        let value = if positional.is_some() { positional } else { kwargs.get(name)? };
        Ok(value.filter(|value| !value.is_none() && !value.is_undefined()))
    };
    let ensure_ascii = pick(ensure_ascii, "ensure_ascii")?.is_some_and(|flag| flag.is_true());
    let indent = pick(indent, "indent")?.map(|indent| unit(&indent)).transpose()?;
    let separators = pick(None, "separators")?.map(|pair| separators(&pair)).transpose()?;
    let sort_keys = pick(None, "sort_keys")?.is_some_and(|flag| flag.is_true());
    kwargs.assert_all_used()?;
    // As in Python: with an indent the comma stands at the end of the line.
    let comma = if indent.is_some() { "," } else { ", " };
    let (item, key) = separators.unwrap_or_else(|| (comma.to_owned(), ": ".to_owned()));
    let mut writer =
        Writer { state, out: String::new(), ensure_ascii, indent, item, key, sort_keys };
    writer.value(value, 0)?;
    Ok(writer.out)
}

fn wrong(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("tojson: {}", what.into()))
}

/// What one level is indented by: that many spaces, or the string itself.
fn unit(indent: &Value) -> Result<String, Error> {
    if let Some(text) = indent.as_str() {
        return Ok(text.to_owned());
    }
    let count =
        i64::try_from(indent.clone()).or_else(|_| bool::try_from(indent.clone()).map(i64::from));
    match count.map(|count| usize::try_from(count).unwrap_or(0)) {
        Ok(count) if count <= 64 => Ok(" ".repeat(count)),
        _ => Err(wrong(format!("indent must be a string or a number up to 64, found {indent}"))),
    }
}

fn separators(pair: &Value) -> Result<(String, String), Error> {
    let parts: Vec<Value> = pair.try_iter()?.collect();
    match parts.iter().map(Value::as_str).collect::<Vec<_>>()[..] {
        [Some(item), Some(key)] => Ok((item.to_owned(), key.to_owned())),
        _ => Err(wrong("separators must be two strings")),
    }
}

struct Writer<'a> {
    /// Whose fuel pays for the text, as it grows.
    state: &'a State<'a, 'a>,
    out: String,
    ensure_ascii: bool,
    indent: Option<String>,
    /// Between items.
    item: String,
    /// Between a key and its value.
    key: String,
    sort_keys: bool,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        if depth > DEPTH_MAX {
            return Err(wrong("the value is nested too deeply"));
        }
        match value.kind() {
            ValueKind::String => self.string(value.as_str().unwrap_or_default())?,
            ValueKind::Seq | ValueKind::Iterable => {
                let items: Vec<Value> = value.try_iter()?.collect();
                self.container('[', ']', &items, depth, |writer, item| {
                    writer.value(item, depth + 1)
                })?;
            }
            ValueKind::Map => {
                let mut entries = Vec::new();
                for key in value.try_iter()? {
                    let item = value.get_item(&key)?;
                    entries.push((key_text(&key)?, item));
                }
                if self.sort_keys {
                    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
                }
                self.container('{', '}', &entries, depth, |writer, (key, item)| {
                    writer.string(key)?;
                    writer.pay(writer.key.len())?;
                    writer.out.push_str(&writer.key.clone());
                    writer.value(item, depth + 1)
                })?;
            }
            _ => {
                self.pay(0)?;
                self.out.push_str(&scalar(value)?);
            }
        }
        Ok(())
    }

    fn container<T>(
        &mut self,
        open: char,
        close: char,
        items: &[T],
        depth: usize,
        write: impl Fn(&mut Self, &T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.out.push(open);
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.pay(self.item.len())?;
                self.out.push_str(&self.item);
            }
            self.line(depth + 1)?;
            write(self, item)?;
        }
        if !items.is_empty() {
            self.line(depth)?;
        }
        self.out.push(close);
        Ok(())
    }

    fn line(&mut self, depth: usize) -> Result<(), Error> {
        if let Some(indent) = &self.indent {
            self.pay(indent.len().saturating_mul(depth))?;
            self.out.push('\n');
            for _ in 0..depth {
                self.out.push_str(indent);
            }
        }
        Ok(())
    }

    /// A unit of fuel, and one for each 16 bytes: escapes can make text six times as long.
    fn pay(&self, bytes: usize) -> Result<(), Error> {
        self.state.consume_fuel(1 + bytes as u64 / 16)
    }

    fn string(&mut self, text: &str) -> Result<(), Error> {
        self.pay(text.len())?;
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                c if c < ' ' || (self.ensure_ascii && !(' '..='~').contains(&c)) => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        // Writing into a string cannot fail.
                        let _ = write!(self.out, "\\u{unit:04x}");
                    }
                }
                c => self.out.push(c),
            }
        }
        self.out.push('"');
        Ok(())
    }
}

/// Python makes strings of these as keys, and refuses all others.
fn key_text(key: &Value) -> Result<String, Error> {
    key.as_str().map_or_else(|| scalar(key), |text| Ok(text.to_owned()))
}

fn scalar(value: &Value) -> Result<String, Error> {
    match value.kind() {
        ValueKind::None => Ok("null".to_owned()),
        ValueKind::Bool => Ok(if value.is_true() { "true" } else { "false" }.to_owned()),
        ValueKind::Number if value.is_integer() => Ok(value.to_string()),
        ValueKind::Number => Ok(float(f64::try_from(value.clone())?)),
        kind => Err(wrong(format!("a value of type {kind} cannot be written as JSON"))),
    }
}

/// A float as Python's `repr` gives it: the shortest digits that read back as the same number, with an
/// exponent below 1e-4 and from 1e16 on.
fn float(x: f64) -> String {
    if x.is_nan() {
        return "NaN".to_owned();
    }
    if x.is_infinite() {
        return if x > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let scientific = format!("{x:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        // Rust's display never uses an exponent, but leaves the .0 away.
        return if x.fract() == 0.0 { format!("{x:.1}") } else { x.to_string() };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(expression: &str) -> String {
        let mut environment = minijinja::Environment::new();
        environment.add_filter("tojson", tojson);
        let template = format!("{{{{ {expression} }}}}");
        environment.render_str(&template, ()).unwrap_or_else(|error| format!("error: {error}"))
    }

    // Expected values are what Python 3.11 prints for json.dumps of the same value.
    #[test]
    fn layout_is_that_of_json_dumps() {
        let value = "{'b': [1, 2.0, {'c': []}], 'a': {}}";
        assert_eq!(json(&format!("{value} | tojson")), r#"{"b": [1, 2.0, {"c": []}], "a": {}}"#);
        assert_eq!(
            json(&format!("{value} | tojson(sort_keys=true)")),
            r#"{"a": {}, "b": [1, 2.0, {"c": []}]}"#
        );
        assert_eq!(json("[1, {'a': 2}] | tojson(indent=2)"), "[\n  1,\n  {\n    \"a\": 2\n  }\n]");
        assert_eq!(json("[1, [2]] | tojson(indent='\t')"), "[\n\t1,\n\t[\n\t\t2\n\t]\n]");
        assert_eq!(json("[1, 2] | tojson(indent=0)"), "[\n1,\n2\n]");
        assert_eq!(json("{'a': [1, 2]} | tojson(separators=(',', ':'))"), r#"{"a":[1,2]}"#);
        assert_eq!(json("{1: 2, none: true} | tojson"), r#"{"1": 2, "null": true}"#);
    }

    #[test]
    fn strings_are_escaped_as_little_as_python_does() {
        assert_eq!(
            json(r#""<&'> é \n \" \u0001 \x7f 😀" | tojson"#),
            "\"<&'> é \\n \\\" \\u0001 \u{7f} 😀\""
        );
        assert_eq!(json("'é😀' | tojson(ensure_ascii=true)"), r#""\u00e9\ud83d\ude00""#);
    }

    #[test]
    fn floats_are_those_of_repr() {
        for (x, text) in [
            (0.1, "0.1"),
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e22, "1.5e+22"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.25e-7, "1.25e-07"),
            (5e-324, "5e-324"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(float(x), text);
        }
    }

    #[test]
    fn what_python_refuses_is_refused() {
        assert!(json("nothing | tojson").starts_with("error"));
        assert!(json("[nothing] | tojson").starts_with("error"));
        assert!(json("{(1, 2): 3} | tojson").starts_with("error"));
        assert!(json("1 | tojson(indent=1000000000)").starts_with("error"));
        assert!(json("1 | tojson(colour=1)").starts_with("error"));
    }
}
