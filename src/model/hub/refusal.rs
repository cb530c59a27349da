//! What went wrong with a request, in words, and whether asking again can help.

use std::io;
use std::time::Duration;

use ureq::http::header::RETRY_AFTER;
use ureq::http::{HeaderMap, StatusCode};

use super::access::Access;
use super::name::HubName;
use crate::error::Error;

/// What was asked for, for messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) name: &'a HubName,
    /// None where the list of files was asked for.
    pub(super) file: Option<&'a str>,
}

/// A request that brought nothing.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) error: Error,
    pub(super) passing: Passing,
    /// How long the server asks to be left alone.
    pub(super) after: Option<Duration>,
}

/// Longest wait that a server may ask for.
const AFTER_MAX: Duration = Duration::from_secs(120);

/// Whether asking again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passing {
    /// It cannot.
    Never,
    /// There is no way to the server: not at the first request, where it means that there is no network; it
    /// can in the middle of a download.
    Unreachable,
    /// It can, after a moment.
    Busy,
}

impl Refusal {
    pub(super) fn never(error: Error) -> Self {
        Self { error, passing: Passing::Never, after: None }
    }

    pub(super) fn busy(error: Error) -> Self {
        Self { error, passing: Passing::Busy, after: None }
    }

    /// How long to wait before try `tries + 1`: twice as long each time, and as long as the server asks for.
    pub(super) fn pause(&self, first: Duration, tries: u32) -> Duration {
        let own = first * (1 << (tries - 1).min(6));
        own.max(self.after.unwrap_or_default().min(AFTER_MAX))
    }

    /// An answer of the hub that is no success.
    pub(super) fn status(
        access: &Access,
        asked: Asked<'_>,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let after = after(headers);
        let repository = asked.name.repository();
        let page = format!("{}/{repository}", access.endpoint);
        let sent = access.token.as_ref().map(|token| token.place());
        let code = text("x-error-code").unwrap_or_default();
        let error = match (code, status.as_u16()) {
            ("GatedRepo", _) => Error::input(format!(
                "`{repository}` is gated, and {}",
                match sent {
                    Some(place) => format!("the token in {place} has no access to it"),
                    None => "no token was sent".into(),
                }
            ))
            .hint(match sent {
                Some(_) => format!("accept the licence at {page} with the account of the token"),
                None => format!(
                    "accept the licence at {page}, then set `HF_TOKEN` to a token of that account"
                ),
            }),
            ("RevisionNotFound", _) => Error::input(format!(
                "`{repository}` has no revision `{}`",
                asked.name.revision()
            ))
            .hint(format!("its branches and tags are listed at {page}/tree/main")),
            ("EntryNotFound", _) => Error::input(format!(
                "`{repository}` has no file `{}`",
                asked.file.unwrap_or_default()
            ))
            .hint(format!("its files are listed at {page}/tree/{}", asked.name.revision())),
            (_, 401)
                if text("x-error-message")
                    == Some("Invalid credentials in Authorization header") =>
            {
                Error::input(format!(
                    "the hub does not accept the token in {}",
                    sent.unwrap_or("the request")
                ))
                .hint("make a new token in the hub's settings; public models need none")
            }
            // The hub does not tell a stranger whether a private repository exists.
            ("RepoNotFound", _) | (_, 401 | 404) => Error::input(format!(
                "there is no `{repository}` at {}, or it is private and {}",
                access.endpoint,
                match sent {
                    Some(place) => format!("the token in {place} has no access to it"),
                    None => "no token was sent".into(),
                }
            ))
            .hint(format!(
                "check the spelling; for a private repository set `HF_TOKEN`; a folder is written `./{}`",
                asked.name
            )),
            (_, 403) => Error::input(format!(
                "the hub denies access to `{repository}`{}",
                sent.map(|place| format!(" with the token in {place}")).unwrap_or_default()
            ))
            .hint(format!("see {page} for who may read it; set `HF_TOKEN` to a token that may")),
            (_, 429) => {
                let error = Error::failed("the hub takes no more requests from here for now");
                let error = error.hint(match sent {
                    Some(_) => "run the same command again in a few minutes: it goes on from here",
                    None => "run the same command again in a few minutes, or set `HF_TOKEN`: more requests are granted with a token",
                });
                return Self { after, ..Self::busy(error) };
            }
            (_, number) => {
                let error = Error::failed(format!("the hub answers with status {number}"))
                    .hint("run the same command again later: it goes on from here");
                let passing =
                    if number >= 500 || number == 408 { Passing::Busy } else { Passing::Never };
                return Self { error, passing, after };
            }
        };
        Self::never(error)
    }

    /// An answer that is no success, of a host that the hub has led to.
    pub(super) fn elsewhere(
        host: &str,
        asked: Asked<'_>,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Self {
        // A signed address runs out after a while, and asking the hub again gives a new one.
        let refusal = Self::busy(
            Error::failed(format!(
                "`{host}`, where the hub keeps `{}`, answers with status {}",
                asked.file.unwrap_or_default(),
                status.as_u16()
            ))
            .hint("run the same command again: it goes on from here"),
        );
        Self { after: after(headers), ..refusal }
    }

    /// No answer.
    pub(super) fn transport(host: &str, error: ureq::Error) -> Self {
        use ureq::Error as E;
        let offline = "check the network, and any proxy (`HTTPS_PROXY`, `ALL_PROXY`); `--offline` uses what is in the cache";
        match error {
            E::Rustls(_) | E::Tls(_) | E::Pem(_) => Self::never(
                Error::failed(format!("no secure connection to `{host}`: {error}")).hint(
                    "if a proxy of your organization reads along, name its certificate in `SSL_CERT_FILE`",
                ),
            ),
            // rustls reports a certificate that it does not trust in an error of input and output.
            E::Io(error) if error.kind() == io::ErrorKind::InvalidData => Self::never(
                Error::failed(format!("no secure connection to `{host}`: {error}")).hint(
                    "if a proxy of your organization reads along, name its certificate in `SSL_CERT_FILE`",
                ),
            ),
            E::HostNotFound | E::ConnectionFailed | E::ConnectProxyFailed(_) => Self {
                error: Error::failed(format!("`{host}` cannot be reached: {error}")).hint(offline),
                passing: Passing::Unreachable,
                after: None,
            },
            E::Io(error)
                if is_unknown_name(&error) || matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionRefused
                        | io::ErrorKind::HostUnreachable
                        | io::ErrorKind::NetworkUnreachable
                        | io::ErrorKind::NetworkDown
                ) =>
            {
                Self {
                    error: Error::failed(format!("`{host}` cannot be reached: {error}"))
                        .hint(offline),
                    passing: Passing::Unreachable,
                    after: None,
                }
            }
            error => Self::busy(
                Error::failed(format!("the connection to `{host}` broke off: {error}"))
                    .hint("run the same command again: it goes on from here"),
            ),
        }
    }
}

/// What `Retry-After` says in seconds. A date is not read: it would need the time of day.
fn after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Whether a name has no address. The standard library has no kind for it, only the system's words.
fn is_unknown_name(error: &io::Error) -> bool {
    error.to_string().contains("lookup address")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_asks_for_time_is_given_it_within_bounds() {
        let pause = |first: u64, tries, asked: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(asked) = asked {
                headers.insert(RETRY_AFTER, asked.parse().unwrap());
            }
            let refusal =
                Refusal { after: after(&headers), ..Refusal::busy(Error::failed("busy")) };
            refusal.pause(Duration::from_secs(first), tries).as_secs()
        };
        assert_eq!(pause(1, 1, None), 1);
        assert_eq!(pause(1, 4, None), 8);
        assert_eq!(pause(1, 1, Some("30")), 30);
        assert_eq!(pause(1, 6, Some("30")), 32);
        assert_eq!(pause(0, 1, Some("99999999999")), AFTER_MAX.as_secs());
        for unread in ["Wed, 21 Oct 2015 07:28:00 GMT", "-1", "soon"] {
            assert_eq!(pause(1, 1, Some(unread)), 1);
        }
    }

    #[test]
    fn a_name_without_an_address_names_what_helps() {
        let unknown =
            io::Error::other("failed to lookup address information: Name or service not known");
        let refusal = Refusal::transport("hub.example", ureq::Error::Io(unknown));
        assert_eq!(refusal.passing, Passing::Unreachable);
        let hint = refusal.error.hint_text().unwrap_or_default().to_owned();
        assert!(hint.contains("--offline") && hint.contains("HTTPS_PROXY"), "{hint}");
    }
}
