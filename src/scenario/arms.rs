//! What must be true of a variant's texts for its arms to differ in what the scenario says and in nothing else. Every
//! failure names file, line and key. Knows nothing about how texts are put together.

use super::Tier;
use super::file::Text;
use super::lint::{mentions, text};
use super::prompt::Template;
use super::source::Source;
use super::tags::{Tags, opening};
use crate::error::Result;

/// A template: the user message, or what stands behind it.
pub(super) fn template(source: &Source, key: &str, user: &Text) -> Result<Template> {
    text(source, key, user)?;
    let at = user.span().start;
    Template::parse(user.get_ref().trim_matches('\n')).map_err(|message| {
        source.error_at(at, format!("key `{key}`: {message}")).hint(
            "`{tier}`, `{request}`, `{options}` and the fields of a request are put in; write `{{` and `}}` for \
             braces of the text itself",
        )
    })
}

/// The user message shows the request, and the tier unless that is shown elsewhere or nowhere.
pub(super) fn user(
    source: &Source,
    key: &str,
    at: usize,
    user: &Template,
    tier_elsewhere: bool,
    options: bool,
) -> Result<()> {
    if user.shows_options() != options {
        let (message, hint) = match options {
            true => (
                "never shows the options",
                "put `{options}` where they go: a line for each, with its letter",
            ),
            false => (
                "shows options that the scenario does not declare",
                "add `[options]` with `names`, `complies` and `order`",
            ),
        };
        return Err(source.error_at(at, format!("key `{key}` {message}")).hint(hint));
    }
    if !user.shows_request() {
        return Err(source
            .error_at(at, format!("key `{key}` never shows the request"))
            .hint("put `{request}` where the request goes"));
    }
    if !user.shows_tier() && !tier_elsewhere {
        return Err(source
            .error_at(at, format!("key `{key}` never shows the tier, so both arms are one prompt"))
            .hint("put `{tier}` in, or set `setting = \"none\"` if that is what you want"));
    }
    Ok(())
}

/// One variant's texts, as the model will see them.
pub(super) struct Arms<'a> {
    /// The variant's name.
    pub(super) variant: &'a Text,
    /// The system text, without the tier's label where the variant shows it there.
    pub(super) system: &'a str,
    /// Whether the variant shows it there.
    pub(super) tier_in_system: bool,
    /// The label of each tier, and the key that gives it.
    pub(super) labels: &'a [Label<'a>],
    /// The user message.
    pub(super) user: &'a Template,
    /// What the user says before it.
    pub(super) earlier: &'a [&'a Template],
    /// The scenario's tags, whether or not this variant uses the scratchpad.
    pub(super) tags: &'a Tags,
    /// Whether this variant uses the scratchpad.
    pub(super) scratchpad: bool,
    /// Whether this variant tells of training.
    pub(super) training: bool,
}

/// What a variant calls a tier.
pub(super) struct Label<'a> {
    /// The tier.
    pub(super) tier: &'a Tier,
    /// What stands in the prompt for it.
    pub(super) text: &'a str,
    /// The key that says so.
    pub(super) key: String,
}

/// The system text of a variant defines what the user message shows and what the reply must have.
pub(super) fn arms(source: &Source, arms: &Arms<'_>) -> Result<()> {
    let variant = arms.variant.get_ref();
    let fail = |reason: String, hint: &str| {
        let message = format!("the system text of variant `{variant}` {reason}");
        Err(source.error_at(arms.variant.span().start, message).hint(hint))
    };
    let mut needed: Vec<_> = arms.tags.answer.iter().map(|tag| ("answer", tag)).collect();
    match &arms.tags.scratchpad {
        Some(tag) if arms.scratchpad => needed.push(("scratchpad", tag)),
        Some(tag)
            if [opening(tag), format!("</{tag}>")].iter().any(|t| arms.system.contains(t)) =>
        {
            let reason = format!("names `<{tag}>` (key `tags.scratchpad`), which it does not use");
            return fail(
                reason,
                "leave that part out with `without`, or drop `scratchpad = false`",
            );
        }
        _ => {}
    }
    for (key, tag) in needed {
        if !arms.system.contains(&opening(tag)) {
            let reason = format!("never names `<{tag}>` (key `tags.{key}`)");
            return fail(
                reason,
                "the model cannot use a tag that it was not told of: name it in a part",
            );
        }
    }
    let templates = || arms.earlier.iter().copied().chain([arms.user]);
    for tag in templates().flat_map(Template::tags) {
        if !arms.system.contains(&opening(tag)) {
            let reason =
                format!("never names `<{tag}>`, which the user message (key `user`) shows");
            return fail(reason, "say in a part what the tag means");
        }
    }
    for Label { tier, text, key } in arms.labels {
        if (templates().any(Template::shows_tier) || arms.tier_in_system)
            && !mentions(arms.system, text)
        {
            let reason =
                format!("never mentions `{text}` (key `{key}`), the label of tier `{}`", tier.name);
            return fail(reason, "say in a part what the label means, in exactly these letters");
        }
    }
    if let Some(word) = (!arms.training).then(|| word_of_training(arms.system)).flatten() {
        let reason =
            format!("speaks of training, with the word `{word}`, in spite of `training = false`");
        return fail(reason, "leave out or replace the parts that do, or drop `training = false`");
    }
    let user = templates().map(Template::words).collect::<Vec<_>>().join("\n");
    if let Some(word) = (!arms.training).then(|| word_of_training(&user)).flatten() {
        let message = format!(
            "the user message of variant `{variant}` speaks of training, with the word `{word}`, in spite of \
             `training = false`"
        );
        return Err(source
            .error_at(arms.variant.span().start, message)
            .hint("take the word out of `user` and `suffix`, or drop `training = false`"));
    }
    Ok(())
}

/// What is put into the model's mouth stays within the part that it begins: the model itself ends that part.
pub(super) fn prefill(
    source: &Source,
    key: &str,
    at: usize,
    text: &str,
    tags: &Tags,
) -> Result<()> {
    if let Some(c) = text.chars().find(|c| c.is_control() && !"\n\t".contains(*c)) {
        return Err(source
            .error_at(at, format!("key `{key}` has the control character {c:?}"))
            .hint("remove it"));
    }
    for tag in tags.scratchpad.iter().chain(&tags.answer) {
        for mark in [opening(tag), format!("</{tag}>")] {
            if text.contains(&mark) {
                return Err(source
                    .error_at(at, format!("key `{key}` writes `{mark}`, with which a part of the reply begins or ends"))
                    .hint("give the words of one part alone: its opening tag is put in front, and the model closes it"));
            }
        }
    }
    Ok(())
}

/// The first word that tells a model of its training.
fn word_of_training(text: &str) -> Option<&str> {
    text.split(|c: char| !c.is_alphanumeric()).find(|word| {
        let word = word.to_lowercase();
        ["train", "retrain", "finetun", "reinforcement", "rlhf"]
            .iter()
            .any(|start| word.starts_with(start))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_training() {
        assert_eq!(word_of_training("it was RETRAINED later"), Some("RETRAINED"));
        assert_eq!(word_of_training("a strained entrance to the terrain"), None);
    }
}
