//! What a decoder-only transformer is, as switches and sizes. Knows nothing about files or tokens.

use serde::Serialize;

use super::delta::Delta;

/// One decoder: token embedding, layers of attention and MLP that add to a residual stream, output matrix.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spec {
    /// Architecture name as the config gives it, for messages and the manifest.
    pub architecture: String,
    /// Rows of the embedding, V.
    pub vocab_size: usize,
    /// Width of the residual stream, D.
    pub hidden_size: usize,
    /// Query heads, H.
    pub heads: usize,
    /// Key and value heads, G; divides H.
    pub kv_heads: usize,
    /// Width of a head's queries and keys, E; not always D / H.
    pub head_dim: usize,
    /// Width of a head's values.
    pub value_dim: usize,
    /// Width of the dense MLPs, F.
    pub intermediate_size: usize,
    /// What differs between layers.
    pub layers: Vec<Layer>,
    /// All norms of the residual stream.
    pub norm: Norm,
    /// Whether the attention's and the MLP's inputs are normed.
    pub pre_norm: bool,
    /// Whether what they add to the residual stream is normed.
    pub post_norm: bool,
    /// Whether the MLP reads what the attention reads rather than what it leaves.
    pub parallel: Parallel,
    /// From queries, keys and values to what the attention adds.
    pub attention: Attention,
    /// The rotary embeddings that layers choose from.
    pub ropes: Vec<Rope>,
    /// Form of the dense MLPs and of the experts.
    pub mlp: Mlp,
    /// Mixture of experts, for the layers that have one.
    pub experts: Option<Experts>,
    /// The gated delta rule, for the layers that have it in place of attention.
    pub delta: Option<Delta>,
    /// Factor on the token embeddings.
    pub embedding_scale: f64,
    /// Factor on everything that is added to the residual stream.
    pub residual_scale: f64,
    /// Factor on the logits.
    pub logit_scale: f64,
    /// Logits x become cap · tanh(x / cap).
    pub logit_softcap: Option<f64>,
    /// Bias on the output matrix.
    pub output_bias: bool,
    /// The output matrix is the embedding.
    pub tied_embeddings: bool,
    /// Positions that the model was made for.
    pub context: usize,
}

/// What differs between layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Layer {
    /// Its number in the checkpoint, from which layers that a text does not pass may be left out.
    pub number: usize,
    /// A token sees itself and the tokens before it, this many in all; all of them where there is none.
    pub window: Option<usize>,
    /// Whether the text is cut into pieces as long as the window, and a token sees its own piece only.
    pub chunked: bool,
    /// Which of the ropes turns queries and keys; none leaves them as they are.
    pub rope: Option<usize>,
    /// Whether the MLP is a mixture of experts.
    pub experts: bool,
    /// Whether the gated delta rule stands in the attention's place: the layer then keeps a state instead of keys
    /// and values.
    pub delta: bool,
}

/// A norm of a vector x with weights w: (x − shift) / deviation · (w + offset) + bias.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Norm {
    /// How shift and deviation come about.
    pub kind: NormKind,
    /// Added to the variance.
    pub eps: f64,
    /// Whether there are weights; without, they are 1.
    pub weight: bool,
    /// Whether there is a bias.
    pub bias: bool,
    /// Added to the stored weights.
    pub offset: f64,
}

/// Kinds of norms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NormKind {
    /// No shift; the deviation is the root of the mean square.
    Rms,
    /// The shift is the mean, the deviation that of x from it.
    Layer,
}

/// Whether attention and MLP of a layer both read the residual stream as it was before the layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Parallel {
    /// One after the other.
    No,
    /// Both, through one norm.
    OneNorm,
    /// Both, each through a norm of its own.
    TwoNorms,
}

/// Switches of the attention.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Attention {
    /// Factor on the products of queries and keys.
    pub scale: f64,
    /// Scores x become cap · tanh(x / cap).
    pub softcap: Option<f64>,
    /// Whether each head has a score that takes weight from all positions.
    pub sinks: bool,
    /// Bias on the query, key and value projections.
    pub qkv_bias: bool,
    /// Bias on the output projection.
    pub output_bias: bool,
    /// Queries, keys and values are cut off at ± this, queries and keys after their norm.
    pub clip: Option<f64>,
    /// Norm of queries and keys.
    pub qk_norm: Option<QkNorm>,
    /// Keys and values by way of a narrow vector that all heads share.
    pub latent: Option<Latent>,
    /// Queries grow with their position.
    pub growth: Option<Growth>,
    /// Whether what the heads give is multiplied by the sigmoid of a projection of its own.
    pub output_gate: bool,
}

/// Norm of queries and keys.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct QkNorm {
    /// Its form.
    pub norm: Norm,
    /// What one norm covers.
    pub span: QkSpan,
    /// Whether it comes after the rotation.
    pub after_rope: bool,
    /// Whether layers without a rotation go without it too.
    pub turned_only: bool,
}

/// What one norm of queries or keys covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum QkSpan {
    /// One head, the same weights for all.
    Head,
    /// One head, weights of its own.
    OwnHead,
    /// All heads together.
    All,
}

/// Latent attention (DeepSeek-V2, arXiv 2405.04434). A head's queries and keys are a turned part and one
/// that is not; the turned part of the keys is the same in all heads.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Latent {
    /// Width of the latent queries; none where queries come from the residual stream.
    pub query_width: Option<usize>,
    /// Width of the vector that keys and values come from.
    pub width: usize,
    /// Epsilon of the norms of these.
    pub eps: f64,
}

/// Queries at position p are multiplied by 1 + β · ln(1 + ⌊(p + from) / context⌋).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Growth {
    /// β.
    pub beta: f64,
    /// Context length of the pretraining.
    pub context: usize,
    /// What positions count from, 0 or 1.
    pub from: usize,
    /// Whether only those of layers without a rotation do.
    pub unturned_only: bool,
}

/// Form of an MLP.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Mlp {
    /// Between the projections.
    pub activation: Activation,
    /// Whether the activation's result multiplies a second projection.
    pub gated: bool,
    /// Bias on the projections.
    pub bias: bool,
}

/// Activations.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// x / (1 + exp(−x)).
    Silu,
    /// x · Φ(x), Φ the normal distribution.
    Gelu,
    /// The same with Φ approximated by tanh.
    GeluTanh,
    /// max(x, 0)².
    ReluSquared,
    /// xIELU (arXiv 2411.13010): x > 0: softplus(α₊) x² + β x; else (exp(min(x, ε)) − 1 − x) (β + softplus(α₋)) + β x,
    /// with numbers of each layer's own.
    Xielu,
    /// gpt-oss: x / (1 + exp(−α x)) with the gate cut off above the limit, times the other projection cut
    /// off at ± the limit and raised by 1.
    ClampedSwish {
        /// α.
        alpha: f64,
        /// Where both projections are cut off.
        limit: f64,
    },
}

/// A mixture of experts: each token passes the best few of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Experts {
    /// How many there are.
    pub count: usize,
    /// How many a token passes.
    pub used: usize,
    /// Width of one.
    pub intermediate_size: usize,
    /// How scores become shares.
    pub shares: Shares,
    /// Whether the shares of the chosen ones are divided by their sum.
    pub normalized: bool,
    /// Factor on the shares.
    pub scale: f64,
    /// Whether a share multiplies what an expert is given rather than its result.
    pub before: bool,
    /// How far below the best score, relative to the larger of the two, an expert counts in the share of
    /// [`Shares::Mixer`].
    pub spread: f64,
    /// Bias on the router.
    pub router_bias: bool,
    /// A correction is added to the shares where experts are ranked.
    pub correction: bool,
    /// Experts are ranked within the best of these groups.
    pub groups: Option<Groups>,
    /// Width of the MLP that all tokens pass; none if 0.
    pub shared_size: usize,
    /// Whether that is multiplied by the sigmoid of a gate.
    pub shared_gate: bool,
}

impl Experts {
    /// A plain mixture: shares by softmax, as they are, and nothing that all tokens pass.
    pub fn new(count: usize, used: usize, intermediate_size: usize) -> Self {
        Self {
            count,
            used,
            intermediate_size,
            shares: Shares::Softmax,
            normalized: false,
            scale: 1.0,
            before: false,
            spread: 0.0,
            router_bias: false,
            correction: false,
            groups: None,
            shared_size: 0,
            shared_gate: false,
        }
    }
}

/// How an expert's scores become shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shares {
    /// Softmax over all experts.
    Softmax,
    /// Softmax over the chosen ones.
    SoftmaxOfChosen,
    /// Sigmoid of each.
    Sigmoid,
    /// The best two one after the other, each with its share of a softmax over those near it (arXiv 2409.12136).
    Mixer,
}

/// Experts in groups of equal size: only the groups with the best scores are chosen from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Groups {
    /// How many there are.
    pub count: usize,
    /// How many are chosen from.
    pub used: usize,
    /// A group's score is the sum of this many of its best experts' shares.
    pub scored_by: usize,
}

/// Rotary embedding: the first elements of a head are turned, element i with element i + half of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rope {
    /// Base of the frequencies.
    pub theta: f64,
    /// How many elements of a head are turned; even.
    pub rotary_dim: usize,
    /// How the frequencies are stretched for longer contexts.
    pub scaling: RopeScaling,
}

/// How rotary frequencies are stretched.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// All frequencies divided by `factor`.
    Linear {
        /// Divisor.
        factor: f64,
    },
    /// Low frequencies divided, high ones kept, smooth between (Llama 3.1).
    Llama3 {
        /// Divisor of the low frequencies.
        factor: f64,
        /// Below this many turns over the original context a frequency is low.
        low_freq_factor: f64,
        /// Above this many turns it is high.
        high_freq_factor: f64,
        /// Context length of the pretraining.
        original_context: usize,
    },
    /// Low frequencies divided, high ones kept, a ramp between (arXiv 2309.00071).
    Yarn {
        /// Divisor of the low frequencies.
        factor: f64,
        /// Turns over the original context above which a frequency is kept.
        beta_fast: f64,
        /// Turns below which it is divided.
        beta_slow: f64,
        /// Whether the ramp begins and ends at whole elements.
        truncate: bool,
        /// Context length of the pretraining.
        original_context: usize,
        /// Factor on cosines and sines.
        attention_factor: f64,
    },
    /// Each frequency divided by a factor of its own, by another one beyond the original context
    /// (arXiv 2402.13753).
    Long {
        /// Divisors up to the original context.
        short: Vec<f64>,
        /// Divisors where a text may go beyond.
        long: Vec<f64>,
        /// Context length of the pretraining.
        original_context: usize,
        /// Factor on cosines and sines.
        attention_factor: f64,
    },
}

/// What every decoder has, and what none can do without.
#[derive(Debug, Clone, Copy)]
pub struct Dimensions {
    /// V.
    pub vocab_size: usize,
    /// D.
    pub hidden_size: usize,
    /// F.
    pub intermediate_size: usize,
    /// Number of layers.
    pub layers: usize,
    /// H.
    pub heads: usize,
    /// G.
    pub kv_heads: usize,
    /// E.
    pub head_dim: usize,
    /// Positions.
    pub context: usize,
}

impl Spec {
    /// A decoder built to Llama's plan: what is left where nothing else is said.
    pub fn llama(architecture: &str, sizes: Dimensions, rope: Rope, eps: f64) -> Self {
        Self {
            architecture: architecture.to_owned(),
            vocab_size: sizes.vocab_size,
            hidden_size: sizes.hidden_size,
            heads: sizes.heads,
            kv_heads: sizes.kv_heads,
            head_dim: sizes.head_dim,
            value_dim: sizes.head_dim,
            intermediate_size: sizes.intermediate_size,
            layers: (0..sizes.layers)
                .map(|number| Layer {
                    number,
                    window: None,
                    chunked: false,
                    rope: Some(0),
                    experts: false,
                    delta: false,
                })
                .collect(),
            norm: Norm { kind: NormKind::Rms, eps, weight: true, bias: false, offset: 0.0 },
            pre_norm: true,
            post_norm: false,
            parallel: Parallel::No,
            attention: Attention {
                scale: 1.0 / (sizes.head_dim as f64).sqrt(),
                softcap: None,
                sinks: false,
                qkv_bias: false,
                output_bias: false,
                clip: None,
                qk_norm: None,
                latent: None,
                growth: None,
                output_gate: false,
            },
            ropes: vec![rope],
            mlp: Mlp { activation: Activation::Silu, gated: true, bias: false },
            experts: None,
            delta: None,
            embedding_scale: 1.0,
            residual_scale: 1.0,
            logit_scale: 1.0,
            logit_softcap: None,
            output_bias: false,
            tied_embeddings: false,
            context: sizes.context,
        }
    }

    /// Number of layers that keep keys and values.
    pub fn attention_layers(&self) -> usize {
        self.layers.iter().filter(|layer| !layer.delta).count()
    }

    /// Where a layer stands among those that keep the same kind of memory.
    pub fn place_in_memory(&self, layer: usize) -> usize {
        let delta = self.layers.get(layer).is_some_and(|layer| layer.delta);
        self.layers.iter().take(layer).filter(|other| other.delta == delta).count()
    }

    /// The numbers of a whole state: those of all layers that keep one.
    pub fn state_len(&self) -> usize {
        let layers = self.layers.len() - self.attention_layers();
        self.delta.map_or(0, |delta| delta.state_len() * layers)
    }

    /// The longest text, in tokens, that the shorter of two sets of rotary frequencies is for; none if the
    /// frequencies do not depend on the text's length.
    pub fn short_context(&self) -> Option<usize> {
        self.ropes.iter().find_map(|rope| match &rope.scaling {
            RopeScaling::Long { short, long, original_context, .. } if short != long => {
                Some(*original_context)
            }
            _ => None,
        })
    }

    /// The decoder for texts of up to `tokens` tokens. Where the rotary frequencies depend on a text's
    /// length, all texts of a run get those of the longest, so that a prefix means the same in each.
    #[must_use]
    pub fn for_texts_of(&self, tokens: usize) -> Self {
        let mut spec = self.clone();
        for rope in &mut spec.ropes {
            if let RopeScaling::Long { short, long, original_context, .. } = &mut rope.scaling {
                if tokens > *original_context {
                    short.clone_from(long);
                } else if short != long {
                    long.clone_from(short);
                    spec.context = spec.context.min(*original_context);
                }
            }
        }
        spec
    }
}
