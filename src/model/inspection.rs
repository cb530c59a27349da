//! A model looked at part by part, so that what is wrong with one part does not hide the others. Knows nothing
//! about scenarios or how anything is shown.

use std::collections::BTreeMap;

use super::files::ModelFiles;
use super::source::Source;
use super::spec::Spec;
use super::template::ChatTemplate;
use super::tokenizer::Tokenizer;
use super::weights::Weights;
use super::{Model, config, stop};
use crate::error::Result;

/// Every part of a model, or what is wrong with it. A part that cannot be looked at because of another one is
/// none.
pub struct Inspection {
    /// As [`Model::label`].
    pub label: String,
    /// The files that were found.
    pub files: ModelFiles,
    /// What `config.json` describes.
    pub spec: Result<Spec>,
    /// The tokenizer.
    pub tokenizer: Result<Tokenizer>,
    /// The chat template, if there is one.
    pub template: Result<Option<ChatTemplate>>,
    /// Ids that end a reply, and what the user should know of them.
    pub stop: Option<Result<(Vec<u32>, Vec<String>)>>,
    /// The headers of the weights.
    pub weights: Result<Weights>,
}

impl Inspection {
    /// Resolves `name` and looks at every part; the weights themselves are not read.
    ///
    /// # Errors
    /// The name stands for nothing, or a file that every model needs is missing or cannot be read.
    pub fn open(name: &str) -> Result<Self> {
        let source = Source::parse(name)?;
        let files = ModelFiles::open(&source)?;
        let spec = config::read(&files);
        let tokenizer = Tokenizer::open(&files);
        let no_tokens = BTreeMap::new();
        let special = tokenizer.as_ref().map_or(&no_tokens, Tokenizer::special_tokens);
        let template = ChatTemplate::open(&files, special);
        let stop = match (&spec, &tokenizer) {
            (Ok(spec), Ok(tokenizer)) => Some(stop::read(&files, tokenizer, spec.vocab_size)),
            _ => None,
        };
        let weights = Weights::open(&files);
        Ok(Self { label: source.label(), files, spec, tokenizer, template, stop, weights })
    }

    /// The model, if no part but the weights is missing; what is wrong was seen already.
    pub fn into_model(self) -> Option<Model> {
        let (spec, tokenizer) = (self.spec.ok()?, self.tokenizer.ok()?);
        let (stop_ids, notes) = self.stop?.ok()?;
        let template = self.template.ok()?;
        let Self { label, files, .. } = self;
        Some(Model { label, spec, tokenizer, template, stop_ids, notes, files })
    }
}
