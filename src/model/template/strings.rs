//! Python's string methods, as far as the template engine's own Python compatibility lacks them or differs.
//! Knows nothing about templates.

use minijinja::value::from_args;
use minijinja::{Error, ErrorKind, State, Value};

/// An end of a text, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
    Both,
}

/// Calls a method; `None` if it is none of these.
pub(super) fn call(
    state: &State,
    text: &str,
    method: &str,
    args: &[Value],
) -> Option<Result<Value, Error>> {
    Some(match method {
        "strip" => stripped(text, args, Side::Both),
        "lstrip" => stripped(text, args, Side::Left),
        "rstrip" => stripped(text, args, Side::Right),
        "isspace" => Ok(Value::from(!text.is_empty() && text.chars().all(is_space))),
        "split" if args.is_empty() || args[0].is_none() => split_at_space(text, args),
        "rsplit" => split_from_right(text, args),
        "removeprefix" => cut(args, |prefix| text.strip_prefix(prefix), text),
        "removesuffix" => cut(args, |suffix| text.strip_suffix(suffix), text),
        "partition" => partition(args, |at| text.split_once(at), [text, "", ""]),
        "rpartition" => partition(args, |at| text.rsplit_once(at), ["", "", text]),
        "center" => padded(state, text, args, Side::Both),
        "ljust" => padded(state, text, args, Side::Right),
        "rjust" => padded(state, text, args, Side::Left),
        "zfill" => zero_filled(state, text, args),
        "swapcase" => Ok(Value::from(text.chars().map(swapped).collect::<String>())),
        // Full case folding differs from lower case in few letters, of which this is the common one.
        "casefold" => Ok(Value::from(text.to_lowercase().replace('ß', "ss"))),
        "index" => index(args, |part| text.find(part), text),
        "rindex" => index(args, |part| text.rfind(part), text),
        // Widths are written in the text itself, and nothing else bounds them.
        "format" => return widths(state, text).err().map(Err),
        _ => return None,
    })
}

/// What Python's `str.isspace` says: Unicode's white space and four separators among the control characters.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// The text without white space, or without any of `chars`, at its ends.
pub(super) fn strip<'a>(text: &'a str, chars: Option<&str>, side: Side) -> &'a str {
    let unwanted = |c: char| chars.map_or_else(|| is_space(c), |chars| chars.contains(c));
    let text = if side == Side::Right { text } else { text.trim_start_matches(unwanted) };
    if side == Side::Left { text } else { text.trim_end_matches(unwanted) }
}

fn stripped(text: &str, args: &[Value], side: Side) -> Result<Value, Error> {
    let (chars,): (Option<&str>,) = from_args(args)?;
    Ok(Value::from(strip(text, chars, side)))
}

/// The words of a text; of more than `limit` + 1 the last one holds the rest.
pub(super) fn words(text: &str, limit: Option<usize>) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = strip(text, None, Side::Left);
    while !rest.is_empty() {
        let end = rest.find(is_space).filter(|_| limit.is_none_or(|limit| words.len() < limit));
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        words.push(word);
        rest = strip(after, None, Side::Left);
    }
    words
}

fn split_at_space(text: &str, args: &[Value]) -> Result<Value, Error> {
    let (_, limit): (Option<Value>, Option<i64>) = from_args(args)?;
    // A negative limit means none; with a limit, white space after the last word stays.
    Ok(list(words(text, limit.and_then(|limit| usize::try_from(limit).ok()))))
}

fn split_from_right(text: &str, args: &[Value]) -> Result<Value, Error> {
    let (separator, limit): (Option<&str>, Option<i64>) = from_args(args)?;
    let limit = limit.and_then(|limit| usize::try_from(limit).ok());
    let Some(separator) = separator else {
        let mut parts = Vec::new();
        let mut rest = strip(text, None, Side::Right);
        while !rest.is_empty() {
            let last = rest.char_indices().rev().find(|(_, c)| is_space(*c));
            let start = last
                .filter(|_| limit.is_none_or(|limit| parts.len() < limit))
                .map_or(0, |(at, c)| at + c.len_utf8());
            parts.push(&rest[start..]);
            rest = strip(&rest[..start], None, Side::Right);
        }
        parts.reverse();
        return Ok(list(parts));
    };
    if separator.is_empty() {
        return Err(empty_separator());
    }
    let limit = limit.map_or(usize::MAX, |limit| limit.saturating_add(1));
    let mut parts: Vec<&str> = text.rsplitn(limit, separator).collect();
    parts.reverse();
    Ok(list(parts))
}

fn cut<'a>(
    args: &[Value],
    rest: impl Fn(&str) -> Option<&'a str>,
    text: &'a str,
) -> Result<Value, Error> {
    let (part,): (&str,) = from_args(args)?;
    Ok(Value::from(rest(part).unwrap_or(text)))
}

fn partition<'a>(
    args: &[Value],
    halves: impl Fn(&str) -> Option<(&'a str, &'a str)>,
    whole: [&str; 3],
) -> Result<Value, Error> {
    let (separator,): (&str,) = from_args(args)?;
    if separator.is_empty() {
        return Err(empty_separator());
    }
    Ok(match halves(separator) {
        Some((before, after)) => list([before, separator, after]),
        None => list(whole),
    })
}

fn padded(state: &State, text: &str, args: &[Value], side: Side) -> Result<Value, Error> {
    let (width, fill): (i64, Option<char>) = from_args(args)?;
    let width = usize::try_from(width).unwrap_or(0);
    pad(state, text, width, fill.unwrap_or(' '), side).map(Value::from)
}

/// The text with `fill` on one side or both, so that it has `width` characters.
pub(super) fn pad(
    state: &State,
    text: &str,
    width: usize,
    fill: char,
    side: Side,
) -> Result<String, Error> {
    let missing = width.saturating_sub(text.chars().count());
    state.consume_fuel(missing as u64 / 16)?;
    let left = match side {
        Side::Left => missing,
        Side::Right => 0,
        // As CPython rounds: an odd space goes to the left only where the width is odd.
        Side::Both => missing / 2 + (missing & width & 1),
    };
    let fill = |count: usize| std::iter::repeat_n(fill, count);
    Ok(fill(left).chain(text.chars()).chain(fill(missing - left)).collect())
}

fn zero_filled(state: &State, text: &str, args: &[Value]) -> Result<Value, Error> {
    let (width,): (i64,) = from_args(args)?;
    let (sign, digits) = text.split_at(usize::from(text.starts_with(['+', '-'])));
    let width = usize::try_from(width).unwrap_or(0).saturating_sub(sign.len());
    Ok(Value::from(format!("{sign}{}", pad(state, digits, width, '0', Side::Left)?)))
}

fn swapped(c: char) -> String {
    if c.is_lowercase() { c.to_uppercase().collect() } else { c.to_lowercase().collect() }
}

/// Positions count characters, as in Python.
fn index(args: &[Value], find: impl Fn(&str) -> Option<usize>, text: &str) -> Result<Value, Error> {
    let (part,): (&str,) = from_args(args)?;
    match find(part) {
        Some(at) => Ok(Value::from(text[..at].chars().count())),
        None => Err(Error::new(ErrorKind::InvalidOperation, "substring not found")),
    }
}

/// Pays for every number in a format, whatever it stands for: it may be a width.
fn widths(state: &State, format: &str) -> Result<(), Error> {
    let numbers = format.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
    let total =
        numbers.fold(0u64, |sum, digits| sum.saturating_add(digits.parse().unwrap_or(u64::MAX)));
    state.consume_fuel(total / 16)
}

fn list<'a>(parts: impl IntoIterator<Item = &'a str>) -> Value {
    parts.into_iter().map(Value::from).collect()
}

fn empty_separator() -> Error {
    Error::new(ErrorKind::InvalidOperation, "the separator must not be empty")
}

#[cfg(test)]
mod tests {
    fn value(expression: &str) -> String {
        let mut environment = minijinja::Environment::new();
        super::super::python::install(&mut environment);
        let template = format!("{{{{ {expression} }}}}");
        environment.render_str(&template, ()).unwrap_or_else(|error| format!("error: {error}"))
    }

    // Expected values are what Python 3.11 prints.
    #[test]
    fn padding_is_that_of_python() {
        for (expression, expected) in [
            ("'mid'.center(7)", "  mid  "),
            ("'mid'.center(6)", " mid  "),
            ("'midd'.center(7)", "  midd "),
            ("'mid'.center(2)", "mid"),
            ("'l'.ljust(3) ~ 'r'.rjust(3, '.')", "l  ..r"),
            ("'7'.zfill(3) ~ '-7'.zfill(4) ~ '+'.zfill(0)", "007-007+"),
            ("'aB'.swapcase() ~ 'Straße'.casefold()", "Abstrasse"),
            ("'äbc'.index('c') ~ 'abcb'.rindex('b')", "23"),
        ] {
            assert_eq!(value(expression), expected, "{expression}");
        }
        assert!(value("'a'.index('b')").starts_with("error"));
    }

    #[test]
    fn space_is_what_python_takes_for_it() {
        assert_eq!(value(r"'\x1c\u00a0 a \u2003\x1f'.strip()"), "a");
        assert_eq!(value(r"'a\x1db  c '.split() | join('|')"), "a|b|c");
        assert_eq!(value("' a  b  c '.split(none, 1) | join('|')"), "a|b  c ");
        assert_eq!(value("' a  b  c '.rsplit(none, 1) | join('|')"), " a  b|c");
        assert_eq!(value("' a b '.rsplit() | join('|')"), "a|b");
        assert_eq!(value("'xyabcyx'.strip('xy') ~ 'xa'.lstrip('x') ~ 'ax'.rstrip('x')"), "abcaa");
        assert_eq!(value(r"'\x1c\u3000'.isspace()"), "True");
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
