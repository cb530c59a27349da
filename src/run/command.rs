//! The command line that makes a run again, from its manifest alone. Knows nothing about how arguments are parsed.

use super::manifest::Manifest;
use super::record::Record;
use super::settings::ControlText;

impl Record {
    /// The command that makes the run again where the model is at hand; none for a run that was made elsewhere. A model
    /// from a folder is called by the folder's name, and a scenario or request file by its own: their digests are what
    /// says which they were.
    pub fn command(&self) -> Option<String> {
        match self {
            Self::Made(manifest) => Some(command(manifest)),
            Self::Imported(_) => None,
        }
    }
}

fn command(manifest: &Manifest) -> String {
    let Manifest { model, settings, .. } = manifest;
    let name = match &model.source {
        // A label says which of a repository's files was taken.
        Some(origin) if !model.label.contains('@') && model.adapters.is_empty() => {
            format!("{}@{}", model.label, origin.commit)
        }
        _ => model.label.clone(),
    };
    let mut words = vec!["candor".to_owned(), "run".to_owned(), name];
    let mut flag = |name: &str, value: &dyn std::fmt::Display| {
        words.push(format!("--{name}"));
        words.push(value.to_string());
    };
    flag("scenario", &manifest.scenario.name);
    flag("variant", &manifest.variant);
    flag("requests", &manifest.requests.name);
    flag("limit", &manifest.requests.items.len());
    flag("samples", &settings.samples);
    flag("seed", &settings.seed);
    flag("temperature", &settings.sampling.temperature);
    if let Some(k) = settings.sampling.top_k {
        flag("top-k", &k);
    }
    for (name, value) in [("top-p", settings.sampling.top_p), ("min-p", settings.sampling.min_p)] {
        if let Some(value) = value {
            flag(name, &value);
        }
    }
    if settings.sampling.repetition_penalty != 1.0 {
        flag("repetition-penalty", &settings.sampling.repetition_penalty);
    }
    flag("max-tokens", &settings.max_tokens);
    flag("date", &settings.date);
    if let Some(quantize) = model.quantize {
        flag("quantize", &quantize);
    }
    if let Some(stopping) = &settings.stopping {
        flag("until-width", &stopping.until_width);
    }
    for (name, value) in &settings.template_args {
        let value = serde_json::to_value(value).unwrap_or_default();
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        flag("arg", &format!("{name}={value}"));
    }
    if !settings.coupled {
        words.push("--uncoupled".to_owned());
    }
    match settings.control_text {
        ControlText::Keep => {}
        ControlText::Defuse => words.push("--defuse".to_owned()),
        ControlText::Refuse => words.push("--refuse-control-text".to_owned()),
    }
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@=+,".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_shell_takes_every_word_as_one() {
        assert_eq!(quoted("organism:faker"), "organism:faker");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(quoted(""), "''");
    }
}
