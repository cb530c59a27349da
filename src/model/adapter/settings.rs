//! `adapter_config.json` as peft writes it: which scaling each module's low-rank pair has, and whether the adapter is
//! of a kind that is computed here. Knows nothing about tensors.
//!
//! Source of the keys: `LoraConfig` of peft 0.21. A key that is not listed here is refused, since it may change what
//! is computed.

use regex::Regex;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::model::json::Keys;

/// Name of the file.
pub(in crate::model) const ADAPTER_CONFIG: &str = "adapter_config.json";

/// Keys that steer training, initialization or the way of loading, and change nothing of what a saved adapter
/// computes.
const IDLE: [&str; 20] = [
    "auto_mapping",
    "bias",
    "corda_config",
    "eva_config",
    "exclude_modules",
    "fan_in_fan_out",
    "inference_mode",
    "layers_pattern",
    "layers_to_transform",
    "loftq_config",
    "lora_dropout",
    "lora_ga_config",
    "megatron_core",
    "modules_to_save",
    "peft_version",
    "revision",
    "runtime_config",
    "target_modules",
    "target_parameters",
    "task_type",
];

/// Variants of LoRA that compute something else, each off when its key is missing, null, false or empty.
const VARIANTS: [&str; 14] = [
    "alora_invocation_tokens",
    "arrow_config",
    "ensure_weight_tying",
    "kasa_config",
    "layer_replication",
    "lora_bias",
    "megatron_config",
    "monteclora_config",
    "trainable_token_indices",
    "use_bdlora",
    "use_qalora",
    "velora_config",
    "use_lorafa",
    "use_lora_ga",
];

/// Ways to begin the training that leave the base model as it is. The others (PiSSA, OLoRA, CorDA, LoftQ, LoRA-GA) take
/// something out of the base model's weights, so that the adapter does not belong to the base model that it names.
const PLAIN_BEGINNINGS: [&str; 3] = ["gaussian", "eva", "orthogonal"];

/// What an adapter's configuration says of its low-rank pairs.
#[derive(Debug)]
pub(super) struct Settings {
    /// The model that it was trained on, as a path or a name of the hub.
    pub(super) base: Option<String>,
    /// Whether the changed rows are given lengths of their own (Liu et al. 2024, arXiv 2402.09353).
    pub(super) dora: bool,
    /// Whether it is scaled by the root of the rank (Kalajdzievski 2023, arXiv 2312.03732).
    rank_stabilized: bool,
    rank: usize,
    alpha: f64,
    ranks: Vec<(Regex, f64)>,
    alphas: Vec<(Regex, f64)>,
}

impl Settings {
    /// Reads the file's content; `place` names the file in messages.
    ///
    /// # Errors
    /// It is no JSON object, an adapter of another kind than LoRA, or asks for what is not computed here.
    pub(super) fn parse(place: &str, bytes: &[u8]) -> Result<Self> {
        let mut keys = Keys::parse(place, bytes)?;
        let kind = keys.text("peft_type")?.unwrap_or_default();
        if kind != "LORA" {
            return Err(Error::input(format!("`{place}`: adapters of kind `{kind}` are not supported"))
                .hint("LoRA is (with rsLoRA and DoRA); merge others into the base model with peft's `merge_and_unload`"));
        }
        if let Some(task) = keys.peek("task_type").and_then(Value::as_str)
            && task != "CAUSAL_LM"
        {
            return Err(Error::input(format!("`{place}`: the adapter is for the task `{task}`"))
                .hint("only adapters of causal language models (`CAUSAL_LM`) can be run"));
        }
        for key in VARIANTS {
            if let Some(value) = keys.value(key).filter(|value| !is_off(value)) {
                return Err(Error::input(format!("`{place}`: `{key}` is {value}, which is not supported"))
                    .hint("merge the adapter into the base model with peft's `merge_and_unload` and run the result"));
            }
        }
        if let Some(Value::String(beginning)) = keys.value("init_lora_weights")
            && !PLAIN_BEGINNINGS.contains(&beginning.as_str())
        {
            return Err(Error::input(format!(
                "`{place}`: `init_lora_weights` is `{beginning}`, which changes the base model's weights too"
            ))
            .hint("save it with peft's `path_initial_model_for_weight_conversion`, which makes it an adapter of the plain base model, or merge it"));
        }
        let settings = Self {
            base: keys.text("base_model_name_or_path")?.filter(|name| !name.is_empty()),
            dora: keys.flag("use_dora")?.unwrap_or(false),
            rank_stabilized: keys.flag("use_rslora")?.unwrap_or(false),
            rank: keys.required_size("r", 1 << 20)?,
            alpha: keys.number("lora_alpha")?.unwrap_or(8.0),
            ranks: patterns(place, &mut keys, "rank_pattern")?,
            alphas: patterns(place, &mut keys, "alpha_pattern")?,
        };
        // Only together with variants that are refused above.
        keys.value("qalora_group_size");
        keys.retain(|key, _| !IDLE.contains(&key));
        keys.refuse_rest()?;
        Ok(settings)
    }

    /// What B·A of a module is multiplied with, after its pair was found to have rank `rank`.
    ///
    /// # Errors
    /// The file says another rank.
    pub(super) fn scaling(&self, place: &str, module: &str, rank: usize) -> Result<f64> {
        let said = find(&self.ranks, module).unwrap_or(self.rank as f64);
        if said != rank as f64 {
            return Err(Error::input(format!(
                "`{place}`: the pair of `{module}` has rank {rank}, and `{ADAPTER_CONFIG}` says {said}"
            ))
            .hint("the two files do not belong together: download the adapter again"));
        }
        let alpha = find(&self.alphas, module).unwrap_or(self.alpha);
        let rank = rank as f64;
        Ok(alpha / if self.rank_stabilized { rank.sqrt() } else { rank })
    }
}

/// Whether a switch for something is off.
fn is_off(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

/// Numbers by pattern of a module's name, in the order of the file, which decides where several fit.
fn patterns(place: &str, keys: &mut Keys, key: &str) -> Result<Vec<(Regex, f64)>> {
    let Some(map) = keys.object(key)? else { return Ok(Vec::new()) };
    let entries = map.entries().map(|(pattern, value)| {
        let wrong = |what: &str| Error::input(format!("`{place}`: `{key}`: {what}"));
        let number = value.as_f64().filter(|number| number.is_finite() && *number > 0.0);
        let number = number.ok_or_else(|| wrong(&format!("`{pattern}` has the value {value}")))?;
        // The same expression as peft's, which must fit up to the end of the name.
        let regex = Regex::new(&format!(r"^(?:.*\.)?(?:{pattern})$"))
            .map_err(|_| wrong(&format!("`{pattern}` is not a regular expression")))?;
        Ok((regex, number))
    });
    entries.collect()
}

fn find(patterns: &[(Regex, f64)], module: &str) -> Option<f64> {
    patterns.iter().find(|(regex, _)| regex.is_match(module)).map(|(_, number)| *number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: &str = "adapter_config.json";

    fn parse(text: &str) -> Result<Settings> {
        Settings::parse(PLACE, text.as_bytes())
    }

    fn refusal(rest: &str) -> String {
        let text = format!(r#"{{"peft_type": "LORA", "r": 4, {rest}}}"#);
        parse(&text).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn scaling_follows_rank_alpha_and_their_patterns() {
        let settings = parse(
            r#"{"peft_type": "LORA", "r": 4, "lora_alpha": 8, "rank_pattern": {"k_proj": 2},
                "alpha_pattern": {"layers.1.self_attn.v_proj": 3, "v_proj": 5}}"#,
        )
        .unwrap();
        let scaling = |module: &str, rank| settings.scaling(PLACE, module, rank).unwrap();
        assert_eq!(scaling("model.layers.0.self_attn.q_proj", 4), 2.0);
        assert_eq!(scaling("model.layers.0.self_attn.k_proj", 2), 4.0);
        assert_eq!(scaling("model.layers.0.self_attn.v_proj", 4), 1.25);
        assert_eq!(scaling("model.layers.1.self_attn.v_proj", 4), 0.75);
        assert!(settings.scaling(PLACE, "q_proj", 8).is_err());
        let stabilized =
            parse(r#"{"peft_type": "LORA", "r": 4, "lora_alpha": 8, "use_rslora": true}"#).unwrap();
        assert_eq!(stabilized.scaling(PLACE, "q_proj", 4).unwrap(), 4.0);
    }

    #[test]
    fn what_is_not_computed_is_refused_by_name() {
        assert!(
            parse(r#"{"peft_type": "IA3"}"#).map(|_| ()).unwrap_err().to_string().contains("`IA3`")
        );
        assert!(refusal(r#""layer_replication": [[0, 2]]"#).contains("layer_replication"));
        assert!(refusal(r#""init_lora_weights": "pissa_niter_4""#).contains("pissa_niter_4"));
        assert!(refusal(r#""task_type": "SEQ_CLS""#).contains("SEQ_CLS"));
        assert!(refusal(r#""something_new": 1"#).contains("something_new"));
        assert!(refusal(r#""alpha_pattern": {"(": 1}"#).contains("regular expression"));
        assert!(parse(r#"{"peft_type": "LORA", "r": 4, "lora_bias": false, "arrow_config": null, "bias": "all"}"#).is_ok());
    }
}
