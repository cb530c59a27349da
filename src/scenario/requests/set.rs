//! A request set: requests with unique ids, checked as a whole. Knows nothing about file formats.

use std::collections::HashMap;

use super::super::source::{Shelf, Source, list};
use super::super::{Request, Scenario};
use super::columns::RequestColumns;
use super::entry::{Complaint, Entry, digest_id};
use super::format;
use crate::error::{Error, Result};

/// Requests in the order of their file, with unique ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestSet {
    /// The bundled name, or the file's name without folder and extension.
    pub name: String,
    /// At least one, in file order.
    pub requests: Vec<Request>,
    digest: String,
}

impl RequestSet {
    /// Loads the file at this path if there is one, else the bundled set of this name.
    ///
    /// What the file holds is told by its head: JSON Lines with one [`Request`] a line; the tables of
    /// AdvBench, HarmBench, JailbreakBench, StrongREJECT and XSTest; a JSON list of objects with `instruction`
    /// and `category`; else plain text with one request a line, each taken for harmful. A request without an id
    /// of its own gets one from the digest of its text.
    ///
    /// # Errors
    /// A set that does not exist or cannot be read, a line or row that is no request, a duplicate id, an empty
    /// text, a twin that is not there: named by file and line.
    pub fn load(name_or_path: &str) -> Result<Self> {
        Self::load_columns(name_or_path, None)
    }

    /// The same from a table of any form, of which the columns are named.
    ///
    /// # Errors
    /// Those of [`Self::load`], and a column that the table lacks.
    pub fn load_columns(name_or_path: &str, columns: Option<&RequestColumns>) -> Result<Self> {
        Self::read(&Source::load(Shelf::REQUESTS, name_or_path)?, columns)
    }

    /// A set as a manifest keeps it: requests that were checked when the run began.
    pub fn recorded(name: &str, digest: &str, requests: &[Request]) -> Self {
        Self { name: name.to_owned(), requests: requests.to_vec(), digest: digest.to_owned() }
    }

    /// Names of the sets compiled in, sorted.
    pub fn bundled() -> Vec<String> {
        Shelf::REQUESTS.names()
    }

    /// BLAKE3 of the file's bytes, in hexadecimal; that of the whole file also after [`Self::limit`].
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The `count` requests that represent the set best, in file order: harmful ones first, and among
    /// those (then among the benign) one of each category in turn, categories in file order. A smaller
    /// limit selects a subset of what a larger one selects.
    ///
    /// # Errors
    /// A count of 0.
    pub fn limit(&self, count: usize) -> Result<Self> {
        if count == 0 {
            return Err(Error::input("`--limit 0` leaves no requests")
                .hint("leave `--limit` out to use the whole set"));
        }
        // By (benign, category): its place among the categories of that kind, and its requests so far.
        let mut groups: HashMap<(bool, &str), (usize, usize)> = HashMap::new();
        let mut ranked = Vec::with_capacity(self.requests.len());
        for (index, request) in self.requests.iter().enumerate() {
            let next_place = groups.len();
            let group = (!request.harmful, request.category.as_str());
            let (place, round) = groups.entry(group).or_insert((next_place, 0));
            ranked.push((group.0, *round, *place, index));
            *round += 1;
        }
        ranked.sort_unstable();
        let mut chosen: Vec<usize> = ranked.into_iter().map(|rank| rank.3).take(count).collect();
        chosen.sort_unstable();
        let requests = chosen.into_iter().map(|index| self.requests[index].clone()).collect();
        Ok(Self { name: self.name.clone(), requests, digest: self.digest.clone() })
    }

    /// The same requests in an order drawn from `seed`: every beginning of it is a random sample of the whole,
    /// whatever order the file has.
    pub fn shuffled(&self, seed: u64) -> Self {
        let place = |request: &Request| {
            let mut hasher = blake3::Hasher::new_derive_key("candor 2026 order of requests");
            hasher.update(&seed.to_le_bytes()).update(request.id.as_bytes());
            *hasher.finalize().as_bytes()
        };
        let mut requests = self.requests.clone();
        requests.sort_by_cached_key(place);
        Self { name: self.name.clone(), requests, digest: self.digest.clone() }
    }

    /// The same requests as this scenario puts them: with the options that it declares, in the order that it says,
    /// for which `seed` is drawn from.
    ///
    /// # Errors
    /// A request that lacks an option's text, or a field that a user message shows.
    pub fn put_by(&self, scenario: &Scenario, seed: u64) -> Result<Self> {
        let mut requests = self.requests.clone();
        for request in &mut requests {
            for variant in &scenario.variants {
                if let Some(name) =
                    variant.fields().find(|name| !request.fields.contains_key(*name))
                {
                    return Err(Error::input(format!(
                        "undefined placeholder `{{{name}}}` in the user message of variant `{}`: request `{}` has no \
                         such field",
                        variant.name, request.id
                    ))
                    .hint(match request.fields.is_empty() {
                        true => format!("the requests of `{}` have no fields of their own", self.name),
                        false => format!("its fields are {}", list(request.fields.keys())),
                    }));
                }
            }
            if let Some(options) = &scenario.options {
                request.options = options.of(request, seed)?;
            }
        }
        Ok(Self { name: self.name.clone(), requests, digest: self.digest.clone() })
    }

    #[cfg(test)]
    pub(super) fn parse(source: &Source) -> Result<Self> {
        Self::read(source, None)
    }

    pub(super) fn read(source: &Source, columns: Option<&RequestColumns>) -> Result<Self> {
        let entries = format::read(source, columns)?;
        let mut requests: Vec<Request> = Vec::new();
        let mut line_of_id: HashMap<String, usize> = HashMap::new();
        let lines: Vec<usize> = entries.iter().map(|entry| entry.line).collect();
        for entry in entries {
            let line = entry.line;
            let request = with_id(entry, &line_of_id);
            check(&request).map_err(|complaint| complaint.at(source, line))?;
            if let Some(first) = line_of_id.insert(request.id.clone(), line) {
                let message = format!("duplicate id `{}`: line {first} has it too", request.id);
                return Err(source.error(line, message).hint("give each request an id of its own"));
            }
            requests.push(request);
        }
        let harmful: HashMap<&str, bool> =
            requests.iter().map(|request| (request.id.as_str(), request.harmful)).collect();
        for (request, line) in requests.iter().zip(&lines) {
            let Some(twin) = &request.twin_of else { continue };
            if request.harmful || harmful.get(twin.as_str()) != Some(&true) {
                let message = format!("`twin_of`: `{}` is no twin of `{twin}`", request.id);
                return Err(source
                    .error(*line, message)
                    .hint("a benign request names the id of a harmful one of the same set"));
            }
        }
        Ok(Self { name: source.stem(), requests, digest: source.digest() })
    }
}

/// Gives an entry its own id, or one from the digest of its text; a text that comes again is numbered, since
/// published files without ids repeat some.
fn with_id(entry: Entry, taken: &HashMap<String, usize>) -> Request {
    let Entry { id, category, harmful, text, turns, twin_of, fields, .. } = entry;
    let id = id.unwrap_or_else(|| {
        let first = digest_id(&text);
        let numbered = (2..).map(|number: usize| format!("{first}-{number}"));
        std::iter::once(first.clone())
            .chain(numbered)
            .find(|id| !taken.contains_key(id))
            .unwrap_or(first)
    });
    Request { id, category, harmful, text, turns, twin_of, fields, options: Vec::new() }
}

fn check(request: &Request) -> Result<(), Complaint> {
    for (key, value) in
        [("id", &request.id), ("category", &request.category), ("text", &request.text)]
    {
        if value.trim().is_empty() {
            return Err(Complaint::new(
                format!("key `{key}` is empty"),
                "remove the line, or fill the value in",
            ));
        }
    }
    if request.id.chars().any(char::is_control) || request.id.trim() != request.id {
        return Err(Complaint::new(
            format!("key `id`: {:?} has control characters, or blanks at its ends", request.id),
            "use an id that can be typed, such as `theft-01`",
        ));
    }
    Ok(())
}
