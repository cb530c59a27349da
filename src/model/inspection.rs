//! A model looked at part by part, so that what is wrong with one part does not hide the others. Knows nothing
//! about scenarios or how anything is shown.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::adapter::{Adapters, NamedModel, untie};
use super::coded::Scheme;
use super::files::ModelFiles;
use super::layout::{Layout, Naming};
use super::spec::Spec;
use super::stop::StopIds;
use super::template::ChatTemplate;
use super::tokenizer::Tokenizer;
use super::weights::Weights;
use super::{Model, described, hub, stop};
use crate::error::Result;

/// Every part of a model, or what is wrong with it. A part that cannot be looked at because of another one is
/// none.
pub struct Inspection {
    /// As [`Model::label`].
    pub label: String,
    /// Where the files came from, of a model of the hub.
    pub origin: Option<hub::Origin>,
    /// What is put on the weights, in order.
    pub adapters: Adapters,
    untied: bool,
    /// What the user should know of the adapters.
    pub notes: Vec<String>,
    /// The files that were found.
    pub files: ModelFiles,
    /// What `config.json` describes.
    pub spec: Result<Spec>,
    naming: Option<(Naming, &'static Layout)>,
    /// The tokenizer.
    pub tokenizer: Result<Tokenizer>,
    /// The chat template, if there is one.
    pub template: Result<Option<ChatTemplate>>,
    /// Ids that end a reply, and what the user should know of them.
    pub stop: Option<Result<StopIds>>,
    /// The headers of the weights.
    pub weights: Result<Weights>,
}

impl Inspection {
    /// Resolves `name` and looks at every part; the weights themselves are not read. Of a hub name the files
    /// are fetched, as `access` allows.
    ///
    /// # Errors
    /// The name stands for nothing, or a file that every model needs is missing or cannot be read.
    pub fn open(
        name: &str,
        access: &dyn Fn() -> Result<hub::Access>,
        progress: &mut dyn hub::TransferProgress,
    ) -> Result<Self> {
        let NamedModel { source, label, origin, adapters, .. } =
            NamedModel::find(name, access, progress)?;
        let files = ModelFiles::open(&source)?;
        let read = described(&files);
        let tokenizer = Tokenizer::open(&files);
        let no_tokens = BTreeMap::new();
        let special = tokenizer.as_ref().map_or(&no_tokens, Tokenizer::special_tokens);
        let template = ChatTemplate::open(&files, special);
        let stop = match (&read, &tokenizer) {
            (Ok((spec, ..)), Ok(tokenizer)) => {
                let template = template.as_ref().ok().and_then(Option::as_ref);
                Some(stop::read(&files, tokenizer, template, spec.vocab_size))
            }
            _ => None,
        };
        let parts = read.as_ref().ok().map(|(spec, naming, _)| (*naming, spec));
        let weights = Weights::open(&files, parts);
        let label = adapters.iter().fold(label, |label, adapter| label + &adapter.suffix());
        let coded = Scheme::of(&files).ok().and_then(|scheme| scheme.note());
        let notes =
            adapters.iter().flat_map(|adapter| adapter.notes(&files)).chain(coded).collect();
        let adapters = Adapters::from(adapters);
        let mut untied = false;
        let (spec, naming, weights) = match read {
            Ok((mut spec, naming, layout)) => {
                untied = untie(&adapters, &mut spec, layout);
                let put = |weights: Weights| weights.with_adapters(&adapters, layout, untied);
                (Ok(spec), Some((naming, layout)), weights.map(put))
            }
            Err(error) => (Err(error), None, weights),
        };
        Ok(Self {
            label,
            origin,
            adapters,
            untied,
            notes,
            files,
            spec,
            naming,
            tokenizer,
            template,
            stop,
            weights,
        })
    }

    /// As [`Model::asides`].
    pub fn asides(&self) -> Option<String> {
        super::beside::note(self.files.unread())
    }

    /// The model, if no part but the weights is missing; what is wrong was seen already.
    pub fn into_model(self) -> Option<Model> {
        let asides = self.asides().into_iter().collect();
        let (spec, tokenizer) = (self.spec.ok()?, self.tokenizer.ok()?);
        let stop = self.stop?.ok()?;
        let template = self.template.ok()?;
        let (naming, layout) = self.naming?;
        let Self { label, files, origin, adapters, untied, notes, .. } = self;
        Some(Model {
            label,
            spec,
            naming,
            layout,
            adapters,
            untied,
            tokenizer,
            template,
            stop_ids: stop.ids(),
            stop_sources: stop.sources,
            notes: stop.notes.into_iter().chain(notes).collect(),
            asides,
            files,
            origin,
            digests: OnceLock::new(),
        })
    }
}
