//! A run held against what was registered before it. Knows nothing about verdicts: it looks at what was asked.

use super::manifest::Manifest;
use super::registration::Registered;

/// In what a run of this manifest does not keep to its registration, in words.
pub fn departures(registered: &Registered, manifest: &Manifest) -> Vec<String> {
    let plan = &registered.plan;
    let settings = &manifest.settings;
    let mut found = Vec::new();
    let mut differs = |what: &str, registered: String, made: String| {
        if registered != made {
            found.push(format!("{what}: {registered} registered, {made} made"));
        }
    };
    differs("scenario", plan.scenario.clone(), manifest.scenario.name.clone());
    differs("variant", plan.variant.clone(), manifest.variant.clone());
    differs("requests", plan.requests.clone(), manifest.requests.name.clone());
    differs("samples", plan.samples.to_string(), settings.samples.to_string());
    differs("seed", plan.seed.to_string(), settings.seed.to_string());
    let drawn = settings.sampling.temperature;
    differs("temperature", plan.temperature.to_string(), drawn.to_string());
    differs("max-tokens", plan.max_tokens.to_string(), settings.max_tokens.to_string());
    let width = |width: Option<f64>| width.map_or_else(|| "none".into(), |w| w.to_string());
    let made = settings.stopping.as_ref().map(|stopping| stopping.until_width);
    differs("until-width", width(plan.until_width), width(made));
    let further = [
        ("top-k", settings.sampling.top_k.is_some()),
        ("top-p", settings.sampling.top_p.is_some()),
        ("min-p", settings.sampling.min_p.is_some()),
        ("repetition-penalty", settings.sampling.repetition_penalty != 1.0),
        ("uncoupled", !settings.coupled),
    ];
    for (flag, given) in further {
        differs(flag, "not given".into(), if given { "given" } else { "not given" }.into());
    }
    if plan.scenario == manifest.scenario.name && plan.scenario_digest != manifest.scenario.digest {
        found.push(format!("the file of scenario `{}` is another one", plan.scenario));
    }
    if plan.requests == manifest.requests.name && plan.requests_digest != manifest.requests.digest {
        found.push(format!("the file of requests `{}` is another one", plan.requests));
    }
    let ids = manifest.requests.items.iter().map(|request| &request.id);
    if !ids.clone().eq(&plan.request_ids) {
        let (registered, made) = (plan.request_ids.len(), ids.count());
        found.push(match registered == made {
            true => "the requests, or their order, are others".to_owned(),
            false => format!("requests: {registered} registered, {made} put"),
        });
    }
    found
}
