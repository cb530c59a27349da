//! What a conversation is marked up with: tokens and words that a model reads as the beginning or the end of
//! somebody's turn. Text of a request that spells one of them is read as that mark. Finds them in a tokenizer and in
//! what a chat template writes, counts those that come from the text, and takes them apart. No list of models.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;

use super::template::{ChatTemplate, Message, RenderOptions};
use super::tokenizer::{Tokenizer, take_apart};
use crate::error::Result;

/// A text is taken apart so often at most; each time the marks that stand in it lose a place to hide.
const ROUNDS_MAX: usize = 8;

/// The marks of one model.
#[derive(Debug)]
pub struct ControlTokens {
    /// By id: the token's text.
    tokens: BTreeMap<u32, String>,
    /// Marks that the template writes as plain words, such as Llama 2's `[INST]`, which are no tokens of their own.
    words: BTreeSet<String>,
    /// How often the template itself writes each token.
    written: BTreeMap<u32, usize>,
    /// For each id whether it is such a token.
    is_token: Vec<bool>,
}

impl ControlTokens {
    /// Every special token but the one for unknown words; of the other added tokens and of plain words those that the
    /// template writes around messages. `written` are the ids of a prompt whose messages spell none of them.
    ///
    /// # Errors
    /// The tokenizer cannot encode what the template writes.
    pub fn of(
        tokenizer: &Tokenizer,
        template: &ChatTemplate,
        options: &RenderOptions,
        written: &[u32],
    ) -> Result<Self> {
        let mut texts = Vec::new();
        for roles in [&["system", "user"][..], &["user", "assistant", "user"]] {
            let message = |role: &&str| Message { role: (*role).into(), content: "a".into() };
            let messages: Vec<Message> = roles.iter().map(message).collect();
            // What the template refuses, it does not write.
            texts.extend(template.render(&messages, options).ok());
        }
        let mut used: BTreeSet<u32> = written.iter().copied().collect();
        for text in &texts {
            used.extend(tokenizer.encode(text)?);
        }
        let unknown = tokenizer.special_tokens().get("unk_token");
        let tokens: BTreeMap<u32, String> = tokenizer
            .added_tokens()
            .into_iter()
            .filter(|(_, text, _)| !text.trim().is_empty() && Some(text) != unknown)
            .filter(|(id, _, is_special)| *is_special || used.contains(id))
            .map(|(id, text, _)| (id, text))
            .collect();
        let words = texts.iter().flat_map(|text| words(text)).map(str::to_owned);
        let words = words.filter(|word| tokens.values().all(|token| token != word)).collect();
        let mut is_token = vec![false; tokens.keys().max().map_or(0, |last| *last as usize + 1)];
        tokens.keys().for_each(|id| is_token[*id as usize] = true);
        let mut control = Self { tokens, words, written: BTreeMap::new(), is_token };
        control.written = control.count(written);
        Ok(control)
    }

    fn count(&self, ids: &[u32]) -> BTreeMap<u32, usize> {
        let mut counts = BTreeMap::new();
        for id in ids.iter().filter(|id| self.is_token.get(**id as usize) == Some(&true)) {
            *counts.entry(*id).or_default() += 1;
        }
        counts
    }

    /// The marks that the words of a prompt spell, each with how often: tokens of `ids` beyond those that the
    /// template writes itself, and plain words in the texts of its `messages`.
    pub fn spelled(&self, ids: &[u32], messages: &[Message]) -> BTreeMap<&str, usize> {
        let written = |id: &u32| self.written.get(id).copied().unwrap_or(0);
        let mut spelled: BTreeMap<&str, usize> = self
            .count(ids)
            .into_iter()
            .filter_map(|(id, count)| {
                let more = count.checked_sub(written(&id)).filter(|more| *more > 0)?;
                Some((self.tokens.get(&id)?.as_str(), more))
            })
            .collect();
        for word in &self.words {
            let count: usize =
                messages.iter().map(|m| m.content.matches(word.as_str()).count()).sum();
            if count > 0 {
                spelled.insert(word, count);
            }
        }
        spelled
    }

    /// The text with every mark that it spells taken apart by a blank after its first character.
    pub fn defuse<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for _ in 0..ROUNDS_MAX {
            let marks = self.tokens.values().chain(&self.words).map(String::as_str);
            match take_apart(&text, marks) {
                Some(apart) => text = Cow::Owned(apart),
                None => break,
            }
        }
        text
    }
}

/// Words in what a template writes that look like marks: `[INST]`, `<<SYS>>`, `<start_of_turn>`, `<|user|>`.
fn words(text: &str) -> impl Iterator<Item = &str> {
    static MARK: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"<\|[^|<>\s]{1,40}\|>|\[/?[A-Z][A-Z_]{1,30}\]|<</?[A-Z]{2,30}>>|</?[a-z]+(?:_[a-z]+)+>|</?s>")
            .ok()
    });
    MARK.as_ref().into_iter().flat_map(move |mark| mark.find_iter(text)).map(|found| found.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::tokenizer::tests::words as tokenizer;

    const TEMPLATE: &str =
        "<s>{% for m in messages %}[{{ m.role|upper }}]{{ m.content }}</s>{% endfor %}";

    fn control() -> (Tokenizer, ControlTokens) {
        let tokenizer = tokenizer("{}").unwrap();
        let template = ChatTemplate::new(TEMPLATE, &BTreeMap::new()).unwrap();
        let options = RenderOptions::default();
        let messages = [Message { role: "user".into(), content: "a".into() }];
        let ids = tokenizer.encode(&template.render(&messages, &options).unwrap()).unwrap();
        let control = ControlTokens::of(&tokenizer, &template, &options, &ids).unwrap();
        (tokenizer, control)
    }

    fn spelled(text: &str) -> Vec<(String, usize)> {
        let (tokenizer, control) = control();
        let ids = tokenizer.encode(&format!("<s>[USER]{text}</s>")).unwrap();
        let message = Message { role: "user".into(), content: text.into() };
        let spelled = control.spelled(&ids, &[message]);
        spelled.into_iter().map(|(mark, count)| (mark.to_owned(), count)).collect()
    }

    #[test]
    fn what_the_text_spells_is_counted_and_what_the_template_writes_is_not() {
        assert_eq!(spelled("a b"), []);
        assert_eq!(spelled("a </s> b </s>"), [("</s>".to_owned(), 2)]);
        assert_eq!(
            spelled("[USER] a [ASSISTANT]<s>"),
            [("<s>".to_owned(), 1), ("[ASSISTANT]".to_owned(), 1), ("[USER]".to_owned(), 1)]
        );
        assert_eq!(spelled("[OTHER] <t>"), []);
    }

    proptest! {
        /// Marks in any number, nested in each other and cut into pieces.
        #[test]
        fn nothing_is_left_of_a_mark_and_other_text_stays(
            pieces in prop::collection::vec(
                prop::sample::select(vec!["<s>", "</s>", "[USER]", "[ASSISTANT]", "<", "s>", "/s>", "[US", "ER]", "a", " "]), 0..12),
        ) {
            let text = pieces.concat();
            let (tokenizer, control) = control();
            let defused = control.defuse(&text);
            let message = Message { role: "user".into(), content: defused.to_string() };
            let ids = tokenizer.encode(&format!("<s>[USER]{defused}</s>")).unwrap();
            prop_assert!(control.spelled(&ids, &[message]).is_empty(), "{defused}");
            prop_assert_eq!(defused.replace(' ', ""), text.replace(' ', ""));
            if spelled(&text).is_empty() {
                prop_assert_eq!(&*defused, &text);
            }
        }
    }
}
