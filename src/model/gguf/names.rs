//! Which tensor of a GGUF file, and which of its rows, is which part of a decoder. Names are those of
//! `gguf-py/gguf/constants.py`. Knows nothing about bytes.

use crate::model::part::{Kind, LayerPart, Part, Projection};
use crate::model::spec::{QkSpan, Spec};
use crate::model::view::View;

/// How the tensors of one file are packed.
#[derive(Debug, Clone, Copy)]
pub(in crate::model) struct Names {
    /// Whether neighbouring elements of a head are turned together.
    pub(super) pairs: bool,
    /// What the norm of the MLP's input is called.
    pub(super) mlp_norm: &'static str,
    /// Whether queries, keys and values stand one after another in one matrix.
    pub(super) fused_qkv: bool,
    /// Whether the MLP's gate stands above what it gates in one matrix.
    pub(super) fused_gate: bool,
}

impl Names {
    /// Where a part's weight or bias is; none if these files have no such part.
    pub(in crate::model) fn view(&self, spec: &Spec, part: Part, kind: Kind) -> Option<View> {
        let end = match kind {
            Kind::Weight => "weight",
            Kind::Bias => "bias",
        };
        let (layer, part) = match part {
            Part::Embedding => return Some(View::whole(format!("token_embd.{end}"))),
            Part::FinalNorm => return Some(View::whole(format!("output_norm.{end}"))),
            Part::Output => return Some(View::whole(format!("output.{end}"))),
            Part::Layer(layer, part) => (layer, part),
        };
        let named = |name: &str| View::whole(format!("blk.{layer}.{name}.{end}"));
        let f = spec.intermediate_size;
        Some(match part {
            LayerPart::AttentionNorm => named("attn_norm"),
            LayerPart::AttentionPostNorm => named("post_attention_norm"),
            LayerPart::MlpNorm => named(self.mlp_norm),
            LayerPart::MlpPostNorm => named("post_ffw_norm"),
            LayerPart::Query => self.heads(spec, 0, &named),
            LayerPart::Key => self.heads(spec, 1, &named),
            LayerPart::Value => self.heads(spec, 2, &named),
            LayerPart::AttentionOutput => named("attn_output"),
            LayerPart::QueryNorm(head) => self.norm(spec, named("attn_q_norm"), head),
            LayerPart::KeyNorm(head) => self.norm(spec, named("attn_k_norm"), head),
            LayerPart::Sinks => View::whole(format!("blk.{layer}.attn_sinks.weight")),
            LayerPart::Mlp(Projection::Gate) if self.fused_gate => named("ffn_up").range(0..f),
            LayerPart::Mlp(Projection::Up) if self.fused_gate => named("ffn_up").range(f..2 * f),
            LayerPart::Mlp(projection) => named(mlp(projection)),
            LayerPart::Router => named("ffn_gate_inp"),
            LayerPart::RouterCorrection => View::whole(format!("blk.{layer}.exp_probs_b.bias")),
            LayerPart::Expert(expert, projection) => {
                named(&format!("{}_exps", mlp(projection))).slice(expert)
            }
            LayerPart::SharedExpert(projection) => named(&format!("{}_shexp", mlp(projection))),
            LayerPart::SharedExpertGate => named("ffn_gate_inp_shexp"),
            LayerPart::LatentQuery
            | LayerPart::LatentQueryNorm
            | LayerPart::Curve(_)
            | LayerPart::Latent
            | LayerPart::LatentNorm
            | LayerPart::SharedKey
            | LayerPart::AttentionGate
            | LayerPart::DeltaInputs
            | LayerPart::DeltaGate
            | LayerPart::DeltaDecay
            | LayerPart::DeltaStrength
            | LayerPart::DeltaKernel
            | LayerPart::DeltaRate
            | LayerPart::DeltaShift
            | LayerPart::DeltaNorm
            | LayerPart::DeltaOutput => return None,
        })
    }

    /// Queries, keys or values of all heads.
    fn heads(&self, spec: &Spec, which: usize, named: &impl Fn(&str) -> View) -> View {
        let (e, v) = (spec.head_dim, spec.value_dim);
        let (heads, width) = [(spec.heads, e), (spec.kv_heads, e), (spec.kv_heads, v)][which];
        let view = if self.fused_qkv {
            let start = [0, spec.heads * e, (spec.heads + spec.kv_heads) * e][which];
            named("attn_qkv").range(start..start + heads * width)
        } else {
            named(["attn_q", "attn_k", "attn_v"][which])
        };
        if which == 2 { view } else { self.halved(spec, view, heads) }
    }

    fn norm(&self, spec: &Spec, view: View, head: usize) -> View {
        let qk_norm = spec.attention.qk_norm.as_ref();
        let view = match qk_norm.map(|norm| norm.span) {
            Some(QkSpan::OwnHead) => view.slice(head),
            _ => view,
        };
        self.halved(spec, view, 1)
    }

    fn halved(&self, spec: &Spec, view: View, heads: usize) -> View {
        let rotary = spec.ropes.first().map_or(0, |rope| rope.rotary_dim);
        if self.pairs { view.halved(heads, spec.head_dim, 0..rotary) } else { view }
    }
}

fn mlp(projection: Projection) -> &'static str {
    match projection {
        Projection::Gate => "ffn_gate",
        Projection::Up => "ffn_up",
        Projection::Down => "ffn_down",
    }
}

/// Whether a tensor holds what the config says already.
pub(in crate::model) fn is_idle(name: &str) -> bool {
    name == "rope_freqs.weight"
        || name.starts_with("rope_factors_")
        || name.ends_with(".attn_rot_embd")
}
