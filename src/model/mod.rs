//! From what the user typed to everything that a run needs of a model: files, spec, weights, tokenizer,
//! chat template, stop ids and digests. Knows nothing about scenarios, decoding, sampling or runs.

mod adapter;
mod beside;
mod bundled;
mod bytes;
mod card;
mod coded;
mod config;
mod control;
mod delta;
mod draft;
mod families;
mod files;
mod finite;
mod generation;
mod gguf;
mod guard;
pub mod hub;
#[doc(hidden)]
pub mod inputs;
mod inspection;
mod json;
mod layout;
mod longest;
mod named;
#[cfg(test)]
mod mutate;
mod part;
#[cfg(test)]
#[path = "tests/published.rs"]
mod published;
mod rope;
mod safetensors;
mod source;
mod special;
mod spec;
mod splits;
mod stop;
mod split_patterns;
mod stored;
mod template;
mod tied;
mod tokenizer;
mod tokenizer_limits;
mod unasked;
mod unheeded;
mod view;
mod weights;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use self::adapter::NamedModel;
use crate::error::{Error, Result};

pub use adapter::{Adapter, AdapterRecord, Adapters, Change, LowRank, Way};
pub use bundled::{organism_file, organisms};
pub use card::{Card, ExpertSizes, Matrices, Purpose, Sizes, Template};
pub use control::ControlTokens;
pub use delta::Delta;
pub use files::ModelFiles;
pub use generation::GenerationConfig;
pub use inspection::Inspection;
pub use part::{Kind, LayerPart, Part, Projection};
pub use source::Source;
pub use spec::{
    Activation, Attention, Dimensions, Experts, Groups, Growth, Latent, Layer as LayerSpec,
    Mlp as MlpSpec, Norm as NormSpec, NormKind, Parallel, QkNorm, QkSpan, Rope, RopeScaling,
    Shares, Spec,
};
pub use stop::StopIds;
pub use stored::Stored;
pub use template::{
    ChatTemplate, Date, Json, Message, RenderOptions, SystemPrompt, check_words, with_rooms,
};
pub use tokenizer::Tokenizer;
pub use weights::{Tensor, Weights};

/// A model that was looked at and understood, its weights not yet read.
#[derive(Debug)]
pub struct Model {
    /// What to call it: `organism:NAME`, a hub name without its revision, or the folder's own name.
    pub label: String,
    /// Sizes and switches of the decoder.
    pub spec: Spec,
    /// Which tensor is which of its parts.
    naming: layout::Naming,
    /// The same in the names of Hugging Face's checkpoints, in which adapters speak.
    layout: &'static layout::Layout,
    /// What is put on its weights, in order.
    pub adapters: Adapters,
    /// Whether the output matrix is no longer the embedding because of the adapters.
    untied: bool,
    /// Text to ids and back.
    pub tokenizer: Tokenizer,
    /// Messages to text; a base model has none.
    pub template: Option<ChatTemplate>,
    /// Ids that end a reply: sorted, without repeats, never empty.
    pub stop_ids: Vec<u32>,
    /// Where each of them comes from, in words.
    pub stop_sources: BTreeMap<u32, Vec<String>>,
    /// What the user should know and what is no error.
    pub notes: Vec<String>,
    /// The same about what lies beside the files that are read. It is told and stands in no record: a folder
    /// without it holds the same model.
    pub asides: Vec<String>,
    /// The files that all this was read from.
    pub files: ModelFiles,
    /// Where on the hub they came from, if they did.
    pub origin: Option<hub::Origin>,
    digests: OnceLock<BTreeMap<String, String>>,
}

impl Model {
    /// Resolves `name` and reads everything but the weights. A hub name is fetched as the environment
    /// says, in silence.
    ///
    /// # Errors
    /// A name that stands for nothing, a missing or malformed file, a config that asks for something that
    /// is not implemented, stop ids that the embedding does not have; for a hub name also what
    /// [`hub::fetch`] says.
    pub fn open(name: &str) -> Result<Self> {
        Self::open_with(name, &|| hub::Access::from_environment(false), &mut hub::Silent)
    }

    /// The same with a say in how a hub name is fetched; `access` is called for no other name.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(
        name: &str,
        access: &dyn Fn() -> Result<hub::Access>,
        progress: &mut dyn hub::TransferProgress,
    ) -> Result<Self> {
        let named = NamedModel::find(name, access, progress)?;
        let source = &named.source;
        let mut model = Self::from_source(source, name, named.label)?;
        model.notes.extend(named.notes);
        model.put_on(named.adapters);
        Ok(Self { origin: named.origin, ..model })
    }

    /// Puts adapters on the model, whose change of embedding or output matrix makes these two matrices of one.
    fn put_on(&mut self, adapters: Vec<Adapter>) {
        for adapter in &adapters {
            self.label += &adapter.suffix();
            self.notes.extend(adapter.notes(&self.files));
        }
        self.untied = adapter::untie(&adapters, &mut self.spec, self.layout);
        self.adapters = adapters.into();
    }

    /// The model at a path, whatever else its name could mean.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn at(path: &Path) -> Result<Self> {
        let source = Source::at(path)?;
        Self::from_source(&source, &path.display().to_string(), source.label())
    }

    fn from_source(source: &Source, name: &str, label: String) -> Result<Self> {
        Self::from_files(label, ModelFiles::open(source)?)
            .map_err(|error| error.within(format!("model `{name}`")))
    }

    /// The same for files that were found already.
    fn from_files(label: String, files: ModelFiles) -> Result<Self> {
        let (spec, naming, layout) = described(&files)?;
        let tokenizer = Tokenizer::open(&files)?;
        let template = ChatTemplate::open(&files, tokenizer.special_tokens())?;
        let stop = stop::read(&files, &tokenizer, template.as_ref(), spec.vocab_size)?;
        let stop_ids = stop.ids();
        let mut notes = stop.notes;
        notes.extend(tokenizer.check_vocab(spec.vocab_size));
        notes.extend(coded::Scheme::of(&files)?.note());
        let stop_sources = stop.sources;
        Ok(Self {
            label,
            spec,
            naming,
            layout,
            adapters: Adapters::default(),
            untied: false,
            tokenizer,
            template,
            stop_ids,
            stop_sources,
            notes,
            asides: beside::note(files.unread()).into_iter().collect(),
            files,
            origin: None,
            digests: OnceLock::new(),
        })
    }

    /// Says how many tokens the longest text will have, prompt and reply together. Of models that compute
    /// otherwise for long texts this chooses, for all texts alike.
    pub fn set_longest_text(&mut self, tokens: usize) {
        if let Some(limit) = self.spec.short_context() {
            let side = if tokens > limit { "more than" } else { "up to" };
            self.notes.push(format!(
                "rotary frequencies are those for texts of {side} {limit} tokens: the longest one here may have {tokens}"
            ));
        }
        self.spec = self.spec.for_texts_of(tokens);
    }

    /// The name that adapters give to the module of a matrix, and which rows of the module's matrix are the part's, where
    /// it holds others too; none where an adapter of low rank cannot change the part.
    pub(crate) fn module(&self, part: Part) -> Option<(String, Option<Vec<usize>>)> {
        let view = self.layout.view(&self.spec, part, Kind::Weight)?;
        if view.slice.is_some() || view.transposed {
            return None;
        }
        let rows = match view.rows {
            view::Rows::All => None,
            view::Rows::Range(range) => Some(range.collect()),
            view::Rows::List(rows) => Some(rows),
        };
        Some((view.tensor.strip_suffix(".weight")?.to_owned(), rows))
    }

    /// Maps the weights and checks every header.
    ///
    /// # Errors
    /// No safetensors file, or one that is cut short or malformed.
    pub fn weights(&self) -> Result<Weights> {
        Weights::open(&self.files, Some((self.naming, &self.spec)))
            .map(|weights| weights.with_adapters(&self.adapters, self.layout, self.untied))
            .map_err(|error| error.within(format!("model `{}`", self.label)))
    }

    /// The chat template.
    ///
    /// # Errors
    /// The model has none.
    pub fn chat_template(&self) -> Result<&ChatTemplate> {
        self.template.as_ref().ok_or_else(|| {
            Error::input(format!("model `{}` has no chat template", self.label)).hint(
                "use an instruction-tuned model, or put a `chat_template.jinja` into the folder",
            )
        })
    }

    /// How the model's makers would draw from it.
    ///
    /// # Errors
    /// `generation_config.json` is malformed.
    pub fn generation(&self) -> Result<GenerationConfig> {
        GenerationConfig::read(&self.files)
            .map_err(|error| error.within(format!("model `{}`", self.label)))
    }

    /// The ids of a rendered prompt, checked: each id has a row in the embedding, and the prompt does not
    /// start with two beginnings.
    ///
    /// # Errors
    /// One of these does not hold, or the tokenizer cannot encode the text.
    pub fn prompt_ids(&self, text: &str) -> Result<Vec<u32>> {
        let ids = self.tokenizer.encode(text)?;
        self.check_ids(&ids)?;
        Ok(ids)
    }

    /// Refuses ids without a row in the embedding, and two beginnings of sequence at the start.
    ///
    /// # Errors
    /// There are such.
    pub fn check_ids(&self, ids: &[u32]) -> Result<()> {
        if let Some(&id) = ids.iter().find(|&&id| id as usize >= self.spec.vocab_size) {
            let token = self.tokenizer.token_of(id).unwrap_or_default();
            return Err(Error::input(format!(
                "the prompt contains token {id} (`{token}`), but the embedding of `{}` has {} rows",
                self.label, self.spec.vocab_size
            ))
            .hint("tokenizer and weights do not belong together, or the prompt uses a token that was never trained"));
        }
        self.check_bos(ids)
    }

    /// Refuses a prompt that starts with the beginning-of-sequence token twice.
    ///
    /// # Errors
    /// It does.
    pub fn check_bos(&self, ids: &[u32]) -> Result<()> {
        match (self.tokenizer.bos_id(), ids) {
            (Some(bos), [first, second, ..]) if *first == bos && *second == bos => {
                let token = self.tokenizer.token_of(bos).unwrap_or_default();
                Err(Error::input(format!(
                    "the prompt starts with the beginning-of-sequence token `{token}` twice"
                ))
                .hint("the chat template writes it already: take it out of the prompt"))
            }
            _ => Ok(()),
        }
    }

    /// Name to blake3 digest (hex) of every file of the model. Reads the whole weights, the first time.
    pub fn digests(&self) -> &BTreeMap<String, String> {
        self.digests.get_or_init(|| self.files.digests())
    }
}

/// What a model's files say of its decoder, and how they name its parts.
fn described(files: &ModelFiles) -> Result<(Spec, layout::Naming, &'static layout::Layout)> {
    let (mut spec, layout) = config::read(files)?;
    let Some(names) = files.packed_names() else {
        return Ok((spec, layout::Naming::HuggingFace(layout), layout));
    };
    // What norms add to their weights is in the weights of these files.
    spec.norm.offset = 0.0;
    if let Some(qk_norm) = &mut spec.attention.qk_norm {
        qk_norm.norm.offset = 0.0;
    }
    Ok((spec, layout::Naming::Gguf(names), layout))
}
