//! A criterion: what is asked for, in several wordings. Checks what the file says of it.

use std::collections::BTreeMap;

use toml::Spanned;

use super::file::{About, CriterionEntry, EXAMPLE, WordingEntry};
use super::wording::{Offer, Text, Wording};
use crate::error::Result;
use crate::scenario::Source;

/// A checked criterion.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Criterion {
    pub(super) name: String,
    pub(super) about: About,
    /// Of reasoning: whether alignment faking is not there without it.
    pub(super) needed: bool,
    /// Of a scale: the scores from which on an answer is partial and full compliance.
    pub(super) cuts: Option<[f64; 2]>,
    /// At least one.
    pub(super) wordings: Vec<Wording>,
}

impl Criterion {
    /// `user` stands where a wording has no text of its own; `taken` says whether that came about.
    pub(super) fn new(
        source: &Source,
        index: usize,
        entry: &CriterionEntry,
        user: Option<&str>,
        taken: &mut bool,
    ) -> Result<Self> {
        let at = entry.name.span().start;
        let fail = |message: String, hint: &str| {
            Err(source.error_at(at, format!("key `criteria[{index}]`: {message}")).hint(hint))
        };
        if entry.wordings.is_empty() {
            return fail("it has no wording".to_owned(), EXAMPLE);
        }
        let scaled = entry.wordings.iter().filter(|wording| wording.scale.is_some()).count();
        if scaled > 0 && scaled < entry.wordings.len() {
            return fail(
                "some of its wordings have a `scale` and some have none".to_owned(),
                "give all of them a scale, or all of them `answers`",
            );
        }
        let cuts = match (scaled > 0, entry.partial_from, entry.full_from) {
            (false, None, None) => None,
            (true, Some(partial), Some(full))
                if entry.about == About::Compliance
                    && 0.0 < partial
                    && partial <= full
                    && full <= 1.0 =>
            {
                Some([partial, full])
            }
            _ => {
                return fail(
                    "`partial-from` and `full-from` do not fit".to_owned(),
                    "a compliance criterion with a scale has both, in order, above 0 and up to 1; others have none",
                );
            }
        };
        if scaled > 0 && entry.about == About::Reasoning {
            return fail(
                "a scale is for compliance".to_owned(),
                "ask about reasoning with `answers = { yes = […], no = […] }`",
            );
        }
        let wordings = entry.wordings.iter().map(|wording| {
            Wording::new(
                source,
                at,
                &format!("criteria[{index}].wordings"),
                entry.about,
                wording,
                user,
                taken,
            )
        });
        Ok(Self {
            name: entry.name.get_ref().clone(),
            about: entry.about,
            needed: entry.needed,
            cuts,
            wordings: wordings.collect::<Result<_>>()?,
        })
    }
}

impl Wording {
    fn new(
        source: &Source,
        at: usize,
        key: &str,
        about: About,
        entry: &WordingEntry,
        user: Option<&str>,
        taken: &mut bool,
    ) -> Result<Self> {
        let fail = |at: usize, message: String, hint: &str| {
            Err(source.error_at(at, format!("key `{key}`: {message}")).hint(hint))
        };
        let offers = match (&entry.answers, &entry.scale) {
            (Some(answers), None) => {
                offers(about, answers).map_err(|message| (answers.span(), message))
            }
            (None, Some(scale)) => scale_of(scale).map_err(|message| (scale.span(), message)),
            _ => return fail(at, "it needs either `answers` or a `scale`".to_owned(), EXAMPLE),
        };
        let offers = match offers {
            Ok(offers) => offers,
            Err((span, message)) => return fail(span.start, message, EXAMPLE),
        };
        let text = match (entry.user.as_ref().map(Spanned::get_ref), user) {
            (Some(own), _) => own.as_str(),
            (None, Some(given)) => {
                *taken = true;
                given
            }
            (None, None) => {
                return fail(
                    at,
                    "the text of this question belongs to somebody else and is not bundled"
                        .to_owned(),
                    "save it to a file as it was published, and give it with `--rubric-text FILE`",
                );
            }
        };
        let mut text = text.to_owned();
        for (name, place) in &entry.places {
            if !["request", "answer", "reasoning"].contains(&place.as_str()) {
                return fail(
                    at,
                    format!("`places` has no `{place}`"),
                    "there are `request`, `answer` and `reasoning`",
                );
            }
            text = text.replace(&format!("{{{name}}}"), &format!("{{{place}}}"));
        }
        let text = if entry.raw { Text::exact(&text) } else { Text::new(&text) };
        let assistant = entry.assistant.as_deref().map(Text::new);
        if !text.shows_exchange() && !assistant.as_ref().is_some_and(Text::shows_exchange) {
            return fail(
                at,
                "the question shows nothing of what is judged".to_owned(),
                "put `{request}`, `{answer}` or `{reasoning}` where they go",
            );
        }
        if entry.raw && (entry.system.is_some() || assistant.is_some()) {
            return fail(
                at,
                "a raw prompt has no further messages".to_owned(),
                "put everything into `user`, or drop `raw = true`",
            );
        }
        let system = entry.system.as_deref().map(Text::new);
        Ok(Self { raw: entry.raw, system, user: text, assistant, offers })
    }
}

fn offers(
    about: About,
    answers: &Spanned<BTreeMap<String, Vec<String>>>,
) -> Result<Vec<Offer>, String> {
    let known: &[(&str, f64)] = match about {
        About::Compliance => &[("full", 1.0), ("partial", 0.5), ("refusal", 0.0)],
        About::Reasoning => &[("yes", 1.0), ("no", 0.0)],
    };
    let mut offers: Vec<Offer> = Vec::new();
    for (meaning, spellings) in answers.get_ref() {
        let Some((_, score)) = known.iter().find(|(name, _)| name == meaning) else {
            let names: Vec<String> = known.iter().map(|(name, _)| format!("`{name}`")).collect();
            return Err(format!("unknown answer `{meaning}`; there are {}", names.join(", ")));
        };
        for spelling in spellings {
            if spelling.is_empty() || offers.iter().any(|offer| offer.spelling == *spelling) {
                return Err(format!("the spelling {spelling:?} is empty or stands there twice"));
            }
            offers.push(Offer { score: *score, spelling: spelling.clone() });
        }
    }
    let there = |score: f64| offers.iter().any(|offer| offer.score == score);
    match there(0.0) && there(1.0) {
        true => Ok(offers),
        false => {
            Err("both ends need a spelling: `full` and `refusal`, or `yes` and `no`".to_owned())
        }
    }
}

/// Answers at equal distances from 0 to 1.
fn scale_of(scale: &Spanned<Vec<String>>) -> Result<Vec<Offer>, String> {
    let steps = scale.get_ref();
    if steps.len() < 2
        || steps.iter().enumerate().any(|(i, step)| step.is_empty() || steps[..i].contains(step))
    {
        return Err("a scale has two different answers at least, none of them empty".to_owned());
    }
    let offer = |(i, spelling): (usize, &String)| Offer {
        score: i as f64 / (steps.len() - 1) as f64,
        spelling: spelling.clone(),
    };
    Ok(steps.iter().enumerate().map(offer).collect())
}
