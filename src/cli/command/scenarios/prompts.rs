//! A scenario with its requests and, if one is named, the model that they are put to.

use crate::cli::args::PromptArgs;
use crate::cli::command::render;
use crate::cli::screen::talk::Talk;
use crate::engine::Sampling;
use crate::error::Result;
use crate::machine::open_model;
use crate::model::Model;
use crate::run::{ControlText, Settings};
use crate::scenario::{RequestSet, Scenario};

/// What `lint` and `render` look at.
pub(in crate::cli) struct Subject {
    pub(in crate::cli) scenario: Scenario,
    pub(in crate::cli) requests: RequestSet,
    pub(in crate::cli) model: Option<Model>,
    pub(in crate::cli) settings: Settings,
}

impl Subject {
    /// Loads what the arguments name; weights are not read.
    pub(in crate::cli) fn load(args: &PromptArgs, talk: &Talk) -> Result<Self> {
        let options = render::options(&args.args, &args.date, true)?;
        let settings = Settings {
            seed: 0,
            samples: 1,
            max_tokens: args.max_tokens,
            sampling: Sampling::PLAIN,
            coupled: true,
            date: args.date.clone(),
            template_args: options.args,
            control_text: ControlText::Keep,
            stopping: None,
            registered: None,
        };
        settings.check()?;
        let scenario = Scenario::load(&args.scenario)?;
        let name = args.requests.as_deref().unwrap_or(&scenario.requests);
        let requests = RequestSet::load_columns(name, args.columns.columns().as_ref())?;
        let requests = requests.put_by(&scenario, settings.seed)?;
        let model = args.model.as_deref().map(|name| open_model(name, talk)).transpose()?;
        Ok(Self { scenario, requests, model, settings })
    }
}
