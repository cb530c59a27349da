//! `run --config` and `run --print-config`: a run as a file with the keys of a sweep's. What is given on the command line
//! stands in the place of what the file says.

use std::fmt::Write as _;
use std::path::Path;

use crate::cli::args::RunArgs;
use crate::error::Result;
use crate::run::ControlText;
use crate::sweep::Single;

/// Takes what was not given on the command line from a file.
///
/// # Errors
/// Those of the file.
pub(in crate::cli) fn take(args: &mut RunArgs, path: &Path) -> Result<()> {
    let Single { out, scenario, variants, seed, settings, model, sampling } = Single::load(path)?;
    let given = args.given.clone();
    let open = |flag: &str| !given.contains(flag);
    /// Puts a value from the file where the command line has none.
    fn put<T>(is_open: bool, place: &mut T, value: Option<T>) {
        if let Some(value) = value.filter(|_| is_open) {
            *place = value;
        }
    }
    put(open("out"), &mut args.out, out.map(Some));
    put(open("scenario"), &mut args.scenario, scenario);
    put(open("variant"), &mut args.variant, variants);
    put(open("seed"), &mut args.seed, seed);
    put(open("requests"), &mut args.requests, settings.requests.map(Some));
    put(open("limit"), &mut args.limit, settings.limit.map(Some));
    put(open("samples"), &mut args.samples, settings.samples);
    put(open("max_tokens"), &mut args.max_tokens, settings.max_tokens);
    put(open("batch"), &mut args.batch, settings.batch);
    put(open("uncoupled"), &mut args.uncoupled, settings.uncoupled);
    put(open("date"), &mut args.date, settings.date);
    let arguments = settings
        .args
        .map(|all| all.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>());
    put(open("args"), &mut args.args, arguments);
    let is_open = open("defuse") && open("refuse_control_text");
    if let Some(what) = settings.control_text.filter(|_| is_open) {
        args.defuse = what == ControlText::Defuse;
        args.refuse_control_text = what == ControlText::Refuse;
    }
    if let Some(model) = model {
        put(open("model"), &mut args.model, Some(Some(model.name)));
        put(open("quantize"), &mut args.quantize, model.quantize.map(Some));
        put(open("dtype"), &mut args.device.dtype, model.dtype.map(Some));
        put(open("pass_width"), &mut args.device.pass_width, model.pass_width.map(Some));
        put(open("device"), &mut args.device.device, model.device);
    }
    if let Some(sampling) = sampling.map(|entry| entry.sampling()) {
        put(open("temperature"), &mut args.temperature, Some(sampling.temperature));
        put(open("top_k"), &mut args.top_k, Some(sampling.top_k));
        put(open("top_p"), &mut args.top_p, Some(sampling.top_p));
        put(open("min_p"), &mut args.min_p, Some(sampling.min_p));
        put(
            open("repetition_penalty"),
            &mut args.repetition_penalty,
            Some(sampling.repetition_penalty),
        );
    }
    Ok(())
}

/// The run as such a file. What has no key there stands in it as a comment.
pub(in crate::cli) fn text(args: &RunArgs) -> String {
    let mut out = String::new();
    let mut left = Vec::new();
    // Writing to a string cannot fail.
    let mut line = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            _ = writeln!(out, "{key} = {value}");
        }
    };
    let path = |path: &std::path::PathBuf| quoted(&path.display().to_string());
    let list = |all: &[String]| {
        format!("[{}]", all.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "))
    };
    line("out", args.out.as_ref().map(path));
    line("scenarios", Some(list(std::slice::from_ref(&args.scenario))));
    line("variants", (!args.variant.is_empty()).then(|| list(&args.variant)));
    match i64::try_from(args.seed) {
        Ok(seed) => line("seeds", Some(format!("[{seed}]"))),
        Err(_) => left.push(format!("--seed {} is beyond the numbers of such a file", args.seed)),
    }
    line("\n[settings]\nrequests", args.requests.as_deref().map(quoted));
    let head = if args.requests.is_some() { "" } else { "\n[settings]\n" };
    line(&format!("{head}samples"), Some(args.samples.to_string()));
    line("limit", args.limit.map(|limit| limit.to_string()));
    line("max_tokens", Some(args.max_tokens.to_string()));
    line("batch", Some(args.batch.to_string()));
    line("uncoupled", Some(args.uncoupled.to_string()));
    let control = match (args.defuse, args.refuse_control_text) {
        (true, _) => "defuse",
        (false, true) => "refuse",
        (false, false) => "keep",
    };
    line("control_text", Some(quoted(control)));
    line("date", Some(quoted(&args.date)));
    if !args.args.is_empty() {
        let pairs = args.args.iter().map(|arg| {
            let (name, value) = arg.split_once('=').unwrap_or((arg, ""));
            format!("{} = {}", quoted(name), quoted(value))
        });
        line("args", Some(format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))));
    }
    if let Some(model) = &args.model {
        line("\n[[models]]\nname", Some(quoted(model)));
        line("quantize", args.quantize.map(|quantize| quoted(&quantize.to_string())));
        line("dtype", args.device.dtype.as_deref().map(quoted));
        line("pass_width", args.device.pass_width.map(|width| width.to_string()));
        line("device", Some(quoted(&args.device.device)));
    }
    line("\n[[sampling]]\nname", Some(quoted("default")));
    line("temperature", Some(format!("{:?}", args.temperature)));
    line("top_k", args.top_k.map(|k| k.to_string()));
    line("top_p", args.top_p.map(|p| format!("{p:?}")));
    line("min_p", args.min_p.map(|p| format!("{p:?}")));
    line("repetition_penalty", Some(format!("{:?}", args.repetition_penalty)));
    left.extend(without_key(args));
    for flag in left {
        _ = writeln!(out, "# {flag}");
    }
    out
}

/// The flags that such a file has no key for, as far as they were given.
fn without_key(args: &RunArgs) -> Vec<String> {
    const KEYS: [&str; 26] = [
        "model",
        "config",
        "print_config",
        "scenario",
        "variant",
        "requests",
        "limit",
        "samples",
        "seed",
        "temperature",
        "top_k",
        "top_p",
        "min_p",
        "repetition_penalty",
        "max_tokens",
        "batch",
        "args",
        "date",
        "quantize",
        "device",
        "dtype",
        "pass_width",
        "uncoupled",
        "defuse",
        "refuse_control_text",
        "out",
    ];
    // Groups of flags are no flags; what is about talk is none of the run's.
    let about_talk = ["quiet", "offline", "width", "dry_run"];
    let flags = args.given.iter().filter(|flag| {
        !KEYS.contains(&flag.as_str())
            && !about_talk.contains(&flag.as_str())
            && flag.chars().all(|c| c.is_ascii_lowercase() || c == '_')
    });
    flags
        .map(|flag| {
            format!("--{} has no key here: give it beside --config", flag.replace('_', "-"))
        })
        .collect()
}

/// A text as a TOML string: what JSON escapes, TOML escapes alike.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
