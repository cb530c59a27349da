//! The parts of a decoder out of a model's files, on the CPU, in the type that they are stored in. Knows
//! nothing about which parts a decoder needs.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use candle_core::DType;
use candle_core::quantized::GgmlDType;
use serde::Serialize;

use super::adapter::{Adapter, Adapters, Change};
use super::beside::no_safetensors;
use super::bytes::Bytes;
use super::coded::{self, Coded, Packing, Raw, Scheme};
use super::files::ModelFiles;
use super::gguf::TensorInfo;
use super::json::Keys;
use super::layout::{Layout, Naming};
use super::named::WEIGHTS_INDEX;
use super::part::{Kind, Part};
use super::safetensors;
use super::spec::Spec;
use super::stored::Stored;
use super::unasked;
use super::view::View;
use crate::error::{Error, Result};

const MISMATCH: &str = "`config.json` and the weights do not belong together";

/// Where larger models put the tensors of their text model, `model.` and the output matrix.
#[derive(Debug)]
struct Root {
    model: &'static str,
    output: &'static str,
    /// Words for parts of the names, in the order in which they are put in.
    words: &'static [(&'static str, &'static str)],
}

/// Newer and older files of models that also see or hear, and files without the part that gives logits.
const ROOTS: [Root; 7] = [
    Root { model: "model.language_model.", output: "", words: &[] },
    Root { model: "language_model.model.", output: "language_model.", words: &[] },
    Root { model: "model.text_model.", output: "", words: &[] },
    Root { model: "model.language_model.model.", output: "model.language_model.", words: &[] },
    Root { model: "language_model.", output: "", words: &[] },
    Root { model: "", output: "", words: &[] },
    // EXAONE 3 as released.
    Root {
        model: "transformer.",
        output: "",
        words: &[
            ("self_attn.o_proj", "attn.attention.out_proj"),
            ("self_attn.", "attn.attention."),
            ("input_layernorm", "ln_1"),
            ("post_attention_layernorm", "ln_2"),
            ("mlp.gate_proj", "mlp.c_fc_0"),
            ("mlp.up_proj", "mlp.c_fc_1"),
            ("mlp.down_proj", "mlp.c_proj"),
            ("layers.", "h."),
            ("embed_tokens.", "wte."),
            ("norm.weight", "ln_f.weight"),
        ],
    },
];

impl Root {
    /// Where a tensor of the text model is.
    fn place(&self, name: &str) -> String {
        match name.strip_prefix("model.") {
            Some(inner) => {
                let words = self.words.iter();
                let inner =
                    words.fold(inner.to_owned(), |name, (word, other)| name.replace(word, other));
                format!("{}{inner}", self.model)
            }
            None => format!("{}{name}", self.output),
        }
    }
}

/// All tensors of a model. Cheap to keep: the bytes stay where they are until a tensor is asked for.
#[derive(Debug)]
pub struct Weights {
    pub(super) tensors: BTreeMap<String, Entry>,
    /// Which tensor is which part; none where that is not known, for want of a config.
    parts: Option<(Naming, Spec)>,
    /// Where the text model's tensors lie among those of a larger model, if not where its own files have them.
    root: Option<&'static Root>,
    /// What is put on them, and how the names of Hugging Face's checkpoints, in which adapters speak, are the parts.
    adapters: Option<(Adapters, &'static Layout)>,
    /// Whether the output matrix is no longer the embedding because of the adapters.
    untied: bool,
}

/// What a file says of a tensor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Type of its elements, as the format calls it.
    pub dtype: String,
    /// Outermost dimension first.
    pub shape: Vec<usize>,
    /// Bytes in the file.
    pub bytes: usize,
    /// The file.
    pub file: String,
}

/// Where a tensor lies.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) file: String,
    pub(super) bytes: Bytes,
    pub(super) range: Range<usize>,
    /// Or what the file calls a type that is not supported.
    pub(super) dtype: std::result::Result<GgmlDType, String>,
    /// Outermost dimension first.
    pub(super) shape: Vec<usize>,
    /// What the numbers are made of, where a checkpoint keeps codes and scales: dtype and shape are then those of
    /// the dense numbers, bytes and range those of the codes.
    pub(super) coded: Option<Coded>,
}

impl Entry {
    /// A tensor of a GGUF file.
    fn packed(name: &str, file: &str, bytes: &Bytes, info: &TensorInfo) -> Self {
        let mut shape = info.shape.clone();
        // The converter leaves dimensions of one out.
        if name.ends_with("ffn_gate_inp_shexp.weight") && shape.len() == 1 {
            shape.insert(0, 1);
        }
        let element = info.element.to_string();
        let coded = Packing::of(&element).and_then(|(packing, called)| {
            let raw = Raw {
                place: format!("tensor `{name}` in `{file}`"),
                bytes: bytes.clone(),
                range: info.range.clone(),
                dtype: element.clone(),
                shape: shape.clone(),
            };
            Coded::in_blocks(raw, packing, called)
        });
        let dense = coded.as_ref().map(Coded::dtype);
        Self {
            file: file.to_owned(),
            bytes: bytes.clone(),
            range: info.range.clone(),
            dtype: dense.or(info.element.dtype()).ok_or(element),
            shape,
            coded,
        }
    }

    pub(super) fn data(&self) -> &[u8] {
        // Whoever made the entry checked that the file covers it.
        self.bytes.get(self.range.clone()).unwrap_or_default()
    }
}

impl Weights {
    /// Reads and checks the headers of all weight files.
    ///
    /// # Errors
    /// There is no weight file, one is cut short or malformed, a tensor is in two files, or the index and
    /// the files do not agree.
    pub(super) fn open(files: &ModelFiles, parts: Option<(Naming, &Spec)>) -> Result<Self> {
        let mut tensors = BTreeMap::new();
        for (file, bytes) in files.weights() {
            for tensor in safetensors::tensors(file, &bytes)? {
                let entry = Entry {
                    file: file.to_owned(),
                    bytes: bytes.clone(),
                    range: tensor.range,
                    dtype: tensor.dtype,
                    shape: tensor.shape,
                    coded: None,
                };
                let name = tensor.name.clone();
                if let Some(other) = tensors.insert(tensor.name, entry) {
                    return Err(Error::input(format!(
                        "tensor `{name}` is in both `{}` and `{file}`",
                        other.file
                    )));
                }
            }
        }
        for (name, file, tensor) in files.packed_tensors() {
            let (file, bytes) = file;
            tensors.insert(name.to_owned(), Entry::packed(name, file, bytes, tensor));
        }
        if tensors.is_empty() {
            return Err(no_safetensors(files.unread()));
        }
        let parts = parts.map(|(naming, spec)| (naming, spec.clone()));
        let mut weights = Self { tensors, parts, root: None, adapters: None, untied: false };
        weights.check_index(files)?;
        if files.packed_names().is_none() {
            coded::gather(&mut weights.tensors, &Scheme::of(files)?)?;
            weights.root = weights.find_root();
        }
        Ok(weights)
    }

    /// The same weights with adapters put on them, which change the parts that they name.
    pub(super) fn with_adapters(
        self,
        adapters: &Adapters,
        layout: &'static Layout,
        untied: bool,
    ) -> Self {
        Self { adapters: Some((adapters.clone(), layout)), untied, ..self }
    }

    /// How adapters change a part of this shape, in order; nothing where there are none.
    ///
    /// # Errors
    /// A change does not fit the part.
    pub fn changes(&self, part: Part, kind: Kind, shape: &[usize]) -> Result<Vec<Change<'_>>> {
        let (Some((adapters, layout)), Some((_, spec))) = (&self.adapters, &self.parts) else {
            return Ok(Vec::new());
        };
        let mut changes = Vec::new();
        for adapter in adapters.iter() {
            changes.extend(adapter.changes((spec, layout), part, kind, shape)?);
        }
        let is_saved = |change: &Change<'_>| matches!(change, Change::Whole(..));
        if let ([_], Some((Naming::Gguf(_), _))) = (shape, &self.parts)
            && changes.iter().any(is_saved)
        {
            return Err(Error::input(format!(
                "an adapter brings the {part} anew, which GGUF files can hold in another form"
            ))
            .hint("use the base model's safetensors with this adapter"));
        }
        Ok(changes)
    }

    /// Each tensor must be in the file that the index gives for it.
    fn check_index(&self, files: &ModelFiles) -> Result<()> {
        let Some(index) = files.get(WEIGHTS_INDEX) else { return Ok(()) };
        let Some(map) = Keys::parse(WEIGHTS_INDEX, index)?.object("weight_map")? else {
            return Ok(());
        };
        match map.entries().find(|(name, file)| {
            self.tensors.get(*name).map(|stored| stored.file.as_str()) != file.as_str()
        }) {
            None => Ok(()),
            Some((name, file)) => Err(Error::input(format!(
                "`{WEIGHTS_INDEX}` puts `{name}` into {file}, where it is not"
            ))
            .hint("download the model again: its files are of different versions")),
        }
    }

    /// Name of the stored tensor that holds a part, alone or with others.
    ///
    /// # Errors
    /// The layout of the model's files has no such part.
    pub fn name_of(&self, part: Part, kind: Kind) -> Result<String> {
        self.view(part, kind).map(|view| view.tensor)
    }

    pub(super) fn view(&self, part: Part, kind: Kind) -> Result<View> {
        let (naming, spec) = self.parts.as_ref().ok_or_else(|| {
            Error::failed("without a config it is not known which tensor is what")
        })?;
        let view = naming.view(spec, part, kind).ok_or_else(|| {
            Error::failed(format!(
                "it is not known where the {kind:?} of the {part} of `{}` is stored",
                spec.architecture
            ))
        })?;
        let place = |view: View| match self.root {
            Some(root) => View { tensor: root.place(&view.tensor), ..view },
            None => view,
        };
        let view = place(view);
        if !self.tensors.contains_key(&view.tensor)
            && let Some(stack) = naming.view_of_stack(spec, part, kind).map(place)
            && self.tensors.contains_key(&stack.tensor)
        {
            return Ok(stack);
        }
        Ok(view)
    }

    /// The root under which the embedding is found.
    fn find_root(&self) -> Option<&'static Root> {
        let embedding = self.view(Part::Embedding, Kind::Weight).ok()?.tensor;
        ROOTS.iter().find(|root| {
            !self.tensors.contains_key(&embedding)
                && self.tensors.contains_key(&root.place(&embedding))
        })
    }

    /// One part, still in its file.
    ///
    /// # Errors
    /// It is missing, has another shape, or is stored in a type that is not supported.
    pub fn get(&self, part: Part, kind: Kind, shape: &[usize]) -> Result<Stored<'_>> {
        let mut view = self.view(part, kind)?;
        // One matrix in the files is two in the decoder where an adapter changes one of them only.
        if part == Part::Output && self.untied && !self.tensors.contains_key(&view.tensor) {
            view = self.view(Part::Embedding, kind)?;
        }
        let entry = self.entry(&view.tensor)?;
        let mut stored = entry.seen(&view, shape.len() == 1)?;
        // Stacks of experts stand one way in releases and the other in what newer tools save.
        if view.transposed && stored.as_ref().is_none_or(|stored| stored.shape() != shape) {
            let upright = View { transposed: false, ..view.clone() };
            stored = entry.seen(&upright, shape.len() == 1)?;
        }
        stored.filter(|stored| stored.shape() == shape).ok_or_else(|| {
            Error::input(format!(
                "tensor `{}` in `{}` has shape {:?}, which does not hold the {part} of shape {shape:?}",
                view.tensor, entry.file, entry.shape
            ))
            .hint(MISMATCH)
        })
    }

    /// A tensor by its own name, whole.
    ///
    /// # Errors
    /// As for [`Self::get`].
    pub fn named(&self, name: &str, shape: &[usize]) -> Result<Stored<'_>> {
        let entry = self.entry(name)?;
        if entry.shape != shape {
            return Err(Error::input(format!(
                "tensor `{name}` in `{}` has shape {:?}, expected {shape:?}",
                entry.file, entry.shape
            ))
            .hint(MISMATCH));
        }
        entry.stored(name)
    }

    fn entry(&self, name: &str) -> Result<&Entry> {
        self.tensors.get(name).ok_or_else(|| {
            unasked::missing(name, self.names()).unwrap_or_else(|| {
                Error::input(format!("tensor `{name}` is missing")).hint(MISMATCH)
            })
        })
    }

    /// All tensors, sorted by name.
    pub fn list(&self) -> Vec<Tensor> {
        let tensor = |(name, entry): (&String, &Entry)| Tensor {
            name: name.clone(),
            dtype: match (&entry.coded, &entry.dtype) {
                (Some(coded), _) => coded.name.to_owned(),
                (None, Ok(dtype)) => format!("{dtype:?}"),
                (None, Err(other)) => other.clone(),
            },
            shape: entry.shape.clone(),
            bytes: entry.range.len(),
            file: entry.file.clone(),
        };
        self.tensors.iter().map(tensor).collect()
    }

    /// Numbers that all tensors hold, however they are stored.
    pub fn parameters(&self) -> u64 {
        let numbers = |entry: &Entry| entry.shape.iter().map(|&side| side as u64).product::<u64>();
        self.tensors.values().map(numbers).sum()
    }

    /// Bytes that all tensors take in memory, about: as they are stored (f16 in four bytes), or the dense ones
    /// at `bits_per_weight`.
    pub fn bytes(&self, bits_per_weight: Option<f64>) -> usize {
        let bytes = |entry: &Entry| match (&entry.dtype, bits_per_weight) {
            (Ok(GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16), Some(bits)) => {
                (entry.shape.iter().product::<usize>() as f64 * bits / 8.0) as usize
            }
            (Ok(GgmlDType::F16), None) => 2 * entry.dense_bytes(),
            _ => entry.dense_bytes(),
        };
        self.tensors.values().map(bytes).sum()
    }

    /// The type in which most of the bytes are stored; F32 if none are in a type that is supported.
    pub fn dtype(&self) -> DType {
        let bytes_in = |dtype| {
            let stored = self.tensors.values().filter(|entry| entry.dtype == Ok(dtype));
            stored.map(Entry::dense_bytes).sum::<usize>()
        };
        // The first of equals is taken last, so F32 wins a tie.
        [(GgmlDType::F16, DType::F16), (GgmlDType::BF16, DType::BF16), (GgmlDType::F32, DType::F32)]
            .into_iter()
            .max_by_key(|(stored, _)| bytes_in(*stored))
            .map_or(DType::F32, |(_, dtype)| dtype)
    }

    /// Refuses weights with tensors beyond those in `asked`: a bias that nobody adds would change every token. Let
    /// through are those of other parts of the model, which [`Self::notes`] names, and those that hold nothing of
    /// their own (such as rotary tables).
    ///
    /// # Errors
    /// Names the first tensors that were not asked for.
    pub fn check_all_used<S: AsRef<str>>(&self, asked: &[S]) -> Result<()> {
        let asked: BTreeSet<&str> = asked.iter().map(AsRef::as_ref).collect();
        let is_idle =
            |name: &str| self.parts.as_ref().is_some_and(|(naming, _)| naming.is_idle(name));
        let unused: Vec<&str> = self
            .names()
            .filter(|name| !asked.contains(name) && !is_idle(name))
            .filter(|name| !unasked::is_of_another_part(name) && !self.is_passed_by(name))
            .collect();
        unasked::refuse(&unused, self.parts.as_ref().map(|(_, spec)| spec.layers.len()))?;
        let adapters = self.adapters.iter().flat_map(|(adapters, _)| adapters.iter());
        adapters.into_iter().try_for_each(Adapter::check_all_used)
    }

    /// Whether a tensor is of a layer that the decoder leaves out among others.
    fn is_passed_by(&self, name: &str) -> bool {
        let (Some((_, spec)), Some(number)) = (&self.parts, unasked::layer(name)) else {
            return false;
        };
        let last = spec.layers.iter().map(|layer| layer.number).max().unwrap_or(0);
        let gaps = last + 1 > spec.layers.len();
        gaps && !spec.layers.iter().any(|layer| layer.number == number)
    }

    /// What the user should know of tensors that are not read, and what is no error.
    pub fn notes(&self) -> Vec<String> {
        let of_others = |name: &&str| {
            let left_out = self.parts.as_ref().is_some_and(|(naming, _)| naming.leaves_out(name));
            left_out || unasked::is_of_another_part(name) || self.is_passed_by(name)
        };
        let names: Vec<&str> = self.names().filter(of_others).collect();
        let mut notes: Vec<String> = unasked::note(&names).into_iter().collect();
        let tied = self.parts.as_ref().is_some_and(|(_, spec)| spec.tied_embeddings);
        if tied && self.has_own_output().unwrap_or(false) {
            notes.push("the config says that the output matrix is the embedding (`tie_word_embeddings`), but another one is stored: it is used, as transformers 5 does".to_owned());
        }
        notes
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }
}

impl Entry {
    /// Bytes of the numbers, once they are dense.
    fn dense_bytes(&self) -> usize {
        self.coded.as_ref().map_or(self.range.len(), Coded::dense_bytes)
    }

    /// What a view shows; none if it is not there. Of a vector in blocks (a norm, a bias) single elements are wanted.
    fn seen(&self, view: &View, vector: bool) -> Result<Option<Stored<'_>>> {
        match &self.coded {
            Some(coded) => self.widened(view, coded),
            None => self.stored(&view.tensor)?.seen_through(view, vector),
        }
    }

    /// What a view shows of coded numbers; none if it is not there.
    fn widened(&self, view: &View, coded: &Coded) -> Result<Option<Stored<'_>>> {
        let place = format!("tensor `{}` in `{}`", view.tensor, self.file);
        let stored = coded.slice(place, view.slice, view.transposed)?;
        Ok(stored.and_then(|stored| stored.select(view.rows.clone())))
    }

    pub(super) fn stored(&self, name: &str) -> Result<Stored<'_>> {
        let dtype = self.dtype.as_ref().map_err(|other| {
            Error::input(format!(
                "tensor `{name}` in `{}` is stored as {other}, which is not supported in this version",
                self.file
            ))
            .hint("supported: F32, F16, BF16; in GGUF also Q4_0 to Q8_0 and Q2_K to Q6_K")
        })?;
        let place = format!("tensor `{name}` in `{}`", self.file);
        if let Some(coded) = &self.coded {
            return coded.whole(place);
        }
        // A number alone is a vector of one.
        let shape = if self.shape.is_empty() { vec![1] } else { self.shape.clone() };
        Ok(Stored::new(place, *dtype, shape, &self.bytes, self.range.clone()))
    }
}

#[cfg(test)]
mod tests;
