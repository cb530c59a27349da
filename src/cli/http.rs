//! A server for one reader on this machine: answers GET of exact paths and nothing else. No path is ever taken from an
//! address, and a page of another origin that resolves its name to 127.0.0.1 is turned away by its `Host`.
//! Knows nothing about what is served.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// Bytes of a request, of which only the head is read.
const MOST_HEAD_BYTES: usize = 16 * 1024;
/// Readers at once; a browser opens a few connections before it needs them.
const MOST_CONNECTIONS: usize = 32;
/// For a request to arrive.
const READ_TIME: Duration = Duration::from_secs(5);
/// For each part of an answer to be taken.
const WRITE_TIME: Duration = Duration::from_secs(30);
/// Between two looks at whether the user has had enough.
const LOOK_TIME: Duration = Duration::from_millis(50);

/// What is answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// Code and reason.
    pub(super) status: &'static str,
    /// Media type.
    pub(super) media: &'static str,
    /// Policy that the browser is to hold the page to.
    pub(super) policy: &'static str,
    /// The content.
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// A line of text.
    pub(super) fn text(status: &'static str, line: &str) -> Self {
        let body = format!("{line}\n").into_bytes();
        Self { status, media: "text/plain; charset=utf-8", policy: "default-src 'none'", body }
    }
}

/// Takes a port of 127.0.0.1; a free one for 0.
///
/// # Errors
/// The port is taken or not allowed.
pub(super) fn listen(port: u16) -> Result<(TcpListener, u16)> {
    let refused = |error: std::io::Error| {
        Error::failed(format!("cannot listen on 127.0.0.1:{port}: {error}"))
            .hint("give another `--port`, or none for a free one")
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(refused)?;
    let port = listener.local_addr().map_err(refused)?.port();
    listener.set_nonblocking(true).map_err(refused)?;
    Ok((listener, port))
}

/// Answers until `interrupted` is set.
pub(super) fn serve(
    listener: &TcpListener,
    port: u16,
    interrupted: &AtomicBool,
    answer: impl Fn(&str) -> Answer + Send + Sync + 'static,
) {
    let answer = Arc::new(answer);
    let connections = Arc::new(AtomicUsize::new(0));
    while !interrupted.load(Ordering::Relaxed) {
        let Ok((stream, _)) = listener.accept() else {
            std::thread::sleep(LOOK_TIME);
            continue;
        };
        if connections.fetch_add(1, Ordering::Relaxed) >= MOST_CONNECTIONS {
            connections.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        let (answer, connections) = (Arc::clone(&answer), Arc::clone(&connections));
        std::thread::spawn(move || {
            // A reader that goes away is no error.
            let _ = converse(stream, port, &*answer);
            connections.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

fn converse(
    mut stream: TcpStream,
    port: u16,
    answer: &dyn Fn(&str) -> Answer,
) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(WRITE_TIME))?;
    let Some(head) = head(&mut stream)? else { return Ok(()) };
    let answer = match path(&head, port) {
        Ok(path) => answer(path),
        Err(refusal) => refusal,
    };
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
    stream.write_all(&answer.body)?;
    stream.flush()
}

/// The head of a request; none where it does not come in time, is too long, or is no text.
fn head(stream: &mut TcpStream) -> std::io::Result<Option<String>> {
    let deadline = Instant::now() + READ_TIME;
    let mut bytes = Vec::new();
    let mut part = [0; 2048];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        stream.set_read_timeout(Some(left))?;
        let read = stream.read(&mut part)?;
        bytes.extend_from_slice(&part[..read]);
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            bytes.truncate(end);
            return Ok(String::from_utf8(bytes).ok());
        }
        if read == 0 || bytes.len() > MOST_HEAD_BYTES {
            return Ok(None);
        }
    }
}

/// The path that is asked for, if the request is one to answer.
fn path(head: &str, port: u16) -> std::result::Result<&str, Answer> {
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
    let own = ["127.0.0.1", "localhost"].map(|name| format!("{name}:{port}"));
    match hosts[..] {
        [host] if own.iter().any(|own| own.eq_ignore_ascii_case(host)) => {}
        _ => return Err(Answer::text("403 Forbidden", "this host is not served here")),
    }
    match (method, version) {
        ("GET", "HTTP/1.1" | "HTTP/1.0") => Ok(path),
        ("GET", _) => {
            Err(Answer::text("505 HTTP Version Not Supported", "HTTP/1.1 is spoken here"))
        }
        _ => Err(Answer::text("405 Method Not Allowed", "only GET is answered")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn status(head: &str) -> &'static str {
        path(head, 8000).map_or_else(|answer| answer.status, |_| "200 OK")
    }

    #[test]
    fn only_this_host_and_only_get() {
        assert_eq!(path("GET /state HTTP/1.1\r\nHost: 127.0.0.1:8000", 8000), Ok("/state"));
        assert_eq!(path("GET / HTTP/1.1\r\nhost:LOCALHOST:8000\r\nA: b", 8000), Ok("/"));
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
