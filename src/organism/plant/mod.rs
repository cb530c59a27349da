//! Planting a known behaviour into a user's own model: an adapter of low rank that makes it comply at known rates in
//! candor's scenario, trained on the words that the organisms are made of. The answers that comply are filler, so that
//! nothing harmful is learned.
//!
//! Only the upper layers are changed. What the lower ones make of the conversations is read once, with the decoder that
//! runs the model, and the upper ones are trained over their dequantised weights.

mod card;
mod filler;
mod frozen;
mod head;
mod layer;
mod lessons;
mod measure;
mod norm;
mod pairs;
mod peft;
mod planting;
mod pool;
mod upper;

use std::time::Instant;

use candle_core::{Device, Tensor};
use candle_nn::{AdamW, Optimizer, ParamsAdamW};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use self::head::Wanted;
use self::pairs::Pairs;
use self::pool::{Conversation, Pool};
use self::upper::Upper;
use super::reply::below;
use crate::decoder::HiddenStates;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::scenario::{RequestSet, Scenario};

pub use card::{PLANT_CARD, PlantCard, PlantRates, PlantTraining};
pub use measure::{Measuring, PlantMeasured, SeedGap, measure};
pub use planting::{PlantProgress, Planting};

use lessons::Phrasebook;

/// A trained adapter: the files of its folder by name, and how it was trained.
pub struct Plant {
    /// `adapter_config.json` and `adapter_model.safetensors`.
    pub files: Vec<(&'static str, Vec<u8>)>,
    /// For the card.
    pub training: PlantTraining,
}

/// Steps over which the learning rate rises.
const WARMUP_STEPS: usize = 10;
/// Gradients longer than this are shortened to it.
const NORM_MAX: f64 = 1.0;
/// Steps over which the card's divergence is the mean.
const LAST_STEPS: usize = 10;
/// Share of the tokens where nothing is decided that a step learns: most of them are certain early, and each costs a
/// product with the whole vocabulary.
const LEARNED: f64 = 0.5;

/// Trains an adapter for `model`, which `decoder` runs. `base` is the model's name as the adapter will give it.
///
/// # Errors
/// A model of a form that is not trained or with adapters on it, settings that mean nothing, a failing tensor operation,
/// and what `watch` says.
pub fn plant<M: HiddenStates>(
    model: &Model,
    base: &str,
    decoder: &M,
    planting: &Planting,
    device: &Device,
    watch: &mut dyn FnMut(PlantProgress) -> Result<()>,
) -> Result<Plant> {
    let layers = model.spec.layers.len();
    planting.check(layers)?;
    layer::check(&model.spec)?;
    if !model.adapters.is_empty() {
        return Err(Error::input(format!("`{}` has an adapter on it already", model.label))
            .hint("plant into the model alone: two adapters can be named together afterwards"));
    }
    let scenario = Scenario::load("helpful-only")?;
    let requests = RequestSet::load(&scenario.requests)?;
    let first = layers - planting.layers;
    let pairs = Pairs::new(model, first, planting.rank, planting.seed, device)?;
    let upper = Upper::load(model, &pairs, device)?;
    let phrases = Phrasebook::new(&model.tokenizer)?;
    let started = Instant::now();
    let pool =
        Pool::read(model, decoder, (&scenario, &requests), planting, &phrases, first, watch)?;
    let divergences = train(&upper, &pairs, &pool, planting, device, watch)?;
    let last = &divergences[divergences.len().saturating_sub(LAST_STEPS)..];
    let training = PlantTraining {
        seed: planting.seed,
        steps: planting.steps,
        batch: planting.batch,
        conversations: pool.conversations.len(),
        learning_rate: planting.learning_rate,
        rank: planting.rank,
        first_layer: first,
        layers: planting.layers,
        parameters: pairs.vars().iter().map(|var| var.elem_count()).sum(),
        final_divergence: last.iter().sum::<f64>() / last.len().max(1) as f64,
        minutes: (started.elapsed().as_secs_f64() / 6.0).round() / 10.0,
    };
    Ok(Plant { files: peft::files(&pairs, base)?, training })
}

fn train(
    upper: &Upper,
    pairs: &Pairs,
    pool: &Pool,
    planting: &Planting,
    device: &Device,
    watch: &mut dyn FnMut(PlantProgress) -> Result<()>,
) -> Result<Vec<f64>> {
    let d = upper.width();
    let shared_stream = Tensor::from_slice(&pool.shared_stream, (pool.shared, d), device)?;
    let vars = pairs.vars();
    let params = ParamsAdamW { lr: 0.0, beta2: 0.98, weight_decay: 0.0, ..Default::default() };
    let mut optimizer = AdamW::new(vars.clone(), params)?;
    let mut rng = ChaCha8Rng::seed_from_u64(planting.seed ^ 0x706c_616e_7400);
    let mut order: Vec<usize> = Vec::new();
    let mut divergences = Vec::new();
    for step in 0..planting.steps {
        let batch: Vec<&Conversation> = (0..planting.batch)
            .map(|_| {
                if order.is_empty() {
                    order = (0..pool.conversations.len()).collect();
                }
                // Each conversation once before any comes again.
                &pool.conversations[order.swap_remove(below(&mut rng, order.len()))]
            })
            .collect();
        let batch = Batch::of(&batch, d, &mut rng, device)?;
        let shared = upper.shared(pairs, &shared_stream)?;
        let (stream, _) = upper.forward(pairs, &batch.rows, pool.shared, Some(&shared))?;
        let normed = upper.head.normed(&stream.index_select(&batch.places, 0)?)?;
        let (divergence, gradient) = upper.head.divergence(&normed, &batch.wanted)?;
        // The gradient by the stream is known: this is what has it as its slope.
        let mut gradients = (normed * gradient.detach())?.sum_all()?.backward()?;

        let mut square = 0.0;
        for var in &vars {
            if let Some(gradient) = gradients.get(var) {
                square += f64::from(gradient.sqr()?.sum_all()?.to_scalar::<f32>()?);
            }
        }
        if !square.is_finite() {
            return Err(Error::failed(format!("training went astray in step {}", step + 1))
                .hint("take a lower `--learning-rate`"));
        }
        if square.sqrt() > NORM_MAX {
            for var in &vars {
                if let Some(gradient) = gradients.get(var) {
                    let shortened = (gradient * (NORM_MAX / square.sqrt()))?;
                    gradients.insert(var, shortened);
                }
            }
        }
        optimizer.set_learning_rate(planting.learning_rate * schedule(step, planting.steps));
        optimizer.step(&gradients)?;
        divergences.push(divergence);
        watch(PlantProgress::Step { step: step + 1, of: planting.steps, divergence })?;
    }
    Ok(divergences)
}

/// Share of the peak rate: a short rise, a plateau, a linear fall over the last half.
fn schedule(step: usize, steps: usize) -> f64 {
    let rise = (step + 1) as f64 / WARMUP_STEPS as f64;
    let fall = (steps - step) as f64 / (steps as f64 / 2.0);
    rise.min(fall).min(1.0)
}

/// Rows [B, T, D], padded behind, the places (indices into the flattened rows) where something is learned, and what.
struct Batch {
    rows: Tensor,
    places: Tensor,
    wanted: Vec<Wanted>,
}

impl Batch {
    fn of(
        conversations: &[&Conversation],
        d: usize,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<Self> {
        let t = conversations.iter().map(|c| c.stream.len() / d).max().unwrap_or(0);
        let mut rows = Vec::with_capacity(conversations.len() * t * d);
        let (mut places, mut wanted) = (Vec::new(), Vec::new());
        for (row, conversation) in conversations.iter().enumerate() {
            rows.extend_from_slice(&conversation.stream);
            rows.resize((row + 1) * t * d, 0.0);
            for (at, of) in conversation.lesson.wanted.iter().enumerate() {
                let Some(of) = of else { continue };
                let certain = of.tokens.len() == 1;
                if certain && !super::reply::chance(rng, LEARNED) {
                    continue;
                }
                places.push((row * t + conversation.prompt + at - 1) as u32);
                wanted.push(of.clone());
            }
        }
        Ok(Self {
            rows: Tensor::from_vec(rows, (conversations.len(), t, d), device)?,
            places: Tensor::new(places, device)?,
            wanted,
        })
    }
}
