//! Sizes of the gated delta rule. Knows nothing about files or tokens.

use serde::Serialize;

/// The gated delta rule behind a short causal convolution (arXiv 2412.06464). Each value head keeps a matrix M
/// [K, U], 0 before the first token, which a token's query q, key k (both of length 1, the query divided by √K) and
/// value v change and read: M ← α M; M ← M + k (β (v − Mᵀ k))ᵀ; o = Mᵀ q, with α = exp(−exp(a) · softplus(x + b)) and
/// β the sigmoid of y, where x and y are projections of the token and a and b numbers of the head. What the heads
/// give is normed and gated before the last projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Delta {
    /// Heads of queries and keys.
    pub key_heads: usize,
    /// Heads of values, a multiple of these; neighbours share a key head.
    pub value_heads: usize,
    /// Width of a head's queries and keys, K.
    pub key_dim: usize,
    /// Width of a head's values, U.
    pub value_dim: usize,
    /// Tokens that the convolution sees, the newest included.
    pub kernel: usize,
}

impl Delta {
    /// Elements of all queries and keys, and of all values, which the convolution runs over: C.
    pub fn channels(&self) -> usize {
        2 * self.key_heads * self.key_dim + self.values()
    }

    /// Elements of all values.
    pub fn values(&self) -> usize {
        self.value_heads * self.value_dim
    }

    /// Numbers of a layer's state: the matrices of all heads, and what the convolution saw last.
    pub fn state_len(&self) -> usize {
        self.values() * self.key_dim + (self.kernel - 1) * self.channels()
    }
}
