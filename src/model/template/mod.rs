//! Messages to prompt text, by the model's own chat template, as transformers 5.23 renders it
//! (`utils/chat_template_utils.py`). A template is hostile input: it runs on a budget, reads no clock and
//! no file. Knows nothing about tokens or scenarios.

mod conduct;
mod date;
mod dialect;
mod find;
mod folding;
mod ordered;
mod program;
mod python;
mod room;
mod strings;
mod tojson;
mod weight;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, State, Value};
use serde::{Deserialize, Serialize};

use super::files::ModelFiles;
use crate::error::{Error, Result};
use program::Program;
use room::with_room;

pub use conduct::{SystemPrompt, check_words};
pub use date::Date;
pub use ordered::Json;
pub use room::with_rooms;

/// What one rendering may cost: about an instruction, or 64 bytes, each. Bounds time, memory (16 MB of values)
/// and how deeply values can be nested, at many times what the largest published template takes.
const FUEL: u64 = 250_000;

/// A longer template is refused; published ones have up to some twenty thousand bytes.
const SOURCE_BYTES_MAX: usize = 64 << 10;

const NAME: &str = "chat template";
const STRFTIME: &str = "strftime_now";

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Who speaks: `system`, `user`, `assistant` or what else the template knows.
    pub role: String,
    /// The words.
    pub content: String,
}

/// What a rendering depends on besides the messages.
#[derive(Debug, Clone, PartialEq)]
pub struct RenderOptions {
    /// Whether the text ends where the model's reply starts.
    pub add_generation_prompt: bool,
    /// What the template takes for today.
    pub date: Date,
    /// Further variables, such as `enable_thinking`; they win over the special tokens.
    pub args: BTreeMap<String, Json>,
}

impl Default for RenderOptions {
    fn default() -> Self {
        Self { add_generation_prompt: true, date: Date::default(), args: BTreeMap::new() }
    }
}

impl RenderOptions {
    /// Adds an argument in the form `name=value`; the value is JSON, or else a string.
    ///
    /// # Errors
    /// There is no `=`, or the name is one that the rendering itself gives.
    pub fn add_arg(&mut self, text: &str) -> Result<()> {
        let (name, value) =
            text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
                Error::input(format!("template argument `{text}` must have the form `name=value`"))
                    .hint("for example `--arg enable_thinking=false`")
            })?;
        if ["messages", "add_generation_prompt"].contains(&name) {
            return Err(Error::input(format!(
                "`{name}` is not a template argument: it comes from the prompt itself"
            )));
        }
        let value = serde_json::from_str(value).unwrap_or_else(|_| Json::Text(value.to_owned()));
        self.args.insert(name.to_owned(), value);
        Ok(())
    }
}

/// A compiled chat template with the special tokens that it may name.
#[derive(Debug)]
pub struct ChatTemplate {
    source: String,
    environment: Environment<'static>,
    program: Program,
    special: BTreeMap<String, String>,
    /// Names that it looks up and does not set before.
    variables: BTreeSet<String>,
}

impl ChatTemplate {
    /// The template of a model's files; `None` if they hold none.
    pub(super) fn open(
        files: &ModelFiles,
        special: &BTreeMap<String, String>,
    ) -> Result<Option<Self>> {
        find::default_template(files)?.map(|source| Self::new(&source, special)).transpose()
    }

    /// Compiles a template. `special` maps names such as `bos_token` to the tokens' text.
    ///
    /// # Errors
    /// The template is malformed, too long, or uses syntax that is not supported.
    pub fn new(source: &str, special: &BTreeMap<String, String>) -> Result<Self> {
        let too_long = |what: &str, bytes: usize, limit: usize| {
            Error::input(format!("{what} has {bytes} bytes, more than the {limit} that are read"))
                .hint(OTHER_TEMPLATE)
        };
        if source.len() > SOURCE_BYTES_MAX {
            return Err(too_long("the chat template", source.len(), SOURCE_BYTES_MAX));
        }
        let translated = dialect::translate(source).map_err(|bytes| {
            too_long("an expression of the chat template", bytes, dialect::CODE_BYTES_MAX)
        })?;
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        let syntax = syntax.map_err(|error| {
            Error::failed(format!("the template syntax cannot be set up: {error}"))
        })?;
        let mut environment = Environment::new();
        environment.set_syntax(syntax.clone());
        // It shows everything that there is; Jinja has it for developers only.
        environment.remove_global("debug");
        environment.set_fuel(Some(FUEL));
        python::install(&mut environment);
        environment.add_function(
            "raise_exception",
            |message: String| -> Result<Value, minijinja::Error> {
                Err(minijinja::Error::new(ErrorKind::InvalidOperation, "raised")
                    .with_source(Raised(message)))
            },
        );
        let compiled = with_room(|| {
            let program = Program::new(NAME, translated.clone().leak(), syntax)?;
            let template = environment.template_from_named_str(NAME, &translated)?;
            let globals: BTreeSet<&str> = environment.globals().map(|(name, _)| name).collect();
            let mut names = template.undeclared_variables(false);
            names.retain(|name| !globals.contains(name.as_str()) && name != STRFTIME);
            Ok((program, names.into_iter().collect()))
        })?;
        let (program, variables) = compiled.map_err(|error: minijinja::Error| {
            let error = brief(&error.to_string());
            Error::input(format!("the chat template cannot be read: {error}")).hint(OTHER_TEMPLATE)
        })?;
        let (source, special) = (source.to_owned(), special.clone());
        Ok(Self { source, environment, program, special, variables })
    }

    /// The template's text as the model brings it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The prompt text of a conversation.
    ///
    /// # Errors
    /// The template refuses the messages, does something that is not supported, or exceeds its budget.
    pub fn render(&self, messages: &[Message], options: &RenderOptions) -> Result<String> {
        self.try_render(messages, options).map_err(Error::from)
    }

    fn try_render(&self, messages: &[Message], options: &RenderOptions) -> Result<String, Refusal> {
        let message = |message: &Message| {
            Value::from_pairs([
                ("role", message.role.as_str()),
                ("content", message.content.as_str()),
            ])
        };
        self.render_value(messages.iter().map(message).collect(), options)
    }

    /// The same for messages in the full form that transformers takes: content in parts, reasoning, tool calls.
    ///
    /// # Errors
    /// As [`Self::render`].
    pub fn render_json(&self, messages: &[Json], options: &RenderOptions) -> Result<String> {
        let messages = messages.iter().map(|message| Value::from(&completed(message))).collect();
        self.render_value(messages, options).map_err(Error::from)
    }

    fn render_value(&self, messages: Value, options: &RenderOptions) -> Result<String, Refusal> {
        let date = options.date;
        let mut environment = self.environment.clone();
        environment.add_function(STRFTIME, move |state: &State, format: String| {
            // A directive of two characters becomes a word of nine at most.
            state.consume_fuel(format.len() as u64 / 8)?;
            date.strftime(&format)
        });

        let mut context: BTreeMap<&str, Value> = BTreeMap::new();
        // transformers always passes these two; templates ask whether they are none, not whether they are there.
        context.insert("tools", Value::from(()));
        context.insert("documents", Value::from(()));
        context.extend(
            self.special.iter().map(|(name, token)| (name.as_str(), Value::from(token.as_str()))),
        );
        context
            .extend(options.args.iter().map(|(name, value)| (name.as_str(), Value::from(value))));
        context.insert("messages", messages);
        context.insert("add_generation_prompt", Value::from(options.add_generation_prompt));

        let context = Value::from_pairs(context);
        let render = || {
            weight::install(&mut environment, weight::limit(&context)?);
            self.program.render(&environment, context)
        };
        with_room(|| render().map_err(|error| Refusal::of(&error))).map_err(Refusal::Failed)?
    }
}

/// A message as transformers hands it on: without keys that are null, and with its reasoning, under whichever
/// of these names it came, as `reasoning_content` and as `thinking`.
fn completed(message: &Json) -> Json {
    let Json::Map(entries) = message else { return message.clone() };
    let mut entries: Vec<_> =
        entries.iter().filter(|(_, value)| *value != Json::Null).cloned().collect();
    let find = |entries: &[(String, Json)], name: &str| {
        entries.iter().position(|(known, _)| known == name)
    };
    let names = ["reasoning_content", "thinking", "reasoning"];
    if let Some(at) = names.iter().find_map(|name| find(&entries, name)) {
        let reasoning = entries[at].1.clone();
        if find(&entries, "thinking").is_none() {
            entries.insert(0, ("thinking".to_owned(), reasoning.clone()));
        }
        match find(&entries, "reasoning_content") {
            Some(at) => entries[at].1 = reasoning,
            None => entries.push(("reasoning_content".to_owned(), reasoning)),
        }
    }
    Json::Map(entries)
}

const OTHER_TEMPLATE: &str =
    "put a corrected `chat_template.jinja` into a copy of the model folder";

/// What a template says with `raise_exception`.
#[derive(Debug)]
struct Raised(String);

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Raised {}

/// Why there is no text.
#[derive(Debug)]
enum Refusal {
    /// The template itself refuses the messages, in these words.
    Raised(String),
    /// Rendering failed.
    Failed(Error),
}

impl Refusal {
    fn of(error: &minijinja::Error) -> Self {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(inner) = cause {
            if let Some(Raised(message)) = inner.downcast_ref() {
                return Self::Raised(brief(message));
            }
            cause = inner.source();
        }
        let message = if error.kind() == ErrorKind::OutOfFuel {
            "the chat template does not come to an end within its budget".to_owned()
        } else {
            format!("the chat template cannot be rendered: {}", brief(&error.to_string()))
        };
        Self::Failed(Error::input(message).hint(OTHER_TEMPLATE))
    }
}

/// The beginning of what a template or the engine says: values stand in it, of any length.
fn brief(message: &str) -> String {
    const CHARS_MAX: usize = 600;
    match message.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Raised(message) => {
                Self::input(format!("the chat template refuses these messages: {message}"))
                    .hint("the scenario's messages do not fit this model")
            }
            Refusal::Failed(error) => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn special() -> BTreeMap<String, String> {
        BTreeMap::from([
            ("bos_token".to_owned(), "<s>".to_owned()),
            ("eos_token".to_owned(), "</s>".to_owned()),
        ])
    }

    fn conversation() -> Vec<Message> {
        [("system", "Be brief."), ("user", "Hi <b> & 'you'")]
            .map(|(role, content)| Message { role: role.into(), content: content.into() })
            .to_vec()
    }

    fn render(source: &str) -> Result<String> {
        ChatTemplate::new(source, &special())?.render(&conversation(), &RenderOptions::default())
    }

    #[test]
    fn whitespace_is_treated_as_in_transformers() {
        let source = "{{ bos_token }}\n{% for message in messages %}\n    {% if loop.first %}\nfirst\n    {% endif %}\n{{ message.role }}: {{ message['content'] | trim }}\n{% endfor %}\n{%- if add_generation_prompt %}\nassistant:\n{% endif %}\n";
        assert_eq!(
            render(source).unwrap(),
            "<s>\nfirst\nsystem: Be brief.\nuser: Hi <b> & 'you'\nassistant:\n"
        );
    }

    #[test]
    fn the_context_is_that_of_transformers() {
        assert_eq!(
            render("{{ tools is none }} {{ documents is none }} {{ tools is defined }}").unwrap(),
            "True True True"
        );
        assert_eq!(
            render("{{ bos_token }}{{ eos_token }}{{ pad_token }}{{ nothing }}").unwrap(),
            "<s></s>"
        );
        assert_eq!(
            render("{{ messages[0] | tojson }}").unwrap(),
            r#"{"role": "system", "content": "Be brief."}"#
        );
        assert_eq!(
            render("{{ {'b': 1, 'a': [true, none]} | tojson }}").unwrap(),
            r#"{"b": 1, "a": [true, null]}"#
        );
        assert_eq!(render("{{ strftime_now('%d %b %Y') }}").unwrap(), "01 Jan 2026");
        assert!(render("{{ nothing.at_all }}").is_err());
    }

    #[test]
    fn arguments_are_json_or_text_and_win_over_special_tokens() {
        let template = ChatTemplate::new(
            "{{ enable_thinking is false }} {{ effort }} {{ n + 1 }} {{ bos_token }}",
            &special(),
        )
        .unwrap();
        let mut options = RenderOptions::default();
        for arg in ["enable_thinking=false", "effort=low", "n=2", "bos_token=\"B=\""] {
            options.add_arg(arg).unwrap();
        }
        assert_eq!(template.render(&[], &options).unwrap(), "True low 3 B=");
        assert!(
            options.add_arg("plain").is_err()
                && options.add_arg("=1").is_err()
                && options.add_arg("messages=[]").is_err()
        );
    }

    #[test]
    fn a_raised_exception_is_bad_input_in_the_template_s_own_words() {
        let source = "{% macro check(m) %}{{ raise_exception('no ' ~ m.role) }}{% endmacro %}{{ check(messages[0]) }}";
        let error = render(source).unwrap_err();
        assert_eq!(error.to_string(), "the chat template refuses these messages: no system");
        assert_eq!(error.kind(), crate::error::Kind::Input);
        assert!(error.hint_text().is_some());
    }

    #[test]
    fn what_never_ends_is_stopped_and_what_is_malformed_is_refused() {
        let loops =
            "{% for a in range(9999) %}{% for b in range(9999) %}{{ a }}{% endfor %}{% endfor %}";
        assert!(render(loops).unwrap_err().to_string().contains("within its budget"));
        assert!(render("{% set x = 'a' * 999999999 %}").is_err());
        assert!(render("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}").is_err());
        assert!(render("{% for %}").unwrap_err().to_string().contains("cannot be read"));
        assert!(
            render("{{ messages % 1 }}").unwrap_err().to_string().contains("cannot be rendered")
        );
    }

    #[test]
    fn loop_controls_and_generation_tags_work() {
        let source = "{% for m in messages %}{% if loop.index0 == 1 %}{% break %}{% endif %}{%- generation -%}\n {{ m.role }} \n{%- endgeneration %}.{% endfor %}";
        assert_eq!(render(source).unwrap(), "system.");
    }

    #[test]
    fn damaged_templates_never_panic() {
        let source = "{%- for m in messages %}{% generation %}{{ m.content.split('x')[-1] | trim | tojson(indent=2) }}{% endgeneration %}{% endfor %}\
            {{ strftime_now('%d %b %Y') }}{% set ns = namespace(n=0) %}{{ 'a'.rpartition('b')[2] ~ [1.5, none][::-1] | tojson }}{# c #}{{ bos_token }}";
        assert!(render(source).is_ok());
        crate::model::mutate::each(source.as_bytes(), |bytes| {
            drop(render(&String::from_utf8_lossy(bytes)))
        });
    }
}
