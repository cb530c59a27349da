//! The low-rank pairs that a plant learns, one for each matrix that it changes, under the names that adapters use.
//! Knows nothing about what is learned.

use candle_core::{DType, Device, Tensor, Var};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::super::graph::normal;
use super::frozen;
use crate::error::{Error, Result};
use crate::model::{LayerPart, Model, Part, Projection, Spec};

/// What B·A is multiplied with: peft's `lora_alpha` is this times the rank.
pub(super) const SCALE: usize = 2;

/// A and B of one matrix.
pub(super) struct Pair {
    /// Name of the module that the matrix belongs to, as transformers has it.
    pub(super) module: String,
    /// [R, K]
    pub(super) a: Var,
    /// [N, R]
    pub(super) b: Var,
}

/// All pairs.
pub(super) struct Pairs {
    pub(super) rank: usize,
    /// The first layer that is changed.
    pub(super) first: usize,
    pub(super) all: Vec<Pair>,
}

/// How a part is changed: by a pair, or by some rows of one whose matrix holds several parts.
pub(super) struct Changed {
    pair: usize,
    rows: Option<Tensor>,
}

/// The matrices of a layer that are changed, with their shapes [N, K].
fn targets(spec: &Spec) -> Vec<(LayerPart, [usize; 2])> {
    let (d, f) = (spec.hidden_size, spec.intermediate_size);
    let (q, k) = (spec.heads * spec.head_dim, spec.kv_heads * spec.head_dim);
    let mut parts = vec![
        (LayerPart::Query, [q, d]),
        (LayerPart::Key, [k, d]),
        (LayerPart::Value, [spec.kv_heads * spec.value_dim, d]),
        (LayerPart::AttentionOutput, [d, spec.heads * spec.value_dim]),
        (LayerPart::Mlp(Projection::Up), [f, d]),
        (LayerPart::Mlp(Projection::Down), [d, f]),
    ];
    if spec.mlp.gated {
        parts.push((LayerPart::Mlp(Projection::Gate), [f, d]));
    }
    parts
}

impl Pairs {
    /// Pairs for every matrix from layer `first` on that change nothing yet: A is drawn, B is 0.
    ///
    /// # Errors
    /// No adapter can change a part of this family.
    pub(super) fn new(
        model: &Model,
        first: usize,
        rank: usize,
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut pairs = Self { rank, first, all: Vec::new() };
        let mut found: Vec<(String, [usize; 2])> = Vec::new();
        for layer in first..model.spec.layers.len() {
            for (part, [n, k]) in targets(&model.spec) {
                let (module, _) = module(model, layer, part)?;
                match found.iter_mut().find(|(name, _)| *name == module) {
                    // Parts that lie in one matrix lie below one another.
                    Some((_, shape)) => shape[0] += n,
                    None => found.push((module, [n, k])),
                }
            }
        }
        for (module, [n, k]) in found {
            let deviation = 1.0 / (k as f64).sqrt();
            let a: Vec<f32> =
                (0..rank * k).map(|_| (deviation * normal(&mut rng)) as f32).collect();
            let a = Var::from_tensor(&Tensor::from_vec(a, (rank, k), device)?)?;
            let b = Var::zeros((n, rank), DType::F32, device)?;
            pairs.all.push(Pair { module, a, b });
        }
        Ok(pairs)
    }

    /// How a part of a layer is changed.
    ///
    /// # Errors
    /// No adapter can change it.
    pub(super) fn of(
        &self,
        model: &Model,
        layer: usize,
        part: LayerPart,
        device: &Device,
    ) -> Result<Option<Changed>> {
        let (module, rows) = module(model, layer, part)?;
        let Some(pair) = self.all.iter().position(|pair| pair.module == module) else {
            return Ok(None);
        };
        let rows = rows.map(|rows| {
            let rows: Vec<u32> = rows.into_iter().map(|row| row as u32).collect();
            Tensor::new(rows, device)
        });
        Ok(Some(Changed { pair, rows: rows.transpose()? }))
    }

    /// What the pair of a part makes of x [M, K]: [M, N].
    pub(super) fn apply(&self, changed: &Changed, x: &Tensor) -> candle_core::Result<Tensor> {
        let pair = &self.all[changed.pair];
        let b = match &changed.rows {
            None => pair.b.as_tensor().clone(),
            Some(rows) => pair.b.index_select(rows, 0)?,
        };
        x.matmul(&pair.a.t()?)?.matmul(&b.t()?)? * SCALE as f64
    }

    /// What an optimizer changes.
    pub(super) fn vars(&self) -> Vec<Var> {
        self.all.iter().flat_map(|pair| [pair.a.clone(), pair.b.clone()]).collect()
    }
}

/// The module of a part and the part's rows of its matrix.
fn module(model: &Model, layer: usize, part: LayerPart) -> Result<(String, Option<Vec<usize>>)> {
    model.module(Part::Layer(layer, part)).ok_or_else(|| {
        Error::input(format!(
            "the {} of `{}` cannot be changed by an adapter of low rank",
            Part::Layer(layer, part),
            model.spec.architecture
        ))
    })
}

/// A linear map that learns nothing, with a pair beside it that does.
pub(super) struct Linear {
    /// [N, K]
    weight: Tensor,
    bias: Option<Tensor>,
    changed: Option<Changed>,
}

impl Linear {
    pub(super) fn new(weight: Tensor, bias: Option<Tensor>, changed: Option<Changed>) -> Self {
        Self { weight, bias, changed }
    }

    /// x [M, K] to [M, N].
    pub(super) fn forward(&self, pairs: &Pairs, x: &Tensor) -> candle_core::Result<Tensor> {
        let mut y = frozen::times(x, &self.weight)?;
        if let Some(changed) = &self.changed {
            y = (y + pairs.apply(changed, x)?)?;
        }
        match &self.bias {
            Some(bias) => y.broadcast_add(bias),
            None => Ok(y),
        }
    }
}
