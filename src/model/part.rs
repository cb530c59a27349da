//! What a decoder asks its weights for, by what it does rather than by what a file calls it. Knows nothing
//! about files or names.

use std::fmt;

/// A matrix or vector of a decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Token embedding, [V, D].
    Embedding,
    /// Norm after the last layer, `[D]`.
    FinalNorm,
    /// Output matrix, [V, D].
    Output,
    /// Something of one layer.
    Layer(usize, LayerPart),
}

/// A matrix or vector of one layer. Linear maps are [outputs, inputs].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LayerPart {
    /// Norm of the attention's input.
    AttentionNorm,
    /// Norm of what the attention adds to the residual stream.
    AttentionPostNorm,
    /// Norm of the MLP's input.
    MlpNorm,
    /// Norm of what the MLP adds to the residual stream.
    MlpPostNorm,
    /// Queries, heads one after another; in each the rotated elements first, in the half-split layout.
    Query,
    /// Keys, likewise.
    Key,
    /// Values.
    Value,
    /// From the heads' results back to the residual stream.
    AttentionOutput,
    /// Norm of queries: of this head, or of all (then 0).
    QueryNorm(usize),
    /// Norm of keys, likewise.
    KeyNorm(usize),
    /// One score per head that takes weight from all positions, `[H]`.
    Sinks,
    /// Latent attention: from the residual stream to the latent queries.
    LatentQuery,
    /// Latent attention: norm of the latent queries; [`Self::Query`] then maps from these.
    LatentQueryNorm,
    /// Latent attention: from the residual stream to the latent keys and values.
    Latent,
    /// Latent attention: norm of these.
    LatentNorm,
    /// Latent attention: from the residual stream to the rotated part that all heads' keys share.
    SharedKey,
    /// What the heads' results are multiplied by the sigmoid of, heads one after another.
    AttentionGate,
    /// Delta rule: queries, keys and values of all heads, which then pass the convolution.
    DeltaInputs,
    /// Delta rule: gate of the result, heads one after another.
    DeltaGate,
    /// Delta rule: how much of its state a head keeps, [value heads, D].
    DeltaDecay,
    /// Delta rule: how much of a value a head takes over, [value heads, D].
    DeltaStrength,
    /// Delta rule: of each channel, the factors of the tokens that the convolution sees, oldest first.
    DeltaKernel,
    /// Delta rule: logarithm of a head's rate of decay, [value heads].
    DeltaRate,
    /// Delta rule: what is added to [`Self::DeltaDecay`]'s result, [value heads].
    DeltaShift,
    /// Delta rule: norm of a head's result.
    DeltaNorm,
    /// Delta rule: from the heads' results back to the residual stream.
    DeltaOutput,
    /// Dense MLP.
    Mlp(Projection),
    /// A number of the activation, where it has some of its own (xIELU: α₊, α₋, β, ε), `[1]`.
    Curve(usize),
    /// Scores of the experts, [experts, D].
    Router,
    /// Added to the experts' scores where they are ranked, and only there, `[experts]`.
    RouterCorrection,
    /// One expert's MLP.
    Expert(usize, Projection),
    /// The MLP that all tokens pass beside their experts.
    SharedExpert(Projection),
    /// How much of that is added, [1, D].
    SharedExpertGate,
}

/// A linear map of an MLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Projection {
    /// What goes through the activation and gates the other.
    Gate,
    /// What is gated; in an MLP without a gate, what goes through the activation.
    Up,
    /// Back to the residual stream.
    Down,
}

/// Weight or bias of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// What is multiplied with.
    Weight,
    /// What is added.
    Bias,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedding => write!(f, "token embedding"),
            Self::FinalNorm => write!(f, "final norm"),
            Self::Output => write!(f, "output matrix"),
            Self::Layer(layer, part) => write!(f, "{part:?} of layer {layer}"),
        }
    }
}
