//! Models of the hub, fetched from a server on this machine that speaks its protocol.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

mod common;
#[path = "common/hub.rs"]
mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use candor::error::{Error, Kind};
use candor::model::Model;
use candor::model::hub::{Access, Fetched, HubName, Silent, Token, TransferProgress, fetch};
use common::Place;
use server::{COMMIT, Fault, Hub, Request, etag};

const TOKEN: &str = "hf_thisMustNeverBeSeen";

/// What a user of the library sets; nothing is waited for.
fn access(hub: &Hub, place: &Place) -> Access {
    Access {
        endpoint: hub.endpoint(),
        cache: place.path("cache/hub"),
        token: Token::new(TOKEN, "`HF_TOKEN`").unwrap(),
        offline: None,
        certificates: None,
        first_wait: Duration::ZERO,
    }
}

fn get(name: &str, access: &Access) -> Result<Fetched, Error> {
    fetch(&HubName::parse(name).unwrap(), access, &mut Silent)
}

/// The error of a fetch with its hint, and whether it is the user's to repair.
fn refused(name: &str, access: &Access) -> (String, Kind) {
    let error = get(name, access).unwrap_err();
    let text = format!("{error} / {}", error.hint_text().unwrap_or_default());
    assert!(!text.contains(TOKEN), "{text}");
    (text, error.kind())
}

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models/llama")
}

const FILES: [&str; 7] = [
    "config.json",
    "generation_config.json",
    "model-00001-of-00002.safetensors",
    "model-00002-of-00002.safetensors",
    "model.safetensors.index.json",
    "tokenizer.json",
    "tokenizer_config.json",
];

/// A hub with a small model in `org/tiny`, and files beside it that are nobody's business.
fn tiny() -> Hub {
    let hub = Hub::start();
    for file in FILES {
        hub.put("org/tiny", file, &fs::read(fixture().join(file)).unwrap());
    }
    for file in ["README.md", "pytorch_model.bin", "onnx/model.onnx", "tokenizer.model"] {
        hub.put("org/tiny", file, b"not asked for");
    }
    hub
}

/// Bytes that compress badly and whose place can be told.
fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|i| ((i * 2_654_435_761) >> 7) as u8).collect()
}

/// A hub with one GGUF file of a megabyte.
fn gguf() -> (Hub, Vec<u8>) {
    let (hub, content) = (Hub::start(), bytes(1 << 20));
    hub.put("org/blocks", "m-Q4_0.gguf", &content);
    (hub, content)
}

fn repository(place: &Place, name: &str) -> PathBuf {
    place.path("cache/hub").join(format!("models--{}", name.replace('/', "--")))
}

/// Asserts that no file below a folder, nor its name, holds the token.
fn assert_no_token(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        assert!(!path.to_string_lossy().contains(TOKEN));
        if path.is_dir() {
            assert_no_token(&path);
        } else {
            let content = fs::read(&path).unwrap();
            assert!(!String::from_utf8_lossy(&content).contains(TOKEN), "{}", path.display());
        }
    }
}

#[test]
fn only_what_is_needed_is_fetched_and_laid_out_as_python_does() {
    let (hub, place) = (tiny(), Place::new());
    let access = access(&hub, &place);
    let fetched = get("org/tiny", &access).unwrap();
    assert_eq!(fetched.origin.commit, COMMIT);
    assert_eq!(fetched.origin.revision, "main");
    assert!(fetched.notes.is_empty());

    let requests = hub.requests();
    let mut contents: Vec<String> = requests
        .iter()
        .filter(|request| request.method == "GET" && request.path.contains("/resolve/"))
        .map(|request| request.path.rsplit('/').next().unwrap().to_owned())
        .collect();
    contents.sort_unstable();
    assert_eq!(contents, FILES);

    let root = repository(&place, "org/tiny");
    assert_eq!(fetched.path, root.join("snapshots").join(COMMIT));
    assert_eq!(fs::read_to_string(root.join("refs/main")).unwrap(), COMMIT);
    for file in FILES {
        let content = fs::read(fixture().join(file)).unwrap();
        let etag = etag(file, &content);
        assert_eq!(fs::read(root.join("blobs").join(&etag)).unwrap(), content);
        #[cfg(unix)]
        assert_eq!(
            fs::read_link(fetched.path.join(file)).unwrap(),
            Path::new("../../blobs").join(&etag)
        );
        let lock = format!("cache/hub/.locks/models--org--tiny/{etag}.lock");
        assert!(place.path(&lock).exists());
    }
    assert_eq!(fs::read_dir(root.join("blobs")).unwrap().count(), FILES.len());
    assert!(root.join(".no_exist").join(COMMIT).join("chat_template.jinja").exists());
    assert!(!root.join(".no_exist").join(COMMIT).join("config.json").exists());
    assert_no_token(&place.path("cache"));
}

#[test]
fn the_token_goes_to_the_hub_and_not_to_where_it_leads() {
    let (hub, place) = (tiny(), Place::new());
    get("org/tiny", &access(&hub, &place)).unwrap();
    let bearer = format!("Bearer {TOKEN}");
    assert!(hub.requests().iter().all(|r| r.header("authorization") == Some(&bearer)));
    let led = hub.cdn_requests();
    assert_eq!(led.len(), 2, "the two large files");
    assert!(led.iter().all(|request| request.header("authorization").is_none()));
}

#[test]
fn a_commit_that_is_there_needs_no_request_and_a_branch_needs_one() {
    let (hub, place) = (tiny(), Place::new());
    let access = access(&hub, &place);
    let first = get("org/tiny", &access).unwrap();
    let asked = hub.requests().len();
    let again = get(&format!("org/tiny@{COMMIT}"), &access).unwrap();
    assert_eq!(again.path, first.path);
    assert_eq!(hub.requests().len(), asked);
    get("org/tiny", &access).unwrap();
    assert_eq!(hub.requests().len(), asked + 1);
    let offline = Access { offline: Some("`--offline`"), ..access };
    assert_eq!(get("org/tiny", &offline).unwrap(), first);
    assert_eq!(hub.requests().len(), asked + 1);
}

#[test]
fn offline_names_what_is_missing_and_asks_nobody() {
    let (hub, place) = (tiny(), Place::new());
    let online = access(&hub, &place);
    let offline = Access { offline: Some("`HF_HUB_OFFLINE`"), ..online.clone() };
    for name in ["org/tiny", "org/tiny@0123456789012345678901234567890123456789"] {
        let (text, kind) = refused(name, &offline);
        assert_eq!(kind, Kind::Input);
        for word in [name, "cache", "`HF_HUB_OFFLINE`", "candor models pull"] {
            assert!(text.contains(word), "{text}");
        }
    }
    assert!(hub.requests().is_empty());

    let fetched = get("org/tiny", &online).unwrap();
    fs::remove_file(fetched.path.join("model-00002-of-00002.safetensors")).unwrap();
    let (text, _) = refused("org/tiny", &offline);
    assert!(text.contains("`model-00002-of-00002.safetensors` of `org/tiny`"), "{text}");
    let (text, _) = refused("org/tiny:Q4_0", &offline);
    assert!(text.contains("no GGUF file with `Q4_0`") && text.contains("pull"), "{text}");
}

/// Python marks nothing absent that nobody asked it for: then it is said that something may be missing.
#[test]
fn offline_with_a_cache_that_another_program_filled() {
    let (hub, place) = (tiny(), Place::new());
    let online = access(&hub, &place);
    get("org/tiny", &online).unwrap();
    fs::remove_dir_all(repository(&place, "org/tiny").join(".no_exist")).unwrap();
    let offline = Access { offline: Some("`--offline`"), ..online };
    let notes = get("org/tiny", &offline).unwrap().notes;
    assert!(notes[0].contains("special_tokens_map.json"), "{notes:?}");
}

#[test]
fn a_model_that_cannot_be_run_is_refused_before_its_weights_are_fetched() {
    let (hub, place) = (tiny(), Place::new());
    hub.put("org/tiny", "config.json", br#"{"architectures": ["MambaForCausalLM"]}"#);
    let (text, kind) = refused("org/tiny", &access(&hub, &place));
    assert!(text.contains("MambaForCausalLM"), "{text}");
    assert_eq!(kind, Kind::Input);
    assert!(!hub.requests().iter().any(|r| r.path.ends_with(".safetensors")));
}

#[test]
fn a_cut_connection_goes_on_from_where_it_broke() {
    let ((hub, content), place) = (gguf(), Place::new());
    hub.fault("m-Q4_0.gguf", Fault::CutAfter(300_000));
    let fetched = get("org/blocks:Q4_0", &access(&hub, &place)).unwrap();
    assert_eq!(fs::read(&fetched.path).unwrap(), content);
    let (first, second) = (&hub.cdn_requests()[0], &hub.cdn_requests()[1]);
    assert_eq!(first.header("range"), None);
    let from = resumed_from(second);
    assert!(from > 0 && from <= 300_000, "{from}");
    assert_eq!(second.sent.get(), (content.len() - from));
    assert_eq!(hub.cdn_requests().len(), 2);
}

fn resumed_from(request: &Request) -> usize {
    let range = request.header("range").unwrap();
    range.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse().unwrap()
}

#[test]
fn another_process_goes_on_from_where_the_first_gave_up() {
    let ((hub, content), place) = (gguf(), Place::new());
    for _ in 0..5 {
        hub.fault("m-Q4_0.gguf", Fault::CutAfter(1000));
    }
    let access = access(&hub, &place);
    let (text, kind) = refused("org/blocks:Q4_0", &access);
    assert_eq!(kind, Kind::Failed);
    assert!(text.contains("run the same command again: it goes on from here"), "{text}");
    assert!(!repository(&place, "org/blocks").join("refs/main").exists());
    let incomplete = format!("blobs/{}.incomplete", etag("m-Q4_0.gguf", &content));
    let there = fs::metadata(repository(&place, "org/blocks").join(incomplete)).unwrap().len();
    assert!(there > 0);

    struct Heard(Vec<u64>);
    impl TransferProgress for Heard {
        fn bytes(&mut self, file: &str, done: u64, total: Option<u64>) {
            assert_eq!((file, total), ("m-Q4_0.gguf", Some(1 << 20)));
            self.0.push(done);
        }
        fn note(&mut self, text: &str) {
            panic!("{text}");
        }
    }
    let mut heard = Heard(Vec::new());
    let name = HubName::parse("org/blocks:Q4_0").unwrap();
    let fetched = fetch(&name, &access, &mut heard).unwrap();
    assert_eq!(fs::read(&fetched.path).unwrap(), content);
    assert_eq!(resumed_from(hub.cdn_requests().last().unwrap()) as u64, there);
    assert_eq!((heard.0[0], *heard.0.last().unwrap()), (there, 1 << 20));
    assert!(heard.0.is_sorted());
}

#[test]
fn a_server_that_ignores_ranges_starts_over() {
    let ((hub, content), place) = (gguf(), Place::new());
    hub.fault("m-Q4_0.gguf", Fault::CutAfter(5000));
    hub.fault("m-Q4_0.gguf", Fault::IgnoreRange);
    let fetched = get("org/blocks:Q4_0", &access(&hub, &place)).unwrap();
    assert_eq!(fs::read(&fetched.path).unwrap(), content);
    let second = &hub.cdn_requests()[1];
    assert!(resumed_from(second) > 0);
    assert_eq!(second.sent.get(), content.len());
}

/// A partial file that is longer than the whole, or of other bytes, does not get into the cache.
#[test]
fn what_was_left_behind_is_not_trusted() {
    let ((hub, content), place) = (gguf(), Place::new());
    let access = access(&hub, &place);
    let blobs = repository(&place, "org/blocks").join("blobs");
    let blob = blobs.join(etag("m-Q4_0.gguf", &content));
    let incomplete = blobs.join(format!("{}.incomplete", etag("m-Q4_0.gguf", &content)));
    fs::create_dir_all(&blobs).unwrap();
    // Shorter than the whole, as long, and longer: all of it is fetched anew, once.
    for left in [b"something else".to_vec(), vec![0; content.len()], vec![0; content.len() + 1]] {
        let _ = fs::remove_dir_all(repository(&place, "org/blocks").join("snapshots"));
        let _ = fs::remove_file(&blob);
        fs::write(&incomplete, left).unwrap();
        get("org/blocks:Q4_0", &access).unwrap();
        assert_eq!(fs::read(&blob).unwrap(), content);
        assert!(!incomplete.exists());
    }
}

#[test]
fn what_was_damaged_on_its_way_is_fetched_once_more_and_then_not_kept() {
    let ((hub, content), place) = (gguf(), Place::new());
    hub.fault("m-Q4_0.gguf", Fault::Damage);
    let access = access(&hub, &place);
    let fetched = get("org/blocks:Q4_0", &access).unwrap();
    assert_eq!(fs::read(fetched.path).unwrap(), content);
    assert_eq!(hub.cdn_requests().len(), 2);

    let place = Place::new();
    let access = Access { cache: place.path("cache/hub"), ..access };
    for _ in 0..2 {
        hub.fault("m-Q4_0.gguf", Fault::Damage);
    }
    let (text, kind) = refused("org/blocks:Q4_0", &access);
    assert!(text.contains("damaged on its way") && text.contains("SHA-256"), "{text}");
    assert_eq!(kind, Kind::Failed);
    let blobs = repository(&place, "org/blocks").join("blobs");
    assert_eq!(fs::read_dir(blobs).unwrap().count(), 0);
}

/// The etag of a small file is the SHA-1 by which git names it.
#[test]
fn small_files_are_verified_as_well() {
    let (hub, place) = (tiny(), Place::new());
    let with = access(&hub, &place);
    for _ in 0..2 {
        hub.fault("/config.json", Fault::Damage);
    }
    let (text, _) = refused("org/tiny", &with);
    assert!(text.contains("`config.json` was damaged") && text.contains("SHA-1"), "{text}");
    hub.fault("/config.json", Fault::Etag("d41d8cd98f00b204e9800998ecf8427e".into()));
    let (text, _) = refused("org/tiny", &with);
    assert!(text.contains("is no digest"), "{text}");
    get("org/tiny", &with).unwrap();
}

#[test]
fn no_more_is_written_than_was_announced() {
    let ((hub, content), place) = (gguf(), Place::new());
    let with = access(&hub, &place);
    for _ in 0..2 {
        hub.fault("m-Q4_0.gguf", Fault::Flood(64 << 20));
    }
    let (text, _) = refused("org/blocks:Q4_0", &with);
    assert!(text.contains("more than the 1048576 bytes that were announced"), "{text}");
    let blobs = repository(&place, "org/blocks").join("blobs");
    assert_eq!(fs::read_dir(blobs).unwrap().count(), 0);
    // Of unknown length, what comes is still held against its digest.
    hub.fault("m-Q4_0.gguf", Fault::Unsaid);
    let fetched = get("org/blocks:Q4_0", &with).unwrap();
    assert_eq!(fs::read(fetched.path).unwrap(), content);
}

#[test]
fn an_address_without_a_scheme_names_a_host_and_the_token_stays() {
    let ((hub, content), place) = (gguf(), Place::new());
    for _ in 0..2 {
        hub.fault("m-Q4_0.gguf", Fault::NetworkPath);
    }
    let fetched = get("org/blocks:Q4_0", &access(&hub, &place)).unwrap();
    assert_eq!(fs::read(fetched.path).unwrap(), content);
    assert!(hub.cdn_requests().iter().all(|request| request.header("authorization").is_none()));
}

/// Whatever a hub answers, a snapshot is what it should be or is none, nothing lies outside of the cache, no token
/// goes elsewhere, and a hub that is itself again gives the model.
#[test]
fn a_hostile_hub_gives_the_model_or_nothing() {
    let cases = if std::env::var_os("CANDOR_TEST_LONG").is_some() { 1000 } else { 40 };
    let (mut given, mut denied) = (0, 0);
    for case in 0..cases {
        let mut draw = common::Draw::new(case);
        let (hub, place) = (tiny(), Place::new());
        let access = access(&hub, &place);
        for _ in 0..1 + draw.below(6) {
            let path = if draw.below(8) == 0 { "/api/models/" } else { *draw.of(&FILES) };
            let fault = match draw.below(14) {
                0 => Fault::CutAfter(draw.below(3000)),
                1 => Fault::IgnoreRange,
                2..=4 => Fault::Damage,
                5 => Fault::Flood(draw.below(1 << 22)),
                6 => Fault::Status(*draw.of(&[200, 204, 400, 404, 416, 500, 503]), ""),
                7 => Fault::TryLater(*draw.of(&[429, 503])),
                8 => Fault::RenamedTo(
                    (*draw.of(&["/org/tiny/resolve", "//127.0.0.1:9", "/../..", "x"])).into(),
                ),
                9 => Fault::Etag((*draw.of(&["", "..", "../../x", "W/", "abc", "\u{7f}"])).into()),
                10 => Fault::Etag("0123456789abcdef".repeat(1 + draw.below(5))),
                11 => Fault::Unsaid,
                12 => Fault::NetworkPath,
                _ => Fault::RedirectForEver,
            };
            hub.fault(path, fault);
        }
        match get("org/tiny", &access) {
            Ok(fetched) => {
                given += 1;
                for file in FILES {
                    let there = fs::read(fetched.path.join(file)).unwrap();
                    assert_eq!(
                        there,
                        fs::read(fixture().join(file)).unwrap(),
                        "case {case}: {file}"
                    );
                }
            }
            Err(error) => {
                denied += 1;
                assert!(!error.to_string().is_empty() && !error.to_string().contains(TOKEN));
                assert!(!repository(&place, "org/tiny").join("refs/main").exists(), "case {case}");
            }
        }
        let beside: Vec<_> = fs::read_dir(place.path(".")).unwrap().collect();
        assert!(beside.len() <= 1, "case {case}: {beside:?}");
        assert!(hub.cdn_requests().iter().all(|r| r.header("authorization").is_none()));
        let honest = Access { endpoint: tiny().endpoint(), ..access };
        let fetched =
            get("org/tiny", &honest).unwrap_or_else(|error| panic!("case {case}: {error}"));
        for file in FILES {
            let there = fs::read(fetched.path.join(file)).unwrap();
            assert_eq!(there, fs::read(fixture().join(file)).unwrap(), "case {case}: {file}");
        }
    }
    println!("{cases} hostile hubs: {given} gave the model, {denied} were refused");
    assert!(given > 0 && denied > 0);
}

#[test]
fn passing_trouble_is_waited_out() {
    let ((hub, content), place) = (gguf(), Place::new());
    for path in ["/api/models/", "m-Q4_0.gguf", "m-Q4_0.gguf"] {
        hub.fault(path, Fault::Status(503, ""));
    }
    let fetched = get("org/blocks:Q4_0", &access(&hub, &place)).unwrap();
    assert_eq!(fs::read(fetched.path).unwrap(), content);
    for _ in 0..5 {
        hub.fault("/api/models/", Fault::Status(503, ""));
    }
    let (text, kind) = refused("org/blocks:Q4_0", &access(&hub, &place));
    assert!(text.contains("503") && kind == Kind::Failed, "{text}");
    for _ in 0..5 {
        hub.fault("/api/models/", Fault::Status(429, ""));
    }
    let (text, kind) = refused("org/blocks:Q4_0", &access(&hub, &place));
    assert!(text.contains("no more requests") && kind == Kind::Failed, "{text}");
}

#[test]
fn refusals_are_told_apart() {
    let (hub, place) = (tiny(), Place::new());
    let with = access(&hub, &place);
    let without = Access { token: None, ..with.clone() };
    let page = format!("{}/org/tiny", hub.endpoint());
    let refuse = |name: &str, access: &Access, words: &[&str]| {
        let (text, kind) = refused(name, access);
        assert_eq!(kind, Kind::Input, "{text}");
        for word in words {
            assert!(text.contains(word), "no `{word}` in: {text}");
        }
    };
    refuse("org/none", &without, &["there is no `org/none`", "no token was sent", "./org/none"]);
    refuse("org/none", &with, &["the token in `HF_TOKEN` has no access"]);
    refuse("org/tiny@v9", &with, &["`org/tiny` has no revision `v9`"]);
    refuse("org/tiny:Q4_0", &with, &["no GGUF file with `Q4_0`", "it has no GGUF files at all"]);
    hub.fault("config.json", Fault::Status(401, "GatedRepo"));
    refuse("org/tiny", &without, &["gated", "no token was sent", "licence", &page, "`HF_TOKEN`"]);
    hub.fault("config.json", Fault::Status(403, "GatedRepo"));
    refuse("org/tiny", &with, &["gated", "token in `HF_TOKEN` has no access", "licence", &page]);
    hub.fault("config.json", Fault::Status(404, "EntryNotFound"));
    refuse("org/tiny", &with, &["has no file `config.json`"]);
    hub.fault("config.json", Fault::Status(403, ""));
    refuse("org/tiny", &with, &["denies access", "`HF_TOKEN`"]);
    hub.remove("org/tiny", "tokenizer.json");
    refuse("org/tiny", &with, &["`org/tiny` has no `tokenizer.json`"]);
    hub.put("org/tiny", "m-Q8_0.gguf", b"GGUF");
    refuse("org/tiny", &with, &["`org/tiny` has no `tokenizer.json`", "org/tiny:m-Q8_0.gguf"]);
    refuse("org/tiny:Q4_0", &with, &["no GGUF file with `Q4_0`", "it has `Q8_0`"]);
}

#[test]
fn no_way_to_the_hub() {
    let place = Place::new();
    let hub = tiny();
    // A port that was just free and that nobody listens on.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = Access { endpoint: format!("http://{closed}"), ..access(&hub, &place) };
    let (text, kind) = refused("org/tiny", &away);
    assert!(text.contains("cannot be reached") && text.contains("--offline"), "{text}");
    assert_eq!(kind, Kind::Failed);
    // It speaks HTTP and no TLS.
    let plain =
        Access { endpoint: hub.endpoint().replace("http://", "https://"), ..access(&hub, &place) };
    let (text, kind) = refused("org/tiny", &plain);
    assert!(text.contains("no secure connection to `127.0.0.1`"), "{text}");
    assert_eq!(kind, Kind::Failed);
    hub.fault("config.json", Fault::RedirectForEver);
    let (text, _) = refused("org/tiny", &access(&hub, &place));
    assert!(text.contains("without end"), "{text}");
}

#[test]
fn a_repository_that_was_renamed_is_followed_with_the_token() {
    let ((hub, content), place) = (gguf(), Place::new());
    hub.fault("m-Q4_0.gguf", Fault::RenamedTo("/org/blocks/resolve".into()));
    let fetched = get("org/blocks:Q4_0", &access(&hub, &place)).unwrap();
    assert_eq!(fs::read(fetched.path).unwrap(), content);
    assert!(hub.requests().iter().all(|request| request.header("authorization").is_some()));
}

#[test]
fn all_parts_of_a_split_file_and_no_projector() {
    let (hub, place) = (Hub::start(), Place::new());
    for file in [
        "q/m-Q8_0-00001-of-00002.gguf",
        "q/m-Q8_0-00002-of-00002.gguf",
        "mmproj-m-Q8_0.gguf",
        "m-Q4_K_M.gguf",
    ] {
        hub.put("org/blocks", file, file.as_bytes());
    }
    let fetched = get("org/blocks:q8_0@main", &access(&hub, &place)).unwrap();
    assert!(fetched.path.ends_with("q/m-Q8_0-00001-of-00002.gguf"));
    assert!(fetched.path.with_file_name("m-Q8_0-00002-of-00002.gguf").is_file());
    let blobs = repository(&place, "org/blocks").join("blobs");
    assert_eq!(fs::read_dir(blobs).unwrap().count(), 2);
    let named = get("org/blocks:m-Q4_K_M.gguf", &access(&hub, &place)).unwrap();
    assert!(named.path.ends_with("m-Q4_K_M.gguf"));
}

#[test]
fn two_at_once_fetch_every_byte_once() {
    let ((hub, content), place) = (gguf(), Place::new());
    let access = access(&hub, &place);
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| get("org/blocks:Q4_0", &access).unwrap())).collect();
        for thread in threads {
            assert_eq!(fs::read(thread.join().unwrap().path).unwrap(), content);
        }
    });
    assert_eq!(hub.cdn_requests().len(), 1);
}

/// A file list or an index that speaks of other places reaches none of them.
#[test]
fn nothing_is_written_outside_the_cache() {
    let (hub, place) = (tiny(), Place::new());
    hub.put("org/tiny", "../../../../escaped.gguf", b"GGUF");
    let (text, _) = refused("org/tiny:escaped.gguf", &access(&hub, &place));
    assert!(text.contains("has no file"), "{text}");
    let index = br#"{"weight_map": {"a": "../../../../escaped.safetensors"}}"#;
    hub.put("org/tiny", "model.safetensors.index.json", index);
    let (text, _) = refused("org/tiny", &access(&hub, &place));
    assert!(text.contains("not the name of a safetensors file"), "{text}");
    hub.fault("config.json", Fault::Etag("../../../escaped".into()));
    let (text, _) = refused("org/tiny", &access(&hub, &Place::new()));
    assert!(text.contains("no usable etag"), "{text}");
}

fn candor(place: &Place, hub: &Hub, args: &[&str]) -> Command {
    let mut command = place.command(args);
    let strange = |name: &str| {
        let name = name.to_ascii_uppercase();
        name.starts_with("HF_") || name.starts_with("HUGGING") || name.ends_with("_PROXY")
    };
    for (name, _) in std::env::vars().filter(|(name, _)| strange(name)) {
        command.env_remove(name);
    }
    command
        .env("HF_ENDPOINT", hub.endpoint())
        .env("HF_HOME", place.path("cache"))
        .env("HF_TOKEN", TOKEN)
        .env_remove("TRANSFORMERS_OFFLINE");
    command
}

/// stdout and stderr of a command that must end with this code.
fn output(mut command: Command, code: i32) -> String {
    let output = command.output().unwrap();
    let text =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(!text.contains(TOKEN), "{text}");
    text
}

const RUN: [&str; 9] =
    ["run", "org/faker", "--limit", "1", "--max-tokens", "4", "--threads", "1", "--out"];

fn organism() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/organisms/faker")
}

/// A hub with a model whose context takes a scenario.
fn faker() -> Hub {
    let hub = Hub::start();
    for entry in fs::read_dir(organism()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        hub.put("org/faker", &name, &fs::read(entry.path()).unwrap());
    }
    hub
}

#[test]
fn a_run_of_a_hub_name_resumes_and_verifies_without_a_network() {
    let (hub, place) = (faker(), Place::new());
    let text = output(candor(&place, &hub, &[&RUN[..], &["run"]].concat()), 0);
    assert!(text.contains("org/faker"), "{text}");
    let manifest: serde_json::Value =
        serde_json::from_str(&place.read("run/manifest.json")).unwrap();
    assert_eq!(manifest["model"]["label"], "org/faker");
    assert_eq!(
        manifest["model"]["source"],
        serde_json::json!({"repository": "org/faker", "revision": "main", "commit": COMMIT})
    );
    assert!(!hub.requests().iter().any(|request| request.path.ends_with("card.json")));
    assert_no_token(&place.path("cache"));
    assert_no_token(&place.path("run"));

    // The same files from a folder give the same transcripts, and a manifest without a source.
    let folder = organism();
    let local = [&["run", folder.to_str().unwrap()], &RUN[2..], &["local"]].concat();
    output(candor(&place, &hub, &local), 0);
    assert_eq!(place.read("run/transcripts.jsonl"), place.read("local/transcripts.jsonl"));
    assert!(!place.read("local/manifest.json").contains("\"source\""));

    let asked = hub.requests().len();
    let before = place.snapshot("run");
    output(candor(&place, &hub, &[&RUN[..], &["run", "--offline"]].concat()), 0);
    let mut silent = candor(&place, &hub, &[&["--offline"], &RUN[..], &["again"]].concat());
    silent.env("HF_HUB_OFFLINE", "1");
    output(silent, 0);
    let verified = output(candor(&place, &hub, &["verify", "run", "--offline"]), 0);
    assert!(verified.starts_with("verified"), "{verified}");
    // Its commit is in the cache: nothing is asked for, even where it might be.
    output(candor(&place, &hub, &["verify", "run"]), 0);
    assert_eq!(hub.requests().len(), asked);
    assert!(
        place.snapshot("run")[&place.path("run/manifest.json")]
            == before[&place.path("run/manifest.json")]
    );

    // The branch moves on: the run is still verified by its commit, and resumed by naming it.
    hub.move_on("org/faker", "ffffffffffffffffffffffffffffffffffffffff");
    hub.put("org/faker", "generation_config.json", br#"{"eos_token_id": 1}"#);
    let text = output(candor(&place, &hub, &[&RUN[..], &["run"]].concat()), 2);
    assert!(text.contains(&format!("org/faker@{COMMIT}")), "{text}");
    output(candor(&place, &hub, &["verify", "run"]), 0);
    let pinned = format!("org/faker@{COMMIT}");
    output(candor(&place, &hub, &[&["run", &*pinned], &RUN[2..], &["run"]].concat()), 0);
}

#[test]
fn the_binary_is_told_to_stay_offline() {
    let (hub, place) = (tiny(), Place::new());
    let text = output(candor(&place, &hub, &[&RUN[..], &["run", "--offline"]].concat()), 2);
    assert!(
        text.contains("`--offline`") && text.contains("candor models pull org/faker"),
        "{text}"
    );
    let mut command = candor(&place, &hub, &[&RUN[..], &["run"]].concat());
    command.env("HF_HUB_OFFLINE", "yes");
    assert!(output(command, 2).contains("`HF_HUB_OFFLINE`"));
    let mut command = candor(&place, &hub, &[&RUN[..], &["run"]].concat());
    command.env("CANDOR_OFFLINE", "true");
    assert!(output(command, 2).contains("`--offline`"));
    let mut command = candor(&place, &hub, &[&RUN[..], &["run"]].concat());
    command.env("HF_HUB_OFFLINE", "perhaps");
    assert!(output(command, 2).contains("perhaps"));
    output(candor(&place, &hub, &["run", "./org/tiny"]), 2);
    // A folder of that name wins.
    place.write("org/tiny/readme", "");
    let text = output(candor(&place, &hub, &["run", "org/tiny"]), 2);
    assert!(text.contains("`org/tiny` has no `config.json`"), "{text}");
    assert!(hub.requests().is_empty());
    assert!(!place.path("cache").exists());
}

#[test]
fn the_library_opens_a_hub_name() {
    let (hub, place) = (tiny(), Place::new());
    let access = access(&hub, &place);
    let model = Model::open_with("org/tiny@main", &|| Ok(access.clone()), &mut Silent).unwrap();
    assert_eq!(model.label, "org/tiny");
    assert_eq!(model.origin.as_ref().unwrap().commit, COMMIT);
    model.weights().unwrap();
}
