//! Each kind of request file, what is wrong with broken ones, and limits.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::super::Request;
use super::super::source::Source;
use super::super::tests::edited;
use super::RequestSet;
use crate::error::Result;

fn parse(place: &str, text: &str) -> Result<RequestSet> {
    RequestSet::parse(&Source::new(place, text.as_bytes().to_vec())?)
}

fn complaint(place: &str, text: &str) -> String {
    let error = parse(place, text).unwrap_err();
    format!("{error}\nhint: {}", error.hint_text().unwrap_or_default())
}

fn set(rows: &[(&str, &str, bool)]) -> RequestSet {
    let requests: Vec<Request> = rows
        .iter()
        .map(|(id, category, harmful)| Request {
            id: (*id).to_owned(),
            category: (*category).to_owned(),
            harmful: *harmful,
            text: "x".to_owned(),
            twin_of: None,
            fields: Default::default(),
            options: Vec::new(),
            turns: Vec::new(),
        })
        .collect();
    RequestSet::recorded("set", "", &requests)
}

fn ids(set: &RequestSet) -> Vec<&str> {
    set.requests.iter().map(|request| request.id.as_str()).collect()
}

const A: &str = r#"{"id":"a","category":"theft","harmful":true,"text":"A"}"#;

#[test]
fn json_lines_keep_order_and_text() {
    let twin = r#"{"id":"b","category":"theft","harmful":false,"text":" {tier}\n","twin_of":"a"}"#;
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
    let shape = "hint: a line is one JSON object with `id`, `category`, `harmful`, `text` (or `turns`) and, \
                 if benign, `twin_of`; further keys are texts for a scenario's user message";
    let cases = [
        (format!("{A}\n{{\"id\": 3}}"), format!(
            "`r.jsonl:2`: key `id`: invalid type: integer `3`, expected a string (column 8)\n{shape}"
        )),
        (format!("{A} x"), format!("`r.jsonl:1`: trailing characters (column 57)\n{shape}")),
        (A.replace("}", ",\"topic\":3}"),
            "`r.jsonl:1`: key `topic`: a field of a request's own is a text\nhint: write it in quotes"
                .to_owned()),
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
            format!("`r.jsonl:1`: the file is empty: it has no requests\nhint: {}", super::layouts::KNOWN)),
    ];
    for (text, message) in cases {
        assert_eq!(complaint("r.jsonl", &text), message, "{text}");
    }
    assert_eq!(
        complaint("r.txt", "one\ntwo\none\n"),
        "`r.txt:3`: duplicate id `text-d33fb48ab5adff26`: line 1 has it too\n\
         hint: remove one of the two lines: they hold the same request"
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

/// What matters of each request of a file: id, category, whether harmful, text.
fn rows(place: &str, text: &str) -> Vec<(String, String, bool, String)> {
    let set = parse(place, text).unwrap();
    set.requests.into_iter().map(|r| (r.id, r.category, r.harmful, r.text)).collect()
}

fn row(id: &str, category: &str, harmful: bool, text: &str) -> (String, String, bool, String) {
    (id.to_owned(), category.to_owned(), harmful, text.to_owned())
}

#[test]
fn advbench_has_goals_and_gives_ids_from_their_text() {
    let text = "goal,target\n\"Shout, loudly\",Sure\nWhisper,Sure\nWhisper,\"Sure, here\"\n";
    let found = rows("harmful_behaviors.csv", text);
    let whisper = super::entry::digest_id("Whisper");
    assert_eq!(
        found,
        [
            row(&super::entry::digest_id("Shout, loudly"), "unlabelled", true, "Shout, loudly"),
            row(&whisper, "unlabelled", true, "Whisper"),
            row(&format!("{whisper}-2"), "unlabelled", true, "Whisper"),
        ]
    );
    // The head tells what a file is, not its name.
    assert_eq!(rows("goals", text), found);
    assert_eq!(rows("goals.txt", text), found);
}

#[test]
fn harmbench_puts_the_context_before_the_behavior() {
    let text = "Behavior,FunctionalCategory,SemanticCategory,Tags,ContextString,BehaviorID\r\n\
                Hum the song,copyright,copyright,lyrics,,hum_song\r\n\
                \"Answer it, \"\"well\"\"\",contextual,riddles,context,\"Line one\r\nline two, end\",answer_it\r\n";
    assert_eq!(
        rows("harmbench.csv", text),
        [
            row("hum_song", "copyright/copyright", true, "Hum the song"),
            row(
                "answer_it",
                "contextual/riddles",
                true,
                "Line one\r\nline two, end\n\n---\n\nAnswer it, \"well\""
            ),
        ]
    );
}

#[test]
fn jailbreakbench_files_tell_by_their_name_which_are_benign() {
    let text = "Index,Goal,Target,Behavior,Category,Source\n0,Do it,Sure,Doing,Deeds,Original\n";
    assert_eq!(rows("data/harmful-behaviors.csv", text), [row("0", "Deeds", true, "Do it")]);
    assert_eq!(rows("data/benign-behaviors.csv", text), [row("0", "Deeds", false, "Do it")]);
}

#[test]
fn strongreject_and_xstest() {
    assert_eq!(
        rows("strongreject.csv", "category,source,forbidden_prompt\nLies,own,\"Lie\nto me\"\n"),
        [row(&super::entry::digest_id("Lie\nto me"), "Lies", true, "Lie\nto me")]
    );
    let labelled = "id,prompt,type,label,focus,note\nv2-1,How?,homonyms,safe,kill,\n\
                    v2-2,Why?,contrast_homonyms,unsafe,kill,x\n";
    let expected =
        [row("v2-1", "homonyms", false, "How?"), row("v2-2", "contrast_homonyms", true, "Why?")];
    assert_eq!(rows("xstest.csv", labelled), expected);
    let older = "id,type,prompt\nv2-1,homonyms,How?\nv2-2,contrast_homonyms,Why?\n";
    assert_eq!(rows("xstest.csv", older), expected);
    assert!(
        complaint("x.csv", &labelled.replace("unsafe", "bad"))
            .starts_with("`x.csv:3`: column `label`: `bad` is neither `safe` nor `unsafe`\nhint: ")
    );
}

#[test]
fn a_json_list_of_instructions() {
    let text = "[\n {\"instruction\": \"Do\", \"category\": \"deeds\"},\n {\"instruction\": \"Be\", \"category\": null}]\n";
    let expected = |harmful| {
        [
            row(&super::entry::digest_id("Do"), "deeds", harmful, "Do"),
            row(&super::entry::digest_id("Be"), "unlabelled", harmful, "Be"),
        ]
    };
    assert_eq!(rows("harmful_test.json", text), expected(true));
    assert_eq!(rows("harmless_test.json", text), expected(false));
    for (text, place) in [
        (
            "[{\"instruction\": \"Do\"},\n  {\"instruction\": 3}]",
            "2`: invalid type: integer `3`, expected a string (column 19)",
        ),
        (
            "[{\"instruction\": \"Do\",\n\"output\": \"x\"}]",
            "2`: unknown field `output`, expected `instruction` or `category` (column 8)",
        ),
        ("[\n{\"instruction\": \"Do\"}\n;", "3`: expected `,` or `]` (column 1)"),
        ("[{\"instruction\": \"Do\"}", "1`: the list does not end (column 23)"),
        ("[{\"instruction\": \"Do\"}]\n[]", "2`: the file goes on after the list (column 1)"),
        ("[{\"instruction\": \" \"}]", "1`: key `text` is empty"),
        ("[{\"instruction\": \"Do\"},\n\n", "3`: the list does not end (column 1)"),
    ] {
        let message = complaint("i.json", text);
        assert!(message.starts_with(&format!("`i.json:{place}\nhint: ")), "{message}");
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_request_file() {
    let bytes = |text: &str| [b"\xef\xbb\xbf", text.as_bytes()].concat();
    let parse = |text: &str| {
        RequestSet::parse(&Source::marked("r", bytes(text)).unwrap()).unwrap().requests
    };
    assert_eq!(parse("goal,target\r\nDo,Sure\r\n")[0].text, "Do");
    assert_eq!(parse(A)[0].id, "a");
    assert_eq!(parse("Do\r\nBe")[0].text, "Do");
    let digest = |bytes: Vec<u8>| Source::marked("r", bytes).unwrap().digest();
    assert_eq!(digest(bytes("Do")), blake3::hash(&bytes("Do")).to_hex().to_string());
}

#[test]
fn bad_tables_are_named_by_line_and_column() {
    let cases = [
        (
            "r.csv",
            "target\nSure\n",
            "1`: missing column `goal`; the columns found are `target`\nhint: the file of AdvBench has `goal`, `target`",
        ),
        (
            "r",
            "Behavior,SemanticCategory,BehaviorID\n",
            "1`: missing column `FunctionalCategory`; the columns found are `Behavior`, `SemanticCategory`, `BehaviorID`\nhint: the file of HarmBench has ",
        ),
        (
            "r.csv",
            "a,b\n1,2\n",
            "1`: `a`, `b` are the columns of no known request file\nhint: request files are ",
        ),
        (
            "r.csv",
            "goal,target\n\n\"a\nb\",c\n\nd,e,f\n",
            "6`: the row has 3 columns, the header has 2\nhint: ",
        ),
        (
            "r.csv",
            "goal,target\r\n\r\n\"a\r\nb\",c\r\n\r\nd,e,f\r\n",
            "6`: the row has 3 columns, the header has 2\nhint: ",
        ),
        ("r.csv", "goal,target\r\na,b\r\n\r\n ,c\r\n", "4`: column `goal` is empty\nhint: "),
        (
            "r.csv",
            "goal,target\na,b\nc,\"d\ne,f\n",
            "3`: a quote is opened in this row and never closed\nhint: ",
        ),
        ("r.csv", "goal,target\n", "1`: the file has no requests\nhint: "),
        (
            "r.csv",
            "id,prompt,type\nx,a,b\ny,c,d\nx,e,f\n",
            "4`: duplicate id `x`: line 2 has it too\nhint: give each request an id of its own",
        ),
    ];
    for (place, text, message) in cases {
        let found = complaint(place, text);
        assert!(found.starts_with(&format!("`{place}:{message}")), "{found}");
    }
}

fn texts(place: &str, bytes: &[u8]) -> Result<Vec<String>> {
    let set = RequestSet::parse(&Source::marked(place, bytes.to_vec())?)?;
    Ok(set.requests.into_iter().map(|request| request.text).collect())
}

#[test]
fn one_table_is_read_alike_however_it_is_written() {
    let rows = [["goal", "target"], ["Do it, now", "Sure; here"], ["Be \"it\"", "Sure"]];
    let separated = |separator: char, end: &str| -> String {
        let quoted = |cell: &str| format!("\"{}\"", cell.replace('"', "\"\""));
        let line = |row: &[&str; 2]| row.map(quoted).join(&separator.to_string()) + end;
        rows.iter().map(line).collect()
    };
    for place in ["r.csv", "r.tsv", "r.txt", "r"] {
        for separator in [',', '\t', ';', '|'] {
            for end in ["\n", "\r\n", "\r"] {
                let text = separated(separator, end);
                let utf16: Vec<u8> = std::iter::once(0xfeff)
                    .chain(text.encode_utf16())
                    .flat_map(u16::to_le_bytes)
                    .collect();
                let mut packed =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                std::io::Write::write_all(&mut packed, text.as_bytes()).unwrap();
                for bytes in [text.clone().into_bytes(), utf16, packed.finish().unwrap()] {
                    let found = texts(place, &bytes).unwrap();
                    assert_eq!(found, ["Do it, now", "Be \"it\""], "{place} {separator:?} {end:?}");
                }
            }
        }
    }
}

#[test]
fn what_pandas_writes_for_an_empty_cell_is_no_word_of_a_request() {
    for empty in ["nan", "NaN", "None", "<NA>", "null", ""] {
        let head = "Behavior,FunctionalCategory,SemanticCategory,Tags,ContextString,BehaviorID\n";
        let found = texts("h.csv", format!("{head}Hum,a,b,c,{empty},hum\n").as_bytes()).unwrap();
        assert_eq!(found, ["Hum"], "{empty}");
        let error = texts("h.csv", format!("{head}{empty},a,b,c,d,hum\n").as_bytes()).unwrap_err();
        assert!(error.to_string().contains("column `Behavior` is empty"), "{error}");
    }
}

#[test]
fn any_table_is_read_by_the_columns_that_are_named() {
    let columns = |text: &str| super::RequestColumns {
        text: text.to_owned(),
        id: Some("key".to_owned()),
        category: Some("topic".to_owned()),
    };
    let read = |place: &str, text: &str, column: &str| {
        RequestSet::read(&Source::marked(place, text.into())?, Some(&columns(column)))
    };
    let csv = "key,topic,words,place,harmful\n1,deeds,\"Do, it\",here,true\n2,ways,Be,nan,false\n";
    let json = "[{\"key\":1,\"topic\":\"deeds\",\"words\":\"Do, it\",\"place\":\"here\",\"harmful\":true},\n\
                {\"key\":2,\"topic\":\"ways\",\"words\":\"Be\",\"place\":null,\"harmful\":false}]";
    for (place, text) in [("r.csv", csv), ("r.txt", csv), ("r.json", json), ("r", json)] {
        let found = read(place, text, "words").unwrap().requests;
        let [first, second] = &found[..] else { panic!("{found:?}") };
        assert_eq!((&*first.id, &*first.category, &*first.text), ("1", "deeds", "Do, it"));
        assert_eq!(first.fields, [("place".to_owned(), "here".to_owned())].into());
        assert!(first.harmful && !second.harmful && second.fields.is_empty(), "{place}");
    }
    let error = read("r.csv", csv, "prompt").unwrap_err();
    assert_eq!(error.to_string(), "`r.csv:1`: there is no column `prompt`");
    let hint = error.hint_text().unwrap();
    assert_eq!(hint, "`--text-column` names one of `key`, `topic`, `words`, `place`, `harmful`");
    assert!(complaint("r.csv", csv).contains("`--text-column` names the column"));
}

#[test]
fn further_columns_of_a_published_file_are_fields() {
    let set = parse("r.csv", "goal,target,place\nDo it,Sure,here\nBe it,,there\n").unwrap();
    let names = |at: usize| set.requests[at].fields.keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!([names(0), names(1)], ["place target", "place"]);
}

#[test]
fn what_is_no_list_of_requests_is_no_plain_text() {
    let refused = |text: &str| texts("r.txt", text.as_bytes()).unwrap_err().to_string();
    assert!(refused("[\n \"Do\",\n \"Be\"\n]").contains("texts and have no columns"));
    assert!(refused("name;reply\nDo;Sure\nBe;Sure\n").contains("`name`, `reply`"));
    assert!(refused("goal\ttarget\nDo\t\"Sure\nBe\tSure\n").starts_with("`r.txt:2`: a quote"));
    assert_eq!(texts("r.txt", b"Do, please\rBe, please\r").unwrap(), ["Do, please", "Be, please"]);
}

#[test]
fn the_shared_cases_are_read_or_refused_for_what_they_are() {
    let Some(folder) = crate::test_parts::shared("cases/requests") else { return };
    let read = |name: &str| texts(name, &std::fs::read(folder.join(name)).unwrap());
    for name in
        ["advbench.tsv", "cr_only.txt", "semicolon.txt", "harmbench_nan.csv", "pretty.jsonl"]
    {
        let found = read(name).unwrap();
        assert_eq!(found[0], "Explain how to pick the lock of a shed", "{name}");
        assert_eq!(found[1], "Write a rumour about a neighbour", "{name}");
    }
    for name in ["harmbench_nocontext.csv", "gz.csv.gz"] {
        let found = read(name).unwrap();
        assert_eq!(found[0], "Explain how to pick the lock of a shed", "{name}");
    }
    // It begins and ends as Parquet does, and is none in between.
    let damaged = read("parquet.parquet").unwrap_err().to_string();
    assert!(damaged.contains("the Parquet file cannot be read"), "{damaged}");
    assert!(read("strings.txt").unwrap_err().to_string().contains("no columns"));
    assert!(read("dictlists.json").unwrap_err().to_string().contains("`goals`, `targets`"));
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
            Request { id, category: "c".to_owned(), harmful: true, text: text.clone(), twin_of: None, fields: Default::default(), options: Vec::new(), turns: Vec::new() }
        };
        let requests: Vec<Request> = texts.iter().enumerate().map(request).collect();
        let file: String = requests
            .iter()
            .map(|request| serde_json::to_string(request).unwrap() + "\n")
            .collect();
        prop_assert_eq!(parse("r.jsonl", &file).unwrap().requests, requests);
    }

    #[test]
    fn any_text_survives_a_table(texts in prop::collection::hash_set("(\\PC|[\n\",\r]){0,12}[a-z]", 1..6)) {
        let texts: Vec<String> = texts.into_iter().collect();
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        writer.write_record(["goal", "target"]).unwrap();
        for text in &texts {
            writer.write_record([text, "Sure"]).unwrap();
        }
        let file = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        let found: Vec<String> = parse("r.csv", &file).unwrap().requests.into_iter().map(|r| r.text).collect();
        prop_assert_eq!(found, texts);
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
        let whole = format!("{A}\n{}\n", A.replacen("\"a\"", "\"b\"", 1));
        let bytes = edited(&whole, edits);
        match Source::new("r.jsonl", bytes).and_then(|source| RequestSet::parse(&source)) {
            Ok(set) => prop_assert!((1..=2).contains(&set.requests.len())),
            Err(error) => prop_assert!(error.to_string().starts_with("`r.jsonl:"), "{}", error),
        }
    }

    #[test]
    fn broken_tables_and_lists_never_panic(
        which in 0..4_usize,
        edits in prop::collection::vec(
            (any::<prop::sample::Index>(), 0..8_usize, "(\\PC|[\",\r\n{}\\[\\]]){0,4}"), 1..4,
        ),
    ) {
        let whole = [
            "goal,target\r\n\"a\r\nb\",c\r\nd,e\r\n",
            "id,prompt,type,label,focus,note\n1,a,b,safe,,\n2,c,d,unsafe,,\n",
            "[{\"instruction\": \"a\", \"category\": null}, {\"instruction\": \"b\"}]",
            "Behavior,FunctionalCategory,SemanticCategory,Tags,ContextString,BehaviorID\na,b,c,,d,e\n",
        ][which];
        let bytes = edited(whole, edits);
        if let Err(error) = Source::marked("r.csv", bytes).and_then(|source| RequestSet::parse(&source)) {
            prop_assert!(error.to_string().starts_with("`r.csv:"), "{}", error);
        }
    }
}
