//! A model's files, all of them and no others: from the hub, or from the cache alone.

use std::path::{Path, PathBuf};

use super::TransferProgress;
use super::access::Access;
use super::cache::{Cache, is_commit};
use super::choose;
use super::client::Client;
use super::download::download;
use super::name::{Choice, HubName};
use super::origin::Origin;
use super::refusal::Asked;
use crate::error::{Error, Result};
use crate::model::adapter::{ADAPTER_CONFIG, ADAPTER_WEIGHTS};
use crate::model::config;
use crate::model::files::ModelFiles;
use crate::model::named::{OPTIONAL, TEMPLATE_FOLDER, WEIGHTS_INDEX, shards};
use crate::model::source::Source;

/// A model that is in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The snapshot folder, or the GGUF file (its first part) in it.
    pub path: PathBuf,
    /// Where it came from.
    pub origin: Origin,
    /// What the user should know and what is no error.
    pub notes: Vec<String>,
}

/// Sees to it that every file of a model is in the cache. A commit whose files are all there needs no
/// request; a branch or tag needs one, to see what it stands for now.
///
/// The config is read before the weights are fetched, so that a model that candor cannot run is refused
/// before the download rather than after it.
///
/// # Errors
/// The repository, revision or file does not exist or may not be read; the network or the disk fails; being
/// offline, something is not in the cache; the config asks for what is not implemented.
pub fn fetch(
    name: &HubName,
    access: &Access,
    progress: &mut dyn TransferProgress,
) -> Result<Fetched> {
    let pull = Pull::start(name, access, progress)?;
    let (path, notes) = match name.choice() {
        Choice::Folder if pull.is_adapter_alone() => (pull.adapter(progress)?, Vec::new()),
        Choice::Folder => pull.folder(progress)?,
        Choice::Quantization(word) => {
            let parts = choose::quantization(name, &pull.files, word);
            (pull.gguf(parts, progress)?, Vec::new())
        }
        Choice::File(file) => {
            let parts = choose::file(name, &pull.files, file);
            (pull.gguf(parts, progress)?, Vec::new())
        }
    };
    pull.fetched(path, notes)
}

/// The same for the files of an adapter, whatever else the repository holds.
///
/// # Errors
/// As [`fetch`].
pub fn fetch_adapter(
    name: &HubName,
    access: &Access,
    progress: &mut dyn TransferProgress,
) -> Result<Fetched> {
    if !matches!(name.choice(), Choice::Folder) {
        return Err(Error::input(format!(
            "`{name}` names a GGUF file, which is no adapter of peft"
        ))
        .hint("an adapter of the hub is named `org/name[@revision]`"));
    }
    let pull = Pull::start(name, access, progress)?;
    let path = pull.adapter(progress)?;
    pull.fetched(path, Vec::new())
}

struct Pull<'a> {
    name: &'a HubName,
    cache: Cache,
    /// None where the cache alone is used.
    client: Option<Client<'a>>,
    /// What forbids requests, if anything does.
    offline: Option<&'static str>,
    commit: String,
    /// Names of the commit's files: all of them, or those in the cache.
    files: Vec<String>,
}

impl<'a> Pull<'a> {
    fn start(
        name: &'a HubName,
        access: &'a Access,
        progress: &mut dyn TransferProgress,
    ) -> Result<Self> {
        let cache = Cache::new(&access.cache, name.repository());
        let known = cache.commit(name.revision());
        let pinned = is_commit(name.revision());
        if let Some(commit) = known.filter(|_| access.offline.is_some() || pinned) {
            let files = cache.names(&commit);
            let offline = access.offline;
            let pull = Self { name, cache, client: None, offline, commit, files };
            if offline.is_some() || pull.is_complete() {
                return match pull.files.is_empty() {
                    true => Err(pull.absent(&format!("`{}`", name))),
                    false => Ok(pull),
                };
            }
            return pull.ask(access, progress);
        }
        let commit = name.revision().to_owned();
        let files = Vec::new();
        let pull = Self { name, cache, client: None, offline: access.offline, commit, files };
        match access.offline {
            Some(_) => Err(pull.absent(&format!("`{}`", name))),
            None => pull.ask(access, progress),
        }
    }

    /// Whether the repository holds an adapter and no model.
    fn is_adapter_alone(&self) -> bool {
        choose::weights(&self.files).is_none()
            && self.files.iter().any(|file| file == ADAPTER_CONFIG)
    }

    /// Fetches the two files of an adapter, and gives the folder that they are in.
    fn adapter(&self, progress: &mut dyn TransferProgress) -> Result<PathBuf> {
        for file in [ADAPTER_CONFIG, ADAPTER_WEIGHTS] {
            if self.client.is_some() && !self.files.iter().any(|there| there == file) {
                let repository = self.name.repository();
                return Err(Error::input(format!("`{repository}` has no `{file}`"))
                    .hint("an adapter has `adapter_config.json` and `adapter_model.safetensors`"));
            }
            self.obtain(file, progress)?;
        }
        Ok(self.cache.snapshot(&self.commit))
    }

    /// What was fetched, once all of it is there.
    fn fetched(self, path: PathBuf, notes: Vec<String>) -> Result<Fetched> {
        let name = self.name;
        if self.client.is_some() {
            // Last, so that a name never stands for a commit of which only a part is there.
            self.cache.remember(name.revision(), &self.commit)?;
        }
        let origin = Origin {
            repository: name.repository().to_owned(),
            revision: name.revision().to_owned(),
            commit: self.commit,
        };
        Ok(Fetched { path, origin, notes })
    }

    /// Learns commit and files from the hub.
    fn ask(self, access: &'a Access, progress: &mut dyn TransferProgress) -> Result<Self> {
        let client = Client::new(access)?;
        let listing = client.list(Asked { name: self.name, file: None }, progress)?;
        let (commit, files) = (listing.commit, listing.files);
        if is_commit(self.name.revision()) && commit != self.name.revision() {
            return Err(Error::failed(format!(
                "{} answers with another commit than the one asked for",
                access.endpoint
            ))
            .hint("if `HF_ENDPOINT` is set, check that a hub answers there"));
        }
        Ok(Self { client: Some(client), commit, files, ..self })
    }

    /// Whether the cache holds all that this commit has of the model.
    fn is_complete(&self) -> bool {
        let there = |file: &str| self.cache.find(&self.commit, file).is_some();
        match self.name.choice() {
            Choice::Folder => {
                let weights = match choose::weights(&self.files) {
                    Some(WEIGHTS_INDEX) => {
                        self.shards().is_ok_and(|all| all.iter().all(|s| there(s)))
                    }
                    other => other.is_some(),
                };
                weights && choose::words(&self.files).is_ok() && self.unknown().is_empty()
            }
            // What other files the repository has could make the name ambiguous.
            Choice::Quantization(_) => false,
            Choice::File(file) => choose::file(self.name, &self.files, file).is_ok(),
        }
    }

    /// Files that are not in the cache and of which it is not known whether the repository has them.
    fn unknown(&self) -> Vec<&'static str> {
        let settled = |name: &str| {
            self.files.iter().any(|file| file == name) || self.cache.is_absent(&self.commit, name)
        };
        OPTIONAL.into_iter().chain([TEMPLATE_FOLDER]).filter(|name| !settled(name)).collect()
    }

    fn folder(&self, progress: &mut dyn TransferProgress) -> Result<(PathBuf, Vec<String>)> {
        let words = choose::words(&self.files).map_err(|missing| self.lacks(missing))?;
        let weights =
            choose::weights(&self.files).ok_or_else(|| self.lacks("model.safetensors"))?;
        for file in words {
            self.obtain(file, progress)?;
        }
        let folder = self.cache.snapshot(&self.commit);
        if self.client.is_some() {
            for name in self.unknown() {
                let inside = format!("{name}/");
                if !self.files.iter().any(|file| file.starts_with(&inside)) {
                    self.cache.note_absent(&self.commit, name)?;
                }
            }
            if choose::weights(&self.cache.names(&self.commit)).is_none() {
                config::read(&ModelFiles::open(&Source::Folder(folder.clone()))?)
                    .map_err(|error| error.within(format!("model `{}`", self.name)))?;
            }
        }
        self.obtain(weights, progress)?;
        if weights == WEIGHTS_INDEX {
            for shard in self.shards()? {
                self.obtain(&shard, progress)?;
            }
        }
        let mut notes = Vec::new();
        if let (Some(why), [first, ..]) = (self.offline, &*self.unknown()) {
            notes.push(format!(
                "with {why} it cannot be seen whether `{}` has a `{first}` that is not in the cache",
                self.name.repository()
            ));
        }
        Ok((folder, notes))
    }

    fn gguf(
        &self,
        parts: Result<Vec<&str>>,
        progress: &mut dyn TransferProgress,
    ) -> Result<PathBuf> {
        let parts = parts.map_err(|error| match self.offline {
            Some(why) => {
                let there = error.hint_text().unwrap_or_default().to_owned();
                error
                    .within(format!("in the cache, which is all that {why} leaves"))
                    .hint(format!("{there}; {}", self.how_to_fetch()))
            }
            None => error,
        })?;
        let mut first = None;
        for part in parts {
            let path = self.obtain(part, progress)?;
            first.get_or_insert(path);
        }
        first.ok_or_else(|| self.lacks("GGUF file"))
    }

    /// The shards that the index names, which must be in the cache already.
    fn shards(&self) -> Result<Vec<String>> {
        let path = self.cache.snapshot(&self.commit).join(WEIGHTS_INDEX);
        shards(
            &crate::files::read_bytes(&path, crate::files::TEXT_MAX)
                .map_err(|error| Error::read(&path, &error))?,
        )
        .map_err(|error| error.within(format!("model `{}`", self.name)))
    }

    fn obtain(&self, file: &str, progress: &mut dyn TransferProgress) -> Result<PathBuf> {
        if let Some(path) = self.cache.find(&self.commit, file) {
            return Ok(path);
        }
        match &self.client {
            Some(client) => {
                let asked = Asked { name: self.name, file: Some(file) };
                download(client, &self.cache, &self.commit, asked, progress)
            }
            None => Err(self.absent(&format!("`{file}` of `{}`", self.name))),
        }
    }

    /// The error for a file that a folder of safetensors must have.
    fn lacks(&self, file: &str) -> Error {
        if self.client.is_none() {
            return self.absent(&format!("`{file}` of `{}`", self.name));
        }
        let repository = self.name.repository();
        let error = Error::input(format!("`{repository}` has no `{file}`"));
        match choose::gguf(&self.files).values().next() {
            Some(parts) => {
                error.hint(format!("it has GGUF files: name one, as in `{repository}:{}`", parts[0]))
            }
            None => error.hint(
                "a model has `config.json`, `tokenizer.json`, `tokenizer_config.json` and safetensors, or is a GGUF file",
            ),
        }
    }

    /// The error for what the cache does not hold.
    fn absent(&self, what: &str) -> Error {
        let cache = self.cache.folder().parent().unwrap_or(Path::new("."));
        let why = self.offline.map(|why| format!(", and {why} forbids to fetch it"));
        Error::input(format!(
            "{what} is not in the cache `{}`{}",
            cache.display(),
            why.unwrap_or_default()
        ))
        .hint(self.how_to_fetch())
    }

    fn how_to_fetch(&self) -> String {
        format!("fetch it while there is a network: `candor models pull {}`", self.name)
    }
}
