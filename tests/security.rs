//! Promises of SECURITY.md that no other test file holds.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

mod common;

use std::net::TcpListener;

use common::{Place, SMALL};

/// Whatever would be asked, a hub or a proxy, would come here.
#[test]
fn local_work_asks_nobody() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let model = place.spoiled("faker", "config.json", |bytes| bytes);
    let commands: [&[&str]; 9] = [
        &[&SMALL[..], &["--out", "run"]].concat(),
        &["run", &model, "--limit", "1", "--max-tokens", "8", "--out", "of-a-folder"],
        &["judge", "run", "--judge", "organism:judge"],
        &["report", "run", "--json"],
        &["verify", "run"],
        &["sweep", "merge", "run", "--out", "merged"],
        &["models", "list"],
        &["scenarios", "lint"],
        &["doctor"],
    ];
    for command in commands {
        let mut command = place.command(command);
        for name in ["HF_ENDPOINT", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"] {
            command.env(name, &address);
        }
        command.env("HF_TOKEN", "hf_secret").env("HF_HOME", place.path("cache"));
        let output = command.output().unwrap();
        // A run is no shard: the merge ends with code 2, and the rest with 0.
        assert!(matches!(output.status.code(), Some(0 | 2)), "{command:?}: {output:?}");
        let asked = listener.accept();
        assert!(asked.is_err(), "{command:?} made a request");
    }
    for (path, (bytes, _)) in place.snapshot("run") {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("hf_secret"), "{}", path.display());
    }
}

#[test]
fn a_template_that_never_ends_ends() {
    let place = Place::new();
    let endless =
        "{% for a in range(99999) %}{% for b in range(99999) %}{{ a }}{% endfor %}{% endfor %}";
    let model = place.spoiled("faker", "tokenizer_config.json", |bytes| bytes);
    place.write("faker/chat_template.jinja", endless);
    let stderr = place.fails(&["run", &model, "--limit", "1", "--out", "run"], 2);
    assert!(stderr.contains("template"), "{stderr}");
    assert!(!place.path("run").exists());
}
