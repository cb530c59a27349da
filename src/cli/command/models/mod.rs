//! `candor models`: the known open-weight models, and what is in one.

mod inspect;

use serde::Serialize;

use crate::cli::args::{ModelsArgs, ModelsCommand};
use crate::cli::screen::model_sizes::{Memory, size};
use crate::cli::screen::show;
use crate::cli::screen::talk::{Talk, print, show};
use crate::error::{Error, Result};
use crate::events::{Events, shown};
use crate::model::hub::{self, Access, HubName};
use crate::model::{Card, Sizes};

pub(in crate::cli) fn models(args: &ModelsArgs, talk: &Talk) -> Result<()> {
    match &args.command {
        ModelsCommand::List { json } => list(*json),
        ModelsCommand::Show { id, json } => show_one(id, *json),
        ModelsCommand::Inspect(args) => inspect::inspect(args, talk),
        ModelsCommand::Pull { name } => pull(name, talk),
    }
}

/// Fetches a model of the hub, so that it is there when there is no network.
fn pull(name: &str, talk: &Talk) -> Result<()> {
    let name = HubName::parse(name).ok_or_else(|| {
        Error::input(format!("`{name}` is not the name of a model on the hub"))
            .hint("`org/name[@revision]`, `org/name:QUANT` or `org/name:FILE.gguf`")
    })?;
    let access = Access::from_environment(talk.offline())?;
    let mut downloads = talk.downloads();
    let fetched = hub::fetch(&name, &access, &mut *downloads);
    drop(downloads);
    let fetched = fetched?;
    for note in &fetched.notes {
        talk.say(format!("note: {note}"));
    }
    talk.say(format!("{name} at commit {}", fetched.origin.commit));
    print(&format!("{}\n", shown(&fetched.path)))
}

/// A card and what follows from its sizes.
#[derive(Serialize)]
struct Known {
    #[serde(flatten)]
    card: Card,
    /// Numbers in the matrices.
    parameters_computed: u64,
    memory_bytes: Memory,
    /// The command that runs it.
    run: String,
}

impl Known {
    fn new(card: Card) -> Result<Self> {
        let thinking = card.template.as_ref().and_then(|template| template.thinking_off.as_ref());
        let thinking = thinking.map_or(String::new(), |argument| format!(" --arg {argument}"));
        Ok(Self {
            parameters_computed: card.sizes.parameters(),
            memory_bytes: Memory::of(&card.sizes)?,
            run: format!("candor run {}{thinking}", card.id),
            card,
        })
    }
}

fn list(json: bool) -> Result<()> {
    let all = Card::all()?.into_iter().map(Known::new).collect::<Result<Vec<_>>>()?;
    if json {
        return show::json(&all);
    }
    let rows = all.iter().map(|known| {
        let Card { id, family, parameters, license, gated, context, .. } = &known.card;
        vec![
            id.clone(),
            family.replace("ForCausalLM", "").replace("ForConditionalGeneration", ""),
            parameters.clone(),
            context.map_or_else(|| "?".into(), |context| show::grouped(context as u64)),
            size(known.memory_bytes.bf16),
            size(known.memory_bytes.q4_k_m),
            flag(*gated).to_owned(),
            license.clone().unwrap_or_else(|| "?".into()),
        ]
    });
    let heads = ["model", "family", "parameters", "context", "bf16", "q4_k_m", "gated", "license"];
    show(&format!(
        "{}bf16, q4_k_m: memory of the weights. gated: the hub wants a token. ?: not known.\n",
        show::table(&heads, &[2, 3, 4, 5], rows)
    ))
}

fn show_one(id: &str, json: bool) -> Result<()> {
    let known = Known::new(Card::named(id)?)?;
    if json {
        return show::json(&known);
    }
    let Card { id, family, parameters, license, gated, context, stored, sizes, template, sources } =
        &known.card;
    let Sizes { layers, hidden, heads, kv_heads, head_dim, intermediate, vocabulary, .. } = *sizes;
    let computed = show::grouped(known.parameters_computed);
    let mut lines = vec![
        ("model", id.clone()),
        ("family", family.clone()),
        ("parameters", format!("{parameters} ({computed} in its matrices)")),
        ("license", license.clone().unwrap_or_else(|| "not known".into())),
        ("gated", flag(*gated).replace('?', "not known")),
        (
            "context",
            match context {
                Some(context) => format!("{} tokens", show::grouped(*context as u64)),
                None => "not known".to_owned(),
            },
        ),
        ("stored", stored.clone().unwrap_or_else(|| "as plain numbers".into())),
        ("layers", format!("{layers} of width {hidden}")),
        ("attention", format!("{heads} heads of {head_dim}, {kv_heads} for keys and values")),
        (
            "mlp",
            format!(
                "width {intermediate}{}",
                match sizes.experts {
                    Some(experts) => format!(", {} of {} experts", experts.used, experts.count),
                    None => String::new(),
                }
            ),
        ),
        (
            "vocabulary",
            format!(
                "{}{}",
                show::grouped(vocabulary as u64),
                match sizes.tied {
                    true => ", the output matrix is the embedding",
                    false => "",
                }
            ),
        ),
    ];
    lines.extend(known.memory_bytes.lines());
    if let Some(template) = template {
        let does = |does: bool| if does { "yes" } else { "no" };
        lines.push(("system turn", does(template.system_role).into()));
        lines.push(("writes its BOS", does(template.writes_bos).into()));
        if let Some(argument) = &template.thinking_off {
            lines.push(("without thinking", format!("--arg {argument}")));
        }
        lines.extend(template.note.clone().map(|note| ("template", note)));
    }
    lines.extend(sources.iter().map(|(what, source)| ("source", format!("{what}: {source}"))));
    show(&format!("{}\n{}\n", show::pairs(lines), known.run))
}

fn flag(flag: Option<bool>) -> &'static str {
    match flag {
        Some(true) => "yes",
        Some(false) => "no",
        None => "?",
    }
}
