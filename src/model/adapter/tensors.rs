//! The tensors of a PEFT adapter by what they change: pairs of narrow matrices, and tensors that take the place of the
//! base model's. Knows the names that peft writes, and nothing about models.
//!
//! Source of the names: `get_peft_model_state_dict` of peft 0.21.

use std::collections::BTreeMap;
use std::ops::Range;

use candle_core::quantized::GgmlDType;

use super::low_rank::{LowRank, turned};
use super::settings::Settings;
use crate::error::{Error, Result};
use crate::model::bytes::Bytes;
use crate::model::safetensors;
use crate::model::stored::Stored;

/// Before every name: the adapter's wrapper, and the model in it.
const PREFIX: &str = "base_model.model.";
/// What wrapping in other ways leaves before the names.
const FOREIGN_PREFIXES: [&str; 3] = ["base_model.model.", "_orig_mod.", "module."];
/// Between a module's name and what it was before it was wrapped.
const BASE_LAYER: &str = ".base_layer";

/// Some tensor of the adapter's file.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The tensor and its file, for messages.
    pub(super) name: String,
    pub(super) dtype: GgmlDType,
    pub(super) shape: Vec<usize>,
    pub(super) range: Range<usize>,
}

/// What an adapter's file holds.
#[derive(Debug)]
pub(super) struct Tensors {
    bytes: Bytes,
    /// By the name of the tensor that is changed, as the base model calls it.
    pub(super) pairs: BTreeMap<String, LowRank>,
    /// By the module that holds the experts: pairs for all of them in one, of one or two tensors of the module.
    pub(super) of_experts: BTreeMap<String, Vec<ExpertPair>>,
    /// By the name of the tensor whose place they take.
    pub(super) whole: BTreeMap<String, Place>,
}

/// A pair for all experts of a layer (peft's `target_parameters`).
#[derive(Debug, Clone)]
pub(super) struct ExpertPair {
    /// [experts · R, X]
    pub(super) a: Vec<f32>,
    /// X
    pub(super) a_columns: usize,
    /// [Y, R · experts]
    pub(super) b: Vec<f32>,
    /// Y
    pub(super) b_rows: usize,
}

/// The tensors of one module that is changed by a pair.
#[derive(Default)]
struct Parts {
    a: Option<Place>,
    b: Option<Place>,
    /// Of an embedding, whose pair stands the other way round.
    embedding: bool,
    lengths: Option<Place>,
}

/// Where a tensor of a module is kept.
type Slot = fn(&mut Parts) -> &mut Option<Place>;

impl Tensors {
    /// Those of a file that changes nothing.
    pub(super) fn none(bytes: Bytes) -> Self {
        let (pairs, of_experts, whole) = Default::default();
        Self { bytes, pairs, of_experts, whole }
    }

    /// Sorts the tensors of a safetensors file that `place` names in messages.
    ///
    /// # Errors
    /// The file is damaged, or a tensor's name, type or shape is none that peft writes.
    pub(super) fn read(place: &str, bytes: Bytes, settings: &Settings) -> Result<Self> {
        let mut modules: BTreeMap<String, Parts> = BTreeMap::new();
        let mut whole = BTreeMap::new();
        for tensor in safetensors::tensors(place, &bytes)? {
            let name = &tensor.name;
            let dtype = tensor.dtype.map_err(|other| {
                Error::input(format!(
                    "`{place}`: tensor `{name}` is stored as {other}, which is not supported"
                ))
                .hint("save the adapter in float32, float16 or bfloat16")
            })?;
            let name_and_file = format!("tensor `{name}` in `{place}`");
            let tensor_place =
                Place { name: name_and_file, dtype, shape: tensor.shape, range: tensor.range };
            let own = own_name(place, name)?;
            let ends: [(&str, Slot, bool); 6] = [
                (".lora_A.weight", |parts| &mut parts.a, false),
                (".lora_B.weight", |parts| &mut parts.b, false),
                (".lora_embedding_A", |parts| &mut parts.a, true),
                (".lora_embedding_B", |parts| &mut parts.b, true),
                (".lora_magnitude_vector", |parts| &mut parts.lengths, false),
                (".lora_magnitude_vector.weight", |parts| &mut parts.lengths, false),
            ];
            let end = ends
                .into_iter()
                .find_map(|(end, slot, embedding)| Some((own.strip_suffix(end)?, slot, embedding)));
            match end {
                Some((module, slot, embedding)) => {
                    let parts = modules.entry(module.to_owned()).or_default();
                    parts.embedding |= embedding;
                    *slot(parts) = Some(tensor_place);
                }
                None if own.contains(".lora_") => {
                    return Err(Error::input(format!(
                        "`{place}`: what `{name}` is for is not known to this version"
                    ))
                    .hint("merge the adapter into the base model with peft's `merge_and_unload` and run the result"));
                }
                None => {
                    whole.insert(own.replace(BASE_LAYER, ""), tensor_place);
                }
            }
        }
        let mut tensors =
            Self { bytes, pairs: BTreeMap::new(), of_experts: BTreeMap::new(), whole };
        for (module, parts) in modules {
            tensors.add_pair(place, &module, parts, settings)?;
        }
        Ok(tensors)
    }

    fn add_pair(
        &mut self,
        place: &str,
        module: &str,
        parts: Parts,
        settings: &Settings,
    ) -> Result<()> {
        let (Some(a), Some(b)) = (&parts.a, &parts.b) else {
            return Err(Error::input(format!(
                "`{place}`: of `{module}` only one half of the pair is there"
            ))
            .hint("download the adapter again"));
        };
        let wrong = |what: String| {
            Error::input(format!("`{place}`: {what}"))
                .hint("`adapter_config.json` and the weights do not belong together")
        };
        let (&[a_rows, a_columns], &[b_rows, b_columns]) = (&a.shape[..], &b.shape[..]) else {
            return Err(wrong(format!(
                "the pair of `{module}` has shapes {:?} and {:?}, which are no matrices",
                a.shape, b.shape
            )));
        };
        if a_rows != b_columns || a_rows == 0 {
            return Err(wrong(format!(
                "the pair of `{module}` has shapes {:?} and {:?}, which do not fit together",
                a.shape, b.shape
            )));
        }
        let (a_values, b_values) = (self.values(a)?, self.values(b)?);
        // peft wraps the module once for each of its parameters.
        let plain = module.replace(BASE_LAYER, "");
        if plain.ends_with(".experts") {
            let pair = ExpertPair { a: a_values, a_columns, b: b_values, b_rows };
            self.of_experts.entry(plain).or_default().push(pair);
            return Ok(());
        }
        let scaling = settings.scaling(place, &plain, a_rows)? as f32;
        let (a, mut b) = match parts.embedding {
            false => (a_values, b_values),
            true => (turned(&b_values, b_rows, b_columns), turned(&a_values, a_rows, a_columns)),
        };
        b.iter_mut().for_each(|b| *b *= scaling);
        let mut change =
            LowRank { rank: a_rows, a: a.into(), b: b.into(), lengths: None, strength: 1.0 };
        match (&parts.lengths, settings.dora, parts.embedding) {
            (None, false, _) => {}
            (Some(lengths), true, false) => {
                let lengths = self.values(lengths)?;
                if lengths.len() != change.outputs() {
                    return Err(wrong(format!(
                        "`{module}` has {} rows and {} lengths for them",
                        change.outputs(),
                        lengths.len()
                    )));
                }
                change.lengths = Some(lengths);
            }
            (Some(_), true, true) => {
                return Err(Error::input(format!("`{place}`: DoRA of the embedding `{module}` is not supported"))
                    .hint("merge the adapter into the base model with peft's `merge_and_unload` and run the result"));
            }
            _ => {
                return Err(wrong(format!(
                    "`use_dora` and the tensors of `{module}` contradict each other"
                )));
            }
        }
        if self.pairs.insert(format!("{plain}.weight"), change).is_some() {
            return Err(wrong(format!("`{plain}` is changed twice")));
        }
        Ok(())
    }

    /// A tensor that takes the place of the base model's.
    pub(super) fn stored(&self, place: &Place) -> Stored<'_> {
        Stored::new(
            place.name.clone(),
            place.dtype,
            place.shape.clone(),
            &self.bytes,
            place.range.clone(),
        )
    }

    /// All numbers of a tensor, which must be finite.
    fn values(&self, place: &Place) -> Result<Vec<f32>> {
        self.stored(place).to_f32()
    }
}

/// A tensor's name without what peft puts before it.
fn own_name<'a>(place: &str, name: &'a str) -> Result<&'a str> {
    let own = name.strip_prefix(PREFIX);
    match own.filter(|own| !FOREIGN_PREFIXES.iter().any(|prefix| own.starts_with(prefix))) {
        Some(own) => Ok(own),
        None => Err(Error::input(format!("`{place}`: tensor `{name}` is not named as peft names them"))
            .hint(format!("names begin with `{PREFIX}` once; wrappers such as `torch.compile` (`_orig_mod.`) and data-parallel training (`module.`) must be taken off before saving"))),
    }
}
