//! A server for one reader on this machine: answers GET and HEAD of exact paths and nothing else. No path is ever taken
//! from an address, a page of another origin that resolves its name to 127.0.0.1 is turned away by its `Host`, and
//! another user of this machine by the word that begins every path.
//! Knows nothing about what is served.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// Bytes of a head.
const MOST_HEAD_BYTES: usize = 16 * 1024;
/// Readers at once; a browser opens a few connections before it needs them.
const MOST_CONNECTIONS: usize = 32;
/// For a request to arrive.
const READ_TIME: Duration = Duration::from_secs(5);
/// For each part of an answer to be taken.
const WRITE_TIME: Duration = Duration::from_secs(30);
/// Bytes that are still taken from a reader who is turned away, so that it comes to read why.
const MOST_LEFT_BYTES: u64 = 1 << 20;
/// Between two looks at whether the user has had enough; no reader waits for it.
const LOOK_TIME: Duration = Duration::from_millis(50);

/// What is answered.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) struct Answer {
    /// Code and reason.
    pub(in crate::cli) status: &'static str,
    /// Media type.
    pub(in crate::cli) media: &'static str,
    /// Policy that the browser is to hold the page to.
    pub(in crate::cli) policy: &'static str,
    /// The content.
    pub(in crate::cli) body: Vec<u8>,
}

impl Answer {
    /// A line of text.
    pub(in crate::cli) fn text(status: &'static str, line: &str) -> Self {
        let body = format!("{line}\n").into_bytes();
        Self { status, media: "text/plain; charset=utf-8", policy: "default-src 'none'", body }
    }
}

/// Who is let in.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Door {
    /// Port of 127.0.0.1.
    pub(in crate::cli) port: u16,
    /// What every path begins with, if anything.
    pub(in crate::cli) word: Option<String>,
}

impl Door {
    /// A word that nobody guesses.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub(in crate::cli) fn new_word() -> Result<String> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| {
            Error::failed(format!("the system gives no random numbers: {error}"))
                .hint("give `--no-token`: any user of this machine can then read the page")
        })?;
        Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The address of the page.
    pub(in crate::cli) fn address(&self) -> String {
        let word = self.word.iter().map(|word| format!("{word}/")).collect::<String>();
        format!("http://127.0.0.1:{}/{word}", self.port)
    }
}

/// Takes a port of 127.0.0.1; a free one for 0.
///
/// # Errors
/// The port is taken or not allowed.
pub(in crate::cli) fn listen(port: u16) -> Result<(TcpListener, u16)> {
    let refused = |error: std::io::Error| {
        Error::failed(format!("cannot listen on 127.0.0.1:{port}: {error}"))
            .hint("give another `--port`, or none for a free one")
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(refused)?;
    let port = listener.local_addr().map_err(refused)?.port();
    Ok((listener, port))
}

/// Answers until `interrupted` is set.
pub(in crate::cli) fn serve(
    listener: TcpListener,
    door: &Door,
    interrupted: &AtomicBool,
    answer: impl Fn(&str) -> Answer + Send + Sync + 'static,
) {
    let (door, answer) = (Arc::new(door.clone()), Arc::new(answer));
    // It waits for readers as long as the process is there.
    std::thread::spawn(move || {
        let connections = Arc::new(AtomicUsize::new(0));
        loop {
            let Ok((mut stream, _)) = listener.accept() else {
                std::thread::sleep(LOOK_TIME);
                continue;
            };
            if connections.fetch_add(1, Ordering::Relaxed) >= MOST_CONNECTIONS {
                connections.fetch_sub(1, Ordering::Relaxed);
                let full = Answer::text("503 Service Unavailable", "too many readers at once");
                let _ = stream.set_write_timeout(Some(LOOK_TIME));
                let _ = reply(&mut stream, &full, true);
                continue;
            }
            let (door, answer) = (Arc::clone(&door), Arc::clone(&answer));
            let connections = Arc::clone(&connections);
            std::thread::spawn(move || {
                // A reader that goes away is no error.
                let _ = converse(stream, &door, &*answer);
                connections.fetch_sub(1, Ordering::Relaxed);
            });
        }
    });
    while !interrupted.load(Ordering::Relaxed) {
        std::thread::sleep(LOOK_TIME);
    }
}

fn converse(
    mut stream: TcpStream,
    door: &Door,
    answer: &dyn Fn(&str) -> Answer,
) -> std::io::Result<()> {
    stream.set_write_timeout(Some(WRITE_TIME))?;
    let head = match head(&mut stream)? {
        Head::Whole(head) => head,
        Head::None => return Ok(()),
        Head::TooLong => {
            let what = format!("{MOST_HEAD_BYTES} bytes are the most of a head");
            let refusal = Answer::text("431 Request Header Fields Too Large", &what);
            reply(&mut stream, &refusal, true)?;
            stream.shutdown(Shutdown::Write)?;
            std::io::copy(&mut (&stream).take(MOST_LEFT_BYTES), &mut std::io::sink())?;
            return Ok(());
        }
    };
    match asked(&head, door) {
        Ok((path, with_body)) => reply(&mut stream, &answer(path), with_body),
        Err(refusal) => reply(&mut stream, &refusal, true),
    }
}

/// Sends an answer, or what it would be without its content.
fn reply(stream: &mut TcpStream, answer: &Answer, with_body: bool) -> std::io::Result<()> {
    let header = format!(
        "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nContent-Security-Policy: {}\r\n\
         X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\nReferrer-Policy: no-referrer\r\n\
         Cross-Origin-Resource-Policy: same-origin\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n",
        answer.status,
        answer.media,
        answer.body.len(),
        answer.policy,
    );
    stream.write_all(header.as_bytes())?;
    if with_body {
        stream.write_all(&answer.body)?;
    }
    stream.flush()
}

/// What came of a request's head.
enum Head {
    Whole(String),
    TooLong,
    /// It did not come in time, or is no text.
    None,
}

fn head(stream: &mut TcpStream) -> std::io::Result<Head> {
    let deadline = Instant::now() + READ_TIME;
    let mut bytes = Vec::new();
    let mut part = [0; 2048];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(Head::None);
        }
        stream.set_read_timeout(Some(left))?;
        let read = stream.read(&mut part)?;
        bytes.extend_from_slice(&part[..read]);
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            bytes.truncate(end);
            return Ok(String::from_utf8(bytes).map_or(Head::None, Head::Whole));
        }
        if bytes.len() > MOST_HEAD_BYTES {
            return Ok(Head::TooLong);
        }
        if read == 0 {
            return Ok(Head::None);
        }
    }
}

/// The path that is asked for, behind the word, and whether its content is; if the request is one to answer.
fn asked<'a>(head: &'a str, door: &Door) -> std::result::Result<(&'a str, bool), Answer> {
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(path), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Answer::text("400 Bad Request", "this is no HTTP request"));
    };
    let hosts: Vec<&str> = lines
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| name.eq_ignore_ascii_case("host"))
        .map(|(_, host)| host.trim())
        .collect();
    let own = ["127.0.0.1", "localhost"].map(|name| format!("{name}:{}", door.port));
    match hosts[..] {
        [host] if own.iter().any(|own| own.eq_ignore_ascii_case(host)) => {}
        _ => return Err(Answer::text("403 Forbidden", "this host is not served here")),
    }
    let with_body = match (method, version) {
        ("GET", "HTTP/1.1" | "HTTP/1.0") => true,
        ("HEAD", "HTTP/1.1" | "HTTP/1.0") => false,
        ("GET" | "HEAD", _) => {
            return Err(Answer::text("505 HTTP Version Not Supported", "HTTP/1.1 is spoken here"));
        }
        _ => {
            return Err(Answer::text("405 Method Not Allowed", "only GET and HEAD are answered"));
        }
    };
    let path = match &door.word {
        Some(word) => path
            .strip_prefix('/')
            .and_then(|path| path.strip_prefix(&**word))
            .filter(|rest| rest.starts_with('/'))
            .ok_or_else(|| {
                Answer::text("403 Forbidden", "open the whole address that `candor view` printed")
            })?,
        None => path,
    };
    Ok((path, with_body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn door(word: Option<&str>) -> Door {
        Door { port: 8000, word: word.map(str::to_owned) }
    }

    fn status(head: &str) -> &'static str {
        asked(head, &door(None)).map_or_else(|answer| answer.status, |_| "200 OK")
    }

    #[test]
    fn a_word_begins_every_path() {
        let word = Door::new_word().unwrap();
        assert!(word.len() == 32 && word != Door::new_word().unwrap());
        let door = door(Some("w0rd"));
        assert_eq!(door.address(), "http://127.0.0.1:8000/w0rd/");
        let asked = |path: &str| {
            let head = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:8000");
            asked(&head, &door).map(|(path, _)| path.to_owned()).map_err(|answer| answer.status)
        };
        assert_eq!(asked("/w0rd/"), Ok("/".to_owned()));
        assert_eq!(asked("/w0rd/state"), Ok("/state".to_owned()));
        for path in ["/", "/state", "/w0rd", "/w0rdx/", "/W0RD/", "//w0rd/", "w0rd/", ""] {
            assert_eq!(asked(path), Err("403 Forbidden"), "{path}");
        }
    }

    #[test]
    fn only_this_host_and_only_get_and_head() {
        let open = door(None);
        let get = "GET /state HTTP/1.1\r\nHost: 127.0.0.1:8000";
        assert_eq!(asked(get, &open), Ok(("/state", true)));
        let head = "HEAD / HTTP/1.1\r\nhost:LOCALHOST:8000\r\nA: b";
        assert_eq!(asked(head, &open), Ok(("/", false)));
        for host in
            ["evil.example", "127.0.0.1", "127.0.0.1:8001", "127.0.0.1:8000.evil.example", ""]
        {
            assert_eq!(
                status(&format!("GET / HTTP/1.1\r\nHost: {host}")),
                "403 Forbidden",
                "{host}"
            );
        }
        assert_eq!(status("GET / HTTP/1.1"), "403 Forbidden");
        let two = "GET / HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nHost: evil.example";
        assert_eq!(status(two), "403 Forbidden");
        assert_eq!(status("POST / HTTP/1.1\r\nHost: localhost:8000"), "405 Method Not Allowed");
        assert_eq!(
            status("GET / HTTP/2\r\nHost: localhost:8000"),
            "505 HTTP Version Not Supported"
        );
        assert_eq!(status("GET /"), "400 Bad Request");
    }

    proptest! {
        #[test]
        fn any_head_is_answered(head in any::<String>()) {
            prop_assert_ne!(status(&head), "200 OK");
        }
    }
}
