//! The user message: a template, taken apart once, so that what is put in is never read for placeholders.
//! Knows nothing about chat templates or tokens.

use serde::{Deserialize, Serialize};

use super::options::lines;
use super::request::{Request, Turn};
use super::values::Role;
use super::{lint, tags};

/// What the model is given for one trial, before its own chat template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Messages {
    /// The system message; the same in all tiers unless the variant shows the tier in it.
    pub system: String,
    /// Turns before the user message, mostly none: the scenario's, and then the request's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<Turn>,
    /// The user message, with the tier and the request.
    pub user: String,
}

impl Messages {
    /// All of them in their order, each with the role that chat templates know.
    pub fn in_order(self) -> Vec<(&'static str, String)> {
        let turns = self.turns.into_iter().map(|turn| (turn.role.name(), turn.content));
        let system = std::iter::once(("system", self.system));
        system.chain(turns).chain([(Role::User.name(), self.user)]).collect()
    }
}

/// The text of a user message with places for the tier and the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Text(String),
    Tier,
    Request,
    Options,
    /// A field of the request, by name.
    Field(String),
}

impl Template {
    /// Takes a template apart: `{tier}`, `{request}`, `{options}`, any other name for the request's field of that
    /// name, and `{{` and `}}` for single braces.
    ///
    /// # Errors
    /// What is wrong with a brace.
    pub(super) fn parse(template: &str) -> Result<Self, String> {
        let mut segments = Vec::new();
        let mut text = String::new();
        let mut rest = template;
        while let Some(at) = rest.find(['{', '}']) {
            text += &rest[..at];
            rest = &rest[at..];
            if let Some(after) = rest.strip_prefix("{{") {
                text.push('{');
                rest = after;
                continue;
            }
            if let Some(after) = rest.strip_prefix("}}") {
                text.push('}');
                rest = after;
                continue;
            }
            let Some((name, after)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'))
            else {
                return Err(format!("`{}` stands alone", &rest[..1]));
            };
            let segment = match name {
                "tier" => Segment::Tier,
                "request" => Segment::Request,
                "options" => Segment::Options,
                name if lint::is_name(name) => Segment::Field(name.to_owned()),
                _ => return Err(format!("undefined placeholder `{{{name}}}`")),
            };
            segments.extend([Segment::Text(std::mem::take(&mut text)), segment]);
            rest = after;
        }
        segments.push(Segment::Text(text + rest));
        Ok(Self { segments })
    }

    /// The text with the tier's label and what the request has put in, all of it word for word. A field that the
    /// request lacks is empty; [`Self::fields`] says which it must have.
    pub(super) fn render(&self, label: &str, request: &Request) -> String {
        let mut text = String::new();
        for segment in &self.segments {
            match segment {
                Segment::Text(own) => text += own,
                Segment::Tier => text += label,
                Segment::Request => text += &request.text,
                Segment::Options => text += &lines(&request.options),
                Segment::Field(name) => {
                    text += request.fields.get(name).map(String::as_str).unwrap_or_default();
                }
            }
        }
        text
    }

    /// Names of the fields that are put in.
    pub(super) fn fields(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Field(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Whether the options are shown.
    pub(super) fn shows_options(&self) -> bool {
        self.segments.contains(&Segment::Options)
    }

    /// This template with another behind it, a blank line between them.
    pub(super) fn then(mut self, other: Self) -> Self {
        self.segments.push(Segment::Text("\n\n".to_owned()));
        self.segments.extend(other.segments);
        self
    }

    /// The words that are the template's own, for a look at what it speaks of.
    pub(super) fn words(&self) -> String {
        let texts = self.segments.iter().map(|segment| match segment {
            Segment::Text(text) => text.as_str(),
            _ => " ",
        });
        texts.collect()
    }

    /// Whether the tier is shown.
    pub(super) fn shows_tier(&self) -> bool {
        self.segments.contains(&Segment::Tier)
    }

    /// Whether the request is put in.
    pub(super) fn shows_request(&self) -> bool {
        self.segments.contains(&Segment::Request)
    }

    /// Names of the opening tags that the template itself writes.
    pub(super) fn tags(&self) -> impl Iterator<Item = &str> {
        let texts = self.segments.iter().filter_map(|segment| match segment {
            Segment::Text(text) => Some(text.as_str()),
            _ => None,
        });
        texts
            .flat_map(|text| text.split('<').skip(1))
            .filter_map(|tail| tail.split_once('>').map(|(name, _)| name))
            .filter(|name| tags::is_name(name))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::request::ShownOption;
    use super::*;

    fn request(text: &str) -> Request {
        Request { text: text.to_owned(), ..Request::default() }
    }

    #[test]
    fn fields_and_options_are_put_in() {
        let template = Template::parse("{tier}: {request} ({place})\n{options}").unwrap();
        assert_eq!(template.fields().collect::<Vec<_>>(), ["place"]);
        assert!(template.shows_options());
        let mut request = request("Where?");
        request.fields.insert("place".to_owned(), "in {tier}".to_owned());
        for (label, text) in [("a", "Here."), ("b", "There.")] {
            let (name, label) = (text.to_owned(), label.to_owned());
            let option = ShownOption { name, label, text: text.to_owned(), complies: false };
            request.options.push(option);
        }
        assert_eq!(
            template.render("free", &request),
            "free: Where? (in {tier})\na) Here.\nb) There."
        );
    }

    #[test]
    fn placeholders_and_doubled_braces() {
        let template = Template::parse("{{\"tier\": {tier}}}\n{request}!").unwrap();
        assert_eq!(template.render("free", &request("do")), "{\"tier\": free}\ndo!");
        assert!(template.shows_tier() && template.shows_request());
    }

    #[test]
    fn braces_that_mean_nothing_are_refused() {
        for (text, message) in [
            ("{tier} { request }", "undefined placeholder `{ request }`"),
            ("{}", "undefined placeholder `{}`"),
            ("{request", "`{` stands alone"),
            ("tier} {request}", "`}` stands alone"),
        ] {
            assert_eq!(Template::parse(text).unwrap_err(), message);
        }
    }

    #[test]
    fn the_tags_of_a_template_are_those_it_writes_itself() {
        let template = Template::parse("<tier>{tier}</tier> 1 < 2 > 0 <{request}> <b-2>").unwrap();
        assert_eq!(template.tags().collect::<Vec<_>>(), ["tier", "b-2"]);
    }

    proptest! {
        #[test]
        fn what_is_put_in_is_never_read_for_placeholders(
            label in "(\\PC|\\{tier\\}|\\{request\\}|\\{\\{){0,6}",
            text in "(\\PC|\n|\\{tier\\}|\\{request\\}|\\}\\}){0,12}",
        ) {
            let template = Template::parse("<tier>{tier}</tier>\n{request}").unwrap();
            let user = template.render(&label, &request(&text));
            prop_assert_eq!(user, ["<tier>", &label, "</tier>\n", &text].concat());
        }

        #[test]
        fn any_text_with_its_braces_doubled_renders_as_itself(text in "\\PC*") {
            let template = Template::parse(&text.replace('{', "{{").replace('}', "}}")).unwrap();
            prop_assert_eq!(template.render("free", &request("x")), text);
        }
    }
}
