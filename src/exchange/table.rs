//! Replies in a table of any program: which column holds the reply, the request, the tier. A list of replies is a
//! trial for each entry. Knows nothing about how a table is written, and nothing about what labels say.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::import::{Log, LogSample};
use crate::error::{Error, Result};
use crate::judge::Told;
use crate::model::Message;
use crate::run::LogRecord;
use crate::table::{Row, Sheet, is_missing};
use crate::transcript::FinishReason;

/// Which columns of a table hold what. A column of nested JSON is a dotted path.
#[derive(Debug, Clone, Default)]
pub struct ReplyColumns {
    /// The reply, or a list of replies.
    pub reply: String,
    /// The tier; the key under which it is looked for.
    pub tier: String,
    /// The request's id; none where the number of the row is the id.
    pub request: Option<String>,
    /// The words of the request.
    pub text: Option<String>,
    /// The number of the sample; counted in the order of the rows without it.
    pub sample: Option<String>,
    /// What the model thought, kept apart from the reply.
    pub reasoning: Option<String>,
    /// What somebody said of the reply's compliance.
    pub label: Option<String>,
    /// What somebody said of the reasoning.
    pub reasoning_label: Option<String>,
    /// Which option somebody read in the reply.
    pub option_label: Option<String>,
}

/// What a table says nothing of.
#[derive(Debug, Clone, Copy)]
pub struct TableOf<'a> {
    /// What messages call the file.
    pub place: &'a str,
    /// The model that replied.
    pub model: &'a str,
    /// What the run's scenario is called.
    pub task: &'a str,
    /// The tier of the whole file; none where a column has it.
    pub tier: Option<&'a str>,
}

/// Reads a table of replies.
///
/// # Errors
/// No table; a column that is not there (those that are there are listed); a reply that is no text, or a list beside
/// the replies that is not as long as theirs: each with its line.
pub fn read_table(bytes: Vec<u8>, of: TableOf<'_>, columns: &ReplyColumns) -> Result<Log> {
    let digest = blake3::hash(&bytes).to_hex().to_string();
    let sheet = Sheet::read(of.place, bytes)?;
    columns.check(&sheet, of)?;
    let mut samples = Vec::new();
    let (mut without_reply, mut all) = (0, 0);
    let mut counted: HashMap<(String, String), u32> = HashMap::new();
    for (number, row) in (1_u64..).zip(&sheet.rows) {
        let cells =
            Cells { place: of.place, line: row.line, values: values(of.place, &sheet, row)? };
        let (id, metadata) = cells.metadata(number, of, columns);
        let tier = metadata.get(&columns.tier).map(ToString::to_string).unwrap_or_default();
        let given = cells.given(columns.text.as_deref())?;
        let replies = cells.each(&columns.reply);
        let beside = |column: Option<&String>| cells.beside(column, replies.len(), columns);
        let thoughts = beside(columns.reasoning.as_ref())?;
        let labels = beside(columns.label.as_ref())?;
        let reasoning_labels = beside(columns.reasoning_label.as_ref())?;
        let option_labels = beside(columns.option_label.as_ref())?;
        let next = counted.entry((id.clone(), tier)).or_default();
        if let Some(column) = &columns.sample {
            *next = cells.number(column)?;
        }
        for (at, reply) in replies.into_iter().enumerate() {
            all += 1;
            *next = next.saturating_add(1);
            let reply = match reply {
                Value::Null => {
                    without_reply += 1;
                    continue;
                }
                Value::String(text) => text.clone(),
                _ => {
                    return Err(
                        cells.wrong(&columns.reply, "a reply is a text, or a list of texts")
                    );
                }
            };
            samples.push(LogSample {
                id: id.clone(),
                epoch: *next,
                given: given.clone(),
                metadata: metadata.clone(),
                native_reasoning: thoughts[at].clone().unwrap_or_default(),
                scratchpad: String::new(),
                answer: reply,
                raw: None,
                finish: FinishReason::Stop,
                told: Told {
                    compliance: labels[at].clone(),
                    reasoning: reasoning_labels[at].clone(),
                    option: option_labels[at].clone(),
                },
            });
        }
    }
    Ok(Log {
        record: LogRecord {
            format: "table".into(),
            digest,
            id: String::new(),
            created: String::new(),
            samples: all,
            without_reply,
        },
        model: of.model.to_owned(),
        task: of.task.to_owned(),
        metadata: Map::new(),
        own: false,
        samples,
    })
}

impl ReplyColumns {
    /// Every column that was named must be there.
    fn check(&self, sheet: &Sheet, of: TableOf<'_>) -> Result<()> {
        let named = [
            ("--reply-column", Some(&self.reply)),
            ("--tier-column", Some(&self.tier).filter(|_| of.tier.is_none())),
            ("--request-column", self.request.as_ref()),
            ("--text-column", self.text.as_ref()),
            ("--sample-column", self.sample.as_ref()),
            ("--reasoning-column", self.reasoning.as_ref()),
            ("--label-column", self.label.as_ref()),
            ("--reasoning-label-column", self.reasoning_label.as_ref()),
            ("--option-label-column", self.option_label.as_ref()),
        ];
        for (flag, name) in named.into_iter().filter_map(|(flag, name)| Some((flag, name?))) {
            let first = name.split('.').next().unwrap_or_default();
            let there = |known: &String| known.trim() == name || known.trim() == first;
            if !sheet.columns.iter().any(there) {
                let columns: Vec<String> =
                    sheet.columns.iter().map(|name| format!("`{}`", name.escape_debug())).collect();
                let what = match name.is_empty() {
                    true => format!("`{}`: which column holds the replies is not known", of.place),
                    false => format!("`{}` has no column `{name}`", of.place),
                };
                return Err(Error::input(what).hint(format!(
                    "`{flag}` names one of {}{}",
                    columns.join(", "),
                    match flag {
                        "--tier-column" => "; `--tier` gives the tier of a whole file",
                        _ => "",
                    }
                )));
            }
        }
        Ok(())
    }
}

/// A row by the names of its columns: of JSON as it is, else as texts, empty cells as null.
fn values(place: &str, sheet: &Sheet, row: &Row) -> Result<Map<String, Value>> {
    if let Some(object) = &row.object {
        return serde_json::from_str(object)
            .map_err(|error| Error::input(format!("`{place}:{}`: {error}", row.line)));
    }
    let cell = |cell: &String| match is_missing(cell) {
        true => Value::Null,
        false => Value::from(cell.as_str()),
    };
    let pairs = sheet.columns.iter().zip(&row.cells);
    Ok(pairs.map(|(name, text)| (name.trim().to_owned(), cell(text))).collect())
}

/// One row.
struct Cells<'a> {
    place: &'a str,
    line: usize,
    values: Map<String, Value>,
}

impl Cells<'_> {
    /// What stands under a column, or under a dotted path into it.
    fn get(&self, column: &str) -> &Value {
        if let Some(value) = self.values.get(column) {
            return value;
        }
        let mut path = column.split('.');
        let mut value = path.next().and_then(|first| self.values.get(first));
        for key in path {
            value = value.and_then(|value| match value {
                Value::Array(entries) => entries.get(key.parse::<usize>().ok()?),
                _ => value.get(key),
            });
        }
        value.unwrap_or(&Value::Null)
    }

    /// The entries of a list, or the one value.
    fn each(&self, column: &str) -> Vec<&Value> {
        match self.get(column) {
            Value::Array(entries) => entries.iter().collect(),
            one => vec![one],
        }
    }

    /// What stands beside each reply.
    fn beside(
        &self,
        column: Option<&String>,
        replies: usize,
        columns: &ReplyColumns,
    ) -> Result<Vec<Option<String>>> {
        let Some(column) = column else { return Ok(vec![None; replies]) };
        let entries = match self.get(column) {
            Value::Null => return Ok(vec![None; replies]),
            _ => self.each(column),
        };
        if entries.len() != replies {
            let what = format!(
                "{} entries, and `{}` has {replies}: they belong together one by one",
                entries.len(),
                columns.reply
            );
            return Err(self.wrong(column, &what));
        }
        let text = |value: &Value| match value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        Ok(entries.into_iter().map(text).collect())
    }

    /// The id of the request, and what is known of the sample besides: its tier, its request's words.
    fn metadata(
        &self,
        number: u64,
        of: TableOf<'_>,
        columns: &ReplyColumns,
    ) -> (String, Map<String, Value>) {
        let mut metadata: Map<String, Value> = Map::new();
        for key in ["category", "harmful"] {
            let value = match self.get(key) {
                Value::String(word) if word.eq_ignore_ascii_case("true") => Value::Bool(true),
                Value::String(word) if word.eq_ignore_ascii_case("false") => Value::Bool(false),
                other => other.clone(),
            };
            metadata.insert(key.to_owned(), value);
        }
        let tier = of.tier.map_or_else(|| self.get(&columns.tier).clone(), Value::from);
        metadata.insert(columns.tier.clone(), tier);
        let id = match columns.request.as_deref().map(|column| self.get(column)) {
            None | Some(Value::Null) => number.to_string(),
            Some(Value::String(id)) => id.trim().to_owned(),
            Some(other) => other.to_string(),
        };
        (id, metadata)
    }

    /// What the model was given: the words of the request, or messages with `role` and `content`.
    fn given(&self, column: Option<&str>) -> Result<Vec<Message>> {
        let Some(column) = column else { return Ok(Vec::new()) };
        let message = |role: &str, content: &str| Message {
            role: role.to_owned(),
            content: content.to_owned(),
        };
        let said = |value: &Value| {
            Some(message(value.get("role")?.as_str()?, value.get("content")?.as_str()?))
        };
        match self.get(column) {
            Value::Null => Some(Vec::new()),
            Value::String(text) => Some(vec![message("user", text)]),
            Value::Array(messages) => messages.iter().map(said).collect::<Option<_>>(),
            _ => None,
        }
        .ok_or_else(|| self.wrong(column, "a text, or a list of messages, was expected"))
    }

    fn number(&self, column: &str) -> Result<u32> {
        let number = match self.get(column) {
            Value::String(text) => text.trim().parse().ok(),
            other => other.as_u64().and_then(|number| u32::try_from(number).ok()),
        };
        number.ok_or_else(|| self.wrong(column, "the number of a sample was expected"))
    }

    fn wrong(&self, column: &str, what: &str) -> Error {
        Error::input(format!("`{}:{}`: column `{column}`: {what}", self.place, self.line))
            .hint("change the row, or name another column")
    }
}
