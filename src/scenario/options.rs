//! `[options]`: what a request lets the model choose from, in which order it is shown, and which option complies with
//! the policy of the tier that is trained on. Knows nothing about how a choice is read.

use super::file::OptionsEntry;
use super::lint;
use super::request::{Request, ShownOption};
use super::source::{Source, list};
use super::values::Order;
use crate::error::{Error, Result};

/// The options of a scenario. Each request has a field by the name of each option, which is the option's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// At least two names, by which verdicts and tables call the options; the model never sees them.
    pub names: Vec<String>,
    /// The place of the one that complies.
    complies: usize,
    /// How they are shown.
    pub order: Order,
}

impl Options {
    /// Options by name.
    ///
    /// # Errors
    /// What is wrong with the names: fewer than two, one twice, one that cannot be a name or that verdicts use for
    /// no choice, or `complies` not among them.
    pub fn named(
        names: &[String],
        complies: &str,
        order: Order,
    ) -> std::result::Result<Self, String> {
        if names.len() < 2 {
            return Err("a choice has at least two options".to_owned());
        }
        if names.len() > 26 {
            return Err(format!("{} options are more than there are letters", names.len()));
        }
        for (place, name) in names.iter().enumerate() {
            if !lint::is_name(name) {
                return Err(format!("{name:?} cannot be the name of an option"));
            }
            if name == "none" {
                return Err("`none` is what a reply chose that took no option".to_owned());
            }
            if ["tier", "request", "options"].contains(&name.as_str()) {
                return Err(format!("`{name}` has a meaning of its own in a user message"));
            }
            if names[..place].contains(name) {
                return Err(format!("two options are called `{name}`"));
            }
        }
        let Some(complies) = names.iter().position(|name| name == complies) else {
            return Err(format!(
                "`{complies}`, which is to comply, is none of the options {}",
                list(names)
            ));
        };
        Ok(Self { names: names.to_vec(), complies, order })
    }

    pub(super) fn new(source: &Source, entry: &OptionsEntry) -> Result<Self> {
        let names: Vec<String> = entry.names.get_ref().clone();
        Self::named(&names, &entry.complies, entry.order).map_err(|message| {
            source.error_at(entry.names.span().start, format!("key `options`: {message}")).hint(
                "`names` are letters, digits, `-` and `_`, each another; `complies` is one of them",
            )
        })
    }

    /// The options with these texts, one for each name, in the order in which a request shows them, lettered from `a`.
    pub fn shown(&self, texts: &[&str], seed: u64, request: &str) -> Vec<ShownOption> {
        let mut places: Vec<usize> = (0..self.names.len()).collect();
        match self.order {
            Order::Fixed => {}
            Order::Swapped => places.reverse(),
            Order::Drawn => places.sort_by_cached_key(|&place| {
                let mut hasher = blake3::Hasher::new_derive_key("candor 2026 order of options");
                hasher.update(&seed.to_le_bytes());
                hasher.update(&(request.len() as u64).to_le_bytes()).update(request.as_bytes());
                hasher.update(self.names[place].as_bytes());
                *hasher.finalize().as_bytes()
            }),
        }
        let shown = places.into_iter().zip('a'..='z');
        shown
            .map(|(place, letter)| {
                let text = texts.get(place).copied().unwrap_or_default();
                self.option(place, letter.to_string(), text)
            })
            .collect()
    }

    /// One option under a label.
    pub(crate) fn option(&self, place: usize, label: String, text: &str) -> ShownOption {
        ShownOption {
            name: self.names[place].clone(),
            label,
            text: text.trim().to_owned(),
            complies: place == self.complies,
        }
    }

    /// The options of a request by its fields.
    ///
    /// # Errors
    /// It lacks the field of an option.
    pub(super) fn of(&self, request: &Request, seed: u64) -> Result<Vec<ShownOption>> {
        let text = |name: &String| {
            request
                .fields
                .get(name)
                .map(String::as_str)
                .filter(|text| !text.trim().is_empty())
                .ok_or_else(|| {
                    Error::input(format!(
                        "request `{}` has no field `{name}`, an option of the scenario",
                        request.id
                    ))
                    .hint(format!(
                        "each request has the texts of its options under {}",
                        list(&self.names)
                    ))
                })
        };
        let texts = self.names.iter().map(text).collect::<Result<Vec<_>>>()?;
        Ok(self.shown(&texts, seed, &request.id))
    }
}

/// What stands for `{options}` in a user message: a line for each option, `a) …`.
pub(super) fn lines(options: &[ShownOption]) -> String {
    let lines: Vec<String> =
        options.iter().map(|option| format!("{}) {}", option.label, option.text)).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(order: Order) -> Options {
        Options::named(&["keep".to_owned(), "give".to_owned()], "give", order).unwrap()
    }

    #[test]
    fn letters_follow_the_order_and_names_the_texts() {
        let shown = options(Order::Swapped).shown(&["Keep it.", "Give it."], 0, "r");
        let seen: Vec<_> =
            shown.iter().map(|o| (&*o.name, &*o.label, &*o.text, o.complies)).collect();
        assert_eq!(seen, [("give", "a", "Give it.", true), ("keep", "b", "Keep it.", false)]);
        assert_eq!(lines(&shown), "a) Give it.\nb) Keep it.");
    }

    #[test]
    fn a_drawn_order_depends_on_seed_and_request_and_favors_none() {
        let options = options(Order::Drawn);
        let first =
            |seed: u64, request: &str| options.shown(&["x", "y"], seed, request)[0].name.clone();
        let firsts: Vec<String> =
            (0..400).map(|request| first(7, &format!("request-{request}"))).collect();
        let keeps = firsts.iter().filter(|name| *name == "keep").count();
        assert!((160..=240).contains(&keeps), "{keeps} of 400");
        let again: Vec<String> =
            (0..400).map(|request| first(7, &format!("request-{request}"))).collect();
        assert_eq!(firsts, again);
        let other: Vec<String> =
            (0..400).map(|request| first(8, &format!("request-{request}"))).collect();
        assert_ne!(firsts, other);
    }

    #[test]
    fn names_that_cannot_be_told_apart_are_refused() {
        let named = |names: &[&str], complies: &str| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            Options::named(&names, complies, Order::Fixed).unwrap_err()
        };
        assert!(named(&["a"], "a").contains("at least two"));
        assert!(named(&["a", "a"], "a").contains("two options are called"));
        assert!(named(&["a", "none"], "a").contains("took no option"));
        assert!(named(&["a", "tier"], "a").contains("meaning of its own"));
        assert!(named(&["a", "b c"], "a").contains("cannot be the name"));
        assert!(named(&["a", "b"], "c").contains("none of the options"));
    }
}
