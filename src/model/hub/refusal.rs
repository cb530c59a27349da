//! What went wrong with a request, in words, and whether asking again can help.

use std::io;

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
}

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
        Self { error, passing: Passing::Never }
    }

    pub(super) fn busy(error: Error) -> Self {
        Self { error, passing: Passing::Busy }
    }

    /// An answer of the hub that is no success.
    pub(super) fn status(
        access: &Access,
        asked: Asked<'_>,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
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
                return Self::busy(error.hint(match sent {
                    Some(_) => "run the same command again in a few minutes: it goes on from here",
                    None => "run the same command again in a few minutes, or set `HF_TOKEN`: more requests are granted with a token",
                }));
            }
            (_, number) => {
                let error = Error::failed(format!("the hub answers with status {number}"))
                    .hint("run the same command again later: it goes on from here");
                let passing =
                    if number >= 500 || number == 408 { Passing::Busy } else { Passing::Never };
                return Self { error, passing };
            }
        };
        Self::never(error)
    }

    /// An answer that is no success, of a host that the hub has led to.
    pub(super) fn elsewhere(host: &str, asked: Asked<'_>, status: StatusCode) -> Self {
        // A signed address runs out after a while, and asking the hub again gives a new one.
        Self::busy(
            Error::failed(format!(
                "`{host}`, where the hub keeps `{}`, answers with status {}",
                asked.file.unwrap_or_default(),
                status.as_u16()
            ))
            .hint("run the same command again: it goes on from here"),
        )
    }

    /// No answer.
    pub(super) fn transport(host: &str, error: ureq::Error) -> Self {
        use ureq::Error as E;
        let offline = "check the network and any proxy; `--offline` uses what is in the cache";
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
            },
            E::Io(error)
                if matches!(
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
                }
            }
            error => Self::busy(
                Error::failed(format!("the connection to `{host}` broke off: {error}"))
                    .hint("run the same command again: it goes on from here"),
            ),
        }
    }
}
