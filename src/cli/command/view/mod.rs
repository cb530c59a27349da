//! `candor view`: the report's page, served on 127.0.0.1, with the progress of runs that are under way. Reads run
//! folders and writes nothing.

mod http;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;

use serde_json::json;

use crate::cli::args::ViewArgs;
use crate::cli::given::folders::{Want, tell, within};
use crate::cli::interrupt;
use crate::cli::screen::talk::{Talk, print};
use crate::error::{Error, Result};
use crate::events::shown;
use crate::judge::rules;
use crate::report::{self, RunView, TrialProgress};
use crate::run::{Finished, Skipped, State, TrialCount};
use crate::study::JudgedRun;
use crate::study::compare::compare_together;
use http::{Answer, Door, listen, serve};

/// Runs on one page.
const MOST_RUNS: usize = 1000;
/// The served page's own policy: it may ask its own origin, and that is all.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(in crate::cli) fn view(args: &ViewArgs, talk: &Talk) -> Result<()> {
    let site = Site {
        roots: args.runs.clone(),
        judge: args.judge.clone(),
        page: Mutex::default(),
        followed: Mutex::default(),
    };
    let (runs, skipped) = site.found()?;
    tell(&skipped, talk);
    site.page()?;
    let interrupted = interrupt::flag()?;
    let (listener, port) = listen(args.port)?;
    talk.say(format!(
        "{} on 127.0.0.1:{port}, for this machine only; Ctrl-C ends it",
        match &runs[..] {
            [run] => shown(run),
            runs => format!("{} runs", runs.len()),
        }
    ));
    let word = if args.no_token { None } else { Some(Door::new_word()?) };
    let door = Door { port, word };
    print(&format!("{}\n", door.address()))?;
    serve(listener, &door, interrupted, move |path| site.answer(path));
    Ok(())
}

/// What is served.
struct Site {
    roots: Vec<PathBuf>,
    judge: String,
    page: Mutex<Option<Page>>,
    /// Runs that have not finished, by their folders.
    followed: Mutex<HashMap<PathBuf, Followed>>,
}

/// A run that has not finished, of whose records only what is new is read.
struct Followed {
    manifest: Option<Stamp>,
    model: String,
    /// As many as there will be, where that is known.
    trials: Option<usize>,
    count: TrialCount,
}

impl Followed {
    fn new(run: &Path, manifest: Option<Stamp>) -> Result<Self> {
        let record = Finished::record(run)?;
        let (model, trials) = (record.model_name(), record.trials());
        Ok(Self { manifest, model, trials, count: TrialCount::of(run) })
    }

    fn progress(&mut self) -> Result<TrialProgress> {
        let trials_done = self.count.now()?;
        Ok(TrialProgress { trials_done, trials: self.trials.unwrap_or(trials_done) })
    }
}

/// Changes when a file is written anew.
#[derive(Debug, PartialEq, Eq)]
struct Stamp(u64, Option<SystemTime>);

impl Stamp {
    fn of(file: &Path) -> Option<Self> {
        let about = file.metadata().ok()?;
        Some(Self(about.len(), about.modified().ok()))
    }
}

/// The page of one state of the folders.
#[derive(Clone)]
struct Page {
    version: String,
    html: String,
}

impl Site {
    fn answer(&self, path: &str) -> Answer {
        let found = match path {
            "/" => self.page().map(|page| ("text/html; charset=utf-8", page.html)),
            "/state" => self.state().map(|state| ("application/json", state)),
            _ => return Answer::text("404 Not Found", "there are `/` and `/state`"),
        };
        match found {
            Ok((media, text)) => {
                Answer { status: "200 OK", media, policy: POLICY, body: text.into_bytes() }
            }
            Err(error) => Answer::text("500 Internal Server Error", &error.to_string()),
        }
    }

    /// Every run folder in or below the given ones, in order; shards are left to `sweep merge`.
    fn found(&self) -> Result<(Vec<PathBuf>, Vec<Skipped>)> {
        let (mut runs, mut skipped) = (Vec::new(), Vec::new());
        for root in &self.roots {
            let (taken, passed_over) = within(root, Want::Any)?;
            skipped.extend(passed_over);
            let before = runs.len();
            runs.extend(taken);
            if runs.len() == before {
                return Err(Error::input(format!("there is no run in `{}`", root.display()))
                    .hint("name a run folder, or a folder of run folders"));
            }
        }
        if runs.len() > MOST_RUNS {
            return Err(Error::input(format!("{} runs are too many for one page", runs.len()))
                .hint(format!("name folders with {MOST_RUNS} runs or fewer")));
        }
        Ok((runs, skipped))
    }

    fn runs(&self) -> Result<Vec<PathBuf>> {
        Ok(self.found()?.0)
    }

    fn page(&self) -> Result<Page> {
        let runs = self.runs()?;
        let version = version(&runs);
        let lost = |_| Error::failed("the page was lost");
        let mut held = self.page.lock().map_err(lost)?;
        if let Some(page) = held.as_ref().filter(|page| page.version == version) {
            return Ok(page.clone());
        }
        let silent = Talk::new(true, true);
        let mut views = runs
            .iter()
            .map(|run| {
                let judge = match State::of(run) {
                    Some(State::Sealed) => &self.judge,
                    _ => rules::NAME,
                };
                JudgedRun::now(run, judge, &silent)?.view()
            })
            .collect::<Result<Vec<RunView>>>()?;
        compare_together(&mut views);
        let page = Page { html: report::live(&views, &version)?, version };
        *held = Some(page.clone());
        Ok(page)
    }

    /// How far the runs are, and a name for it that changes whenever they do.
    fn state(&self) -> Result<String> {
        let runs = self.runs()?;
        let mut followed = self.followed.lock().map_err(|_| Error::failed("the runs were lost"))?;
        let mut before = std::mem::take(&mut *followed);
        let mut under_way = Vec::new();
        for run in runs.iter().filter(|run| State::of(run) == Some(State::Begun)) {
            let manifest = Stamp::of(&run.join("manifest.json"));
            let known = before.remove(run).filter(|known| known.manifest == manifest);
            let mut known = match known {
                Some(known) => known,
                None => Followed::new(run, manifest)?,
            };
            under_way.push((known.model.clone(), known.progress()?));
            followed.insert(run.clone(), known);
        }
        let progress = report::progress_in_words(runs.len(), &under_way);
        Ok(json!({ "version": version(&runs), "progress": progress }).to_string())
    }
}

/// Changes whenever a run's records or verdicts do: made of the files' names, lengths and times.
fn version(runs: &[PathBuf]) -> String {
    let mut hasher = blake3::Hasher::new();
    for run in runs {
        let mut files =
            ["manifest.json", "journal.jsonl", "seal.json"].map(|name| run.join(name)).to_vec();
        if let Ok(verdicts) = std::fs::read_dir(run.join("verdicts")) {
            files.extend(verdicts.flatten().map(|entry| entry.path()));
        }
        files.sort();
        for file in files {
            let Some(Stamp(len, modified)) = Stamp::of(&file) else { continue };
            hasher.update(file.as_os_str().as_encoded_bytes());
            hasher.update(format!("\0{len}\0{modified:?}\0").as_bytes());
        }
    }
    hasher.finalize().to_hex()[..16].to_owned()
}
