//! What a chat template does with the messages that it is given, found out by rendering: whether it takes a
//! system message, how it ends a turn, whether it leaves the words as they are. No list of models or tokens.

use serde::{Deserialize, Serialize};

use super::{ChatTemplate, Message, Refusal, RenderOptions};
use crate::error::{Error, Result};

/// Words that no template writes of itself.
const SYSTEM: &str = "candorsystemmarker";
const USER: &str = "candorusermarker";
const ASSISTANT: &str = "candorassistantmarker";
const NEXT: &str = "candornextmarker";

/// How the system text of a scenario reaches the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SystemPrompt {
    /// The template takes a system message.
    #[serde(rename = "as its own message")]
    Own,
    /// The template refuses or drops a system message, so the text stands in front of the first user message,
    /// with a blank line between them.
    #[serde(rename = "merged into the first user message")]
    Merged,
}

impl SystemPrompt {
    /// The messages as the template can take them.
    pub fn arrange(self, mut messages: Vec<Message>) -> Vec<Message> {
        let first_user = messages.iter().position(|message| message.role == "user");
        let is_system = |message: &Message| message.role == "system";
        if let (Self::Merged, Some(at)) = (self, first_user)
            && messages.first().is_some_and(is_system)
        {
            let user = std::mem::take(&mut messages[at].content);
            let parts = [messages[0].content.clone(), user];
            messages[at].content =
                parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n");
            messages.remove(0);
        }
        messages
    }
}

impl ChatTemplate {
    /// Whether this template takes a system message: it is asked to render one.
    ///
    /// # Errors
    /// The template can render no conversation at all, or loses what the user says.
    pub fn system_prompt(&self, options: &RenderOptions) -> Result<SystemPrompt> {
        let (system, user) = (message("system", SYSTEM), message("user", USER));
        let alone = self.render(std::slice::from_ref(&user), options);
        match self.try_render(&[system, user], options) {
            Ok(text) if text.contains(SYSTEM) => Ok(SystemPrompt::Own),
            // What both refuse is no matter of the system message.
            Ok(_) | Err(Refusal::Raised(_)) => alone.map(|_| SystemPrompt::Merged),
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// What follows the assistant's words: where they are the last, and, as a second place to look, up to the
    /// next words of the user.
    pub(in crate::model) fn after_reply(&self) -> Result<Vec<String>> {
        let options = RenderOptions { add_generation_prompt: false, ..RenderOptions::default() };
        let mut talk = vec![message("user", USER), message("assistant", ASSISTANT)];
        let last = self.render(&talk, &options)?;
        talk.push(message("user", NEXT));
        let between = self.render(&talk, &options)?;
        let after = |text: &str| Some(text.rsplit_once(ASSISTANT)?.1.to_owned());
        Ok([
            after(&last),
            after(&between).and_then(|rest| Some(rest.split_once(NEXT)?.0.to_owned())),
        ]
        .into_iter()
        .flatten()
        .collect())
    }

    /// Refuses arguments that the template never looks at: they would change nothing without a word.
    ///
    /// # Errors
    /// Names the first such argument, and those that the template does look at.
    pub fn check_args(&self, options: &RenderOptions) -> Result<()> {
        let Some(name) = options.args.keys().find(|name| !self.variables.contains(*name)) else {
            return Ok(());
        };
        let given = ["messages", "add_generation_prompt", "bos_token", "eos_token"];
        let known: Vec<String> = self
            .variables
            .iter()
            .filter(|name| !given.contains(&name.as_str()))
            .map(|name| format!("`{name}`"))
            .collect();
        let hint = match known.as_slice() {
            [] => "it looks at none".to_owned(),
            known => format!("it looks at {}", known.join(", ")),
        };
        Err(Error::input(format!("the chat template never looks at the argument `{name}`"))
            .hint(hint))
    }
}

/// Holds a rendered text against the messages: their words must stand in it. Something to say if white space
/// around them is gone.
///
/// # Errors
/// The words of a message are changed or missing.
pub fn check_words(text: &str, messages: &[Message]) -> Result<Option<String>> {
    let mut note = None;
    for Message { role, content } in messages {
        if text.contains(content.as_str()) {
            continue;
        }
        if !text.contains(content.trim()) {
            return Err(Error::input(format!(
                "the chat template changes or drops the words of the {role} message"
            ))
            .hint(super::OTHER_TEMPLATE));
        }
        note = Some(format!("the chat template removes white space around the {role} message"));
    }
    Ok(note)
}

fn message(role: &str, content: &str) -> Message {
    Message { role: role.to_owned(), content: content.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(source: &str) -> ChatTemplate {
        let special = [("bos_token", "<s>"), ("eos_token", "</s>")];
        let special = special.map(|(name, token)| (name.to_owned(), token.to_owned()));
        ChatTemplate::new(source, &special.into()).unwrap()
    }

    fn system_prompt(source: &str) -> Result<SystemPrompt> {
        template(source).system_prompt(&RenderOptions::default())
    }

    const ALL: &str =
        "{% for m in messages %}[{{ m.role }}]{{ m.content }}{{ eos_token }}{% endfor %}";

    #[test]
    fn a_system_message_is_its_own_where_the_template_shows_it() {
        assert_eq!(system_prompt(ALL).unwrap(), SystemPrompt::Own);
        let folded = "{% set s = messages[0].content if messages[0].role == 'system' else '' %}{% for m in messages if m.role == 'user' %}{{ s ~ m.content }}{% endfor %}";
        assert_eq!(system_prompt(folded).unwrap(), SystemPrompt::Own);
    }

    #[test]
    fn it_is_merged_where_the_template_refuses_or_drops_it() {
        let raises = format!(
            "{{% if messages[0].role == 'system' %}}{{{{ raise_exception('no') }}}}{{% endif %}}{ALL}"
        );
        let drops = "{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}";
        for source in [&raises, drops] {
            assert_eq!(system_prompt(source).unwrap(), SystemPrompt::Merged);
        }
        let messages = vec![message("system", "Be kind."), message("user", "Hi")];
        assert_eq!(SystemPrompt::Own.arrange(messages.clone()), messages);
        assert_eq!(SystemPrompt::Merged.arrange(messages), [message("user", "Be kind.\n\nHi")]);
        let empty = vec![message("system", ""), message("user", "Hi")];
        assert_eq!(SystemPrompt::Merged.arrange(empty), [message("user", "Hi")]);
    }

    #[test]
    fn what_fails_in_any_case_is_an_error() {
        assert!(
            system_prompt("{{ raise_exception('never') }}")
                .unwrap_err()
                .to_string()
                .ends_with("never")
        );
        assert!(system_prompt("{{ nothing.at.all }}").is_err());
        let fails = "{% if messages[0].role == 'system' %}{{ messages.nothing() }}{% endif %}x";
        assert!(system_prompt(fails).unwrap_err().to_string().contains("cannot be rendered"));
    }

    #[test]
    fn what_follows_a_reply_is_looked_up_in_two_places() {
        assert_eq!(template(ALL).after_reply().unwrap(), ["</s>", "</s>[user]"]);
        let open = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}";
        assert_eq!(template(open).after_reply().unwrap(), ["", "<user>"]);
        assert!(template("{{ raise_exception('no') }}").after_reply().is_err());
    }

    #[test]
    fn arguments_that_are_never_looked_at_are_refused() {
        let template = template(
            "{% if thinking is not defined %}{% set thinking = true %}{% endif %}{{ thinking }}{% set own = 1 %}{{ own }}",
        );
        let check = |arg: &str| {
            let mut options = RenderOptions::default();
            options.add_arg(arg).unwrap();
            template.check_args(&options)
        };
        assert!(check("thinking=false").is_ok());
        let error = check("thinkng=false").unwrap_err();
        assert!(error.to_string().ends_with("argument `thinkng`"));
        assert_eq!(error.hint_text(), Some("it looks at `thinking`"));
        assert!(check("own=2").is_err());
    }

    #[test]
    fn words_must_come_through() {
        let messages = [message("user", " a <b>\n")];
        assert_eq!(check_words("[ a <b>\n]", &messages).unwrap(), None);
        assert!(check_words("[a <b>]", &messages).unwrap().unwrap().contains("white space"));
        for text in ["[a &lt;b&gt;]", "[]"] {
            assert!(check_words(text, &messages).unwrap_err().to_string().contains("user message"));
        }
    }
}
