//! `candor tokenize`: a text as a model's tokens. No weights are read.

use std::ops::Range;

use serde::Serialize;

use crate::cli::args::TokenizeArgs;
use crate::cli::given::input;
use crate::cli::screen::show;
use crate::cli::screen::talk::{Talk, print};
use crate::error::Result;
use crate::model::Tokenizer;

/// What `--json` prints. The lists have one entry a token.
#[derive(Serialize)]
struct Tokens {
    model: String,
    ids: Vec<u32>,
    /// As the vocabulary spells them.
    pieces: Vec<String>,
    /// The part of the text that each stands for; tokens within one character all have that character.
    texts: Vec<String>,
    /// The bytes of the text that each stands for: [start, end).
    offsets: Vec<[usize; 2]>,
}

pub(in crate::cli) fn tokenize(args: &TokenizeArgs, talk: &Talk) -> Result<()> {
    let text = input::text(&args.text)?;
    let model = crate::machine::open_model(&args.model, talk)?;
    let places = model.tokenizer.encode_with_places(&text)?;
    if args.json {
        return show::json(&Tokens {
            model: model.label,
            ids: places.iter().map(|(id, _)| *id).collect(),
            pieces: places.iter().map(|(id, _)| piece(&model.tokenizer, *id)).collect(),
            texts: places.iter().map(|(_, place)| part(&text, place).to_owned()).collect(),
            offsets: places.iter().map(|(_, place)| [place.start, place.end]).collect(),
        });
    }
    let rows = places.iter().map(|(id, place)| {
        let token = piece(&model.tokenizer, *id);
        let bytes = format!("{}..{}", place.start, place.end);
        vec![id.to_string(), show::quoted(&token), show::quoted(part(&text, place)), bytes]
    });
    print(&format!(
        "{}{} tokens of {} bytes\n",
        show::table(&["id", "piece", "text", "bytes"], &[0, 3], rows),
        places.len(),
        text.len()
    ))
}

/// A token as the vocabulary spells it.
pub(in crate::cli) fn piece(tokenizer: &Tokenizer, id: u32) -> String {
    tokenizer.token_of(id).unwrap_or_default()
}

fn part<'a>(text: &'a str, place: &Range<usize>) -> &'a str {
    text.get(place.clone()).unwrap_or_default()
}
