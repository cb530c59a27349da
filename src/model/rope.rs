//! The rotary embeddings as a config describes them, in the old style (`rope_theta`, `rope_scaling`) and in
//! that of transformers 5 (`rope_parameters`, possibly one for each type of layer). Formulas and defaults are
//! those of transformers 5.23 (`modeling_rope_utils.py`). Knows nothing about the rest of the config.

use super::draft::CONTEXT_MAX;
use super::json::Keys;
use super::spec::{Rope, RopeScaling};
use crate::error::{Error, Result};

/// What a model's class says where its config does not.
#[derive(Debug, Clone, Copy)]
pub(super) struct RopeDefaults {
    /// Base of the frequencies.
    pub(super) theta: f64,
    /// Share of a head that is turned.
    pub(super) share: f64,
    /// Whether the config may give another one.
    pub(super) partial: bool,
    /// Whether `dynamic` means a base that is raised once and for all by `alpha` (HunYuan).
    pub(super) alpha: bool,
    /// Whether `longrope` gives the factor on cosines and sines itself, one for either set (Phi-3.5-MoE).
    pub(super) own_factors: bool,
    /// Whether places in pictures turn parts of a head by numbers of their own. In a text all of these are the
    /// token's position, so that the rope is the plain one.
    pub(super) places: bool,
    /// Whether layers with a window have a rope of their own, and its base; none: that of the others.
    pub(super) windowed: Option<Option<f64>>,
}

/// What the class of Llama says, and most others.
pub(super) const ROPE: RopeDefaults = RopeDefaults {
    theta: 10_000.0,
    share: 1.0,
    partial: false,
    alpha: false,
    own_factors: false,
    places: false,
    windowed: None,
};

/// The ropes of a model.
pub(super) struct Ropes {
    /// That of layers without a window, and of all layers where there is one rope only; then that of layers
    /// with a window.
    pub(super) ropes: Vec<Rope>,
    /// Factor on the attention's scores that a config asks for beside the rope; DeepSeek's classes heed it.
    pub(super) score_factor: f64,
    /// β of queries that grow with their position, and the context length that counts.
    pub(super) growth: Option<(f64, usize)>,
}

/// Reads the rotary keys of a config. `width` is that of the part of a head that could be turned; `context`
/// stands in for a missing original context, as in transformers.
pub(super) fn read(
    config: &mut Keys,
    defaults: RopeDefaults,
    width: usize,
    context: usize,
) -> Result<Ropes> {
    // GPT-NeoX has its own words for the base and the share.
    let top_theta = config.positive("rope_theta")?.or(config.positive("rotary_emb_base")?);
    let top_share = config.positive("partial_rotary_factor")?.or(config.positive("rotary_pct")?);
    let original = config.size("original_max_position_embeddings", CONTEXT_MAX)?;
    let local_theta = match defaults.windowed {
        Some(_) => config.positive("rope_local_base_freq")?,
        None => None,
    };
    let old = config.object("rope_scaling")?.filter(|keys| !keys.is_empty());
    let new = config.object("rope_parameters")?.filter(|keys| !keys.is_empty());
    let given = match (old, new) {
        (Some(old), Some(new)) if !old.entries().eq(new.entries()) => {
            return Err(Error::input(
                "`config.json`: `rope_scaling` and `rope_parameters` contradict each other",
            ));
        }
        (Some(keys), _) | (None, Some(keys)) => Some(keys),
        (None, None) => None,
    };
    let mut reader = Reader {
        theta: top_theta,
        share: top_share,
        original,
        defaults,
        width,
        context,
        score_factor: 1.0,
        growth: None,
    };
    let mut ropes = Vec::new();
    match given {
        Some(mut keys) if keys.has("full_attention") || keys.has("sliding_attention") => {
            let full = keys.object("full_attention")?;
            let sliding = keys.object("sliding_attention")?;
            keys.refuse_rest()?;
            let Some(windowed) = defaults.windowed else {
                let one = full.zip(sliding).filter(|(a, b)| a.entries().eq(b.entries()));
                let (one, _) = one.ok_or_else(|| {
                    Error::input("`config.json`: `rope_parameters` gives a rope for each type of layer, which this architecture does not have")
                })?;
                ropes.push(reader.rope(one, defaults.theta)?);
                return Ok(reader.done(ropes));
            };
            let empty = || Keys::empty("config.json");
            ropes.push(reader.rope(full.unwrap_or_else(empty), defaults.theta)?);
            ropes.push(
                reader.rope(sliding.unwrap_or_else(empty), windowed.unwrap_or(defaults.theta))?,
            );
        }
        given => {
            let keys = given.unwrap_or_else(|| Keys::empty("config.json"));
            let rope = reader.rope(keys, defaults.theta)?;
            if let Some(windowed) = defaults.windowed {
                let theta = local_theta.or(windowed).unwrap_or(rope.theta);
                ropes.push(rope.clone());
                ropes.push(Rope { theta, scaling: RopeScaling::None, ..rope });
            } else {
                ropes.push(rope);
            }
        }
    }
    Ok(reader.done(ropes))
}

struct Reader {
    theta: Option<f64>,
    share: Option<f64>,
    original: Option<usize>,
    defaults: RopeDefaults,
    width: usize,
    context: usize,
    score_factor: f64,
    growth: Option<(f64, usize)>,
}

impl Reader {
    fn done(self, ropes: Vec<Rope>) -> Ropes {
        Ropes { ropes, score_factor: self.score_factor, growth: self.growth }
    }

    fn rope(&mut self, mut keys: Keys, theta_default: f64) -> Result<Rope> {
        let inner_theta = keys.positive("rope_theta")?;
        let mut theta = once("rope_theta", self.theta, inner_theta)?.unwrap_or(theta_default);
        let inner_share = keys.positive("partial_rotary_factor")?;
        let share = once("partial_rotary_factor", self.share, inner_share)?;
        let share = share.unwrap_or(self.defaults.share);
        if share != self.defaults.share && !self.defaults.partial {
            return Err(Error::input(format!(
                "`config.json`: `partial_rotary_factor` {share} is not supported for this architecture"
            )));
        }
        let rotary_dim = (self.width as f64 * share) as usize;
        if share > 1.0 || rotary_dim == 0 || !rotary_dim.is_multiple_of(2) {
            return Err(Error::input(format!(
                "`config.json`: `partial_rotary_factor` {share} turns {rotary_dim} elements of a head of {}",
                self.width
            ))
            .hint("rotary embedding turns pairs of elements"));
        }
        let (old_kind, new_kind) = (keys.text("type")?, keys.text("rope_type")?);
        if let (Some(old), Some(new)) = (&old_kind, &new_kind)
            && old != new
        {
            return Err(Error::input(format!(
                "`config.json`: the rope type is given twice, as `{old}` and as `{new}`"
            )));
        }
        if self.defaults.places {
            keys.value("mrope_section");
            keys.value("mrope_interleaved");
        }
        // The context is repeated in Ministral 3's.
        keys.size("max_position_embeddings", CONTEXT_MAX)?;
        let scaling = match new_kind.or(old_kind).as_deref().unwrap_or("default") {
            "mrope" if self.defaults.places => RopeScaling::None,
            "default" => {
                keys.size("original_max_position_embeddings", CONTEXT_MAX)?;
                RopeScaling::None
            }
            "dynamic" if self.defaults.alpha => {
                let alpha = keys.required_positive("alpha")?;
                let dim = rotary_dim as f64;
                theta *= libm::pow(alpha, dim / (dim - 2.0));
                // Read by classes that stretch with the text, which this one does not.
                for key in ["factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim"] {
                    keys.value(key);
                }
                keys.size("original_max_position_embeddings", CONTEXT_MAX)?;
                RopeScaling::None
            }
            "linear" => RopeScaling::Linear { factor: factor(&mut keys)? },
            "llama3" => self.llama3(&mut keys)?,
            "yarn" => self.yarn(&mut keys)?,
            // Phi-3's first name for it was `su`.
            "longrope" | "su" => self.long(&mut keys, rotary_dim / 2)?,
            other => {
                return Err(Error::input(format!(
                    "`config.json`: rope type `{other}` is not supported in this version"
                ))
                .hint("supported: `default`, `linear`, `llama3`, `yarn`, `longrope`"));
            }
        };
        keys.refuse_rest()?;
        Ok(Rope { theta, rotary_dim, scaling })
    }

    fn original_context(&self, keys: &mut Keys) -> Result<usize> {
        let inner = keys.size("original_max_position_embeddings", CONTEXT_MAX)?;
        let given = once(
            "original_max_position_embeddings",
            self.original.map(|n| n as f64),
            inner.map(|n| n as f64),
        )?;
        Ok(given.map_or(self.context, |n| n as usize))
    }

    fn llama3(&self, keys: &mut Keys) -> Result<RopeScaling> {
        let factor = factor(keys)?;
        let low_freq_factor = keys.required_positive("low_freq_factor")?;
        let high_freq_factor = keys.required_positive("high_freq_factor")?;
        // Their difference is what the smooth part between them divides by.
        if high_freq_factor <= low_freq_factor {
            return Err(Error::input(format!(
                "`config.json`: `high_freq_factor` ({high_freq_factor}) must be greater than `low_freq_factor` ({low_freq_factor})"
            )));
        }
        let original_context = self.original_context(keys)?;
        Ok(RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context })
    }

    fn yarn(&mut self, keys: &mut Keys) -> Result<RopeScaling> {
        let original_context = self.original_context(keys)?;
        let factor = match keys.positive("factor")? {
            Some(factor) => factor,
            None => self.context as f64 / original_context as f64,
        };
        let given = keys.positive("attention_factor")?;
        let mscale = keys.number("mscale")?.filter(|m| *m != 0.0);
        let mscale_all = keys.number("mscale_all_dim")?.filter(|m| *m != 0.0);
        let strength = |m: f64| if factor <= 1.0 { 1.0 } else { 0.1 * m * libm::log(factor) + 1.0 };
        let attention_factor = match (given, mscale, mscale_all) {
            (Some(given), ..) => given,
            (None, Some(m), Some(all)) => strength(m) / strength(all),
            _ => strength(1.0),
        };
        if let Some(all) = mscale_all {
            self.score_factor = strength(all) * strength(all);
        }
        if let Some(beta) = keys.positive("llama_4_scaling_beta")? {
            self.growth = Some((beta, original_context));
        }
        Ok(RopeScaling::Yarn {
            factor,
            beta_fast: keys.positive("beta_fast")?.unwrap_or(32.0),
            beta_slow: keys.positive("beta_slow")?.unwrap_or(1.0),
            truncate: keys.flag("truncate")?.unwrap_or(true),
            original_context,
            attention_factor,
        })
    }

    fn long(&self, keys: &mut Keys, count: usize) -> Result<RopeScaling> {
        let original_context = self.original_context(keys)?;
        let factor = match keys.positive("factor")? {
            Some(factor) => factor,
            None => self.context as f64 / original_context as f64,
        };
        let attention_factor = match keys.positive("attention_factor")? {
            Some(given) => given,
            None if factor <= 1.0 => 1.0,
            None => (1.0 + libm::log(factor) / libm::log(original_context as f64)).sqrt(),
        };
        let attention_factor = match self.defaults.own_factors {
            false => attention_factor,
            true => {
                let short = keys.required_positive("short_mscale")?;
                let long = keys.required_positive("long_mscale")?;
                if short != long {
                    return Err(Error::input(format!(
                        "`config.json`: `short_mscale` {short} and `long_mscale` {long} that differ are not supported in this version"
                    )));
                }
                short
            }
        };
        let mut factors = |key: &str| {
            let factors = keys.positives(key)?.ok_or_else(|| keys.missing(key))?;
            if factors.len() == count {
                return Ok(factors);
            }
            Err(Error::input(format!(
                "`config.json`: `{key}` has {} factors for {count} frequencies",
                factors.len()
            )))
        };
        let (short, long) = (factors("short_factor")?, factors("long_factor")?);
        Ok(RopeScaling::Long { short, long, original_context, attention_factor })
    }
}

/// A number that may stand in two places.
fn once(key: &str, top: Option<f64>, inner: Option<f64>) -> Result<Option<f64>> {
    match (top, inner) {
        (Some(top), Some(inner)) if top != inner => Err(Error::input(format!(
            "`config.json`: `{key}` is given twice, as {top} and as {inner}"
        ))),
        _ => Ok(inner.or(top)),
    }
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
        let mut keys = Keys::parse("config.json", text.as_bytes()).unwrap();
        read(&mut keys, ROPE, 8, 4096).map(|mut ropes| ropes.ropes.remove(0))
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
        assert_eq!(old, Rope { theta: 500_000.0, rotary_dim: 8, scaling });
        assert_eq!(old, older);
        assert_eq!(old, new);
    }

    #[test]
    fn defaults_are_those_of_transformers() {
        let plain = Rope { theta: 10_000.0, rotary_dim: 8, scaling: RopeScaling::None };
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
        for kind in ["dynamic", "mrope", "proportional"] {
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
