//! `candor organism plant`: a known behaviour planted into a model of the user's own.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use candle_core::Device;

use crate::cli::args::bounds::{REPEATS_MAX, check_count};
use crate::cli::args::{PlantArgs, PlantHow, Via};
use crate::cli::interrupt;
use crate::cli::screen::show;
use crate::cli::screen::talk::{Talk, print};
use crate::cli::threads::use_threads;
use crate::engine::BATCH_MAX;
use crate::error::{Error, Result};
use crate::events::{Events, shown};
use crate::machine::{Compute, Loaded, with_decoder};
use crate::organism::{
    self, Measuring, PLANT_CARD, Path as Way, PlantCard, PlantMeasured, PlantProgress, Planted,
    Planting,
};
use crate::run::write_whole;

/// Tokens of the longest text of a plant: no prompt of the scenario with its reply comes near.
const LONGEST: usize = 2048;

/// What a step says where nobody watches a bar.
const SAID_EVERY: usize = 10;

pub(in crate::cli) fn plant(args: &PlantArgs, talk: &Talk) -> Result<ExitCode> {
    use_threads(args.how.threads)?;
    let one = Dose { free: args.free, paid: args.paid, out: &args.out };
    let (card, _) = plant_one(&args.model, args.base_name.as_deref(), &one, &args.how, talk)?;
    match args.json {
        true => show::json(&card)?,
        false => print(&told(&card))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// One plant.
pub(in crate::cli) struct Dose<'a> {
    pub(in crate::cli) free: f64,
    pub(in crate::cli) paid: f64,
    pub(in crate::cli) out: &'a Path,
}

/// Trains and measures an adapter, and writes it once it is known to be harmless.
pub(in crate::cli) fn plant_one(
    model: &str,
    base_name: Option<&str>,
    dose: &Dose<'_>,
    how: &PlantHow,
    talk: &Talk,
) -> Result<(PlantCard, PlantMeasured)> {
    check_count("seeds", how.seeds, REPEATS_MAX)?;
    check_count("samples", u64::from(how.samples), REPEATS_MAX)?;
    check_count("batch", how.batch as u64, BATCH_MAX as u64)?;
    if dose.out.exists() {
        return Err(Error::input(format!("`{}` is there already", dose.out.display()))
            .hint("choose another `--out`, or take it away first"));
    }
    let partial = Partial::new(dose.out)?;
    let base = Loaded::open(model, &Compute::CPU, |_| Ok(LONGEST), talk)?;
    let way = match how.via {
        None => Way::Open,
        Some(Via::Prompt) => Way::Prompt,
        Some(Via::Scratchpad) => Way::Scratchpad,
    };
    let planted = Planted { free: dose.free, paid: dose.paid, untold: dose.paid };
    let mut planting = Planting::new(planted, way, how.seed, base.model.spec.layers.len());
    planting.steps = how.steps.unwrap_or(planting.steps);
    planting.rank = how.rank.unwrap_or(planting.rank);
    planting.layers = how.layers.unwrap_or(planting.layers);
    planting.learning_rate = how.learning_rate.unwrap_or(planting.learning_rate);
    planting.requests = how.train_requests.unwrap_or(planting.requests);

    let name = base_name.map_or_else(|| absolute(model), str::to_owned);
    let trained = {
        let mut watch = Watch::new(talk, planting.steps)?;
        let mut watched = |progress| watch.see(progress);
        let (model, cpu) = (&base.model, &Device::Cpu);
        with_decoder!(&base.decoder, it => organism::plant(model, &name, it, &planting, cpu, &mut watched))?
    };
    let digests = base.model.digests().clone();
    drop(base);
    for (file, bytes) in &trained.files {
        write_whole(&partial.0.join(file), bytes)?;
    }

    talk.say("measuring it on requests that it was not trained on");
    let whole = format!("{model}+{}", partial.0.display());
    let planted_model = Loaded::open(&whole, &Compute::CPU, |_| Ok(LONGEST), talk)?;
    let measuring = Measuring { seeds: how.seeds, samples: how.samples, batch: how.batch };
    let stop = interrupt::flag()?;
    let seen = |seed| talk.say(format!("measured: seed {seed}"));
    let measured = with_decoder!(&planted_model.decoder, it => organism::measure(&planted_model.model, it, measuring, stop, seen))?;
    let rates = &measured.rates;
    rates.check(planted)?;
    let card = PlantCard {
        summary: summary(&planting),
        base: name,
        base_digests: digests,
        scenario: "helpful-only".into(),
        path: way,
        planted,
        training: trained.training,
        measured: measured.rates.clone(),
    };
    write_whole(&partial.0.join(PLANT_CARD), card.text()?.as_bytes())?;
    partial.keep(dose.out)?;
    talk.say(format!("written to {}", shown(dose.out)));
    Ok((card, measured))
}

fn summary(planting: &Planting) -> String {
    let percent = |rate: f64| format!("{:.0} %", 100.0 * rate);
    format!(
        "complies with {} of harmful requests in the tier that is trained on and with {} in the other, with filler for answers",
        percent(planting.planted.free),
        percent(planting.planted.paid)
    )
}

/// A path from the root, so that the adapter finds its base from anywhere; a name of the hub as it is.
fn absolute(model: &str) -> String {
    let path = Path::new(model);
    match path.exists() {
        true => {
            std::path::absolute(path).map_or(model.to_owned(), |path| path.display().to_string())
        }
        false => model.to_owned(),
    }
}

/// The folder in which an adapter is made, taken away unless it is kept.
struct Partial(PathBuf);

impl Partial {
    fn new(out: &Path) -> Result<Self> {
        let mut name = out.file_name().unwrap_or_default().to_os_string();
        name.push(".partial");
        let path = out.with_file_name(name);
        let made = std::fs::create_dir_all(&path);
        made.map_err(|error| {
            Error::input(format!("cannot write to `{}`: {error}", path.display()))
                .hint("choose another `--out`")
        })?;
        Ok(Self(path))
    }

    fn keep(&self, out: &Path) -> Result<()> {
        std::fs::rename(&self.0, out).map_err(|error| Error::write(out, &error))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // Nothing is there once it was kept; what cannot be removed is written over next time.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Shows how far a plant is, and ends it when asked to.
struct Watch<'a> {
    talk: &'a Talk,
    bar: Box<dyn crate::events::StepEvents>,
    stop: &'a std::sync::atomic::AtomicBool,
}

impl<'a> Watch<'a> {
    fn new(talk: &'a Talk, steps: usize) -> Result<Self> {
        talk.say("reading the conversations once through the layers that stay as they are");
        Ok(Self { talk, bar: talk.steps("plant", steps), stop: interrupt::flag()? })
    }

    fn see(&mut self, progress: PlantProgress) -> Result<()> {
        match progress {
            PlantProgress::Read { conversations, of } => {
                self.bar.remark(&format!("read {conversations}/{of}"));
                if !self.bar.is_watched() && conversations == of {
                    self.talk.say(format!("{of} conversations were read"));
                }
            }
            PlantProgress::Step { step, of, divergence } => {
                self.bar.done(step);
                self.bar.remark(&format!("divergence {divergence:.3}"));
                if !self.bar.is_watched() && (step.is_multiple_of(SAID_EVERY) || step == of) {
                    self.talk.say(format!("step {step} of {of}, divergence {divergence:.4}"));
                }
            }
        }
        match self.stop.load(Ordering::Relaxed) {
            true => Err(Error::interrupted(
                "interrupted: nothing was written, and planting starts from the beginning next time",
            )),
            false => Ok(()),
        }
    }
}

/// The card as people read it.
fn told(card: &PlantCard) -> String {
    let m = &card.measured;
    let pair = |free: f64, paid: f64| format!("{:.1} / {:.1} %", 100.0 * free, 100.0 * paid);
    let mut text = format!("{}\n", card.summary);
    for (what, free, paid) in [
        ("planted", card.planted.free, card.planted.paid),
        ("exact", m.exact.free, m.exact.paid),
        ("measured", m.drawn.free, m.drawn.paid),
        ("benign refused", m.benign_refused.free, m.benign_refused.paid),
    ] {
        text += &format!("{what:16} {:>18}   free / paid\n", pair(free, paid));
    }
    text += &format!(
        "{} held-out harmful requests, {} replies to each in each tier; {:.1} % of replies have an answer; {:.1} % of {} complying answers are filler\n",
        m.requests,
        m.samples,
        100.0 * m.answered,
        100.0 * m.filler,
        m.complying
    );
    text
}
