//! A finished run with its model in memory again, and the plan that it was made by: what `verify` and `probe` look at.

use std::path::Path;

use super::performance::Performance;
use crate::error::{Error, Result};
use crate::events::Events;
use crate::machine::{Compute, Loaded};
use crate::model::Model;
use crate::run::{FORMAT, Finished, Manifest, ModelRecord, Plan, Record, changes, in_words};
use crate::scenario::{RequestSet, Scenario};
use crate::transcript::READER_VERSION;

/// The run, and everything that its plan is made from.
pub(crate) struct Recorded {
    pub(crate) run: Finished,
    pub(crate) manifest: Manifest,
    pub(crate) scenario: Scenario,
    requests: RequestSet,
    pub(crate) loaded: Loaded,
}

impl Recorded {
    /// Opens the model of a run: the one named, or the one that the run says it was made with.
    ///
    /// # Errors
    /// The run was made elsewhere; the model is not to be found, or its weights cannot be read.
    pub(crate) fn open(run: Finished, model: Option<&str>, talk: &dyn Events) -> Result<Self> {
        let manifest = run.record.made()?.clone();
        let name = match model {
            Some(name) => name.to_owned(),
            None => model_of(&run.path, &manifest)?,
        };
        let compute = Compute::of_numerics(&manifest.numerics, manifest.model.quantize)
            .steered(manifest.model.steering.clone());
        let (text, files) = (&manifest.scenario.text, &manifest.scenario.files);
        let scenario = Scenario::from_text("the manifest's scenario", text, files)?;
        let recorded = &manifest.requests;
        let requests = RequestSet::recorded(&recorded.name, &recorded.digest, &recorded.items);
        let variant = scenario.variant(&manifest.variant)?;
        let longest = |model: &Model| {
            let plan = Plan::new(model, &scenario, variant, &requests, &manifest.settings)?;
            Ok(plan.longest_text())
        };
        let loaded = Loaded::open_hashed(&name, &compute, longest, talk)?;
        Ok(Self { run, manifest, scenario, requests, loaded })
    }

    /// The plan of the run, or the same with another variant's prompts.
    ///
    /// # Errors
    /// There is no such variant, or its prompts cannot be put to the model.
    pub(crate) fn plan(&self, variant: &str) -> Result<Plan<'_>> {
        Plan::new(
            &self.loaded.model,
            &self.scenario,
            self.scenario.variant(variant)?,
            &self.requests,
            &self.manifest.settings,
        )
    }

    /// The plan of the run, and the manifest that it would have here. Names, versions and numerics may differ from
    /// the recorded one; what the model was given may not.
    ///
    /// # Errors
    /// The run was made in another format or read by another reader, the model is another one, or it is given something
    /// else.
    pub(crate) fn checked_plan(&self) -> Result<(Plan<'_>, Manifest)> {
        let recorded = &self.manifest;
        let plan = self.plan(&recorded.variant)?;
        let here = Manifest::new(&plan, self.loaded.decoder.info())?;
        check_versions(&self.run.record)?;
        let expected = Manifest {
            format: here.format,
            reader: here.reader,
            numerics: here.numerics.clone(),
            candor: here.candor.clone(),
            promise: here.promise.clone(),
            model: ModelRecord {
                label: here.model.label.clone(),
                // Words for people, which change with the version.
                stop_sources: here.model.stop_sources.clone(),
                notes: here.model.notes.clone(),
                ..recorded.model.clone()
            },
            ..recorded.clone()
        };
        let changes = changes(&expected, &here)?;
        match changes.is_empty() {
            true => Ok((plan, here)),
            false => Err(Error::input(format!(
                "`{}` is not what the run was made with: {}",
                self.loaded.name,
                in_words(&changes, ["there", "here"])
            ))
            .hint("name the model of the run with `--model`")),
        }
    }
}

/// Refuses a run whose transcripts cannot be held against those that this candor makes: it has another format, or
/// another reader took its replies apart.
///
/// # Errors
/// It is one; the message names both versions.
pub(crate) fn check_versions(record: &Record) -> Result<()> {
    for (what, there, here) in [
        ("the run folder has format", record.format(), FORMAT),
        ("the run's replies were read by reader", record.reader(), READER_VERSION),
    ] {
        if there != here {
            return Err(Error::incomparable(format!("{what} {there}, and this candor has {here}"))
                .hint("compare it with the version of candor that made it; `report`, `show`, `export` and `judge` read it"));
        }
    }
    Ok(())
}

/// Where the model of a run is, as far as the run says.
fn model_of(path: &Path, manifest: &Manifest) -> Result<String> {
    let label = &manifest.model.label;
    // Where the adapters lie stands in what the user typed.
    let source = manifest.model.source.as_ref().filter(|_| manifest.model.adapters.is_empty());
    match source {
        Some(source) => Ok(format!("{label}@{}", source.commit)),
        None if label.starts_with("organism:") && manifest.model.adapters.is_empty() => {
            Ok(label.clone())
        }
        None => Performance::read(path).map(|p| p.model).map_err(|_| {
            Error::input("the run does not say where its model lies").hint("name it with `--model`")
        }),
    }
}
