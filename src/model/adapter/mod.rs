//! Adapters: small sets of tensors that change a model's weights. Reads what peft writes, and says for each part of a
//! decoder how it is changed. Knows nothing about how a change is computed.

mod files;
mod found;
mod low_rank;
mod named;
mod packed;
mod settings;
mod tensors;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use self::settings::Settings;
use self::tensors::{ExpertPair, Tensors};
use super::bundled::organism_file;
use super::bytes::{Bytes, read};
use super::files::ModelFiles;
use super::gguf::{Names, adapter_head};
use super::hub::Origin;
use super::layout::{ExpertLayout, Layout};
use super::named::{CHAT_TEMPLATE, TOKENIZER, WEIGHTS, WEIGHTS_INDEX};
use super::part::{Kind, LayerPart, Part, Projection};
use super::spec::Spec;
use super::stored::Stored;
use super::view::{Rows, View};
use crate::error::{Error, Result};

pub(super) use self::files::refuse_alone;
pub(super) use self::found::NamedModel;
pub use self::low_rank::LowRank;
pub(super) use self::settings::ADAPTER_CONFIG;

/// The tensors of an adapter.
pub(super) const ADAPTER_WEIGHTS: &str = "adapter_model.safetensors";

/// Adapters that are put on one model, in order.
pub type Adapters = Arc<[Adapter]>;

/// An adapter whose files were read and checked by themselves.
#[derive(Debug)]
pub struct Adapter {
    /// What it is called in tables.
    pub label: String,
    /// How much of its change is applied: 1 is all of it.
    pub scale: f32,
    /// BLAKE3 of its two files.
    pub digest: String,
    /// Where on the hub it came from, if it did.
    pub origin: Option<Origin>,
    /// The model that it was trained on, as its configuration names it.
    pub base: Option<String>,
    /// Files beside it that say something about text, where it has them.
    texts: Vec<(&'static str, Option<Bytes>)>,
    /// Its tensors' file, for messages.
    place: String,
    form: Form,
    tensors: Tensors,
    /// Names of what was asked for while a model was loaded.
    used: Mutex<BTreeSet<String>>,
}

/// In which names and order of rows an adapter speaks.
#[derive(Debug)]
enum Form {
    /// Those of Hugging Face's checkpoints, as peft writes them.
    Peft(Settings),
    /// Those of GGUF files.
    Gguf(Names),
}

impl Form {
    /// Where an adapter of this form looks for what changes a part.
    fn view(&self, spec: &Spec, layout: &Layout, part: Part, kind: Kind) -> Option<View> {
        match self {
            Self::Peft(_) => layout.view(spec, part, kind),
            Self::Gguf(names) => names.view(spec, part, kind),
        }
    }
}

/// What a record keeps of an adapter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdapterRecord {
    /// What it is called.
    pub name: String,
    /// Where on the hub it came from, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Origin>,
    /// BLAKE3 of its configuration and its tensors.
    pub digest: String,
    /// How much of its change is applied.
    pub scale: f32,
    /// Whether its change was added to the weights at load, or is computed beside them.
    pub how: Way,
}

/// How an adapter's change is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// Added to the weights in f32 while they were loaded, and rounded as these are stored.
    Merged,
    /// The low-rank part is computed in f32 beside weights that are in blocks of small codes.
    Beside,
}

/// How one part of a decoder is changed.
pub enum Change<'a> {
    /// By the product of two narrow matrices.
    LowRank(LowRank),
    /// By another tensor of the same shape, by so much of the difference: 1 is all of it.
    Whole(Stored<'a>, f32),
}

impl Adapter {
    /// Whether a folder holds an adapter.
    pub(super) fn is_at(folder: &Path) -> bool {
        folder.join(ADAPTER_CONFIG).is_file()
    }

    /// Whether a folder holds a model's own weights.
    pub(super) fn is_model(folder: &Path) -> bool {
        [WEIGHTS, WEIGHTS_INDEX].iter().any(|file| folder.join(file).exists())
    }

    /// Reads the adapter in a folder.
    ///
    /// # Errors
    /// It has no adapter, or one that is damaged or of a kind that is not supported.
    pub(super) fn open(folder: &Path, label: String, scale: f32) -> Result<Self> {
        let path = |file: &str| folder.join(file).display().to_string();
        let Some(config) = read(&folder.join(ADAPTER_CONFIG))? else {
            return Err(Error::input(format!("`{}` has no `{ADAPTER_CONFIG}`", folder.display()))
                .hint("an adapter is a folder that peft's `save_pretrained` wrote"));
        };
        let Some(weights) = read(&folder.join(ADAPTER_WEIGHTS))? else {
            let bin = folder.join("adapter_model.bin").exists();
            return Err(Error::input(format!("`{}` has no `{ADAPTER_WEIGHTS}`", folder.display())).hint(
                if bin {
                    "`adapter_model.bin` is not read, since it can hold any program: load the adapter with peft and save it again"
                } else {
                    "download the adapter again"
                },
            ));
        };
        let texts = [TOKENIZER, CHAT_TEMPLATE]
            .into_iter()
            .map(|name| Ok((name, read(&folder.join(name))?)))
            .collect::<Result<_>>()?;
        let adapter = Self::of_files(&path, config, weights, label, scale)?;
        Ok(Self { texts, ..adapter })
    }

    /// An adapter that is compiled in; none if none of this name is.
    ///
    /// # Errors
    /// It is damaged.
    pub(super) fn bundled(name: &str, scale: f32) -> Result<Option<Self>> {
        let file =
            |file| organism_file(name, file).map(|bytes| Bytes::Owned(bytes.as_ref().into()));
        let (Some(config), Some(weights)) = (file(ADAPTER_CONFIG), file(ADAPTER_WEIGHTS)) else {
            return Ok(None);
        };
        let label = format!("organism:{name}");
        let place = |file: &str| format!("{label}/{file}");
        Self::of_files(&place, config, weights, label.clone(), scale).map(Some)
    }

    /// Reads a GGUF file that is an adapter.
    ///
    /// # Errors
    /// It is none, damaged, or of a kind that is not supported.
    pub(super) fn packed(path: &Path, label: String, scale: f32) -> Result<Self> {
        let place = path.display().to_string();
        let bytes = read(path)?
            .ok_or_else(|| Error::input(format!("the adapter `{place}` does not exist")))?;
        let head = adapter_head(&[(place.clone(), bytes.clone())])?;
        let digest = blake3::hash(&bytes).to_hex().to_string();
        let tensors = Tensors::packed(&place, bytes, &head)?;
        let (base, origin, texts, used) = (None, None, Vec::new(), Mutex::default());
        let form = Form::Gguf(head.names);
        Ok(Self { label, scale, digest, origin, base, texts, place, form, tensors, used })
    }

    fn of_files(
        place: &dyn Fn(&str) -> String,
        config: Bytes,
        weights: Bytes,
        label: String,
        scale: f32,
    ) -> Result<Self> {
        let settings = Settings::parse(&place(ADAPTER_CONFIG), &config)?;
        let digest = digest(&config, &weights);
        let place = place(ADAPTER_WEIGHTS);
        let tensors = Tensors::read(&place, weights, &settings)?;
        let (base, used) = (settings.base.clone(), Mutex::default());
        let (origin, texts, form) = (None, Vec::new(), Form::Peft(settings));
        Ok(Self { label, scale, digest, origin, base, texts, place, form, tensors, used })
    }

    /// What a user should know of it beside this model's files.
    pub(super) fn notes(&self, files: &ModelFiles) -> Vec<String> {
        let differs = |(name, own): &(&'static str, Option<Bytes>)| {
            own.as_ref().is_some_and(|own| files.get(name) != Some(&own[..]))
        };
        let others = self.texts.iter().filter(|text| differs(text));
        let note = |(name, _): &(&'static str, _)| {
            format!(
                "the adapter `{}` brings a `{name}` of its own, which is not that of the model: the model's is used",
                self.label
            )
        };
        others.map(note).collect()
    }

    /// Its name with the scale, as it is written after a model's.
    pub(super) fn suffix(&self) -> String {
        match self.scale {
            1.0 => format!("+{}", self.label),
            scale => format!("+{}={scale}", self.label),
        }
    }

    /// What a record keeps of it.
    pub fn record(&self, how: Way) -> AdapterRecord {
        AdapterRecord {
            name: self.label.clone(),
            source: self.origin.clone(),
            digest: self.digest.clone(),
            scale: self.scale,
            how,
        }
    }

    /// Whether it changes the embedding or the output matrix, so that these can no longer be one.
    fn unties(&self, spec: &Spec, layout: &Layout) -> bool {
        [Part::Embedding, Part::Output].into_iter().any(|part| {
            self.form.view(spec, layout, part, Kind::Weight).is_some_and(|view| {
                self.tensors.pairs.contains_key(&view.tensor)
                    || self.tensors.whole.contains_key(&view.tensor)
            })
        })
    }

    /// How it changes a part of shape `shape`. A tensor that takes the base's place comes before a pair.
    ///
    /// # Errors
    /// The shapes do not fit.
    pub(super) fn changes(
        &self,
        (spec, layout): (&Spec, &Layout),
        part: Part,
        kind: Kind,
        shape: &[usize],
    ) -> Result<Vec<Change<'_>>> {
        let mut changes = Vec::new();
        let view = self.form.view(spec, layout, part, kind).filter(|_| self.scale != 0.0);
        let Some(view) = view else {
            return Ok(changes);
        };
        for name in names(&view.tensor) {
            if let Some(place) = self.tensors.whole.get(&name) {
                let stored = self.tensors.stored(place).seen_through(&view, shape.len() == 1)?;
                let stored = stored.filter(|stored| stored.shape() == shape);
                let stored = stored.ok_or_else(|| self.misfit(&name, part, shape))?;
                changes.push(Change::Whole(stored, self.scale));
                self.mark(name.clone());
            }
            if let Some(change) = self.tensors.pairs.get(&name) {
                let change = if view.transposed { change.transposed() } else { change.clone() };
                let change = change.select(&view.rows).filter(|_| view.slice.is_none());
                changes.push(self.fitting(change, &name, part, shape)?);
                self.mark(name);
            }
        }
        if let (Part::Layer(layer, LayerPart::Expert(expert, projection)), Kind::Weight) =
            (part, kind)
        {
            changes.extend(self.of_expert((spec, layout), layer, expert, projection, shape)?);
        }
        Ok(changes)
    }

    /// The change of one expert's projection by a pair that all experts of the layer share.
    fn of_expert(
        &self,
        (spec, layout): (&Spec, &Layout),
        layer: usize,
        expert: usize,
        projection: Projection,
        shape: &[usize],
    ) -> Result<Option<Change<'_>>> {
        let inside = format!("{}layers.{layer}.", layout.root);
        let of_layer = |(name, _): &(&String, _)| name.starts_with(&inside);
        let Some((module, pairs)) = self.tensors.of_experts.iter().find(of_layer) else {
            return Ok(None);
        };
        let (Some(experts), &[outputs, inputs]) = (spec.experts, shape) else { return Ok(None) };
        let width = experts.intermediate_size;
        // Of the module's tensor [experts, rows, inputs] that holds this projection.
        let (rows, chosen) = match projection {
            Projection::Down => (outputs, Rows::All),
            Projection::Gate | Projection::Up => {
                let second = usize::from(projection == Projection::Up);
                let chosen = match layout.experts {
                    ExpertLayout::TurnedAndMixed(..) => {
                        Rows::List((0..width).map(|i| 2 * i + second).collect())
                    }
                    _ => Rows::Range(second * width..(second + 1) * width),
                };
                (2 * outputs, chosen)
            }
        };
        let part = Part::Layer(layer, LayerPart::Expert(expert, projection));
        let turned_layout = matches!(layout.experts, ExpertLayout::TurnedAndMixed(..));
        let mut found = None;
        for pair in pairs {
            let upright = (pair.a_columns, pair.b_rows) == (inputs, rows);
            // What peft before 0.19 wrote of experts that are stored as [outputs, inputs].
            let turned = (pair.a_columns, pair.b_rows) == (rows, inputs) && !turned_layout;
            if upright && turned {
                return Err(Error::input(format!(
                    "`{}`: the pair of `{module}` fits the experts' matrices both ways round",
                    self.place
                ))
                .hint("merge the adapter into the base model with peft's `merge_and_unload` and run the result"));
            }
            if (upright || turned) && found.replace((pair, turned)).is_some() {
                return Err(self.misfit(module, part, shape));
            }
        }
        // A pair for the other projections of the module.
        let Some((pair, turned)) = found else { return Ok(None) };
        let change = self.one_expert(pair, module, experts.count, expert)?;
        let change = if turned { change.transposed() } else { change };
        let change = self.fitting(change.select(&chosen), module, part, shape)?;
        self.mark(module.clone());
        Ok(Some(change))
    }

    /// A [R, X] and B [Y, R] of one expert: those of all experts lie one after another in A, and take turns in the
    /// columns of B.
    fn one_expert(
        &self,
        pair: &ExpertPair,
        module: &str,
        count: usize,
        expert: usize,
    ) -> Result<LowRank> {
        let columns = pair.b.len() / pair.b_rows.max(1);
        let rank = columns / count.max(1);
        if rank == 0 || !columns.is_multiple_of(count) {
            return Err(Error::input(format!(
                "`{}`: the pair of `{module}` has {columns} columns for {count} experts",
                self.place
            ))
            .hint("adapter and base model do not belong together"));
        }
        let scaling = match &self.form {
            Form::Peft(settings) => settings.scaling(&self.place, module, rank)? as f32,
            Form::Gguf(_) => 1.0,
        };
        let len = rank * pair.a_columns;
        let row =
            |row: &[f32]| (0..rank).map(|r| row[r * count + expert] * scaling).collect::<Vec<_>>();
        Ok(LowRank {
            rank,
            a: pair.a[expert * len..(expert + 1) * len].into(),
            b: pair.b.chunks_exact(columns).flat_map(row).collect(),
            lengths: None,
            strength: 1.0,
        })
    }

    fn fitting(
        &self,
        change: Option<LowRank>,
        name: &str,
        part: Part,
        shape: &[usize],
    ) -> Result<Change<'_>> {
        let fits = |change: &LowRank| shape == [change.outputs(), change.inputs()];
        let change = change.filter(fits).ok_or_else(|| self.misfit(name, part, shape))?;
        Ok(Change::LowRank(LowRank { strength: self.scale, ..change }))
    }

    fn misfit(&self, name: &str, part: Part, shape: &[usize]) -> Error {
        let base = self.base.as_deref().unwrap_or("no model by name");
        Error::input(format!(
            "`{}`: its change of `{name}` does not fit the {part}, which has shape {shape:?}",
            self.place
        ))
        .hint(format!(
            "adapter and base model do not belong together; the adapter was trained on `{base}`"
        ))
    }

    fn mark(&self, name: String) {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
    }

    /// Refuses the adapter if the decoder asked for less than it holds, once all parts were asked for.
    ///
    /// # Errors
    /// Names the first tensors that belong to no part.
    pub(super) fn check_all_used(&self) -> Result<()> {
        if self.scale == 0.0 {
            return Ok(());
        }
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let Tensors { pairs, of_experts, whole, .. } = &self.tensors;
        let all = pairs.keys().chain(of_experts.keys()).chain(whole.keys());
        let left: Vec<&String> = all.filter(|name| !used.contains(*name)).collect();
        let Some(first) = left.first() else { return Ok(()) };
        let more = match left.len() {
            1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        let base = self.base.as_deref().unwrap_or("no model by name");
        Err(Error::input(format!(
            "`{}` changes `{first}`{more}, which the model does not have",
            self.place
        ))
        .hint(format!(
            "adapter and base model do not belong together; the adapter was trained on `{base}`"
        )))
    }
}

/// Makes two matrices of embedding and output where they are one and an adapter changes either, as peft does while it
/// does not merge; says whether it did.
pub(super) fn untie(adapters: &[Adapter], spec: &mut Spec, layout: &Layout) -> bool {
    let active = |adapter: &&Adapter| adapter.scale != 0.0;
    let unties = |adapter: &Adapter| adapter.unties(spec, layout);
    let untied = spec.tied_embeddings && adapters.iter().filter(active).any(unties);
    spec.tied_embeddings &= !untied;
    untied
}

/// Names under which a tensor of a checkpoint can be changed: its own, and the one that transformers gives it while
/// it loads it, or has inside a model that also sees or hears.
fn names(tensor: &str) -> impl Iterator<Item = String> {
    let renamed = tensor.replace(".block_sparse_moe.", ".mlp.");
    let other = (renamed != tensor).then_some(renamed);
    let inside = tensor.strip_prefix("model.").into_iter().flat_map(|inner| {
        ["model.language_model.", "language_model.model."].map(|root| format!("{root}{inner}"))
    });
    std::iter::once(tensor.to_owned()).chain(other).chain(inside)
}

fn digest(config: &Bytes, weights: &Bytes) -> String {
    let mut hasher = blake3::Hasher::new();
    for file in [config, weights] {
        hasher.update(&(file.len() as u64).to_le_bytes());
        hasher.update(file);
    }
    hasher.finalize().to_hex().to_string()
}
