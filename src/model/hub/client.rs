//! Requests to the hub: one agent, redirects followed by hand so that the token goes to the endpoint and to
//! nobody else.

use std::time::Duration;

use serde::Deserialize;
use ureq::http::header::{AUTHORIZATION, LOCATION, RANGE};
use ureq::http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};

use super::TransferProgress;
use super::access::Access;
use super::cache::is_commit;
use super::name::is_relative;
use super::refusal::{Asked, Passing, Refusal};
use crate::error::{Error, Result};

/// Redirects that are followed for one request.
const HOPS: usize = 10;
/// Requests for one thing, the first one included, while they fail for passing reasons.
pub(super) const TRIES: u32 = 5;
/// Largest list of files that is read.
const LIST_BYTES: u64 = 64 << 20;
/// A connection that brings nothing for so long is given up.
const SILENCE: Duration = Duration::from_secs(60);

/// Who asks the hub.
pub(super) struct Client<'a> {
    agent: Agent,
    access: &'a Access,
}

/// A commit and the names of its files.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) commit: String,
    pub(super) files: Vec<String>,
}

/// What the hub says of a file before it is fetched.
#[derive(Debug)]
pub(super) struct Metadata {
    /// Names the content: the SHA-256 of a large file, the git hash of a small one.
    pub(super) etag: String,
    pub(super) bytes: Option<u64>,
}

impl<'a> Client<'a> {
    pub(super) fn new(access: &'a Access) -> Result<Self> {
        let mut tls = TlsConfig::builder();
        if let Some(path) = &access.certificates {
            let pem = crate::files::read_bytes(path, crate::files::TEXT_MAX)
                .map_err(|error| Error::read(path, &error))?;
            let trusted: Vec<Certificate<'static>> = parse_pem(&pem)
                .filter_map(|item| match item {
                    Ok(PemItem::Certificate(certificate)) => Some(certificate),
                    _ => None,
                })
                .collect();
            if trusted.is_empty() {
                let what = format!(
                    "`{}`, which `SSL_CERT_FILE` names, holds no certificate",
                    path.display()
                );
                return Err(Error::input(what).hint("give a file of certificates in PEM form"));
            }
            tls = tls.root_certs(RootCerts::new_with_certs(&trusted));
        }
        let agent = Agent::config_builder()
            .tls_config(tls.build())
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("candor/", env!("CARGO_PKG_VERSION")))
            // What arrives must be the bytes that the digest is of.
            .accept_encoding("identity")
            .timeout_connect(Some(Duration::from_secs(30)))
            .timeout_recv_response(Some(SILENCE))
            .timeout_per_read(Some(SILENCE))
            .build()
            .new_agent();
        Ok(Self { agent, access })
    }

    /// What a revision is, and what it has.
    ///
    /// # Errors
    /// As [`Refusal::status`] and [`Refusal::transport`] say.
    pub(super) fn list(
        &self,
        asked: Asked<'_>,
        progress: &mut dyn TransferProgress,
    ) -> Result<Listing> {
        #[derive(Deserialize)]
        struct Answer {
            sha: String,
            siblings: Vec<Sibling>,
        }
        #[derive(Deserialize)]
        struct Sibling {
            rfilename: String,
        }
        let url = format!(
            "{}/api/models/{}/revision/{}",
            self.access.endpoint,
            asked.name.repository(),
            percent(asked.name.revision(), false)
        );
        let text = self.patiently(progress, || {
            let (_, mut response) = self.ask(&Method::GET, &url, asked, None, true)?;
            let body = response.body_mut().with_config().limit(LIST_BYTES);
            body.read_to_vec().map_err(|error| Refusal::transport(&url, error))
        })?;
        let answer: Answer = serde_json::from_slice(&text).map_err(|error| {
            Error::failed(format!("the list of files at {url} cannot be read: {error}"))
                .hint("if `HF_ENDPOINT` is set, check that a hub answers there")
        })?;
        if !is_commit(&answer.sha) {
            return Err(Error::failed(format!("{url} names no commit"))
                .hint("if `HF_ENDPOINT` is set, check that a hub answers there"));
        }
        // A name that could lead out of the folder is none of a model's.
        let names = answer.siblings.into_iter().map(|sibling| sibling.rfilename);
        Ok(Listing { commit: answer.sha, files: names.filter(|name| is_relative(name)).collect() })
    }

    /// Etag and size of a file of a commit.
    ///
    /// # Errors
    /// As [`Self::list`], or the answer is not a hub's.
    pub(super) fn metadata(
        &self,
        asked: Asked<'_>,
        commit: &str,
        progress: &mut dyn TransferProgress,
    ) -> Result<Metadata> {
        let url = self.url(asked, commit);
        let headers = self.patiently(progress, || {
            let (_, response) = self.ask(&Method::HEAD, &url, asked, None, false)?;
            Ok(response.headers().clone())
        })?;
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let no_hub = |what: &str| {
            Error::failed(format!("{url} {what}"))
                .hint("if `HF_ENDPOINT` is set, check that a hub answers there")
        };
        match text("x-repo-commit") {
            Some(found) if found == commit => {}
            Some(_) => return Err(no_hub("belongs to another commit")),
            None => return Err(no_hub("names no commit")),
        }
        let etag = text("x-linked-etag").or_else(|| text("etag")).unwrap_or_default();
        let etag = etag.trim_start_matches("W/").trim_matches('"');
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if etag.is_empty() || etag.len() > 128 || etag.starts_with('.') || !etag.chars().all(plain)
        {
            return Err(no_hub("has no usable etag"));
        }
        let redirected = headers.contains_key(LOCATION);
        let bytes = text("x-linked-size")
            .or_else(|| text("content-length").filter(|_| !redirected))
            .and_then(|bytes| bytes.parse().ok());
        Ok(Metadata { etag: etag.to_owned(), bytes })
    }

    /// The content of a file of a commit from the byte `from` on, if the server cares.
    pub(super) fn content(
        &self,
        asked: Asked<'_>,
        commit: &str,
        from: u64,
    ) -> Result<(String, Response<Body>), Refusal> {
        self.ask(&Method::GET, &self.url(asked, commit), asked, (from > 0).then_some(from), true)
    }

    fn url(&self, asked: Asked<'_>, commit: &str) -> String {
        let file = percent(asked.file.unwrap_or_default(), true);
        format!("{}/{}/resolve/{commit}/{file}", self.access.endpoint, asked.name.repository())
    }

    /// Asks again while there is a passing reason to.
    fn patiently<T>(
        &self,
        progress: &mut dyn TransferProgress,
        mut ask: impl FnMut() -> Result<T, Refusal>,
    ) -> Result<T> {
        let mut tries = 1;
        loop {
            match ask() {
                Ok(answer) => return Ok(answer),
                Err(refusal) if refusal.passing == Passing::Busy && tries < TRIES => {
                    self.wait(&refusal, tries, progress);
                    tries += 1;
                }
                Err(refusal) => return Err(refusal.error),
            }
        }
    }

    /// Waits before try `tries + 1`.
    pub(super) fn wait(&self, refusal: &Refusal, tries: u32, progress: &mut dyn TransferProgress) {
        let wait = refusal.pause(self.access.first_wait, tries);
        progress.note(&format!("{}; trying again in {} s", refusal.error, wait.as_secs()));
        std::thread::sleep(wait);
    }

    /// One request, led on by redirects: to the end if `away`, else only as long as they stay at the
    /// endpoint. Returns the host that has answered and its answer, which is a success or such a redirect.
    fn ask(
        &self,
        method: &Method,
        url: &str,
        asked: Asked<'_>,
        from: Option<u64>,
        away: bool,
    ) -> Result<(String, Response<Body>), Refusal> {
        let home = address(&self.access.endpoint)?;
        let mut at = address(url)?;
        for _ in 0..=HOPS {
            let own = origin(&at) == origin(&home);
            let host = at.host().unwrap_or_default().to_owned();
            let mut request = Request::builder().method(method).uri(&at);
            if let Some(from) = from {
                request = request.header(RANGE, format!("bytes={from}-"));
            }
            if let (true, Some(token)) = (own, &self.access.token)
                && let Ok(mut value) = HeaderValue::try_from(token.header())
            {
                value.set_sensitive(true);
                request = request.header(AUTHORIZATION, value);
            }
            let request =
                request.body(()).map_err(|error| Refusal::transport(&host, error.into()))?;
            let response =
                self.agent.run(request).map_err(|error| Refusal::transport(&host, error))?;
            let status = response.status();
            if status.is_redirection() {
                let next = redirect(&at, response.headers())?;
                if !away && origin(&next) != origin(&home) {
                    return Ok((host, response));
                }
                if at.scheme_str() == Some("https") && next.scheme_str() != Some("https") {
                    return Err(Refusal::never(Error::failed(format!(
                        "`{host}` leads to an address that is not secure"
                    ))));
                }
                at = next;
                continue;
            }
            return match status.is_success() {
                true => Ok((host, response)),
                false if own => {
                    Err(Refusal::status(self.access, asked, status, response.headers()))
                }
                false => Err(Refusal::elsewhere(&host, asked, status, response.headers())),
            };
        }
        Err(Refusal::never(
            Error::failed(format!("{url} leads from one address to the next without end"))
                .hint("if `HF_ENDPOINT` is set, check that a hub answers there"),
        ))
    }
}

fn address(url: &str) -> Result<Uri, Refusal> {
    url.parse().map_err(|_| Refusal::never(Error::failed(format!("{url} is no address"))))
}

/// Where a redirect leads. Its address may be signed, so that no message shows it.
fn redirect(from: &Uri, headers: &HeaderMap) -> Result<Uri, Refusal> {
    let nowhere = || Refusal::never(Error::failed("the hub leads to something that is no address"));
    let to = headers.get(LOCATION).and_then(|value| value.to_str().ok()).ok_or_else(nowhere)?;
    // Two slashes begin the name of a host, not a path.
    let scheme = from.scheme_str().unwrap_or("https");
    let to = if to.starts_with("//") { format!("{scheme}:{to}") } else { to.to_owned() };
    let to: Uri = to.parse().map_err(|_| nowhere())?;
    if to.host().is_some() {
        return Ok(to);
    }
    let mut parts = from.clone().into_parts();
    parts.path_and_query = to.into_parts().path_and_query;
    Uri::from_parts(parts).map_err(|_| nowhere())
}

/// Scheme, host and port.
fn origin(uri: &Uri) -> (String, String, u16) {
    let scheme = uri.scheme_str().unwrap_or_default().to_ascii_lowercase();
    let port = uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
    (scheme, uri.host().unwrap_or_default().to_ascii_lowercase(), port)
}

/// Text as a part of an address, slashes kept or not.
fn percent(text: &str, keep_slashes: bool) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'/' if keep_slashes => "/".into(),
            b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_belongs_to_one_origin() {
        let origin = |text: &str| origin(&text.parse().unwrap());
        assert_eq!(origin("https://Hub.example/a"), origin("https://hub.example:443"));
        for other in [
            "http://hub.example",
            "https://hub.example:444",
            "https://cdn.hub.example",
            "https://hub.example.org",
        ] {
            assert_ne!(origin("https://hub.example"), origin(other));
        }
    }

    #[test]
    fn a_redirect_is_read_as_browsers_read_it() {
        let lead = |to: &str| {
            let headers = [(LOCATION, to.parse().unwrap())].into_iter().collect();
            redirect(&"https://hub.example/a?b".parse().unwrap(), &headers).map(|to| to.to_string())
        };
        assert_eq!(lead("/c").unwrap(), "https://hub.example/c");
        assert_eq!(lead("https://cdn.example/c").unwrap(), "https://cdn.example/c");
        assert_eq!(lead("//evil.example/c").unwrap(), "https://evil.example/c");
        assert!(lead("//").is_err() && lead("").is_err());
    }

    #[test]
    fn addresses_are_escaped() {
        assert_eq!(percent("refs/pr/1", false), "refs%2Fpr%2F1");
        assert_eq!(percent("a b/ü#?.gguf", true), "a%20b/%C3%BC%23%3F.gguf");
    }
}
