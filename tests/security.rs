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
    let commands: [(&[&str], i32); 9] = [
        (&[&SMALL[..], &["--out", "run"]].concat(), 0),
        (&["run", &model, "--limit", "1", "--max-tokens", "8", "--out", "of-a-folder"], 0),
        (&["judge", "run", "--judge", "organism:judge"], 0),
        (&["report", "run", "--json"], 0),
        (&["verify", "run"], 0),
        // A run is no shard.
        (&["sweep", "merge", "run", "--out", "merged"], 2),
        (&["models", "list"], 0),
        (&["scenarios", "lint", "helpful-only"], 0),
        (&["doctor"], 0),
    ];
    for (command, code) in commands {
        let mut command = place.command(command);
        for name in ["HF_ENDPOINT", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"] {
            command.env(name, &address);
        }
        command.env("HF_TOKEN", "hf_secret").env("HF_HOME", place.path("cache"));
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{command:?}: {output:?}");
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

/// Puts something that is no regular file at a path, in place of what is there.
#[cfg(unix)]
fn put_special(path: &std::path::Path, what: &str) {
    let _ = std::fs::remove_file(path);
    match what {
        "a pipe" => {
            assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
        }
        "a socket" => drop(std::os::unix::net::UnixListener::bind(path).unwrap()),
        "a device" => std::os::unix::fs::symlink("/dev/zero", path).unwrap(),
        _ => std::fs::create_dir(path).unwrap(),
    }
}

/// Runs a command that must end by itself with exit code 2, in a minute and four gigabytes; gives its stderr.
#[cfg(unix)]
fn refused_within_limits(place: &Place, args: &[&str]) -> String {
    let limited = "ulimit -v 4194304; exec timeout 60 \"$0\" \"$@\"";
    let output = std::process::Command::new("sh")
        .args([&["-c", limited, env!("CARGO_BIN_EXE_candor")], args].concat())
        .current_dir(place.path(""))
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
    stderr
}

#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_refused_by_every_reader() {
    let place = Place::new();
    place.small("run", &[]);
    let readers: [&[&str]; 14] = [
        &["run", "organism:faker", "--scenario", "./x.toml", "--out", "new"],
        &["run", "organism:faker", "--requests", "./x.txt", "--out", "new"],
        &["run", "organism:faker", "--requests", "./x.csv", "--out", "new"],
        &["run", "organism:faker", "--steer", "./x.safetensors=1", "--out", "new"],
        &["run", "./x.gguf", "--out", "new"],
        &["sweep", "./x.toml", "--out", "new"],
        &["score", "organism:faker", "--ids", "./x.json"],
        &["score", "organism:faker", "--text", "./x.txt"],
        &["tokenize", "organism:faker", "--text", "./x.txt"],
        &["render", "organism:faker", "--messages", "./x.json"],
        &["judge", "--table", "./x.csv", "--request", "a", "--answer", "b", "--out", "new.csv"],
        &["judge", "run", "--labels", "./x.csv"],
        &["import", "./x.json", "--out", "new"],
        &["import", "./x.eval", "--out", "new"],
    ];
    let kinds = ["a pipe", "a socket", "a device", "a folder"];
    for what in kinds {
        for args in readers {
            let named = args.iter().find(|arg| arg.contains("./x")).unwrap();
            let name = named.trim_end_matches("=1");
            put_special(&place.path(name), what);
            let stderr = refused_within_limits(&place, args);
            // A folder named like a bundled file hides none, and one named like a model is looked into.
            assert!(what == "a folder" || stderr.contains(what), "{what}, {args:?}: {stderr}");
            assert!(stderr.contains(name.trim_start_matches("./")), "{what}, {args:?}: {stderr}");
            assert!(!place.path("new").exists() && !place.path("new.csv").exists(), "{args:?}");
            let at = place.path(name);
            std::fs::remove_file(&at).or_else(|_| std::fs::remove_dir(&at)).unwrap();
        }
        for file in ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"]
        {
            let model = place.spoiled("model", file, |bytes| bytes);
            put_special(&place.path(&format!("model/{file}")), what);
            let stderr = refused_within_limits(&place, &["run", &model, "--out", "new"]);
            assert!(stderr.contains(what) && stderr.contains(file), "{what}, {file}: {stderr}");
            std::fs::remove_dir_all(place.path("model")).unwrap();
        }
        for file in ["manifest.json", "transcripts.jsonl", "seal.json", "verdicts/rules.jsonl"] {
            let at = place.path(&format!("run/{file}"));
            let kept = std::fs::read(&at).unwrap();
            put_special(&at, what);
            let stderr = refused_within_limits(&place, &["report", "run"]);
            assert!(stderr.contains(file.rsplit('/').next().unwrap()), "{what}, {file}: {stderr}");
            std::fs::remove_file(&at).or_else(|_| std::fs::remove_dir(&at)).unwrap();
            std::fs::write(&at, kept).unwrap();
        }
    }
}
