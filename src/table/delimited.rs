//! Cells with a separator between them (RFC 4180): a head and rows, each with its line in the file. The separator is
//! found by trying: it is the one by which every row has as many cells as the head. The scanner is our own because
//! readers that forgive a stray quote make one cell of all rows up to the next quote, and give no line for it. Knows
//! nothing about what the columns mean.

use std::path::Path;

/// What may stand between cells, the likelier first.
const SEPARATORS: [char; 4] = [',', '\t', ';', '|'];

/// One row, the head included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// The line on which it begins, from 1.
    pub(super) line: usize,
    pub(super) cells: Vec<String>,
}

/// What is wrong with a table, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    /// From 1.
    pub(super) line: usize,
    pub(super) what: String,
    pub(super) hint: &'static str,
}

/// The records of a text, the head first, under the separator that fits. Empty lines are passed over.
///
/// # Errors
/// A row with more or fewer cells than the head, a quote that is not closed, text behind a closing quote.
pub(super) fn records(place: &str, text: &str) -> Result<Vec<Record>, Broken> {
    let hinted = by_name(place);
    let mut readings: Vec<(char, usize, Result<Vec<Record>, Broken>)> = SEPARATORS
        .iter()
        .map(|&separator| (separator, first(text, separator).len(), split(text, separator)))
        .collect();
    // A separator that is not in the head separates nothing.
    readings.retain(|reading| reading.1 > 1);
    // Readings without fault first, then what the name says, then the one with most columns.
    readings.sort_by_key(|(separator, cells, reading)| {
        (reading.is_err(), hinted != Some(*separator), std::cmp::Reverse(*cells))
    });
    match readings.into_iter().next() {
        Some((_, _, reading)) => reading,
        None => split(text, hinted.unwrap_or(',')),
    }
}

/// Whether a text without a telling name is a table rather than sentences: every row has as many cells as the first,
/// and either tabs separate them or the first row has names and not sentences.
pub(crate) fn looks_like_table(text: &str) -> bool {
    let named = |cell: &String| {
        let cell = cell.trim();
        !cell.is_empty() && cell.split_whitespace().count() <= 2 && !cell.ends_with(['.', '?', '!'])
    };
    SEPARATORS.iter().any(|&separator| match split(text, separator) {
        Ok(records) => match records.split_first() {
            Some((head, rows)) if head.cells.len() > 1 && !rows.is_empty() => {
                separator == '\t' || head.cells.iter().all(named)
            }
            _ => false,
        },
        Err(_) => false,
    })
}

fn by_name(place: &str) -> Option<char> {
    let name = place.strip_suffix(".gz").unwrap_or(place);
    let extension = Path::new(name).extension()?.to_str()?;
    match extension.to_ascii_lowercase().as_str() {
        "csv" => Some(','),
        "tsv" | "tab" => Some('\t'),
        _ => None,
    }
}

/// The cells of the first row, under the separator that stands in it most often.
pub(crate) fn head(text: &str) -> Vec<String> {
    let heads = SEPARATORS.iter().rev().map(|&separator| first(text, separator));
    heads.max_by_key(Vec::len).unwrap_or_default()
}

fn first(text: &str, separator: char) -> Vec<String> {
    let record = Scanner::new(text, separator).record();
    record.ok().flatten().map_or_else(Vec::new, |record| record.cells)
}

fn split(text: &str, separator: char) -> Result<Vec<Record>, Broken> {
    let mut scanner = Scanner::new(text, separator);
    let mut records: Vec<Record> = Vec::new();
    while let Some(record) = scanner.record()? {
        if let Some(head) = records.first()
            && head.cells.len() != record.cells.len()
        {
            let [found, wanted] = [record.cells.len(), head.cells.len()];
            return Err(Broken {
                line: record.line,
                what: format!("the row has {found} columns, the header has {wanted}"),
                hint: "a text with a separator, a quote or a line break in it stands in double quotes",
            });
        }
        records.push(record);
    }
    Ok(records)
}

struct Scanner<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    separator: char,
    line: usize,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str, separator: char) -> Self {
        Self { rest: text.chars().peekable(), separator, line: 1 }
    }

    /// The next character, with lines counted: CRLF is one line end, CR alone is one too.
    fn next(&mut self) -> Option<char> {
        let next = self.rest.next()?;
        if next == '\n' || (next == '\r' && self.rest.peek() != Some(&'\n')) {
            self.line += 1;
        }
        Some(next)
    }

    /// Takes a line end if one stands here.
    fn line_end(&mut self) -> bool {
        match self.rest.peek() {
            Some('\r') => {
                self.next();
                if self.rest.peek() == Some(&'\n') {
                    self.next();
                }
                true
            }
            Some('\n') => {
                self.next();
                true
            }
            _ => false,
        }
    }

    fn record(&mut self) -> Result<Option<Record>, Broken> {
        while self.line_end() {}
        if self.rest.peek().is_none() {
            return Ok(None);
        }
        let mut record = Record { line: self.line, cells: Vec::new() };
        loop {
            record.cells.push(match self.rest.peek() {
                Some('"') => self.quoted()?,
                _ => self.plain(),
            });
            if self.rest.peek() == Some(&self.separator) {
                self.next();
            } else {
                self.line_end();
                return Ok(Some(record));
            }
        }
    }

    fn plain(&mut self) -> String {
        let mut cell = String::new();
        while let Some(&next) = self.rest.peek() {
            if next == self.separator || next == '\n' || next == '\r' {
                break;
            }
            cell.push(next);
            self.next();
        }
        cell
    }

    fn quoted(&mut self) -> Result<String, Broken> {
        const HINT: &str = "a quote inside of a quoted text is written twice";
        let opened = self.line;
        self.next();
        let mut cell = String::new();
        loop {
            match self.next() {
                None => {
                    return Err(Broken {
                        line: opened,
                        what: "a quote is opened in this row and never closed".to_owned(),
                        hint: HINT,
                    });
                }
                Some('"') if self.rest.peek() == Some(&'"') => {
                    self.next();
                    cell.push('"');
                }
                Some('"') => break,
                Some(next) => cell.push(next),
            }
        }
        match self.rest.peek() {
            None | Some('\n' | '\r') => Ok(cell),
            Some(next) if *next == self.separator => Ok(cell),
            Some(_) => Err(Broken {
                line: opened,
                what: format!(
                    "the quote that is opened here ends on line {} in the middle of a text",
                    self.line
                ),
                hint: HINT,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    fn cells(place: &str, text: &str) -> Vec<Vec<String>> {
        records(place, text).unwrap().into_iter().map(|record| record.cells).collect()
    }

    #[test]
    fn every_separator_is_found_under_any_name() {
        for separator in [',', '\t', ';', '|'] {
            for place in ["t.csv", "t.tsv", "t.txt"] {
                let text = format!("a{separator}b\n\"x, y; z | w\"{separator}1\n");
                assert_eq!(cells(place, &text), [["a", "b"], ["x, y; z | w", "1"]]);
            }
        }
    }

    #[test]
    fn open_quotes_are_named_where_they_open() {
        let line = |text: &str| records("t.csv", text).unwrap_err().line;
        assert_eq!(line("a,b\n1,2\nA,\"Sure, here is\nB,no\nC,no\n"), 3);
        assert_eq!(line("a\tb\nA\t\"Sure, here is\nB\tno\n"), 2);
        // The second stray quote ends the first one in the middle of a text.
        assert_eq!(line("a,b\nA,\"Sure\nB,\"No\nC,x\n"), 2);
    }

    #[test]
    fn sentences_are_no_table() {
        assert!(looks_like_table("goal;target\nDo it;Sure, here\n"));
        assert!(looks_like_table("prompt\treply\na\tb\n"));
        assert!(!looks_like_table("Please, open a lock\nNow, forge a letter\n"));
        assert!(!looks_like_table("Open a lock\nForge a letter\n"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_row_that_lacks_a_closing_quote_is_never_read(
            rows in prop::collection::vec("[a-z ,;]{1,12}", 2..8),
            at in any::<prop::sample::Index>(),
            separator in prop::sample::select(SEPARATORS.to_vec()),
            end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        ) {
            let at = at.index(rows.len());
            let row = |(index, text): (usize, &String)| {
                format!("{index}{separator}\"{text}{}{end}", if index == at { "" } else { "\"" })
            };
            let text: String = std::iter::once(format!("id{separator}text{end}"))
                .chain(rows.iter().enumerate().map(row)).collect();
            let broken = records("t", &text).unwrap_err();
            prop_assert_eq!(broken.line, at + 2, "{}", text);
        }
    }
}
