//! Where the hub and its cache are, and as whom to ask: read from the environment that Python's
//! `huggingface_hub` reads, by its rules.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Error, Result};

const HUB: &str = "https://huggingface.co";

/// Bytes of a file with a token.
const TOKEN_MAX: u64 = 64 << 10;

/// How to get at the hub.
#[derive(Debug, Clone)]
pub struct Access {
    /// Scheme and host (and path, for some mirrors), without a slash at the end.
    pub endpoint: String,
    /// The folder of `models--ORG--NAME`.
    pub cache: PathBuf,
    /// Sent to the endpoint's host, and to no other.
    pub token: Option<Token>,
    /// What forbids every request; none if requests are allowed.
    pub offline: Option<&'static str>,
    /// Certificates to trust (PEM) instead of those that are compiled in.
    pub certificates: Option<PathBuf>,
    /// Wait before the second try of a request that failed for a passing reason; doubled for each further.
    pub first_wait: Duration,
}

/// Where downloads and what belongs to them are kept.
struct Folders {
    hf_home: Option<PathBuf>,
    /// The folder of `models--ORG--NAME`.
    cache: PathBuf,
}

impl Folders {
    /// `variable` gives the value of an environment variable.
    fn read(home: Option<&PathBuf>, variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Self> {
        let value = |name: &str| variable(name).filter(|value| !value.is_empty());
        let path = |name: &str| value(name).map(|value| expand(value, home, variable));
        let hf_home = path("HF_HOME")
            .or_else(|| path("XDG_CACHE_HOME").map(|cache| cache.join("huggingface")))
            .or_else(|| home.map(|home| home.join(".cache").join("huggingface")));
        let cache = path("HF_HUB_CACHE")
            .or_else(|| path("HUGGINGFACE_HUB_CACHE"))
            .or_else(|| hf_home.as_ref().map(|home| home.join("hub")))
            .ok_or_else(|| {
                Error::input("there is no home folder to keep downloads in")
                    .hint("name a folder in `HF_HOME`")
            })?;
        let cache = std::path::absolute(&cache).map_err(|error| Error::read(&cache, &error))?;
        Ok(Self { hf_home, cache })
    }
}

/// The folder in which models of the hub are kept, as the environment says.
///
/// # Errors
/// There is no home folder to put a cache into.
pub fn cache_folder() -> Result<PathBuf> {
    let home = std::env::home_dir();
    Ok(Folders::read(home.as_ref(), &|name| std::env::var_os(name))?.cache)
}

impl Access {
    /// As the environment says; `offline` is `--offline`.
    ///
    /// # Errors
    /// A variable holds what cannot be used, or there is no home folder to put a cache into.
    pub fn from_environment(offline: bool) -> Result<Self> {
        Self::read(offline, std::env::home_dir(), &|name| std::env::var_os(name))
    }

    /// `variable` gives the value of an environment variable.
    fn read(
        offline: bool,
        home: Option<PathBuf>,
        variable: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self> {
        let value = |name: &str| variable(name).filter(|value| !value.is_empty());
        let path = |name: &str| value(name).map(|value| expand(value, home.as_ref(), variable));
        let Folders { hf_home, cache } = Folders::read(home.as_ref(), variable)?;
        let switch = |name: &str| match value(name) {
            Some(value) => truth(name, &value.to_string_lossy()),
            None => Ok(false),
        };
        let offline = match offline {
            true => Some("`--offline`"),
            false if switch("HF_HUB_OFFLINE")? => Some("`HF_HUB_OFFLINE`"),
            false if switch("TRANSFORMERS_OFFLINE")? => Some("`TRANSFORMERS_OFFLINE`"),
            false => None,
        };
        let named = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"].into_iter().find_map(|name| {
            Some((value(name)?.to_string_lossy().into_owned(), format!("`{name}`")))
        });
        let kept = || {
            let file = path("HF_TOKEN_PATH").or_else(|| Some(hf_home?.join("token")));
            let Some(file) = file else { return Ok(None) };
            match crate::files::read_text(&file, TOKEN_MAX) {
                Ok(text) => Ok(Some((text, format!("`{}`", file.display())))),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(Error::read(&file, &error).hint(
                    "it is where a token is kept: set `HF_TOKEN_PATH` to a file, or `HF_HUB_DISABLE_IMPLICIT_TOKEN` to 1",
                )),
            }
        };
        let token = match switch("HF_HUB_DISABLE_IMPLICIT_TOKEN")? {
            true => None,
            false => match named.map_or_else(kept, |named| Ok(Some(named)))? {
                Some((text, place)) => Token::new(&text, &place)?,
                None => None,
            },
        };
        Ok(Self {
            endpoint: match value("HF_ENDPOINT") {
                Some(value) => endpoint(&value.to_string_lossy())?,
                None => HUB.to_owned(),
            },
            cache,
            token,
            offline,
            certificates: path("SSL_CERT_FILE"),
            first_wait: Duration::from_secs(1),
        })
    }
}

/// A token of the hub. Its text is only ever put into the header of a request.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    text: String,
    place: String,
}

impl Token {
    /// Cleans a token as Python does; none if nothing is left. `place` says where it was found.
    ///
    /// # Errors
    /// It holds what no header may hold. The message does not show it.
    pub fn new(text: &str, place: &str) -> Result<Option<Self>> {
        let text = text.replace(['\r', '\n'], "").trim().to_owned();
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::input(format!(
                "the token in {place} holds characters that no token has"
            ))
            .hint("copy it again from the hub's settings"));
        }
        Ok((!text.is_empty()).then(|| Self { text, place: place.to_owned() }))
    }

    /// The value of the `Authorization` header.
    pub(super) fn header(&self) -> String {
        format!("Bearer {}", self.text)
    }

    /// Where it was found.
    pub(super) fn place(&self) -> &str {
        &self.place
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({})", self.place)
    }
}

fn endpoint(text: &str) -> Result<String> {
    let text = text.trim_end_matches('/');
    let authority = ["http://", "https://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme))
        .map(|rest| rest.split('/').next().unwrap_or_default());
    // What stands before an `@` is a password, which would end up in messages.
    let plain = |host: &str| !host.is_empty() && !host.contains('@');
    if authority.is_some_and(plain) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err(Error::input("`HF_ENDPOINT` is not the address of a hub")
        .hint("it looks like `https://huggingface.co`, without a user's name"))
}

fn truth(name: &str, value: &str) -> Result<bool> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(Error::input(format!("`{name}` is `{value}`, which is neither yes nor no"))
            .hint(format!("set `{name}` to 1 or 0"))),
    }
}

/// `~` and `$NAME` or `${NAME}`, as Python's `expanduser` and `expandvars` read them; an unknown variable stays.
fn expand(
    value: OsString,
    home: Option<&PathBuf>,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> PathBuf {
    // A path that is no text holds nothing that was meant to be expanded.
    let Some(text) = value.to_str() else { return value.into() };
    let mut out = OsString::new();
    let mut rest = text;
    if let (Some(after), Some(home)) = (text.strip_prefix('~'), home)
        && (after.is_empty() || after.starts_with(['/', std::path::MAIN_SEPARATOR]))
    {
        out.push(home);
        rest = after;
    }
    while let Some(at) = rest.find('$') {
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        out.push(before);
        let braced = after.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let (name, behind) = match braced {
            Some(parts) => parts,
            None => after.split_at(
                after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len()),
            ),
        };
        match variable(name).filter(|_| !name.is_empty()) {
            Some(value) => out.push(value),
            None => out.push(&rest[at..rest.len() - behind.len()]),
        }
        rest = behind;
    }
    out.push(rest);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(offline: bool, variables: &[(&str, &str)]) -> Result<Access> {
        Access::read(offline, Some("/home/me".into()), &|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into())
        })
    }

    /// What `huggingface_hub.constants.HF_HUB_CACHE` is under the same environment and home folder.
    #[test]
    #[cfg(unix)]
    fn the_cache_is_where_python_has_it() {
        let cache = |variables: &[(&str, &str)]| access(false, variables).unwrap().cache;
        let at = |path: &str| PathBuf::from(path);
        assert_eq!(cache(&[]), at("/home/me/.cache/huggingface/hub"));
        assert_eq!(cache(&[("XDG_CACHE_HOME", "/x")]), at("/x/huggingface/hub"));
        assert_eq!(cache(&[("HF_HOME", "/h"), ("XDG_CACHE_HOME", "/x")]), at("/h/hub"));
        assert_eq!(cache(&[("HF_HOME", "/h"), ("HF_HUB_CACHE", "/c")]), at("/c"));
        assert_eq!(cache(&[("HF_HOME", "~/h")]), at("/home/me/h/hub"));
        assert_eq!(cache(&[("HF_HOME", "$A/${B}/$C"), ("A", "/a"), ("B", "b")]), at("/a/b/$C/hub"));
        assert_eq!(cache(&[("HF_HOME", "")]), at("/home/me/.cache/huggingface/hub"));
    }

    #[test]
    fn offline_is_said_in_several_ways() {
        let offline = |flag, value| access(flag, &[("HF_HUB_OFFLINE", value)]).map(|a| a.offline);
        for value in ["1", "true", "YES", "On"] {
            assert_eq!(offline(false, value).unwrap(), Some("`HF_HUB_OFFLINE`"));
        }
        for value in ["0", "false", "no", "OFF", ""] {
            assert_eq!(offline(false, value).unwrap(), None);
        }
        assert_eq!(offline(true, "0").unwrap(), Some("`--offline`"));
        assert!(offline(false, "maybe").unwrap_err().to_string().contains("HF_HUB_OFFLINE"));
    }

    #[test]
    fn a_token_is_found_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "hf_filed\n").unwrap();
        let home = folder.path().to_str().unwrap();
        let header = |variables: &[(&str, &str)]| {
            let access = access(false, variables).unwrap();
            assert!(!format!("{access:?}").contains("hf_"), "{access:?}");
            access.token.map(|token| token.header())
        };
        assert_eq!(header(&[("HF_HOME", home)]).unwrap(), "Bearer hf_filed");
        assert_eq!(header(&[("HF_HOME", home), ("HF_TOKEN", " hf_x\n")]).unwrap(), "Bearer hf_x");
        let elsewhere = folder.path().join("none");
        assert_eq!(
            header(&[("HF_HOME", home), ("HF_TOKEN_PATH", elsewhere.to_str().unwrap())]),
            None
        );
        // What is there and cannot be read is said, and not taken for nothing.
        let folder = access(false, &[("HF_HOME", home), ("HF_TOKEN_PATH", home)]).unwrap_err();
        assert!(folder.to_string().contains("a folder"), "{folder}");
        let hidden = [("HF_HOME", home), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")];
        assert_eq!(header(&hidden), None);
        let error = access(false, &[("HF_TOKEN", "hf_a b")]).unwrap_err().to_string();
        assert!(error.contains("HF_TOKEN") && !error.contains("hf_a"), "{error}");
    }

    #[test]
    fn an_endpoint_is_an_address() {
        let endpoint = |value| access(false, &[("HF_ENDPOINT", value)]).map(|a| a.endpoint);
        assert_eq!(access(false, &[]).unwrap().endpoint, "https://huggingface.co");
        assert_eq!(endpoint("https://mirror.example/").unwrap(), "https://mirror.example");
        assert_eq!(endpoint("http://127.0.0.1:8080").unwrap(), "http://127.0.0.1:8080");
        for bad in ["mirror.example", "ftp://mirror.example", "https://", "https://me:secret@host"]
        {
            let error = endpoint(bad).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
