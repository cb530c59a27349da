//! A spec that is being filled in while a config is read, and how large its numbers may be. Knows no family.

use serde_json::Value;

use super::json::Keys;
use super::layout::Layout;
use super::named::CONFIG;
use super::spec::{QkNorm, QkSpan, Spec};
use crate::error::{Error, Result};

// Upper limits: above any published model, low enough that no product of them that is computed before the
// weights are checked overflows or asks for absurd memory.
pub(super) const VOCABULARY_MAX: usize = 1 << 22;
pub(super) const WIDTH_MAX: usize = 1 << 20;
pub(super) const LAYERS_MAX: usize = 1 << 10;
pub(super) const HEADS_MAX: usize = 1 << 12;
pub(super) const HEAD_DIM_MAX: usize = 1 << 12;
pub(super) const EXPERTS_MAX: usize = 1 << 12;
pub(super) const CONTEXT_MAX: usize = 1 << 24;

/// A spec that a family is filling in.
pub(super) struct Draft {
    pub(super) keys: Keys,
    pub(super) spec: Spec,
    pub(super) layout: &'static Layout,
    /// Factor on the attention's scores that a rope asks for, of the families that heed it.
    pub(super) score_factor: f64,
}

impl Draft {
    /// All four projections of the attention have a bias, or none, as a key says.
    pub(super) fn attention_bias(&mut self, key: &str, missing: bool) -> Result<()> {
        let bias = self.keys.flag(key)?.unwrap_or(missing);
        self.spec.attention.qkv_bias = bias;
        self.spec.attention.output_bias = bias;
        Ok(())
    }

    /// All projections of the MLPs have a bias, or none, as a key says.
    pub(super) fn mlp_bias(&mut self) -> Result<()> {
        self.spec.mlp.bias = self.keys.flag("mlp_bias")?.unwrap_or(false);
        Ok(())
    }

    /// Norm of each head's queries and keys, of the form of the other norms.
    pub(super) fn qk_norm(&mut self, span: QkSpan) {
        let norm = self.spec.norm;
        self.spec.attention.qk_norm =
            Some(QkNorm { norm, span, after_rope: false, turned_only: false });
    }

    /// The window that a config gives; `missing` where it does not mention one. A null or a 0 means none.
    pub(super) fn window(&mut self, missing: Option<usize>) -> Result<Option<usize>> {
        let mentioned = self.keys.has("sliding_window");
        if self.keys.has_zero("sliding_window") {
            self.keys.value("sliding_window");
            return Ok(None);
        }
        let window = self.keys.size("sliding_window", CONTEXT_MAX)?;
        Ok(if mentioned { window } else { missing })
    }

    /// Of how many layers one is without a window, under the key of releases or that of transformers 5.
    pub(super) fn window_pattern(&mut self, missing: usize) -> Result<usize> {
        let released = self.keys.size("sliding_window_pattern", LAYERS_MAX)?;
        Ok(released.or(self.keys.size("_sliding_window_pattern", LAYERS_MAX)?).unwrap_or(missing))
    }

    /// Every layer has the window that the config gives.
    pub(super) fn window_everywhere(&mut self, missing: Option<usize>) -> Result<()> {
        let window = self.window(missing)?;
        self.spec.layers.iter_mut().for_each(|layer| layer.window = window);
        Ok(())
    }

    /// Layers of type `sliding_attention` have the window; the types come from `layer_types`, or else from
    /// what `sliding` says of each layer.
    pub(super) fn windows_by_type(
        &mut self,
        window: Option<usize>,
        sliding: impl Fn(usize) -> bool,
    ) -> Result<()> {
        let count = self.spec.layers.len();
        let types: Option<Vec<bool>> = match self.keys.value("layer_types") {
            None => None,
            Some(value) => {
                let sliding = |kind: &Value| match kind.as_str() {
                    Some("sliding_attention") => Some(true),
                    Some("full_attention" | "attention") => Some(false),
                    _ => None,
                };
                let list = value.as_array().filter(|list| list.len() == count);
                let types = list.and_then(|list| list.iter().map(sliding).collect());
                let wanted =
                    format!("a list of {count} times `full_attention` or `sliding_attention`");
                Some(types.ok_or_else(|| self.keys.wrong("layer_types", &wanted, &value))?)
            }
        };
        let given = types.is_some();
        let types = types.unwrap_or_else(|| (0..count).map(sliding).collect());
        for (layer, sliding) in self.spec.layers.iter_mut().zip(types) {
            if sliding && given && window.is_none() {
                return Err(Error::input(format!(
                    "`{CONFIG}`: `layer_types` has layers with sliding windows, but `sliding_window` gives none"
                )));
            }
            layer.window = window.filter(|_| sliding);
        }
        Ok(())
    }

    /// Layers with a window use the second rope, where there is one.
    pub(super) fn rope_by_window(&mut self) {
        let last = self.spec.ropes.len() - 1;
        for layer in &mut self.spec.layers {
            layer.rope = Some(if layer.window.is_some() { last } else { 0 });
        }
    }
}
