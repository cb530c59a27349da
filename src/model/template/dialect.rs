//! What chat templates say that Jinja understands and the template engine does not, said in its words: the
//! `{% generation %}` tag, which marks the assistant's words for training and prints nothing, and the `%`
//! operator behind a string. Knows nothing about what templates print.

/// The template with `generation` blocks turned into `with` blocks, which have their own scope as well, and
/// `'...' % x` into `'...'|format(x)`. Whitespace control, comments, raw blocks and strings stay as they are.
///
/// # Errors
/// An expression or a tag is longer than [`CODE_BYTES_MAX`]: its length.
pub(super) fn translate(source: &str) -> Result<String, usize> {
    // Jinja reads every kind of line end as one line feed, in strings as well.
    let source = source.replace("\r\n", "\n").replace('\r', "\n");
    let mut out = String::with_capacity(source.len());
    let mut rest = source.as_str();
    while let Some(start) = next_code(rest) {
        let (text, code) = rest.split_at(start);
        out.push_str(text);
        let length = match &code[..2] {
            "{#" => code.find("#}").map(|end| end + 2),
            "{{" => code_length(code, "}}"),
            _ => code_length(code, "%}"),
        };
        // What never ends is refused by the engine.
        let Some(length) = length else { return Ok(out + code) };
        let (code, after) = code.split_at(length);
        rest = after;
        if length > CODE_BYTES_MAX && !code.starts_with("{#") {
            let length = length_without_strings(code);
            if length > CODE_BYTES_MAX {
                return Err(length);
            }
        }
        match tag_name(code) {
            Some((before, "generation", after)) => out.extend([before, "with", after]),
            Some((before, "endgeneration", after)) => out.extend([before, "endwith", after]),
            Some((_, "raw", _)) => {
                out.push_str(code);
                let (raw, after) = rest.split_at(raw_length(rest));
                out.push_str(raw);
                rest = after;
            }
            _ if code.starts_with("{#") => out.push_str(code),
            _ => percent_to_format(code, &mut out, 0),
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// Most bytes of one expression or tag, strings not counted: the engine takes time by the square of it.
pub(super) const CODE_BYTES_MAX: usize = 4096;

fn length_without_strings(code: &str) -> usize {
    let (mut at, mut length) = (0, 0);
    while at < code.len() {
        let unit = unit_length(&code[at..]);
        if !code[at..].starts_with(['\'', '"']) {
            length += unit;
        }
        at += unit;
    }
    length
}

fn next_code(text: &str) -> Option<usize> {
    text.match_indices('{')
        .map(|(at, _)| at)
        .find(|&at| text[at + 1..].starts_with(['{', '%', '#']))
}

/// Splits a tag around its name.
fn tag_name(code: &str) -> Option<(&str, &str, &str)> {
    let inner = code.strip_prefix("{%")?.trim_start_matches(['-', '+']).trim_start();
    let start = code.len() - inner.len();
    let end = start + name_length(inner);
    Some((&code[..start], &code[start..end], &code[end..]))
}

/// Length of what a raw block holds.
fn raw_length(rest: &str) -> usize {
    let is_end = |at: &usize| tag_name(&rest[*at..]).is_some_and(|(_, name, _)| name == "endraw");
    rest.match_indices("{%").map(|(at, _)| at).find(is_end).unwrap_or(rest.len())
}

/// Length of an expression or a tag with its delimiters; an end inside strings or brackets does not count.
fn code_length(code: &str, end: &str) -> Option<usize> {
    let mut at = 2;
    let mut depth = 0usize;
    while at < code.len() {
        let rest = &code[at..];
        if depth == 0 && rest.starts_with(end) {
            return Some(at + end.len());
        }
        match rest.as_bytes()[0] {
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += unit_length(rest);
    }
    None
}

/// Length of a string if one starts here, else of one character.
fn unit_length(rest: &str) -> usize {
    let Some(quote) = rest.chars().next() else { return 0 };
    if !matches!(quote, '\'' | '"') {
        return quote.len_utf8();
    }
    let mut escaped = false;
    let end = rest[1..].find(|c| {
        let ends = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    end.map_or(rest.len(), |end| end + 2)
}

fn name_length(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len())
}

/// Length of a bracketed group that starts here.
fn group_length(text: &str) -> Option<usize> {
    let mut at = 0;
    let mut depth = 0usize;
    while at < text.len() {
        match text.as_bytes()[at] {
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' if depth == 1 => return Some(at + 1),
            b'}' | b']' | b')' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        at += unit_length(&text[at..]);
    }
    None
}

/// Operators within operands are translated down to this depth; the engine reads no deeper code.
const DEPTH_MAX: usize = 150;

fn percent_to_format(code: &str, out: &mut String, depth: usize) {
    let mut at = 0;
    while at < code.len() {
        let length = unit_length(&code[at..]);
        out.push_str(&code[at..at + length]);
        let is_string = code[at..].starts_with(['\'', '"']);
        at += length;
        if !is_string || depth == DEPTH_MAX {
            continue;
        }
        if let Some((skipped, operand)) = percent_operand(&code[at..]) {
            out.push_str("|format(");
            percent_to_format(operand, out, depth + 1);
            out.push(')');
            at += skipped;
        }
    }
}

/// If ` % operand` follows: its length, and the operand without the parentheses of a tuple. Forms other than
/// a tuple, a string, or a name with what hangs on it are left to the engine, which refuses them.
fn percent_operand(text: &str) -> Option<(usize, &str)> {
    let operand =
        text.trim_start().strip_prefix('%').filter(|rest| !rest.starts_with('}'))?.trim_start();
    let before = text.len() - operand.len();
    if operand.starts_with('(') {
        let length = group_length(operand)?;
        let hangs_on = operand[length..].trim_start().starts_with(['.', '[', '(', '|']);
        return (!hangs_on).then(|| (before + length, &operand[1..length - 1]));
    }
    let mut length =
        if operand.starts_with(['\'', '"']) { unit_length(operand) } else { name_length(operand) };
    if length == 0 {
        return None;
    }
    loop {
        let rest = &operand[length..];
        length += match rest.chars().next() {
            Some('[' | '(') => group_length(rest)?,
            Some('.') => 1 + name_length(&rest[1..]),
            Some('|') => {
                rest.len() - rest[1..].trim_start().len() + name_length(rest[1..].trim_start())
            }
            Some(' ') if rest.trim_start().starts_with('|') => rest.len() - rest.trim_start().len(),
            _ => return Some((before + length, &operand[..length])),
        };
    }
}

#[cfg(test)]
mod tests {
    fn translate(source: &str) -> String {
        super::translate(source).unwrap()
    }

    #[test]
    fn code_may_hold_long_strings_and_is_not_long_itself() {
        let string = format!("{{{{ '{}' }}}}{{# {} #}}", "a".repeat(9999), "1+".repeat(9999));
        assert_eq!(translate(&string), string);
        assert_eq!(super::translate(&format!("{{{{{}}}}}", "1+".repeat(2100))), Err(4204));
    }

    #[test]
    fn generation_tags_keep_their_whitespace_control() {
        assert_eq!(
            translate("a{%- generation -%}b{%endgeneration+%}c"),
            "a{%- with -%}b{%endwith+%}c"
        );
        assert_eq!(
            translate("{% raw %}{% endraw %}{% generation %}"),
            "{% raw %}{% endraw %}{% with %}"
        );
    }

    #[test]
    fn the_percent_operator_behind_a_string_becomes_a_filter() {
        for (jinja, translated) in [
            ("{{ '%s %d' % (a, b) }}", "{{ '%s %d'|format(a, b) }}"),
            ("{{ \"%s\"%x.y[0](1)|upper ~ z }}", "{{ \"%s\"|format(x.y[0](1)|upper) ~ z }}"),
            ("{% set x = '%s' % 'a' %}", "{% set x = '%s'|format('a') %}"),
            ("{{ '%s' % ('%d' % n) }}", "{{ '%s'|format('%d'|format(n)) }}"),
            ("{{ '%s' % x | trim }}", "{{ '%s'|format(x | trim) }}"),
            ("{{ '%s' % (a, ')') }}", "{{ '%s'|format(a, ')') }}"),
        ] {
            assert_eq!(translate(jinja), translated);
        }
    }

    #[test]
    fn all_else_stays_as_it_is() {
        for same in [
            "{% if add_generation_prompt %}x{% endif %}",
            "{# {% generation %} '%s' % x #}",
            "{{ '{% generation %}' }}",
            "{{ {'a': {}} ~ \"\\\"{% generation %}\" }}",
            "{% raw %}{% generation %}{{ '%s' % x }}{% endraw %}",
            "{% set x = '%}' %}",
            "{% if x == 'a'%}100 %{% endif %}",
            "{{ 'a' if n % 2 == 0 }}",
            "{{ '%s' % (a, b).c }}",
            "{{ '%s' % -1 }}",
            "{% generation_x %}",
            "{{ unclosed '",
            "{{ '%s' % (",
            "{%",
            "{",
            "é{{",
            "{{ '%s' % ('%s' % (x",
        ] {
            assert_eq!(translate(same), same);
        }
    }
}
