//! What a decoder-only transformer is, as switches and sizes. Knows nothing about files or tokens.

use serde::Serialize;

/// One decoder: token embedding, `layers` × (attention, gated MLP) with RMS norms before each, output matrix.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spec {
    /// Architecture name as the config gives it, for messages and the manifest.
    pub architecture: String,
    /// Rows of the embedding, V.
    pub vocab_size: usize,
    /// Width of the residual stream, D.
    pub hidden_size: usize,
    /// Number of blocks, L.
    pub layers: usize,
    /// Query heads, H.
    pub heads: usize,
    /// Key and value heads, G; divides H.
    pub kv_heads: usize,
    /// Width of one head, E; not always D / H.
    pub head_dim: usize,
    /// Width of the MLP, F.
    pub intermediate_size: usize,
    /// Epsilon of the RMS norms.
    pub norm_eps: f64,
    /// Rotary position embedding.
    pub rope: Rope,
    /// Bias on the query, key and value projections.
    pub qkv_bias: bool,
    /// Bias on the attention output projection.
    pub output_bias: bool,
    /// Bias on the MLP projections.
    pub mlp_bias: bool,
    /// RMS norm over each head of queries and keys, before the rotation.
    pub qk_norm: bool,
    /// The output matrix is the embedding.
    pub tied_embeddings: bool,
    /// Positions that the model was made for.
    pub context: usize,
}

/// Rotary embedding over the whole head, half-split layout (element i pairs with i + E/2).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rope {
    /// Base of the frequencies.
    pub theta: f64,
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
}
