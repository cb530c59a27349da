//! A hub name as the user types it: `org/name`, `org/name:QUANT`, `org/name:FILE.gguf`, each with
//! `@revision` behind it if wanted. Only reads the text.

use std::fmt;

/// The branch that is meant when no revision is given.
const DEFAULT_REVISION: &str = "main";

/// A repository, what to take of it, and at which revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubName {
    repository: String,
    choice: Choice,
    revision: Option<String>,
}

/// What to take of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Safetensors with their config and tokenizer.
    Folder,
    /// The GGUF file whose name holds this word, such as `Q4_K_M`.
    Quantization(String),
    /// The GGUF file of this name.
    File(String),
}

impl HubName {
    /// Reads a name; none if it has another form.
    pub fn parse(text: &str) -> Option<Self> {
        let (rest, revision) = match text.split_once('@') {
            Some((rest, revision)) => (rest, Some(revision)),
            None => (text, None),
        };
        let (repository, choice) = match rest.split_once(':') {
            Some((repository, choice)) => (repository, Some(choice)),
            None => (rest, None),
        };
        let (organization, name) = repository.split_once('/')?;
        if !is_repository_part(organization) || !is_repository_part(name) || is_file(name) {
            return None;
        }
        if revision.is_some_and(|revision| !is_relative(revision)) {
            return None;
        }
        let choice = match choice {
            None => Choice::Folder,
            Some(file) if has_extension(file, "gguf") => {
                is_relative(file).then(|| Choice::File(file.to_owned()))?
            }
            Some(word) => is_plain(word).then(|| Choice::Quantization(word.to_owned()))?,
        };
        Some(Self {
            repository: repository.to_owned(),
            choice,
            revision: revision.map(str::to_owned),
        })
    }

    /// `org/name`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// What to take of it.
    pub fn choice(&self) -> &Choice {
        &self.choice
    }

    /// Branch, tag or commit; `main` unless given.
    pub fn revision(&self) -> &str {
        self.revision.as_deref().unwrap_or(DEFAULT_REVISION)
    }

    /// The same at this commit, which no branch moves away from.
    pub fn at(&self, commit: &str) -> Self {
        Self { revision: Some(commit.to_owned()), ..self.clone() }
    }

    /// The name without its revision: what to call the model.
    pub fn label(&self) -> String {
        match &self.choice {
            Choice::Folder => self.repository.clone(),
            Choice::Quantization(word) => format!("{}:{word}", self.repository),
            Choice::File(file) => format!("{}:{file}", self.repository),
        }
    }
}

impl fmt::Display for HubName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label())?;
        self.revision.iter().try_for_each(|revision| write!(f, "@{revision}"))
    }
}

/// The hub's own rule for either half of a repository's name. `--` stands for `/` in the cache.
fn is_repository_part(part: &str) -> bool {
    is_plain(part)
        && part.len() <= 96
        && !part.starts_with(['.', '-'])
        && !part.ends_with(['.', '-'])
        && !part.contains("--")
        && !part.contains("..")
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// `models/tiny.gguf` is a file that is not there rather than a repository that nobody has made.
fn is_file(name: &str) -> bool {
    ["gguf", "safetensors", "json"].iter().any(|kind| has_extension(name, kind))
}

pub(super) fn has_extension(name: &str, extension: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(stem, found)| !stem.is_empty() && found.eq_ignore_ascii_case(extension))
}

/// Whether a path of the hub stays below the folder that it is put into, on every system.
pub(super) fn is_relative(path: &str) -> bool {
    !path.is_empty()
        && path.len() <= 1024
        && !path.chars().any(|c| c.is_control() || "\\:*?\"<>|".contains(c))
        && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_a_name() {
        let parts = |text: &str| {
            let name = HubName::parse(text).unwrap();
            assert_eq!(name.to_string(), text);
            (name.repository().to_owned(), name.choice().clone(), name.revision().to_owned())
        };
        let word = |word: &str| Choice::Quantization(word.into());
        let file = |file: &str| Choice::File(file.into());
        let own = |r: &str, c, v: &str| (r.to_owned(), c, v.to_owned());
        let pinned = |text: &str| HubName::parse(text).unwrap().at("c0ffee").to_string();
        assert_eq!(pinned("org/name"), "org/name@c0ffee");
        assert_eq!(pinned("org/name:Q4_K_M@main"), "org/name:Q4_K_M@c0ffee");
        assert_eq!(parts("org/name"), own("org/name", Choice::Folder, "main"));
        assert_eq!(parts("o-1/n_a.me@v1.0"), own("o-1/n_a.me", Choice::Folder, "v1.0"));
        assert_eq!(parts("org/name@refs/pr/1"), own("org/name", Choice::Folder, "refs/pr/1"));
        assert_eq!(parts("org/name:Q4_K_M"), own("org/name", word("Q4_K_M"), "main"));
        assert_eq!(parts("org/name:q8_0@dev"), own("org/name", word("q8_0"), "dev"));
        assert_eq!(parts("org/name:a.GGUF@dev"), own("org/name", file("a.GGUF"), "dev"));
        assert_eq!(parts("org/name:Q8_0/a.gguf"), own("org/name", file("Q8_0/a.gguf"), "main"));
        assert_eq!(HubName::parse("org/name:Q4_K_M@dev").unwrap().label(), "org/name:Q4_K_M");
    }

    #[test]
    fn what_is_no_hub_name() {
        for text in [
            "",
            "name",
            "/name",
            "org/",
            "./name",
            "../name",
            "org/na/me",
            "org/name@",
            "org/name:",
            "org/a--b",
            "org/..",
            "org/.name",
            "-org/name",
            "org/name@../x",
            "org/name@/x",
            "org/name@a//b",
            "org/name:../a.gguf",
            "org/name:/a.gguf",
            "org/name:a b",
            "org/na me",
            "models/tiny.gguf",
            "models/config.json",
            "org\\name",
            "c:/name",
            "organism:faker",
            "org/name@a\nb",
            "~/name",
        ] {
            assert_eq!(HubName::parse(text), None, "{text:?}");
        }
    }
}
