//! From what the user typed to everything that a run needs of a model: files, spec, weights, tokenizer,
//! chat template, stop ids and digests. Knows nothing about scenarios, decoding, sampling or runs.

mod config;
mod families;
mod files;
mod gguf;
mod json;
mod layout;
#[cfg(test)]
mod mutate;
mod part;
mod rope;
mod safetensors;
mod source;
mod spec;
mod stop;
mod stored;
mod template;
mod tokenizer;
mod view;
mod weights;

use std::collections::BTreeMap;

use crate::error::{Error, Result};

pub use files::{ModelFiles, organism_file, organisms};
pub use part::{Kind, LayerPart, Part, Projection};
pub use source::Source;
pub use spec::{
    Activation, Attention, Experts as ExpertsSpec, Groups, Growth, Latent, Layer as LayerSpec,
    Mlp as MlpSpec, Norm as NormSpec, NormKind, Parallel, QkNorm, QkSpan, Rope, RopeScaling,
    Shares, Sizes, Spec,
};
pub use stored::Stored;
pub use template::{ChatTemplate, Date, Json, Message, RenderOptions};
pub use tokenizer::Tokenizer;
pub use weights::Weights;

/// A model that was looked at and understood, its weights not yet read.
#[derive(Debug)]
pub struct Model {
    /// What to call it: `organism:NAME`, or the folder's own name.
    pub label: String,
    /// Sizes and switches of the decoder.
    pub spec: Spec,
    /// Which tensor is which of its parts.
    naming: layout::Naming,
    /// Text to ids and back.
    pub tokenizer: Tokenizer,
    /// Messages to text; a base model has none.
    pub template: Option<ChatTemplate>,
    /// Ids that end a reply: sorted, without repeats, never empty.
    pub stop_ids: Vec<u32>,
    /// What the user should know and what is no error.
    pub notes: Vec<String>,
    /// The files that all this was read from.
    pub files: ModelFiles,
}

impl Model {
    /// Resolves `name` and reads everything but the weights.
    ///
    /// # Errors
    /// A name that stands for nothing, a missing or malformed file, a config that asks for something that
    /// is not implemented, stop ids that the embedding does not have.
    pub fn open(name: &str) -> Result<Self> {
        let source = Source::parse(name)?;
        let files = ModelFiles::open(&source)?;
        Self::from_files(source.label(), files)
            .map_err(|error| error.within(format!("model `{name}`")))
    }

    /// The same for files that were found already.
    fn from_files(label: String, files: ModelFiles) -> Result<Self> {
        let (mut spec, layout) = config::read(&files)?;
        let naming = match files.packed_names() {
            None => layout::Naming::HuggingFace(layout),
            Some(names) => {
                spec.norm.offset = 0.0;
                // What norms add to their weights is in the weights of these files.
                if let Some(qk_norm) = &mut spec.attention.qk_norm {
                    qk_norm.norm.offset = 0.0;
                }
                layout::Naming::Gguf(names)
            }
        };
        let tokenizer = Tokenizer::open(&files)?;
        let template = ChatTemplate::open(&files, tokenizer.special_tokens())?;
        let (stop_ids, mut notes) = stop::read(&files, &tokenizer, spec.vocab_size)?;
        notes.extend(tokenizer.check_vocab(spec.vocab_size));
        Ok(Self { label, spec, naming, tokenizer, template, stop_ids, notes, files })
    }

    /// Maps the weights and checks every header.
    ///
    /// # Errors
    /// No safetensors file, or one that is cut short or malformed.
    pub fn weights(&self) -> Result<Weights> {
        Weights::open(&self.files, self.naming, &self.spec)
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

    /// The ids of a rendered prompt, checked: each id has a row in the embedding, and the prompt does not
    /// start with two beginnings.
    ///
    /// # Errors
    /// One of these does not hold, or the tokenizer cannot encode the text.
    pub fn prompt_ids(&self, text: &str) -> Result<Vec<u32>> {
        let ids = self.tokenizer.encode(text)?;
        if let Some(&id) = ids.iter().find(|&&id| id as usize >= self.spec.vocab_size) {
            let token = self.tokenizer.token_of(id).unwrap_or_default();
            return Err(Error::input(format!(
                "the prompt contains token {id} (`{token}`), but the embedding of `{}` has {} rows",
                self.label, self.spec.vocab_size
            ))
            .hint("tokenizer and weights do not belong together, or the prompt uses a token that was never trained"));
        }
        self.check_bos(&ids)?;
        Ok(ids)
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

    /// Name to blake3 digest (hex) of every file of the model. Reads the whole weights each time.
    pub fn digests(&self) -> BTreeMap<String, String> {
        self.files.digests()
    }
}
