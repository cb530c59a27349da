//! Rotary embedding in GGUF: keys under `rope.` and tensors of factors. Knows nothing about the rest.

use serde_json::{Value as Json, json};

use super::draft::Draft;
use super::families::{Family, Partial};
use crate::error::{Error, Result};

/// Writes theta, scaling and which part of a head is turned.
///
/// # Errors
/// A scaling that is not known, factors of another length, a part that the architecture cannot turn.
pub(super) fn write(draft: &mut Draft<'_>, family: &Family, context: usize) -> Result<()> {
    // What llama.cpp takes where there is no key.
    let theta = draft.keys.positive("rope.freq_base")?.unwrap_or(10_000.0);
    draft.put(if family.partial == Partial::Pct { "rotary_emb_base" } else { "rope_theta" }, theta);
    let turned = draft.keys.size("rope.dimension_count", 1 << 16)?.unwrap_or(draft.head_dim);
    let part = turned as f64 / draft.head_dim as f64;
    match family.partial {
        Partial::None if turned != draft.head_dim => {
            return Err(draft.keys.wrong(
                "rope.dimension_count",
                &format!("the width of a head, {}", draft.head_dim),
                &json!(turned),
            ));
        }
        Partial::None => {}
        Partial::Factor => draft.put("partial_rotary_factor", part),
        Partial::Pct => draft.put("rotary_pct", part),
    }
    if let Some(scaling) = scaling(draft, turned, context)? {
        draft.put("rope_scaling", scaling);
    }
    Ok(())
}

fn scaling(draft: &mut Draft<'_>, turned: usize, context: usize) -> Result<Option<Json>> {
    let kind = draft.keys.text("rope.scaling.type")?;
    let factor = match draft.keys.positive("rope.scaling.factor")? {
        None => draft.keys.positive("rope.scale_linear")?,
        factor => factor,
    };
    let original = draft.keys.size("rope.scaling.original_context_length", 1 << 32)?;
    if let Some(factors) = factors(draft, "rope_freqs.weight", turned)? {
        // Each frequency is divided by its factor: what `longrope` does, with one list for all lengths.
        return Ok(Some(json!({
            "rope_type": "longrope", "short_factor": factors, "long_factor": factors, "attention_factor": 1.0,
            "original_max_position_embeddings": original.unwrap_or(context),
        })));
    }
    let long = factors(draft, "rope_factors_long.weight", turned)?;
    let short = factors(draft, "rope_factors_short.weight", turned)?;
    if let (Some(long), Some(short)) = (&long, &short) {
        let original =
            original.ok_or_else(|| draft.keys.missing("rope.scaling.original_context_length"))?;
        let attention = draft.keys.positive("rope.scaling.attn_factor")?.unwrap_or(1.0);
        draft.put("original_max_position_embeddings", original);
        return Ok(Some(json!({
            "rope_type": "longrope", "short_factor": short, "long_factor": long, "attention_factor": attention,
        })));
    }
    match (kind.as_deref(), factor) {
        (Some("none"), _) | (None | Some("linear"), None) => Ok(None),
        // Without a type, a factor is linear.
        (None | Some("linear"), Some(1.0)) => Ok(None),
        (None | Some("linear"), Some(factor)) => {
            Ok(Some(json!({"rope_type": "linear", "factor": factor})))
        }
        (Some("yarn"), _) => yarn(draft, factor, original).map(Some),
        (Some(other), _) => Err(draft.keys.wrong(
            "rope.scaling.type",
            "`none`, `linear`, `yarn`, or `longrope` with its tensors of factors",
            &json!(other),
        )),
    }
}

fn yarn(draft: &mut Draft<'_>, factor: Option<f64>, original: Option<usize>) -> Result<Json> {
    let factor = factor.ok_or_else(|| draft.keys.missing("rope.scaling.factor"))?;
    let original =
        original.ok_or_else(|| draft.keys.missing("rope.scaling.original_context_length"))?;
    let mut scaling = json!({
        "rope_type": "yarn", "factor": factor, "original_max_position_embeddings": original,
    });
    for (from, to) in [
        ("rope.scaling.yarn_beta_fast", "beta_fast"),
        ("rope.scaling.yarn_beta_slow", "beta_slow"),
        ("rope.scaling.yarn_attn_factor", "attention_factor"),
    ] {
        if let Some(number) = draft.keys.positive(from)? {
            scaling[to] = number.into();
        }
    }
    draft.expect("rope.scaling.yarn_ext_factor", &[json!(1.0), json!(-1.0)])?;
    draft.expect("rope.scaling.attn_factor", &[json!(1.0)])?;
    Ok(scaling)
}

/// The factors of a tensor, one for each pair of turned elements.
fn factors(draft: &Draft<'_>, name: &str, turned: usize) -> Result<Option<Vec<f64>>> {
    let Some(factors) = draft.contents.numbers(name)? else { return Ok(None) };
    if factors.len() == turned / 2 && factors.iter().all(|&x| x > 0.0) {
        return Ok(Some(factors));
    }
    Err(Error::input(format!(
        "tensor `{name}` must hold {} positive numbers, found {}",
        turned / 2,
        factors.len()
    )))
}
