//! Which stored tensor, and which of its rows, is which part of a decoder, in the checkpoints of Hugging Face.
//! Knows nothing about bytes.

use super::delta::Delta;
use super::gguf;
use super::part::{Kind, LayerPart, Part, Projection};
use super::spec::Spec;
use super::view::View;

/// Which stored tensor is which part, in either kind of file.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::large_enum_variant, reason = "there is one of it for a model")]
pub(super) enum Naming {
    /// Safetensors of Hugging Face.
    HuggingFace(&'static Layout),
    /// GGUF.
    Gguf(gguf::Names),
}

impl Naming {
    /// Where a part's weight or bias is; none if these files have no such part.
    pub(super) fn view(&self, spec: &Spec, part: Part, kind: Kind) -> Option<View> {
        match self {
            Self::HuggingFace(layout) => layout.view(spec, part, kind),
            Self::Gguf(names) => names.view(spec, part, kind),
        }
    }

    /// Where an expert's part is in files that hold all experts of a layer in one tensor, if there are such.
    pub(super) fn view_of_stack(&self, spec: &Spec, part: Part, kind: Kind) -> Option<View> {
        match self {
            Self::HuggingFace(layout) => {
                let experts = layout.stacks?;
                Layout { experts, ..**layout }.view(spec, part, kind)
            }
            Self::Gguf(_) => None,
        }
    }

    /// Whether a tensor holds nothing that the decoder needs, be it there or not.
    pub(super) fn is_idle(&self, name: &str) -> bool {
        match self {
            Self::HuggingFace(layout) => layout.is_idle(name),
            Self::Gguf(_) => gguf::is_idle(name),
        }
    }

    /// Whether a tensor belongs to a whole part of the model that the family's text decoder leaves out.
    pub(super) fn leaves_out(&self, name: &str) -> bool {
        match self {
            Self::HuggingFace(layout) => {
                layout.idle.iter().any(|idle| idle.ends_with('.') && name.starts_with(idle))
            }
            Self::Gguf(_) => false,
        }
    }
}

/// How a model's files name and pack its parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// Before the names of the embedding, the layers and the final norm.
    pub(super) root: &'static str,
    /// Before a layer's number.
    pub(super) layers: &'static str,
    pub(super) embedding: &'static str,
    /// Whether the embedding has rows past the vocabulary, which stand for no text.
    pub(super) more_rows: bool,
    pub(super) final_norm: &'static str,
    /// Stands without the root.
    pub(super) output: &'static str,
    /// Norms before and after attention and MLP; empty where there is none.
    pub(super) attention_norm: &'static str,
    pub(super) attention_post_norm: &'static str,
    pub(super) mlp_norm: &'static str,
    pub(super) mlp_post_norm: &'static str,
    pub(super) qkv: Qkv,
    pub(super) attention_output: &'static str,
    pub(super) qk_norm: QkNorms,
    /// Whether neighbouring elements of a head are turned together.
    pub(super) pairs: bool,
    pub(super) deltas: Deltas,
    pub(super) mlp: Mlp,
    pub(super) router: &'static str,
    pub(super) experts: ExpertLayout,
    /// How releases hold the experts that transformers writes one by one.
    pub(super) stacks: Option<ExpertLayout>,
    pub(super) shared: Mlp,
    /// Correction of the experts' ranks.
    pub(super) correction: Correction,
    /// Gate of the MLP that all tokens pass.
    pub(super) shared_gate: &'static str,
    /// Beginnings of the names of tensors that change nothing; ends (`*…`) and middles (`*…*`).
    pub(super) idle: &'static [&'static str],
}

/// Query, key and value projections.
#[derive(Debug, Clone, Copy)]
pub(super) enum Qkv {
    /// `self_attn.{q,k,v}_proj`.
    Apart,
    /// All queries, then all keys, then all values in one matrix.
    Together(&'static str),
    /// Query, key and value of the first head, then those of the next.
    ByHead(&'static str),
    /// `self_attn.{q,k,v}_proj`, where the first has each head's queries and then that head's gate.
    Gated,
    /// DeepSeek's latent attention.
    Latent,
}

/// Projections of the delta rule, in `linear_attn`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Deltas {
    /// `in_proj_qkv`, `in_proj_z`, `in_proj_a`, `in_proj_b`.
    Apart,
    /// Query, key, values and gates of the first key head, then those of the next; `in_proj_ba` likewise.
    ByHead,
}

/// The numbers of an activation that has some of its own, in the order in which a decoder asks for them.
const CURVE: [&str; 4] =
    ["mlp.act_fn.alpha_p", "mlp.act_fn.alpha_n", "mlp.act_fn.beta", "mlp.act_fn.eps"];

/// Norms of queries and keys.
#[derive(Debug, Clone, Copy)]
pub(super) enum QkNorms {
    /// One tensor each.
    One(&'static str, &'static str),
    /// One tensor each, [heads, E].
    Rows(&'static str, &'static str),
    /// One tensor for each head.
    Many(&'static str, &'static str),
}

/// Projections of an MLP.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mlp {
    /// Gate, up, down.
    Apart([&'static str; 3]),
    /// Gate above up in one matrix; down.
    Together(&'static str, &'static str),
    /// No gate: up, down.
    Plain(&'static str, &'static str),
}

/// Projections of the experts.
#[derive(Debug, Clone, Copy)]
pub(super) enum ExpertLayout {
    /// A folder of tensors per expert: gate, up, down.
    Apart(&'static str, [&'static str; 3]),
    /// All experts in one tensor: gate above up; down.
    Stacked(&'static str, &'static str),
    /// All experts in one tensor, [inputs, outputs]: gate beside up; down.
    TurnedStacked(&'static str, &'static str),
    /// All experts in one tensor, [inputs, outputs], gate and up taking turns; down. Biases beside them.
    TurnedAndMixed(&'static str, &'static str),
}

/// Correction of the experts' ranks: a tensor [experts], or the only row of one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Correction {
    Flat(&'static str),
    Row(&'static str),
}

/// What `Llama` checkpoints have, and most others with a change or two.
pub(super) const LLAMA: Layout = Layout {
    root: "model.",
    layers: "layers.",
    more_rows: false,
    embedding: "embed_tokens",
    final_norm: "norm",
    output: "lm_head",
    attention_norm: "input_layernorm",
    attention_post_norm: "",
    mlp_norm: "post_attention_layernorm",
    mlp_post_norm: "",
    qkv: Qkv::Apart,
    attention_output: "self_attn.o_proj",
    qk_norm: QkNorms::One("self_attn.q_norm", "self_attn.k_norm"),
    pairs: false,
    deltas: Deltas::Apart,
    mlp: Mlp::Apart(["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]),
    router: "mlp.gate",
    experts: ExpertLayout::Apart("mlp.experts", ["gate_proj", "up_proj", "down_proj"]),
    stacks: None,
    shared: Mlp::Apart([
        "mlp.shared_expert.gate_proj",
        "mlp.shared_expert.up_proj",
        "mlp.shared_expert.down_proj",
    ]),
    correction: Correction::Flat("mlp.gate.e_score_correction_bias"),
    shared_gate: "mlp.shared_expert_gate",
    idle: &["*.rotary_emb.inv_freq"],
};

impl Layout {
    /// Where a part's weight or bias is; none if these files have no such part.
    pub(super) fn view(&self, spec: &Spec, part: Part, kind: Kind) -> Option<View> {
        let (layer, part) = match part {
            Part::Embedding => {
                let view = plain(format!("{}{}", self.root, self.embedding), kind);
                return Some(if self.more_rows { view.range(0..spec.vocab_size) } else { view });
            }
            Part::FinalNorm => {
                return Some(plain(format!("{}{}", self.root, self.final_norm), kind));
            }
            Part::Output => return Some(plain(self.output, kind)),
            Part::Layer(layer, part) => (layer, part),
        };
        let number = spec.layers.get(layer).map_or(layer, |layer| layer.number);
        let at = |name: &str| format!("{}{}{number}.{name}", self.root, self.layers);
        let named = |name: &str| (!name.is_empty()).then(|| plain(at(name), kind));
        let (e, v) = (spec.head_dim, spec.value_dim);
        let rotary = spec.ropes.first().map_or(0, |rope| rope.rotary_dim);
        let halve = |view: View, heads: usize| match self.pairs {
            true => view.halved(heads, e, 0..rotary),
            false => view,
        };
        match part {
            LayerPart::AttentionNorm => named(self.attention_norm),
            LayerPart::AttentionPostNorm => named(self.attention_post_norm),
            LayerPart::MlpNorm => named(self.mlp_norm),
            LayerPart::MlpPostNorm => named(self.mlp_post_norm),
            LayerPart::AttentionOutput => named(self.attention_output),
            LayerPart::Sinks => Some(View::whole(at("self_attn.sinks"))),
            LayerPart::Query | LayerPart::Key | LayerPart::Value
                if !matches!(self.qkv, Qkv::Latent) =>
            {
                let (which, heads, width) = match part {
                    LayerPart::Query => (0, spec.heads, e),
                    LayerPart::Key => (1, spec.kv_heads, e),
                    _ => (2, spec.kv_heads, v),
                };
                let view = match self.qkv {
                    Qkv::Together(name) => {
                        let starts = [0, spec.heads * e, (spec.heads + spec.kv_heads) * e];
                        let start = starts[which];
                        named(name)?.range(start..start + heads * width)
                    }
                    Qkv::ByHead(name) => named(name)?.list(
                        (0..heads).flat_map(|h| (0..e).map(move |i| (3 * h + which) * e + i)),
                    ),
                    Qkv::Gated if which == 0 => gated(named("self_attn.q_proj")?, heads, e, 0),
                    Qkv::Apart | Qkv::Gated | Qkv::Latent => {
                        named(["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"][which])?
                    }
                };
                Some(if which == 2 { view } else { halve(view, heads) })
            }
            LayerPart::AttentionGate => Some(gated(named("self_attn.q_proj")?, spec.heads, e, e)),
            LayerPart::QueryNorm(head) | LayerPart::KeyNorm(head) => {
                let of_keys = matches!(part, LayerPart::KeyNorm(_));
                let pick = |query, key| if of_keys { key } else { query };
                let view = match self.qk_norm {
                    QkNorms::One(query, key) => named(pick(query, key))?,
                    QkNorms::Rows(query, key) => named(pick(query, key))?.slice(head),
                    QkNorms::Many(query, key) => {
                        named(&format!("{}.norms.{head}", pick(query, key)))?
                    }
                };
                Some(halve(view, 1))
            }
            LayerPart::Mlp(projection) => self.mlp.view(projection, spec.intermediate_size, named),
            LayerPart::SharedExpert(projection) => {
                self.shared.view(projection, spec.experts?.shared_size, named)
            }
            LayerPart::SharedExpertGate => named(self.shared_gate),
            LayerPart::Router => named(self.router),
            LayerPart::RouterCorrection => Some(match self.correction {
                Correction::Flat(name) => View::whole(at(name)),
                Correction::Row(name) => View::whole(at(name)).slice(0),
            }),
            LayerPart::Curve(number) => Some(View::whole(at(CURVE[number]))),
            LayerPart::Expert(expert, projection) => {
                let f = spec.experts?.intermediate_size;
                self.experts.view(expert, projection, f, kind, at)
            }
            LayerPart::DeltaRate => Some(View::whole(at("linear_attn.A_log"))),
            LayerPart::DeltaShift => Some(View::whole(at("linear_attn.dt_bias"))),
            LayerPart::DeltaKernel => named("linear_attn.conv1d"),
            LayerPart::DeltaNorm => named("linear_attn.norm"),
            LayerPart::DeltaOutput => named("linear_attn.out_proj"),
            LayerPart::DeltaInputs
            | LayerPart::DeltaGate
            | LayerPart::DeltaDecay
            | LayerPart::DeltaStrength => self.deltas.view(&spec.delta?, part, named),
            _ => latent(spec, part, named, rotary),
        }
    }

    /// Whether a tensor holds nothing that the decoder needs, be it there or not.
    fn is_idle(&self, name: &str) -> bool {
        self.idle.iter().any(|idle| match (idle.strip_prefix('*'), idle.strip_suffix('*')) {
            (Some(rest), Some(_)) => name.contains(rest.trim_end_matches('*')),
            (Some(end), None) => name.ends_with(end),
            _ => name.starts_with(idle),
        })
    }
}

impl Deltas {
    fn view(
        self,
        delta: &Delta,
        part: LayerPart,
        named: impl Fn(&str) -> Option<View>,
    ) -> Option<View> {
        if matches!(self, Self::Apart) {
            return named(match part {
                LayerPart::DeltaInputs => "linear_attn.in_proj_qkv",
                LayerPart::DeltaGate => "linear_attn.in_proj_z",
                LayerPart::DeltaDecay => "linear_attn.in_proj_a",
                _ => "linear_attn.in_proj_b",
            });
        }
        let group = delta.value_heads / delta.key_heads;
        let (k, v) = (delta.key_dim, group * delta.value_dim);
        // Rows of every key head's part of the matrix.
        let of_heads = |from: usize, count: usize, all: usize| {
            (0..delta.key_heads).flat_map(move |h| (0..count).map(move |i| h * all + from + i))
        };
        let qkvz = |from, count| of_heads(from, count, 2 * (k + v));
        Some(match part {
            LayerPart::DeltaInputs => named("linear_attn.in_proj_qkvz")?
                .list(qkvz(0, k).chain(qkvz(k, k)).chain(qkvz(2 * k, v))),
            LayerPart::DeltaGate => named("linear_attn.in_proj_qkvz")?.list(qkvz(2 * k + v, v)),
            LayerPart::DeltaDecay => {
                named("linear_attn.in_proj_ba")?.list(of_heads(group, group, 2 * group))
            }
            _ => named("linear_attn.in_proj_ba")?.list(of_heads(0, group, 2 * group)),
        })
    }
}

/// Of heads of two parts of `e` rows each, those from `from` on.
fn gated(view: View, heads: usize, e: usize, from: usize) -> View {
    view.list((0..heads).flat_map(|h| (0..e).map(move |i| 2 * h * e + from + i)))
}

impl Mlp {
    fn view(
        self,
        projection: Projection,
        width: usize,
        named: impl Fn(&str) -> Option<View>,
    ) -> Option<View> {
        match (self, projection) {
            (Self::Apart(names), _) => named(names[projection as usize]),
            (Self::Together(gate_up, _), Projection::Gate) => Some(named(gate_up)?.range(0..width)),
            (Self::Together(gate_up, _), Projection::Up) => {
                Some(named(gate_up)?.range(width..2 * width))
            }
            (Self::Plain(up, _), Projection::Up) => named(up),
            (Self::Plain(_, down) | Self::Together(_, down), Projection::Down) => named(down),
            (Self::Plain(..), Projection::Gate) => None,
        }
    }
}

impl ExpertLayout {
    fn view(
        self,
        expert: usize,
        projection: Projection,
        width: usize,
        kind: Kind,
        at: impl Fn(&str) -> String,
    ) -> Option<View> {
        let rows = match projection {
            Projection::Gate => Some(0..width),
            Projection::Up => Some(width..2 * width),
            Projection::Down => None,
        };
        Some(match self {
            Self::Apart(folder, names) => {
                let name = names[projection as usize];
                plain(at(&format!("{folder}.{expert}.{name}")), kind)
            }
            Self::Stacked(gate_up, down) => match rows {
                Some(rows) => View::whole(at(gate_up)).slice(expert).range(rows),
                None => View::whole(at(down)).slice(expert),
            },
            Self::TurnedStacked(gate_up, down) => {
                let view = View::whole(at(if rows.is_some() { gate_up } else { down }));
                let view = view.slice(expert).transposed();
                rows.into_iter().fold(view, View::range)
            }
            Self::TurnedAndMixed(gate_up, down) => {
                let name = if rows.is_some() { gate_up } else { down };
                let view = match kind {
                    Kind::Weight => View::whole(at(name)).slice(expert).transposed(),
                    Kind::Bias => View::whole(format!("{}_bias", at(name))).slice(expert),
                };
                match projection {
                    Projection::Gate => view.list((0..width).map(|i| 2 * i)),
                    Projection::Up => view.list((0..width).map(|i| 2 * i + 1)),
                    Projection::Down => view,
                }
            }
        })
    }
}

/// Parts of latent attention. The turned elements stand last and as pairs in the checkpoint, first and as
/// halves in the decoder.
fn latent(
    spec: &Spec,
    part: LayerPart,
    named: impl Fn(&str) -> Option<View>,
    rotary: usize,
) -> Option<View> {
    let latent = spec.attention.latent?;
    let (e, v) = (spec.head_dim, spec.value_dim);
    let still = e - rotary;
    let of_heads = |from: usize, width: usize| {
        let rows =
            (0..spec.heads).flat_map(move |h| (0..width).map(move |i| h * (still + v) + from + i));
        Some(named("self_attn.kv_b_proj")?.list(rows))
    };
    match part {
        LayerPart::Query => {
            let name = if latent.query_width.is_some() { "q_b_proj" } else { "q_proj" };
            Some(named(&format!("self_attn.{name}"))?.halved(spec.heads, e, still..e))
        }
        LayerPart::LatentQuery => named("self_attn.q_a_proj"),
        LayerPart::LatentQueryNorm => named("self_attn.q_a_layernorm"),
        LayerPart::Latent => Some(named("self_attn.kv_a_proj_with_mqa")?.range(0..latent.width)),
        LayerPart::LatentNorm => named("self_attn.kv_a_layernorm"),
        LayerPart::SharedKey => Some(
            named("self_attn.kv_a_proj_with_mqa")?
                .range(latent.width..latent.width + rotary)
                .halved(1, rotary, 0..rotary),
        ),
        LayerPart::Key => of_heads(0, still),
        LayerPart::Value => of_heads(still, v),
        _ => None,
    }
}

fn plain(name: impl AsRef<str>, kind: Kind) -> View {
    let kind = match kind {
        Kind::Weight => "weight",
        Kind::Bias => "bias",
    };
    View::whole(format!("{}.{kind}", name.as_ref()))
}
