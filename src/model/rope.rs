//! The rotary embedding as a config describes it, in the old style (`rope_theta`, `rope_scaling`) and in
//! that of transformers 5 (`rope_parameters`). Knows nothing about the rest of the config.

use super::config::CONTEXT_MAX;
use super::json::Keys;
use super::spec::{Rope, RopeScaling};
use crate::error::{Error, Result};

/// What transformers assumes where a config gives no base (`RotaryEmbeddingConfigMixin.default_theta`).
const THETA_DEFAULT: f64 = 10_000.0;

/// Reads the rotary keys of a config. `context` stands in for a missing original context, as in transformers.
pub(super) fn read(config: &mut Keys, context: usize) -> Result<Rope> {
    let top_theta = config.positive("rope_theta")?;
    let old = config.object("rope_scaling")?.filter(|keys| !keys.is_empty());
    let new = config.object("rope_parameters")?.filter(|keys| !keys.is_empty());
    let mut keys = match (old, new) {
        (Some(old), Some(new)) if !old.entries().eq(new.entries()) => {
            return Err(Error::input(
                "`config.json`: `rope_scaling` and `rope_parameters` contradict each other",
            ));
        }
        (Some(keys), _) | (None, Some(keys)) => keys,
        (None, None) => {
            return Ok(Rope {
                theta: top_theta.unwrap_or(THETA_DEFAULT),
                scaling: RopeScaling::None,
            });
        }
    };

    let inner_theta = keys.positive("rope_theta")?;
    if let (Some(top), Some(inner)) = (top_theta, inner_theta)
        && top != inner
    {
        return Err(Error::input(format!(
            "`config.json`: `rope_theta` is given twice, as {top} and as {inner}"
        )));
    }
    let theta = inner_theta.or(top_theta).unwrap_or(THETA_DEFAULT);

    let (old_kind, new_kind) = (keys.text("type")?, keys.text("rope_type")?);
    if let (Some(old), Some(new)) = (&old_kind, &new_kind)
        && old != new
    {
        return Err(Error::input(format!(
            "`config.json`: the rope type is given twice, as `{old}` and as `{new}`"
        )));
    }
    if let Some(share) = keys.positive("partial_rotary_factor")?
        && share != 1.0
    {
        return Err(Error::input(format!(
            "`config.json`: `partial_rotary_factor` {share} is not supported in this version"
        )));
    }

    let scaling = match new_kind.or(old_kind).as_deref().unwrap_or("default") {
        "default" => RopeScaling::None,
        "linear" => RopeScaling::Linear { factor: factor(&mut keys)? },
        "llama3" => llama3(&mut keys, context)?,
        other => {
            return Err(Error::input(format!(
                "`config.json`: rope type `{other}` is not supported in this version"
            ))
            .hint("supported: `default`, `linear`, `llama3`"));
        }
    };
    keys.refuse_rest()?;
    Ok(Rope { theta, scaling })
}

fn llama3(keys: &mut Keys, context: usize) -> Result<RopeScaling> {
    let factor = factor(keys)?;
    let low_freq_factor = keys.required_positive("low_freq_factor")?;
    let high_freq_factor = keys.required_positive("high_freq_factor")?;
    // Their difference is what the smooth part between them divides by.
    if high_freq_factor <= low_freq_factor {
        return Err(Error::input(format!(
            "`config.json`: `high_freq_factor` ({high_freq_factor}) must be greater than `low_freq_factor` ({low_freq_factor})"
        )));
    }
    let original_context =
        keys.size("original_max_position_embeddings", CONTEXT_MAX)?.unwrap_or(context);
    Ok(RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context })
}

fn factor(keys: &mut Keys) -> Result<f64> {
    let factor = keys.required_positive("factor")?;
    if factor < 1.0 {
        return Err(Error::input(format!(
            "`config.json`: the rope `factor` must be at least 1, found {factor}"
        )));
    }
    Ok(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rope(text: &str) -> Result<Rope> {
        read(&mut Keys::parse("config.json", text.as_bytes()).unwrap(), 4096)
    }

    fn refusal(text: &str) -> String {
        rope(text).unwrap_err().to_string()
    }

    #[test]
    fn both_styles_say_the_same() {
        let llama3 = r#""factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 8192"#;
        let old = rope(&format!(
            r#"{{"rope_theta": 500000.0, "rope_scaling": {{"rope_type": "llama3", {llama3}}}}}"#
        ))
        .unwrap();
        let older = rope(&format!(
            r#"{{"rope_theta": 500000, "rope_scaling": {{"type": "llama3", {llama3}}}}}"#
        ))
        .unwrap();
        let new = rope(&format!(
            r#"{{"rope_parameters": {{"rope_theta": 500000.0, "rope_type": "llama3", {llama3}}}}}"#
        ))
        .unwrap();
        let scaling = RopeScaling::Llama3 {
            factor: 32.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_context: 8192,
        };
        assert_eq!(old, Rope { theta: 500_000.0, scaling });
        assert_eq!(old, older);
        assert_eq!(old, new);
    }

    #[test]
    fn defaults_are_those_of_transformers() {
        let plain = Rope { theta: 10_000.0, scaling: RopeScaling::None };
        assert_eq!(rope("{}").unwrap(), plain);
        assert_eq!(rope(r#"{"rope_scaling": null, "rope_parameters": {}}"#).unwrap(), plain);
        assert_eq!(rope(r#"{"rope_parameters": {"rope_type": "default"}}"#).unwrap(), plain);
        let text = r#"{"rope_scaling": {"type": "llama3", "factor": 2, "low_freq_factor": 1, "high_freq_factor": 4}}"#;
        assert!(matches!(
            rope(text).unwrap().scaling,
            RopeScaling::Llama3 { original_context: 4096, .. }
        ));
        let linear = rope(r#"{"rope_scaling": {"type": "linear", "factor": 2.5}}"#).unwrap();
        assert_eq!(linear.scaling, RopeScaling::Linear { factor: 2.5 });
    }

    #[test]
    fn what_is_not_implemented_or_contradictory_is_refused() {
        for kind in ["yarn", "dynamic", "longrope", "su", "mrope"] {
            let message =
                refusal(&format!(r#"{{"rope_scaling": {{"type": "{kind}", "factor": 2.0}}}}"#));
            assert!(message.contains(&format!("rope type `{kind}` is not supported")), "{message}");
        }
        assert!(
            refusal(r#"{"rope_scaling": {"type": "linear", "factor": 0.5}}"#)
                .contains("at least 1")
        );
        assert!(
            refusal(r#"{"rope_scaling": {"type": "linear"}}"#)
                .contains("`rope_scaling.factor` is missing")
        );
        assert!(
            refusal(r#"{"rope_scaling": {"type": "default", "mrope_section": [1]}}"#)
                .contains("rope_scaling.mrope_section")
        );
        assert!(
            refusal(r#"{"rope_theta": 1.0, "rope_parameters": {"rope_theta": 2.0}}"#)
                .contains("given twice")
        );
        assert!(
            refusal(r#"{"rope_scaling": {"type": "linear", "rope_type": "llama3"}}"#)
                .contains("given twice")
        );
        assert!(
            refusal(
                r#"{"rope_scaling": {"type": "default"}, "rope_parameters": {"type": "linear"}}"#
            )
            .contains("contradict")
        );
        assert!(
            refusal(r#"{"rope_parameters": {"partial_rotary_factor": 0.5}}"#)
                .contains("partial_rotary_factor")
        );
        let equal = r#"{"rope_scaling": {"type": "llama3", "factor": 2, "low_freq_factor": 4, "high_freq_factor": 4}}"#;
        assert!(refusal(equal).contains("must be greater"));
    }
}
