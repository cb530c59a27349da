//! `candor view`: what it serves, and to whom.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use common::Place;

/// A server under test; it ends with the test.
struct Server {
    child: Child,
    port: u16,
    /// What every path begins with.
    word: String,
    stderr: BufReader<std::process::ChildStderr>,
}

impl Server {
    fn start(place: &Place, args: &[&str]) -> Self {
        let mut child = place
            .command(&[&["view"], args].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        let rest = url.strip_prefix("http://127.0.0.1:").unwrap().trim_end_matches("/\n");
        let (port, word) = rest.split_once('/').unwrap_or((rest, ""));
        let word = if word.is_empty() { String::new() } else { format!("/{word}") };
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { port: port.parse().unwrap(), word, child, stderr }
    }

    /// Sends a request as it is and gives status line, headers and body.
    fn send(&self, request: &str) -> (String, String, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let (status, headers) = head.split_once("\r\n").unwrap();
        (status.to_owned(), headers.to_owned(), body.to_owned())
    }

    fn get(&self, path: &str) -> (String, String, String) {
        let (word, port) = (&self.word, self.port);
        self.send(&format!("GET {word}{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"))
    }

    fn state(&self) -> serde_json::Value {
        serde_json::from_str(&self.get("/state").2).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs of two variants, of which the second is under way.
fn two_runs(place: &Place) {
    place.small("runs/a", &[]);
    let read = |name: &str| place.read(&format!("runs/a/{name}"));
    place.write("runs/deep/b/manifest.json", read("manifest.json"));
    let begun: Vec<_> =
        read("journal.jsonl").lines().take(9).map(|line| format!("{line}\n")).collect();
    place.write("runs/deep/b/journal.jsonl", begun.concat() + "{\"checksum\":\"torn");
}

#[test]
fn a_folder_of_runs_is_one_page() {
    let place = Place::new();
    two_runs(&place);
    let before = place.snapshot("runs");
    let mut server = Server::start(&place, &["runs"]);
    let mut said = String::new();
    server.stderr.read_line(&mut said).unwrap();
    assert!(said.contains(&format!("2 runs on 127.0.0.1:{}", server.port)), "{said}");
    let (status, headers, page) = server.get("/");
    assert_eq!(status, "HTTP/1.1 200 OK");
    for part in ["connect-src 'self'", "frame-ancestors 'none'", "nosniff", "no-store", "text/html"]
    {
        assert!(headers.contains(part), "{part}: {headers}");
    }
    assert!(
        page.contains("organism:faker is running, 9 of 24 trials"),
        "the torn line is not there yet"
    );
    assert!(page.matches("so far (running, 9 of 24 trials)").count() == 1);
    let state = server.state();
    assert_eq!(state["progress"], "organism:faker is running, 9 of 24 trials");
    assert!(page.contains(&format!("data-version=\"{}\"", state["version"].as_str().unwrap())));
    assert!(before == place.snapshot("runs"), "nothing is written");
}

#[test]
fn what_goes_on_is_seen() {
    let place = Place::new();
    two_runs(&place);
    let server = Server::start(&place, &["runs/deep/b"]);
    let first = server.state();
    assert_eq!(first["progress"], "running, 9 of 24 trials");
    assert_eq!(first, server.state(), "nothing new, nothing changed");
    place.write("runs/deep/b/journal.jsonl", place.read("runs/a/journal.jsonl"));
    let second = server.state();
    assert_eq!(second["progress"], "running, 24 of 24 trials");
    assert_ne!(first["version"], second["version"]);
    for name in ["transcripts.jsonl", "seal.json"] {
        place.write(&format!("runs/deep/b/{name}"), place.read(&format!("runs/a/{name}")));
    }
    assert_eq!(server.state()["progress"], "");
    assert!(!server.get("/").2.contains("of 24 trials"));
}

#[test]
fn only_this_machine_and_only_two_paths() {
    let place = Place::new();
    place.small("run", &[]);
    let server = Server::start(&place, &["run", "--port", "0", "--no-token"]);
    assert_eq!(server.word, "");
    let own = format!("Host: localhost:{}", server.port);
    for (request, status) in [
        (format!("GET /state HTTP/1.1\r\n{own}\r\n\r\n"), "200"),
        (format!("GET /state HTTP/1.1\r\nHost: evil.example:{}\r\n\r\n", server.port), "403"),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), "403"),
        (format!("POST / HTTP/1.1\r\n{own}\r\n\r\n"), "405"),
        (format!("GET /../manifest.json HTTP/1.1\r\n{own}\r\n\r\n"), "404"),
        (format!("GET /run/manifest.json HTTP/1.1\r\n{own}\r\n\r\n"), "404"),
        (format!("GET /%2e%2e/etc/passwd HTTP/1.1\r\n{own}\r\n\r\n"), "404"),
        (format!("GET /?x HTTP/1.1\r\n{own}\r\n\r\n"), "404"),
        ("nonsense\r\n\r\n".to_owned(), "400"),
    ] {
        let (said, _, _) = server.send(&request);
        assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {said}");
    }
    // A head that never ends is not read for ever.
    let (said, _, _) = server.send(&"a".repeat(40_000));
    assert!(said.starts_with("HTTP/1.1 431 "), "{said}");
    assert_eq!(server.get("/").0, "HTTP/1.1 200 OK");
}

/// `HEAD` is `GET` without the content.
#[test]
fn head_is_answered() {
    let place = Place::new();
    place.small("run", &[]);
    let server = Server::start(&place, &["run"]);
    let (status, headers, page) = server.get("/");
    let (word, port) = (&server.word, server.port);
    let asked = format!("HEAD {word}/ HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
    assert_eq!(server.send(&asked), (status, headers.clone(), String::new()));
    assert!(headers.contains(&format!("Content-Length: {}", page.len())), "{headers}");
}

/// Another user of this machine sees the port, and not the word that the address carries.
#[test]
fn the_address_carries_a_word_that_others_do_not_know() {
    let place = Place::new();
    place.small("run", &[]);
    let server = Server::start(&place, &["run"]);
    assert_eq!(server.word.len(), 33, "{}", server.word);
    assert_eq!(server.get("/").0, "HTTP/1.1 200 OK");
    for path in ["/", "/state", &format!("{}x/", server.word), &server.word] {
        let own = format!("Host: 127.0.0.1:{}", server.port);
        let (status, _, body) = server.send(&format!("GET {path} HTTP/1.1\r\n{own}\r\n\r\n"));
        assert_eq!(status, "HTTP/1.1 403 Forbidden", "{path}");
        assert!(body.contains("the whole address") && !body.contains(&server.word), "{body}");
    }
}

#[test]
fn so_many_readers_at_once_and_no_more() {
    let place = Place::new();
    place.small("run", &[]);
    let server = Server::start(&place, &["run"]);
    let idle: Vec<_> =
        (0..32).map(|_| TcpStream::connect(("127.0.0.1", server.port)).unwrap()).collect();
    let mut answer = String::new();
    TcpStream::connect(("127.0.0.1", server.port)).unwrap().read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    drop(idle);
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it_in_order() {
    let place = Place::new();
    place.small("run", &[]);
    let mut server = Server::start(&place, &["run"]);
    // A browser keeps a connection open before it needs it.
    let idle = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    let killed =
        std::process::Command::new("kill").args(["-INT", &server.child.id().to_string()]).status();
    assert!(killed.unwrap().success());
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    drop(idle);
}

#[test]
fn a_folder_without_runs_and_a_taken_port_are_errors() {
    let place = Place::new();
    place.write("empty/notes.txt", "x");
    assert!(place.fails(&["view", "empty"], 2).contains("there is no run in `empty`"));
    assert!(place.fails(&["view", "nowhere"], 2).contains("nowhere"));
    place.small("run", &[]);
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    assert!(place.fails(&["view", "run", "--port", &port], 1).contains("--port"));
}
