//! `candor score`: what a model makes of given tokens, so that it can be held against another implementation.

mod logits_file;

use std::path::Path;

use serde::Serialize;

use crate::cli::args::ScoreArgs;
use crate::cli::command::tokenize::piece;
use crate::cli::given::input;
use crate::cli::interrupt;
use crate::cli::screen::show;
use crate::cli::screen::talk::{Talk, print};
use crate::cli::threads::use_threads;
use crate::decoder::LanguageModel;
use crate::engine::{along, log_probability};
use crate::error::{Error, Result};
use crate::machine::{Loaded, with_decoder};
use crate::model::{Model, Tokenizer};
use logits_file::LogitsFile;

/// What `--json` prints. Numbers that are not defined are null.
#[derive(Serialize)]
struct Scores {
    model: String,
    /// What computed, as a manifest records it.
    numerics: String,
    vocab_size: usize,
    ids: Vec<u32>,
    /// ln P(token | the tokens before it), one for each id; the first has none.
    logprobs: Vec<Option<f64>>,
    /// Sum of the log-probabilities; null for a single token.
    total: Option<f64>,
    mean: Option<f64>,
    /// exp(−mean).
    perplexity: Option<f64>,
    /// The ids that follow, each the likeliest.
    greedy: Vec<u32>,
}

pub(in crate::cli) fn score(args: &ScoreArgs, talk: &Talk) -> Result<()> {
    use_threads(args.compute.threads)?;
    let compute = args.compute.device.open(args.compute.quantize)?;
    let given = Given::read(args)?;
    let mut ids = Vec::new();
    let longest = |model: &Model| {
        ids = given.ids(model, talk)?;
        check(&ids, args, model)?;
        Ok(ids.len() + args.greedy)
    };
    let loaded = Loaded::open(&args.model, &compute, longest, talk)?;
    let (logprobs, greedy) = with_decoder!(&loaded.decoder, it => measure(it, &ids, args))?;
    let known: Vec<f64> = logprobs.iter().flatten().copied().collect();
    let total = (!known.is_empty()).then(|| known.iter().sum::<f64>());
    let mean = total.map(|total| total / known.len() as f64);
    let scores = Scores {
        model: loaded.model.label.clone(),
        numerics: loaded.decoder.info().numerics.clone(),
        vocab_size: loaded.decoder.info().vocab_size,
        ids,
        logprobs,
        total,
        mean,
        perplexity: mean.map(|mean| libm::exp(-mean)),
        greedy,
    };
    match args.json {
        true => show::json(&scores),
        false => print(&table(&scores, &loaded.model.tokenizer)?),
    }
}

/// What the user gave to be scored.
enum Given<'a> {
    Ids(&'a Path, Vec<u32>),
    Text(&'a Path, String),
}

impl<'a> Given<'a> {
    fn read(args: &'a ScoreArgs) -> Result<Self> {
        match (&args.ids, &args.text) {
            (Some(path), _) => Ok(Self::Ids(path, input::json(path, "a JSON list of token ids")?)),
            (None, Some(path)) => Ok(Self::Text(path, input::text(path)?)),
            // The arguments demand one of the two.
            (None, None) => Err(Error::input("neither `--ids` nor `--text` is given")),
        }
    }

    fn ids(self, model: &Model, talk: &Talk) -> Result<Vec<u32>> {
        let (path, ids) = match self {
            Self::Ids(path, ids) => (path, ids),
            Self::Text(path, text) => {
                let ids = model.tokenizer.encode(&text)?;
                if let Some(bos) = model.tokenizer.bos_id()
                    && ids.first().is_some_and(|&first| first != bos)
                {
                    talk.say(format!(
                        "note: the text does not begin with `{}`, and no token is added",
                        piece(&model.tokenizer, bos)
                    ));
                }
                (path, ids)
            }
        };
        match ids.is_empty() {
            true => Err(Error::input(format!("`{}` holds no token", path.display()))
                .hint("give one token at least")),
            false => Ok(ids),
        }
    }
}

/// Refuses what cannot be scored before the weights are read.
fn check(ids: &[u32], args: &ScoreArgs, model: &Model) -> Result<()> {
    let rows = model.spec.vocab_size;
    if let Some((i, id)) = ids.iter().enumerate().find(|(_, id)| **id as usize >= rows) {
        return Err(Error::input(format!(
            "token {i} is the id {id}, but the embedding of `{}` has {rows} rows",
            model.label
        ))
        .hint("ids and model do not belong together"));
    }
    // The last token that follows is not read itself.
    let (end, context) =
        (ids.len().saturating_add(args.greedy.saturating_sub(1)), model.spec.context);
    if end > context {
        return Err(Error::input(format!(
            "{} tokens and {} that follow exceed the context of {context}",
            ids.len(),
            args.greedy
        ))
        .hint("give fewer tokens, or a smaller `--greedy`"));
    }
    Ok(())
}

/// Log-probabilities and the greedy continuation; the logits go to a file on the way, if one is wanted.
fn measure<M: LanguageModel>(
    model: &M,
    ids: &[u32],
    args: &ScoreArgs,
) -> Result<(Vec<Option<f64>>, Vec<u32>)> {
    let mut file = match &args.logits {
        Some(path) => Some(LogitsFile::create(path, ids.len(), model.info().vocab_size)?),
        None => None,
    };
    let mut logprobs = vec![None];
    let greedy = along(model, ids, args.greedy, interrupt::flag()?, |position, logits| {
        if let Some(&next) = ids.get(position + 1) {
            logprobs.push(Some(log_probability(logits, next)));
        }
        file.as_mut().map_or(Ok(()), |file| file.push(logits))
    })?;
    file.map_or(Ok(()), LogitsFile::finish)?;
    Ok((logprobs, greedy))
}

fn table(scores: &Scores, tokenizer: &Tokenizer) -> Result<String> {
    let number =
        |value: Option<f64>| value.map_or_else(|| "-".into(), |value| format!("{value:.6}"));
    let rows = scores.ids.iter().zip(&scores.logprobs).enumerate().map(|(i, (id, logprob))| {
        let piece = show::quoted(&piece(tokenizer, *id));
        vec![i.to_string(), id.to_string(), piece, number(*logprob)]
    });
    let mut text = show::table(&["position", "id", "piece", "log-probability"], &[0, 1, 3], rows);
    let mut lines = vec![
        ("tokens", scores.ids.len().to_string()),
        ("total", number(scores.total)),
        ("mean", number(scores.mean)),
        ("perplexity", number(scores.perplexity)),
    ];
    if !scores.greedy.is_empty() {
        let ids: Vec<String> = scores.greedy.iter().map(u32::to_string).collect();
        lines.push(("greedy ids", ids.join(" ")));
        lines.push(("greedy text", show::quoted(&tokenizer.decode(&scores.greedy, false)?)));
    }
    text += &show::pairs(lines);
    Ok(text)
}
