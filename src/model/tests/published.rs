//! How many published configs are read as they are. The configs lie beside the repository; where they do not, the
//! test says so and does nothing.

use std::path::Path;

use super::config;
use super::files::ModelFiles;
use super::named::CONFIG;

/// Classes that transformers builds no text decoder of: encoders, speech, classes that only live in a release's
/// own code.
const NO_TEXT: [&str; 15] = [
    "AlbertForMaskedLM",
    "BaichuanForCausalLM",
    "ChatGLMModel",
    "InternLM2ForCausalLM",
    "LlavaLlamaForCausalLM",
    "MiMoForCausalLM",
    "Phi3SmallForCausalLM",
    "Phi3VForCausalLM",
    "RobertaForMaskedLM",
    "SarvamMoEForCausalLM",
    "WhisperForConditionalGeneration",
    "XLMRobertaModel",
    // No `model_type`, or one of another class: transformers does not know which class is meant.
    "deepseek_ref",
    "contradicts itself",
    "names no class",
];

/// What published configs are refused for, by the beginning of the file's name; all others are read.
fn refused(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for path in files.iter().filter(|path| path.extension().is_some_and(|end| end == "json")) {
        let bytes = std::fs::read(path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if let Err(error) = config::read(&ModelFiles::literal(&[(CONFIG, &bytes)])) {
            found.push((name, error.to_string()));
        }
    }
    found
}

#[test]
fn most_published_configs_are_read() {
    let Some(folder) = crate::test_parts::shared("data/configs") else { return };
    let all = std::fs::read_dir(&folder).unwrap().count() - 2;
    let refused = refused(&folder);
    for (name, reason) in &refused {
        println!("{name}: {reason}");
    }
    let outside = |name: &str| NO_TEXT.iter().any(|class| name.contains(class));
    let of_text = refused.iter().filter(|(name, _)| !outside(name)).count();
    println!(
        "{} of {all} are refused, {of_text} of them text decoders of transformers",
        refused.len()
    );
    assert!(of_text <= 23, "{of_text}");
}
