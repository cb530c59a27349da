//! One model through one variant of a scenario, for a program that uses the library: from names to the numbers of a run
//! that is sealed and judged. Knows no arguments and no terminal.

use std::path::{Path, PathBuf};

use super::experiment::{Wanted, experiments};
use crate::error::{Error, Result};
use crate::events::Events;
use crate::machine::{Compute, Loaded};
use crate::report::RunView;
use crate::run::{Pace, Plan, Settings};
use crate::scenario::{RequestSet, Scenario};

/// Sequences that are decoded at once, where memory allows.
const BATCH: usize = 32;

/// What is asked of a model.
///
/// ```no_run
/// use candor::events::Silent;
/// use candor::study::Experiment;
///
/// let run = Experiment::new("organism:faker", "helpful-only")?
///     .limit(20)?
///     .run("runs/faker", &Silent::default())?;
/// println!("{:?} {:?}", run.estimates.gap, run.estimates.gap_ci95);
/// # Ok::<(), candor::error::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Experiment {
    model: String,
    scenario: Scenario,
    variant: String,
    requests: RequestSet,
    settings: Settings,
}

impl Experiment {
    /// A model, named as on the command line, and a scenario by its name or path, with the scenario's own requests, its
    /// first variant and [`Settings::default`].
    ///
    /// # Errors
    /// The scenario or its requests cannot be read, or fail a check.
    pub fn new(model: &str, scenario: &str) -> Result<Self> {
        let scenario = Scenario::load(scenario)?;
        let requests = RequestSet::load(&scenario.requests)?;
        let variant = scenario.variants[0].name.clone();
        Ok(Self { model: model.into(), scenario, variant, requests, settings: Settings::default() })
    }

    /// The same in another variant.
    ///
    /// # Errors
    /// The scenario has none of this name.
    pub fn variant(self, name: &str) -> Result<Self> {
        let variant = self.scenario.variant(name)?.name.clone();
        Ok(Self { variant, ..self })
    }

    /// The same with other requests, by name or path.
    ///
    /// # Errors
    /// They cannot be read, or fail a check.
    pub fn requests(self, name: &str) -> Result<Self> {
        Ok(Self { requests: RequestSet::load(name)?, ..self })
    }

    /// The same with the `count` requests that represent the set best.
    ///
    /// # Errors
    /// A count of 0.
    pub fn limit(self, count: usize) -> Result<Self> {
        Ok(Self { requests: self.requests.limit(count)?, ..self })
    }

    /// The same with other settings.
    pub fn settings(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }

    /// Puts the requests to the model, on the CPU, and gives the run: transcripts, verdicts of `rules`, estimates. The
    /// folder is made, or gone on with where it holds the same run unfinished.
    ///
    /// # Errors
    /// The model cannot be opened, a prompt cannot be put to it, the folder holds another run, the disk is full, or
    /// the events ask to stop.
    pub fn run(&self, out: impl AsRef<Path>, events: &dyn Events) -> Result<RunView> {
        let requests = self.requests.put_by(&self.scenario, self.settings.seed)?;
        let variant = self.scenario.variant(&self.variant)?;
        let mut rendered = None;
        let loaded = Loaded::open_hashed(
            &self.model,
            &Compute::CPU,
            |model| {
                let plan = Plan::new(model, &self.scenario, variant, &requests, &self.settings)?;
                rendered = Some(plan.rendered());
                Ok(plan.longest_text())
            },
            events,
        )?;
        let rendered = rendered
            .ok_or_else(|| Error::failed("the model was loaded without a look at its prompts"))?;
        let plan = Plan::with_rendered(
            &loaded.model,
            &self.scenario,
            variant,
            &requests,
            &self.settings,
            rendered,
        )?;
        let out: Option<PathBuf> = Some(out.as_ref().to_owned());
        let pace = Pace { batch: BATCH, draft: true };
        let made = experiments(&loaded, &[Wanted { plan, part: None, out }], pace, events)?;
        let mut views = made.into_iter().map(|(_, view)| view);
        views.next().ok_or_else(|| Error::failed("the run gave nothing"))
    }
}
