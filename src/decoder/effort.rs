//! How many multiply-adds the weights take, from the spec alone. Knows nothing about how they are held.

use crate::model::Spec;

/// Multiply-adds with weights that a token takes on its way through the layers, and those that its logits take on top;
/// none for models with a latent attention or layers that keep a state, which are not reckoned.
pub fn multiply_adds(spec: &Spec) -> Option<(u64, u64)> {
    if spec.attention.latent.is_some() || spec.delta.is_some() {
        return None;
    }
    let d = spec.hidden_size;
    let gates = if spec.attention.output_gate { spec.heads * spec.value_dim } else { 0 };
    let attention = spec.heads * (spec.head_dim + spec.value_dim)
        + spec.kv_heads * (spec.head_dim + spec.value_dim)
        + gates;
    let matrices = if spec.mlp.gated { 3 } else { 2 };
    let each = spec.layers.iter().map(|layer| match spec.experts.filter(|_| layer.experts) {
        Some(experts) => {
            let shared_gate = usize::from(experts.shared_gate);
            let width = experts.used * experts.intermediate_size + experts.shared_size;
            attention + matrices * width + experts.count + shared_gate
        }
        None => attention + matrices * spec.intermediate_size,
    });
    let layers: usize = each.sum();
    Some(((layers * d) as u64, (d * spec.vocab_size) as u64))
}
