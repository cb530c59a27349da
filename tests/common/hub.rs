//! A hub on 127.0.0.1: a server that speaks its protocol, and another where large files lie, to which it
//! redirects. Both remember what they were asked.

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use sha1::Sha1;
use sha2::{Digest, Sha256};

/// The commit that `main` stands for at first.
pub(crate) const COMMIT: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567";

/// What goes wrong once with the next request whose path ends so (or starts so, for the list of files).
#[derive(Clone)]
pub(crate) enum Fault {
    /// The connection ends after so many bytes of the content.
    CutAfter(usize),
    /// The whole comes, whatever part was asked for.
    IgnoreRange,
    /// A bit of the content is another.
    Damage,
    /// This status, with this `X-Error-Code`.
    Status(u16, &'static str),
    /// A redirect to the same address, for ever.
    RedirectForEver,
    /// A redirect within the hub: what stands before the commit becomes this.
    RenamedTo(String),
    /// This etag instead of the right one.
    Etag(String),
    /// As `Status`, with a time to wait that is none.
    TryLater(u16),
    /// No length is announced.
    Unsaid,
    /// Large content lies behind an address without a scheme.
    NetworkPath,
    /// So much comes behind the content, and no length before it.
    Flood(usize),
}

impl Fault {
    /// Content lies on the other server.
    fn is_of_content(&self) -> bool {
        matches!(self, Self::CutAfter(_) | Self::IgnoreRange | Self::Damage | Self::Flood(_))
    }
}

/// A request as it came, and how many bytes of content went back.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    headers: BTreeMap<String, String>,
    pub(crate) sent: Cell<usize>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&String> {
        self.headers.get(name)
    }
}

#[derive(Default)]
struct State {
    /// Repository to its files.
    files: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    /// Repository to the commit of `main`, where that is not [`COMMIT`].
    commits: BTreeMap<String, String>,
    faults: VecDeque<(String, Fault)>,
    requests: Vec<Request>,
    cdn_requests: Vec<Request>,
    cdn: Option<SocketAddr>,
}

/// Both servers; their threads end with the process.
pub(crate) struct Hub {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Hub {
    pub(crate) fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let cdn = serve(&state, answer_cdn);
        state.lock().unwrap().cdn = Some(cdn);
        Self { address: serve(&state, answer_hub), state }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn put(&self, repository: &str, file: &str, content: &[u8]) {
        let mut state = self.state.lock().unwrap();
        let files = state.files.entry(repository.into()).or_default();
        files.insert(file.into(), content.to_vec());
    }

    pub(crate) fn remove(&self, repository: &str, file: &str) {
        self.state.lock().unwrap().files.get_mut(repository).unwrap().remove(file);
    }

    pub(crate) fn move_on(&self, repository: &str, commit: &str) {
        self.state.lock().unwrap().commits.insert(repository.into(), commit.into());
    }

    pub(crate) fn fault(&self, path: &str, fault: Fault) {
        self.state.lock().unwrap().faults.push_back((path.into(), fault));
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.state.lock().unwrap().requests.clone()
    }

    pub(crate) fn cdn_requests(&self) -> Vec<Request> {
        self.state.lock().unwrap().cdn_requests.clone()
    }
}

/// Large files by their SHA-256; small ones by the SHA-1 of git.
pub(crate) fn etag(file: &str, content: &[u8]) -> String {
    let hex = |digest: &[u8]| digest.iter().map(|byte| format!("{byte:02x}")).collect();
    if is_large(file) {
        return hex(&Sha256::digest(content));
    }
    let mut git = Sha1::new();
    git.update(format!("blob {}\0", content.len()));
    git.update(content);
    hex(&git.finalize())
}

fn is_large(file: &str) -> bool {
    [".safetensors", ".gguf"].iter().any(|kind| file.ends_with(kind))
}

type Answer = fn(&Mutex<State>, &Request, &mut TcpStream) -> std::io::Result<()>;

fn serve(state: &Arc<Mutex<State>>, answer: Answer) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let state = state.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let state = state.clone();
            std::thread::spawn(move || {
                let mut stream = stream.unwrap();
                // One request a connection.
                let _ = match read(&stream) {
                    Some(request) => answer(&state, &request, &mut stream),
                    None => refuse(&mut stream, 400, ""),
                };
            });
        }
    });
    address
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    for line in lines {
        let line = line.ok()?;
        let Some((name, value)) = line.split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    Some(Request { method, path, headers, sent: Cell::new(0) })
}

fn head(stream: &mut TcpStream, status: u16, headers: &[(&str, &str)]) -> std::io::Result<()> {
    let mut text = format!("HTTP/1.1 {status} Answer\r\nConnection: close\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    stream.write_all((text + "\r\n").as_bytes())
}

fn refuse(stream: &mut TcpStream, status: u16, code: &str) -> std::io::Result<()> {
    let code = if code.is_empty() { ("X-Nothing", "0") } else { ("X-Error-Code", code) };
    head(stream, status, &[("Content-Length", "0"), code])
}

/// Takes the fault that is next for this path, if one is.
fn fault(state: &mut State, path: &str, of_content: bool) -> Option<Fault> {
    let hit = |(end, fault): &(String, Fault)| {
        (path.ends_with(end) || path.starts_with(end)) && fault.is_of_content() == of_content
    };
    let at = state.faults.iter().position(hit)?;
    if let (_, endless @ Fault::RedirectForEver) = &state.faults[at] {
        return Some(endless.clone());
    }
    state.faults.remove(at).map(|(_, fault)| fault)
}

fn answer_hub(
    state: &Mutex<State>,
    request: &Request,
    stream: &mut TcpStream,
) -> std::io::Result<()> {
    let mut state = state.lock().unwrap();
    state.requests.push(request.clone());
    let path = &request.path;
    let fault = fault(&mut state, path, false);
    match &fault {
        Some(Fault::Status(status, code)) => return refuse(stream, *status, code),
        Some(Fault::TryLater(status)) => {
            return head(stream, *status, &[("Content-Length", "0"), ("Retry-After", "0")]);
        }
        Some(Fault::RedirectForEver) => {
            return head(stream, 307, &[("Location", path), ("Content-Length", "0")]);
        }
        Some(Fault::RenamedTo(start)) => {
            // A list has no such part: it is sent to where there is nothing.
            let rest = path.split_once("/resolve").map_or("", |(_, rest)| rest);
            let to = format!("{start}{rest}");
            return head(stream, 307, &[("Location", &to), ("Content-Length", "0")]);
        }
        _ => {}
    }
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let (repository, list) = match segments[..] {
        ["api", "models", org, name, "revision", _] => (format!("{org}/{name}"), true),
        [org, name, "resolve", ..] => (format!("{org}/{name}"), false),
        _ => return refuse(stream, 404, ""),
    };
    let Some(files) = state.files.get(&repository) else {
        return refuse(stream, 401, "RepoNotFound");
    };
    let main = state.commits.get(&repository).map_or(COMMIT, String::as_str);
    if list {
        let commit = match segments[5] {
            "main" => main,
            known if known == main || known == COMMIT => known,
            _ => return refuse(stream, 404, "RevisionNotFound"),
        };
        let siblings: Vec<_> =
            files.keys().map(|name| serde_json::json!({ "rfilename": name })).collect();
        let text = serde_json::json!({ "sha": commit, "siblings": siblings }).to_string();
        head(stream, 200, &[("Content-Length", &text.len().to_string())])?;
        return stream.write_all(text.as_bytes());
    }
    // Python asks for files by the branch.
    let Some(&revision) = segments.get(3) else {
        return refuse(stream, 404, "RevisionNotFound");
    };
    let commit = if revision == "main" { main } else { revision };
    let file = segments[4..].join("/");
    let Some(content) = files.get(&file) else {
        let length = ("Content-Length", "0");
        let code = ("X-Error-Code", "EntryNotFound");
        return head(stream, 404, &[code, ("X-Repo-Commit", commit), length]);
    };
    let said = !matches!(fault, Some(Fault::Unsaid));
    let scheme = if matches!(fault, Some(Fault::NetworkPath)) { "" } else { "http:" };
    let etag = match fault {
        Some(Fault::Etag(etag)) => etag,
        _ => etag(&file, content),
    };
    let quoted = format!("\"{etag}\"");
    let length = content.len().to_string();
    if is_large(&file) {
        let location = format!("{scheme}//{}/signed/{repository}/{file}", state.cdn.unwrap());
        let mut headers = vec![
            ("X-Repo-Commit", commit),
            ("X-Linked-Etag", &*quoted),
            ("ETag", "\"the pointer's own\""),
            ("Location", &location),
            ("Content-Length", "0"),
        ];
        if said {
            headers.push(("X-Linked-Size", &length));
        }
        return head(stream, 302, &headers);
    }
    let (commit, mut content) = (commit.to_owned(), content.clone());
    let spoiled = match request.method == "GET" {
        true => self::fault(&mut state, path, true),
        false => None,
    };
    drop(state);
    match spoiled {
        Some(Fault::Damage) => *content.last_mut().unwrap() ^= 1,
        Some(Fault::CutAfter(bytes)) => content.truncate(bytes),
        Some(Fault::Flood(more)) => content.extend(vec![b' '; more]),
        _ => {}
    }
    let mut headers = vec![("X-Repo-Commit", &*commit), ("ETag", &quoted)];
    if said && !matches!(spoiled, Some(Fault::Flood(_))) {
        headers.push(("Content-Length", &length));
    }
    head(stream, 200, &headers)?;
    if request.method == "GET" { stream.write_all(&content) } else { Ok(()) }
}

fn answer_cdn(
    state: &Mutex<State>,
    request: &Request,
    stream: &mut TcpStream,
) -> std::io::Result<()> {
    let mut state = state.lock().unwrap();
    let fault = fault(&mut state, &request.path, true);
    let path = request.path.trim_start_matches("/signed/");
    let (slash, _) = path.match_indices('/').nth(1).unwrap();
    let mut content = state.files[&path[..slash]][&path[slash + 1..]].clone();
    let range = request.header("range").filter(|_| !matches!(fault, Some(Fault::IgnoreRange)));
    let from: usize = range.map_or(0, |range| {
        range.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse().unwrap()
    });
    let whole = content.len();
    if let Some(Fault::Damage) = fault {
        content[whole / 2] ^= 1;
    }
    let mut part = &content[from..];
    let length = part.len().to_string();
    if let Some(Fault::CutAfter(bytes)) = fault {
        part = &part[..bytes.min(part.len())];
    }
    let more = match fault {
        Some(Fault::Flood(more)) => vec![0; more],
        _ => Vec::new(),
    };
    request.sent.set(part.len());
    state.cdn_requests.push(request.clone());
    drop(state);
    let range = format!("bytes {from}-{}/{whole}", whole - 1);
    let mut headers = Vec::new();
    if more.is_empty() {
        headers.push(("Content-Length", &*length));
    }
    if from > 0 {
        headers.push(("Content-Range", &range));
    }
    head(stream, if from == 0 { 200 } else { 206 }, &headers)?;
    if request.method == "GET" {
        stream.write_all(part)?;
        return stream.write_all(&more);
    }
    Ok(())
}
