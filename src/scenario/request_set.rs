//! A request set: JSON Lines with all of a request's keys, or plain text with one request a line.
//! Knows nothing about scenarios or tiers.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use super::Request;
use super::source::{Shelf, Source};
use crate::error::{Error, Result};

/// Category of the requests of a plain-text file.
const UNLABELLED: &str = "unlabelled";

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
    /// `.jsonl` has one [`Request`] a line. `.txt` has one request a line: each is taken for harmful, of
    /// the category `unlabelled`, with an id from the digest of its text. Blank lines are passed over.
    ///
    /// # Errors
    /// A set that does not exist or cannot be read, another extension, a line that is no request, a
    /// duplicate id, an empty text, a twin that is not there: named by file and line.
    pub fn load(name_or_path: &str) -> Result<Self> {
        Self::parse(&Source::load(Shelf::REQUESTS, name_or_path)?)
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

    fn parse(source: &Source) -> Result<Self> {
        let extension = Path::new(source.place()).extension().unwrap_or_default();
        let parse_line: fn(&str) -> Result<Request, Complaint> = match extension.to_str() {
            Some("jsonl") => from_json,
            Some("txt") => |line| Ok(from_text(line)),
            _ => {
                return Err(Error::input(format!(
                    "`{}` is not a request file of a known kind",
                    source.place()
                ))
                .hint("a request set is JSON Lines (`.jsonl`) or one request a line (`.txt`)"));
            }
        };
        let mut requests: Vec<Request> = Vec::new();
        let mut lines = Vec::new();
        let mut line_of_id: HashMap<String, usize> = HashMap::new();
        for (line, text) in (1..).zip(source.text().lines()) {
            if text.trim().is_empty() {
                continue;
            }
            let request = parse_line(text)
                .and_then(|request| check(&request).map(|()| request))
                .map_err(|complaint| complaint.at(source, line))?;
            if let Some(first) = line_of_id.insert(request.id.clone(), line) {
                let message = format!("duplicate id `{}`: line {first} has it too", request.id);
                let hint = match extension.to_str() {
                    Some("txt") => "remove one of the two lines: they hold the same request",
                    _ => "give each request an id of its own",
                };
                return Err(source.error(line, message).hint(hint));
            }
            requests.push(request);
            lines.push(line);
        }
        if requests.is_empty() {
            return Err(Error::input(format!("`{}` has no requests", source.place()))
                .hint("a request set is JSON Lines (`.jsonl`) or one request a line (`.txt`)"));
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

/// What is wrong with a line, before its place is known.
struct Complaint {
    message: String,
    hint: String,
}

impl Complaint {
    fn new(message: impl fmt::Display, hint: impl fmt::Display) -> Self {
        Self { message: message.to_string(), hint: hint.to_string() }
    }

    fn at(self, source: &Source, line: usize) -> Error {
        source.error(line, self.message).hint(self.hint)
    }
}

fn from_json(line: &str) -> Result<Request, Complaint> {
    let mut deserializer = serde_json::Deserializer::from_str(line);
    let request = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let key = error.path().to_string();
        json_complaint(Some(key.as_str()).filter(|key| *key != "."), error.inner())
    })?;
    deserializer.end().map_err(|error| json_complaint(None, &error))?;
    Ok(request)
}

fn json_complaint(key: Option<&str>, error: &serde_json::Error) -> Complaint {
    let text = error.to_string();
    // The parser sees one line only; its line number would be wrong here.
    let place = format!(" at line {} column {}", error.line(), error.column());
    let reason = text.strip_suffix(&place).unwrap_or(&text);
    let key = key.map(|key| format!("key `{key}`: ")).unwrap_or_default();
    Complaint::new(
        format!("{key}{reason} (column {})", error.column()),
        "a line is one JSON object with `id`, `category`, `harmful`, `text` and, if benign, `twin_of`",
    )
}

fn from_text(line: &str) -> Request {
    let text = line.trim().to_owned();
    let digest = blake3::hash(text.as_bytes()).to_hex();
    let id = format!("text-{}", &digest[..16]);
    Request { id, category: UNLABELLED.to_owned(), harmful: true, text, twin_of: None }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    fn parse(place: &str, text: &str) -> Result<RequestSet> {
        RequestSet::parse(&Source::new(place, text.as_bytes().to_vec())?)
    }

    fn complaint(place: &str, text: &str) -> String {
        let error = parse(place, text).unwrap_err();
        format!("{error}\nhint: {}", error.hint_text().unwrap_or_default())
    }

    fn set(rows: &[(&str, &str, bool)]) -> RequestSet {
        let requests = rows
            .iter()
            .map(|(id, category, harmful)| Request {
                id: (*id).to_owned(),
                category: (*category).to_owned(),
                harmful: *harmful,
                text: "x".to_owned(),
                twin_of: None,
            })
            .collect();
        RequestSet { name: "set".to_owned(), requests, digest: String::new() }
    }

    fn ids(set: &RequestSet) -> Vec<&str> {
        set.requests.iter().map(|request| request.id.as_str()).collect()
    }

    const A: &str = r#"{"id":"a","category":"theft","harmful":true,"text":"A"}"#;

    #[test]
    fn json_lines_keep_order_and_text() {
        let twin =
            r#"{"id":"b","category":"theft","harmful":false,"text":" {tier}\n","twin_of":"a"}"#;
        let set = parse("my.jsonl", &format!("{A}\n\n{twin}\n")).unwrap();
        assert_eq!((set.name.as_str(), ids(&set)), ("my", vec!["a", "b"]));
        assert_eq!(set.requests[1].text, " {tier}\n");
        assert_eq!(set.requests[1].twin_of.as_deref(), Some("a"));
    }

    #[test]
    fn plain_text_gets_ids_that_depend_on_the_text_alone() {
        let one = parse("a.txt", "open a lock\n\n  forge a letter \r\n").unwrap();
        let other = parse("b.txt", "forge a letter\nopen a lock").unwrap();
        assert_eq!(one.requests[0], other.requests[1]);
        assert_eq!(one.requests[1], other.requests[0]);
        assert_eq!(one.requests[0].category, "unlabelled");
        assert!(one.requests[0].harmful);
        assert_eq!(one.requests[0].id, "text-bf63ce76e6bba7d0");
    }

    #[test]
    fn bad_lines_are_named() {
        let shape = "hint: a line is one JSON object with `id`, `category`, `harmful`, `text` and, \
                     if benign, `twin_of`";
        let cases = [
            (format!("{A}\n{{\"id\": 3}}"), format!(
                "`r.jsonl:2`: key `id`: invalid type: integer `3`, expected a string (column 8)\n{shape}"
            )),
            (format!("{A} x"), format!("`r.jsonl:1`: trailing characters (column 57)\n{shape}")),
            ("\n{\"id\":\"a\",\"topic\":\"b\"}".to_owned(), format!(
                "`r.jsonl:2`: key `topic`: unknown field `topic`, expected one of `id`, `category`, \
                 `harmful`, `text`, `twin_of` (column 17)\n{shape}"
            )),
            ("{\"id\":\"a\"}".to_owned(), format!(
                "`r.jsonl:1`: missing field `category` (column 10)\n{shape}"
            )),
            (format!("{A}\n\n{A}"),
                "`r.jsonl:3`: duplicate id `a`: line 1 has it too\nhint: give each request an id of its own"
                    .to_owned()),
            (A.replace("\"A\"", "\" \""),
                "`r.jsonl:1`: key `text` is empty\nhint: remove the line, or fill the value in".to_owned()),
            (A.replace("\"a\"", "\" a\""),
                "`r.jsonl:1`: key `id`: \" a\" has control characters, or blanks at its ends\n\
                 hint: use an id that can be typed, such as `theft-01`".to_owned()),
            (format!("{A}\n{}", A.replace("\"a\"", "\"b\"").replace("}", ",\"twin_of\":\"a\"}")),
                "`r.jsonl:2`: `twin_of`: `b` is no twin of `a`\n\
                 hint: a benign request names the id of a harmful one of the same set".to_owned()),
            ("\n \n".to_owned(),
                "`r.jsonl` has no requests\n\
                 hint: a request set is JSON Lines (`.jsonl`) or one request a line (`.txt`)".to_owned()),
        ];
        for (text, message) in cases {
            assert_eq!(complaint("r.jsonl", &text), message, "{text}");
        }
        assert_eq!(
            complaint("r.txt", "one\ntwo\none\n"),
            "`r.txt:3`: duplicate id `text-d33fb48ab5adff26`: line 1 has it too\n\
             hint: remove one of the two lines: they hold the same request"
        );
        assert_eq!(
            complaint("r.csv", "goal,target\n"),
            "`r.csv` is not a request file of a known kind\n\
             hint: a request set is JSON Lines (`.jsonl`) or one request a line (`.txt`)"
        );
    }

    #[test]
    fn a_limit_takes_harmful_ones_first_and_categories_in_turn() {
        let set = set(&[
            ("b1", "fraud", false),
            ("h1", "theft", true),
            ("h2", "theft", true),
            ("h3", "fraud", true),
            ("h4", "theft", true),
            ("b2", "theft", false),
            ("b3", "fraud", false),
        ]);
        let limited = |count| set.limit(count).unwrap();
        assert_eq!(ids(&limited(2)), ["h1", "h3"]);
        assert_eq!(ids(&limited(3)), ["h1", "h2", "h3"]);
        assert_eq!(ids(&limited(5)), ["b1", "h1", "h2", "h3", "h4"]);
        assert_eq!(ids(&limited(6)), ["b1", "h1", "h2", "h3", "h4", "b2"]);
        assert_eq!(limited(99), set);
        assert_eq!(set.limit(0).unwrap_err().to_string(), "`--limit 0` leaves no requests");
    }

    #[test]
    fn bundled_sets_load() {
        for name in RequestSet::bundled() {
            let set = RequestSet::load(&name).unwrap();
            assert_eq!(set.name, name);
            assert_eq!(set.digest().len(), 64);
        }
    }

    proptest! {
        #[test]
        fn any_text_survives_json_lines(texts in prop::collection::vec("\\PC*[^\\s]\\PC*", 1..6)) {
            let request = |(index, text): (usize, &String)| {
                let id = format!("r{index}");
                Request { id, category: "c".to_owned(), harmful: true, text: text.clone(), twin_of: None }
            };
            let requests: Vec<Request> = texts.iter().enumerate().map(request).collect();
            let file: String = requests
                .iter()
                .map(|request| serde_json::to_string(request).unwrap() + "\n")
                .collect();
            prop_assert_eq!(parse("r.jsonl", &file).unwrap().requests, requests);
        }

        #[test]
        fn a_limit_has_the_size_asked_for_and_grows_by_one(
            rows in prop::collection::vec((0..4_u8, any::<bool>()), 1..30), count in 1..30_usize,
        ) {
            let names: Vec<(String, String, bool)> = rows.iter().enumerate()
                .map(|(index, (category, harmful))| (index.to_string(), category.to_string(), *harmful))
                .collect();
            let rows: Vec<(&str, &str, bool)> =
                names.iter().map(|(id, category, harmful)| (id.as_str(), category.as_str(), *harmful)).collect();
            let set = set(&rows);
            let (small, large) = (set.limit(count).unwrap(), set.limit(count + 1).unwrap());
            prop_assert_eq!(small.requests.len(), count.min(rows.len()));
            prop_assert!(small.requests.iter().all(|request| large.requests.contains(request)));
            let harmful = |set: &RequestSet| set.requests.iter().filter(|request| request.harmful).count();
            prop_assert_eq!(harmful(&small), harmful(&set).min(count));
        }

    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 2_000,
            rng_seed: RngSeed::Fixed(0),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn broken_files_are_complaints_and_never_panics(
            edits in prop::collection::vec(
                (any::<prop::sample::Index>(), 0..8_usize, prop::collection::vec(any::<u8>(), 0..4)), 1..4,
            ),
        ) {
            let mut bytes = format!("{A}\n{}\n", A.replacen("\"a\"", "\"b\"", 1)).into_bytes();
            for (at, removed, inserted) in edits {
                let start = at.index(bytes.len());
                let end = (start + removed).min(bytes.len());
                bytes.splice(start..end, inserted);
            }
            match Source::new("r.jsonl", bytes).and_then(|source| RequestSet::parse(&source)) {
                Ok(set) => prop_assert!((1..=2).contains(&set.requests.len())),
                Err(error) => prop_assert!(error.to_string().starts_with("`r.jsonl:"), "{}", error),
            }
        }
    }
}
