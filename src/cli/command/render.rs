//! `candor render`: messages as a model's chat template puts them. No weights are read.

use std::path::Path;

use serde::Serialize;

use crate::cli::args::RenderArgs;
use crate::cli::command::tokenize::piece;
use crate::cli::given::input;
use crate::cli::screen::show;
use crate::cli::screen::talk::{Talk, print};
use crate::error::{Error, Result};
use crate::events::visible;
use crate::model::{ChatTemplate, Json, Message, RenderOptions};

/// What `--json` prints.
#[derive(Serialize)]
struct Rendered {
    model: String,
    text: String,
    ids: Vec<u32>,
    /// As the vocabulary spells them, one for each id.
    pieces: Vec<String>,
    /// How many of the ids begin a sequence; templates that write one before every turn have several.
    bos_count: usize,
}

pub(in crate::cli) fn render(args: &RenderArgs, talk: &Talk) -> Result<()> {
    let options = options(&args.args, &args.date, !args.no_generation_prompt)?;
    let messages = input::text(&args.messages)?;
    let model = crate::machine::open_model(&args.model, talk)?;
    let text = rendered(model.chat_template()?, &args.messages, &messages, &options)?;
    let ids = model.tokenizer.encode(&text)?;
    let bos = model.tokenizer.bos_id();
    let rendered = Rendered {
        pieces: ids.iter().map(|&id| piece(&model.tokenizer, id)).collect(),
        bos_count: ids.iter().filter(|&&id| Some(id) == bos).count(),
        model: model.label.clone(),
        text,
        ids,
    };
    // `run` refuses such prompts; here they are shown with what is wrong with them.
    if let Err(error) = model.check_ids(&rendered.ids) {
        talk.say(format!("note: {error}"));
    }
    if args.json { show::json(&rendered) } else { print(&table(&rendered)) }
}

/// What a template is rendered with.
pub(in crate::cli) fn options(args: &[String], date: &str, prompt: bool) -> Result<RenderOptions> {
    let mut options = RenderOptions { add_generation_prompt: prompt, ..RenderOptions::default() };
    options.date = date.parse()?;
    for arg in args {
        options.add_arg(arg)?;
    }
    Ok(options)
}

/// Messages of role and text go the way of a run's prompts; anything richer goes to the template as it is.
fn rendered(
    template: &ChatTemplate,
    path: &Path,
    messages: &str,
    options: &RenderOptions,
) -> Result<String> {
    if let Ok(plain) = serde_json::from_str::<Vec<Message>>(messages)
        && !plain.is_empty()
    {
        return template.render(&plain, options);
    }
    let form = "a list of objects with `role` and `content`";
    let messages: Vec<Json> = input::parse(path, messages, form)?;
    let wrong = |what: String| {
        Error::input(format!("`{}`: {what}", path.display()))
            .hint(format!("the file must hold {form}"))
    };
    if messages.is_empty() {
        return Err(wrong("the list is empty".into()));
    }
    for (i, message) in messages.iter().enumerate() {
        let Json::Map(entries) = message else {
            return Err(wrong(format!("message {i} is not an object")));
        };
        if !entries.iter().any(|(key, value)| key == "role" && matches!(value, Json::Text(_))) {
            return Err(wrong(format!("message {i} has no `role` that is a string")));
        }
    }
    template.render_json(&messages, options)
}

fn table(rendered: &Rendered) -> String {
    let Rendered { text, ids, pieces, bos_count, .. } = rendered;
    let ended = if text.ends_with('\n') { "" } else { "\n" };
    let rows = ids.iter().zip(pieces).map(|(id, piece)| vec![id.to_string(), show::quoted(piece)]);
    format!(
        "{}{ended}\n{}{} tokens, {bos_count} of them beginning of sequence\n",
        visible(text),
        show::table(&["id", "piece"], &[0], rows),
        ids.len(),
    )
}
