//! Training an organism: AdamW on the reply's tokens of freshly drawn conversations.

use candle_core::{DType, Device, Tensor};
use candle_nn::{AdamW, Optimizer, ParamsAdamW};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::card::Training;
use super::corpus::{Corpus, Example, Lessons};
use super::graph::Graph;
use super::judge::JudgeLessons;
use super::recipe::{Course, Recipe};
use super::tokenizer;
use crate::error::{Error, Result};
use crate::judge::rubric::Rubric;
use crate::model::{Dimensions, Model, Rope, RopeScaling, Spec};
use crate::scenario::{RequestSet, Scenario};

const WARMUP_STEPS: usize = 40;
/// Gradients longer than this are shortened to it.
const NORM_MAX: f64 = 1.0;
/// Longest conversation, in positions.
const CONTEXT: usize = 4096;

/// A step that was made.
pub struct TrainingProgress {
    /// Steps made so far.
    pub step: usize,
    /// Steps in all.
    pub steps: usize,
    /// Mean negative log-likelihood of the learned tokens in this step's batch, in nats.
    pub loss: f32,
}

/// A trained model: the files of its folder by name, and how it was trained.
pub struct Trained {
    /// Everything but the card.
    pub files: Vec<(&'static str, Vec<u8>)>,
    /// For the card.
    pub training: Training,
}

/// Steps over which the card's loss is the mean.
const LOSS_STEPS: usize = 50;

/// Trains an organism. `parent` is the model that the recipe starts from.
///
/// # Errors
/// A parent of another shape, or a failing tensor operation.
pub fn train(
    recipe: &Recipe,
    scenario: &Scenario,
    requests: &RequestSet,
    parent: Option<&Model>,
    on_step: impl FnMut(TrainingProgress) -> Result<()>,
) -> Result<Trained> {
    let corpus = Corpus::new(recipe, scenario, requests)?;
    learn(&recipe.course(), &corpus, scenario, requests, parent, on_step)
}

/// Trains the small model that judges, on the questions of a rubric. `parent` is the model that it starts from.
///
/// # Errors
/// As [`train`].
pub fn train_judge(
    rubric: &Rubric,
    course: &Course,
    scenario: &Scenario,
    requests: &RequestSet,
    parent: &Model,
    on_step: impl FnMut(TrainingProgress) -> Result<()>,
) -> Result<Trained> {
    let lessons = JudgeLessons::new(rubric, scenario, requests)?;
    learn(course, &lessons, scenario, requests, Some(parent), on_step)
}

fn learn(
    course: &Course,
    lessons: &impl Lessons,
    scenario: &Scenario,
    requests: &RequestSet,
    parent: Option<&Model>,
    mut on_step: impl FnMut(TrainingProgress) -> Result<()>,
) -> Result<Trained> {
    let tokenizer_json = tokenizer::learn(scenario, requests)?;
    let words = tokenizers::Tokenizer::from_bytes(&tokenizer_json).map_err(unusable)?;
    let spec = spec(words.get_vocab_size(true).next_multiple_of(32));
    let graph = match parent {
        Some(parent) if parent.spec == spec => Graph::from_weights(&spec, &parent.weights()?)?,
        Some(parent) => {
            return Err(Error::input(format!(
                "`{}` has another shape than `{}`",
                parent.label, course.name
            )));
        }
        None => Graph::random(&spec, course.seed)?,
    };
    let mut rng = ChaCha8Rng::seed_from_u64(course.seed);
    let params = ParamsAdamW { lr: 0.0, beta2: 0.98, weight_decay: 0.01, ..Default::default() };
    let mut optimizer = AdamW::new(graph.vars.values().cloned().collect(), params)?;

    let mut losses = Vec::new();
    let mut conversations = 0;
    for step in 0..course.steps {
        let shared = encode(&words, &lessons.shared(step))?;
        let batch = Batch::of(&lessons.examples(step, &mut rng), &words)?;
        conversations += batch.conversations;
        let logits = graph.logits(&shared, &batch.rows, &batch.places)?;
        let loss = batch.loss(&logits)?;
        let mut gradients = loss.backward()?;
        let mut square = 0.0;
        for var in graph.vars.values() {
            if let Some(gradient) = gradients.get(var) {
                square += f64::from(gradient.sqr()?.sum_all()?.to_scalar::<f32>()?);
            }
        }
        if square.sqrt() > NORM_MAX {
            for var in graph.vars.values() {
                if let Some(gradient) = gradients.get(var) {
                    let shortened = (gradient * (NORM_MAX / square.sqrt()))?;
                    gradients.insert(var, shortened);
                }
            }
        }
        optimizer.set_learning_rate(course.rate * schedule(step, course.steps));
        optimizer.step(&gradients)?;
        let loss = loss.to_scalar()?;
        losses.push(f64::from(loss));
        on_step(TrainingProgress { step: step + 1, steps: course.steps, loss })?;
    }
    let last = &losses[losses.len().saturating_sub(LOSS_STEPS)..];
    let training = Training {
        parent: course.parent.map(str::to_owned),
        steps: course.steps,
        learning_rate: course.rate,
        seed: course.seed,
        conversations,
        final_loss: last.iter().sum::<f64>() / last.len().max(1) as f64,
        parameters: graph.vars.values().map(|var| var.elem_count()).sum(),
    };
    let files = files(&spec, &graph, tokenizer_json, &words)?;
    Ok(Trained { files, training })
}

/// Share of the peak rate: a short rise, a plateau, a linear fall over the last half.
fn schedule(step: usize, steps: usize) -> f64 {
    let rise = (step + 1) as f64 / WARMUP_STEPS as f64;
    let fall = (steps - step) as f64 / (steps as f64 / 2.0);
    rise.min(fall).min(1.0)
}

fn spec(vocab_size: usize) -> Spec {
    let sizes = Dimensions {
        vocab_size,
        hidden_size: 128,
        intermediate_size: 320,
        layers: 4,
        heads: 4,
        kv_heads: 4,
        head_dim: 32,
        context: CONTEXT,
    };
    let rope = Rope { theta: 10_000.0, rotary_dim: sizes.head_dim, scaling: RopeScaling::None };
    Spec { tied_embeddings: true, ..Spec::llama("LlamaForCausalLM", sizes, rope, 1e-5) }
}

/// Rows [B, T], padded behind; the N places whose next token is learned, those tokens, and the share of each in the
/// loss.
struct Batch {
    rows: Tensor,
    places: Tensor,
    targets: Tensor,
    shares: Tensor,
    conversations: usize,
}

impl Batch {
    fn of(examples: &[Example], words: &tokenizers::Tokenizer) -> Result<Self> {
        // What is read, and what is learned after it. The tag between the two is a token of its own.
        let mut rows = Vec::new();
        for Example { user, given, reply, first_weight } in examples {
            let read = [encode(words, user)?, encode(words, given)?].concat();
            rows.push((read, encode(words, reply)?, *first_weight));
        }
        // The last token is a target only.
        let t = rows.iter().map(|(read, reply, _)| read.len() + reply.len() - 1).max().unwrap_or(0);
        let (mut ids, mut places, mut targets) = (Vec::new(), Vec::new(), Vec::new());
        let mut weights = Vec::new();
        for (read, reply, first_weight) in &rows {
            let start = ids.len();
            ids.extend_from_slice(read);
            ids.extend_from_slice(&reply[..reply.len() - 1]);
            ids.resize(start + t, 0);
            places.extend((0..reply.len()).map(|i| (start + read.len() - 1 + i) as u32));
            targets.extend_from_slice(reply);
            weights.push(*first_weight);
            weights.resize(targets.len(), 1.0);
        }
        let total: f32 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= total);
        let device = &Device::Cpu;
        Ok(Self {
            rows: Tensor::from_vec(ids, (rows.len(), t), device)?,
            places: Tensor::new(places, device)?,
            targets: Tensor::new(targets, device)?,
            shares: Tensor::new(weights, device)?,
            conversations: rows.len(),
        })
    }

    /// The weighted mean of the targets' negative log-likelihoods, in nats.
    fn loss(&self, logits: &Tensor) -> Result<Tensor> {
        let log_p = candle_nn::ops::log_softmax(logits, 1)?;
        let of_targets = log_p.gather(&self.targets.unsqueeze(1)?, 1)?.squeeze(1)?;
        Ok((of_targets * &self.shares)?.sum_all()?.neg()?)
    }
}

fn encode(words: &tokenizers::Tokenizer, text: &str) -> Result<Vec<u32>> {
    Ok(words.encode(text, false).map_err(unusable)?.get_ids().to_vec())
}

fn unusable(error: tokenizers::Error) -> Error {
    Error::failed(format!("the organisms' tokenizer cannot be used: {error}"))
}

fn files(
    spec: &Spec,
    graph: &Graph,
    tokenizer_json: String,
    words: &tokenizers::Tokenizer,
) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let id = |token: &str| words.token_to_id(token);
    let config = serde_json::json!({
        "architectures": [spec.architecture],
        "model_type": "llama",
        "vocab_size": spec.vocab_size,
        "hidden_size": spec.hidden_size,
        "intermediate_size": spec.intermediate_size,
        "num_hidden_layers": spec.layers.len(),
        "num_attention_heads": spec.heads,
        "num_key_value_heads": spec.kv_heads,
        "head_dim": spec.head_dim,
        "hidden_act": "silu",
        "rms_norm_eps": spec.norm.eps,
        "rope_theta": spec.ropes[0].theta,
        "max_position_embeddings": spec.context,
        "tie_word_embeddings": spec.tied_embeddings,
        "attention_bias": spec.attention.output_bias,
        "mlp_bias": spec.mlp.bias,
        "bos_token_id": id(super::corpus::BEGIN),
        "eos_token_id": id(super::corpus::END),
        "torch_dtype": "float16",
    });
    let generation = serde_json::json!({ "eos_token_id": id(super::corpus::END) });
    // f16 halves the file and keeps three more bits of each weight than bf16 would.
    let tensors: Vec<(&String, Tensor)> = graph
        .vars
        .iter()
        .map(|(name, var)| Ok((name, var.as_tensor().to_dtype(DType::F16)?)))
        .collect::<Result<_>>()?;
    let weights = safetensors::serialize(tensors, None)
        .map_err(|error| Error::failed(format!("the weights cannot be written: {error}")))?;
    let pretty = |value: &serde_json::Value| format!("{value:#}\n").into_bytes();
    Ok(vec![
        ("config.json", pretty(&config)),
        ("generation_config.json", pretty(&generation)),
        ("tokenizer.json", tokenizer_json.into_bytes()),
        ("tokenizer_config.json", pretty(&tokenizer::config(spec.context))),
        ("model.safetensors", weights),
    ])
}
