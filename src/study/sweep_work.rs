//! What one process makes of a sweep: its cells, model by model, each model loaded once and its cells made together.

use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::{Mutex, PoisonError};

use super::experiment::{Wanted, make};
use super::longest::one_side;
use super::verdicts::judge_and_publish;
use crate::error::{Error, Kind, Result};
use crate::events::{Events, TrialEvents, shown};
use crate::machine::{Compute, Loaded, open_model};
use crate::model::Model;
use crate::report::RunView;
use crate::run::{Pace, Plan, Rendered, Settings, Shard, ShardPart};
use crate::sweep::{Cell, Division, ModelEntry, Sweep};

/// Cells of a model that are made together at most: each has two files open.
const CELLS_TOGETHER: usize = 64;

/// Which share of a sweep one process takes upon itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct SweepShare {
    /// The cells of this model only.
    pub(crate) only: Option<String>,
    /// Of these cells, this part only.
    pub(crate) cells: Option<Shard>,
    /// This part of every cell only.
    pub(crate) shard: Option<Shard>,
    /// Where models compute that do not say it themselves, instead of where the file says.
    pub(crate) device: Option<String>,
}

/// What this process is to do of a sweep.
pub(crate) struct Work<'s> {
    pub(crate) sweep: &'s Sweep,
    /// Where the sweep's runs are to lie in the end.
    pub(crate) out: &'s Path,
    /// Where the run folders of this process lie.
    pub(crate) folder: PathBuf,
    pub(crate) division: Option<Division>,
    /// The places of the cells that this process is about.
    wanted: Range<usize>,
    /// Where models compute that do not say it themselves.
    device: &'s str,
    /// The part of each cell that is to be made; none where it is the whole.
    parts: Vec<Option<ShardPart>>,
    /// Prompts of the model at hand, which its cells and the look at its longest text share.
    rendered: Mutex<Vec<Known>>,
}

/// Prompts that were made already: of a variant and requests by their addresses, which stay while the sweep is there.
struct Known {
    asked: [usize; 2],
    settings: Settings,
    rendered: Rendered,
}

impl<'s> Work<'s> {
    pub(crate) fn new(sweep: &'s Sweep, out: &'s Path, share: &'s SweepShare) -> Result<Self> {
        let wanted = match &share.only {
            Some(only) => cells_of(sweep, only, share.cells)?,
            None => 0..sweep.cells.len(),
        };
        // A shard is one process.
        let device = share.device.as_ref().or(sweep.devices.first());
        let device = device.map_or("auto", String::as_str);
        let division = share.shard.map(|shard| Division::new(sweep, shard)).transpose()?;
        let (folder, parts) = match &division {
            Some(division) => (
                out.join("shards").join(division.shard.file_name()),
                division.parts().into_iter().map(Some).collect(),
            ),
            None => (out.to_owned(), sweep.cells.iter().map(|_| None).collect()),
        };
        let rendered = Mutex::default();
        Ok(Self { sweep, out, folder, division, wanted, device, parts, rendered })
    }

    /// The cells of which there is something to do, each with its part.
    pub(crate) fn cells(&self) -> impl Iterator<Item = (&'s Cell, Option<&ShardPart>)> {
        let parts = self.parts[self.wanted.clone()].iter().map(Option::as_ref);
        let cells = self.sweep.cells[self.wanted.clone()].iter().zip(parts);
        cells.filter(|(_, part)| part.is_none_or(|part| !part.is_empty()))
    }

    /// Trials of all of them.
    pub(crate) fn trials(&self) -> Result<usize> {
        self.trials_of(&self.cells().collect::<Vec<_>>())
    }

    pub(crate) fn trials_of(&self, cells: &[(&Cell, Option<&ShardPart>)]) -> Result<usize> {
        cells.iter().map(|(cell, part)| self.sweep.trials(cell, *part)).sum()
    }

    /// The models of which there is something to do, each with the name of its folder and its cells.
    pub(crate) fn models(
        &self,
    ) -> impl Iterator<Item = (&'s str, &'s ModelEntry, Vec<(&'s Cell, Option<&ShardPart>)>)> {
        let models = self.sweep.models.iter().enumerate();
        models.filter_map(|(m, (name, entry))| {
            let cells: Vec<_> = self.cells().filter(|(cell, _)| cell.model == m).collect();
            (!cells.is_empty()).then_some((name.as_str(), entry, cells))
        })
    }

    /// What cells of the model at hand are made of, cut to their parts. Cells that ask the same share their prompts.
    pub(crate) fn plans<'m>(
        &'m self,
        model: &'m Model,
        cells: impl IntoIterator<Item = (&'m Cell, Option<&'m ShardPart>)>,
    ) -> Result<Vec<Plan<'m>>> {
        let mut plans: Vec<Plan<'m>> = Vec::new();
        let mut known = self.rendered.lock().unwrap_or_else(PoisonError::into_inner);
        for (cell, part) in cells {
            let (scenario, variant, requests) = self.sweep.parts(cell)?;
            let asked = [ptr::from_ref(variant).addr(), ptr::from_ref(requests).addr()];
            let same = |known: &&Known| {
                known.asked == asked && known.settings.has_prompts_of(&cell.settings)
            };
            let settings = &cell.settings;
            let plan = match known.iter().find(same) {
                Some(Known { rendered, .. }) => {
                    let rendered = rendered.clone();
                    Plan::with_rendered(model, scenario, variant, requests, settings, rendered)
                }
                None => {
                    let plan = Plan::new(model, scenario, variant, requests, settings);
                    known.extend(plan.iter().map(|plan| Known {
                        asked,
                        settings: settings.clone(),
                        rendered: plan.rendered(),
                    }));
                    plan
                }
            };
            let place = cell.place.display();
            let mut plan = plan.map_err(|error| error.within(format!("cell `{place}`")))?;
            if let Some(part) = part {
                plan.keep(part);
            }
            plans.push(plan);
        }
        Ok(plans)
    }

    /// Tokens of the longest text of a model's cells, of this shard or another: what a model gives must not
    /// depend on how the sweep is divided.
    fn longest(&self, model: &Model, m: usize) -> Result<usize> {
        let cells = self.sweep.cells.iter().filter(|cell| cell.model == m);
        let plans = self.plans(model, cells.map(|cell| (cell, None)))?;
        one_side(model, &plans.iter().map(Plan::longest_text).collect::<Vec<_>>())
    }

    /// Prompts are kept of one model at a time, and are those of its files as they were opened last.
    fn forget_prompts(&self) {
        self.rendered.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Checks every cell without reading weights: files, prompts, memory.
    pub(crate) fn check(&self, talk: &dyn Events) -> Result<()> {
        for (_, entry, cells) in self.models() {
            let model = open_model(&entry.name, talk)?;
            self.forget_prompts();
            self.longest(&model, cells[0].0.model)?;
            let within = |error: Error| error.within(format!("model `{}`", entry.name));
            let compute = self.compute(entry).map_err(within)?;
            compute.check_room(&model.weights().map_err(within)?).map_err(within)?;
        }
        Ok(())
    }

    /// A model with its weights in memory, for all its cells.
    pub(crate) fn load(
        &self,
        entry: &ModelEntry,
        cells: &[(&Cell, Option<&ShardPart>)],
        talk: &dyn Events,
    ) -> Result<Loaded> {
        self.forget_prompts();
        let longest = |model: &Model| self.longest(model, cells[0].0.model);
        Loaded::open_hashed(&entry.name, &self.compute(entry)?, longest, talk)
    }

    /// Where and how a model computes.
    fn compute(&self, entry: &ModelEntry) -> Result<Compute> {
        let device = entry.device.as_deref().unwrap_or(self.device);
        Compute::open(device, entry.dtype.as_deref(), entry.pass_width, entry.quantize)
    }

    /// Makes all cells, and gives the views of those that are finished and how many are not.
    ///
    /// # Errors
    /// The user interrupted it.
    pub(crate) fn run(&self, talk: &dyn Events) -> Result<(Vec<RunView>, usize)> {
        let all = self.cells().count();
        let mut bar = talk.trials(self.trials()?);
        let (mut views, mut finished, mut ended, mut done_before) = (Vec::new(), 0, 0, 0);
        for (name, entry, cells) in self.models() {
            bar.begin(name, done_before);
            let loaded = match bar.suspend(|| self.load(entry, &cells, talk)) {
                Ok(loaded) => loaded,
                Err(error) if error.kind() == Kind::Interrupted => return Err(error),
                Err(error) => {
                    bar.suspend(|| talk.error(&error));
                    ended += cells.len();
                    done_before += self.trials_of(&cells)?;
                    continue;
                }
            };
            for cells in cells.chunks(CELLS_TOGETHER) {
                bar.begin(name, done_before);
                let mut made: Vec<Option<RunView>> = cells.iter().map(|_| None).collect();
                let before = ended;
                let stopped = self.make(&loaded, cells, &mut *bar, talk, &mut |cell, view| {
                    let place = &cells[cell].0.place;
                    ended += 1;
                    match view {
                        Ok(view) => {
                            talk.say(format!("cell {ended} of {all}: {}", shown(place)));
                            finished += 1;
                            made[cell] = view;
                        }
                        Err(error) => {
                            talk.error(&error.within(format!("cell `{}`", place.display())));
                        }
                    }
                });
                match stopped {
                    Ok(()) => {}
                    Err(error) if error.kind() == Kind::Interrupted => return Err(error),
                    Err(error) => {
                        bar.suspend(|| talk.error(&error.within(format!("model `{name}`"))));
                    }
                }
                ended = before + cells.len();
                views.extend(made.into_iter().flatten());
                done_before += self.trials_of(cells)?;
            }
        }
        Ok((views, all - finished))
    }

    /// Makes cells of one model together. `ended` is told of each its view, which the part of one does not have.
    fn make(
        &self,
        loaded: &Loaded,
        cells: &[(&Cell, Option<&ShardPart>)],
        bar: &mut dyn TrialEvents,
        talk: &dyn Events,
        ended: &mut dyn FnMut(usize, Result<Option<RunView>>),
    ) -> Result<()> {
        let plans = self.plans(&loaded.model, cells.iter().copied())?;
        let wanted = plans.into_iter().zip(cells).map(|(plan, (cell, part))| Wanted {
            plan,
            part: part.cloned(),
            out: Some(self.folder.join(&cell.place)),
        });
        let wanted: Vec<Wanted<'_>> = wanted.collect();
        let pace = Pace { batch: cells.first().map_or(1, |(cell, _)| cell.batch), draft: true };
        make(loaded, &wanted, pace, bar, talk, &mut |cell, folder| {
            let view = folder.and_then(|folder| match cells[cell].1 {
                Some(_) => Ok(None),
                None => judge_and_publish(folder.lock(), talk).map(Some),
            });
            ended(cell, view);
            ControlFlow::Continue(())
        })
    }
}

/// The places of a model's cells, or of a part of them.
fn cells_of(sweep: &Sweep, model: &str, part: Option<Shard>) -> Result<Range<usize>> {
    let names = || sweep.models.iter().map(|(name, _)| name.as_str());
    let Some(m) = names().position(|name| name == model) else {
        return Err(Error::input(format!("the sweep has no model `{model}`"))
            .hint(format!("it has {}", names().collect::<Vec<_>>().join(", "))));
    };
    let first = sweep.cells.partition_point(|cell| cell.model < m);
    let count = sweep.cells.partition_point(|cell| cell.model <= m) - first;
    let share = part.map_or(0..count, |part| part.share(count));
    Ok(first + share.start..first + share.end)
}
