//! The matrix: models × scenarios × variants × sampling settings × seeds, less what is excluded, and what is
//! included besides. Checked as a whole; knows nothing about models but their names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use toml::Spanned;

use super::file::{File, ModelEntry, Pattern, SamplingEntry, SettingsEntry, SlurmEntry};
use crate::engine::BATCH_MAX;
use crate::error::{Error, Result};
use crate::model::RenderOptions;
use crate::run::{Settings, ShardPart};
use crate::scenario::{Order, RequestSet, Scenario, Source, Variant, read_toml};

const EXAMPLE: &str = "the smallest file has `[[models]]` with `name = \"organism:faker\"`";

/// A checked sweep: its cells stand model by model.
#[derive(Debug)]
pub struct Sweep {
    /// Folder of the run folders, if the file names one.
    pub out: Option<PathBuf>,
    /// Devices that the models are divided among; none is `auto`.
    pub devices: Vec<String>,
    /// The models by the names of their folders, in the order of the file.
    pub models: Vec<(String, ModelEntry)>,
    /// All cells; those of a model follow each other.
    pub cells: Vec<Cell>,
    /// What a cluster is to be asked for.
    pub slurm: Option<SlurmEntry>,
    scenarios: BTreeMap<String, Scenario>,
    requests: BTreeMap<Asked, RequestSet>,
}

/// What decides which requests a cell puts and how it shows them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Asked {
    /// Name or path of the set.
    set: String,
    limit: Option<usize>,
    /// The scenario, which decides what is shown besides the words.
    scenario: String,
    /// The seed, where the order of options is drawn from it; none where all seeds ask the same.
    seed: Option<u64>,
}

/// One run of the sweep.
#[derive(Debug)]
pub struct Cell {
    /// Place of its model among the models.
    pub model: usize,
    /// Where its run folder lies below the sweep's: `model/scenario/variant/sampling/seed-N`.
    pub place: PathBuf,
    /// Everything on which the transcripts depend besides model, scenario and requests.
    pub settings: Settings,
    /// Sequences that are decoded at once.
    pub batch: usize,
    scenario: String,
    variant: String,
    requests: Asked,
}

/// A choice of each axis.
struct Choice<'a> {
    model: &'a str,
    scenario: &'a str,
    variant: &'a str,
    sampling: &'a str,
    seed: u64,
}

impl Pattern {
    fn matches(&self, choice: &Choice<'_>) -> bool {
        let same = |wanted: &Option<String>, value: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == value)
        };
        same(&self.model, choice.model)
            && same(&self.scenario, choice.scenario)
            && same(&self.variant, choice.variant)
            && same(&self.sampling, choice.sampling)
            && self.seed.is_none_or(|seed| seed == choice.seed)
    }
}

impl Sweep {
    /// Reads a sweep's file, with the scenarios and requests that it names.
    ///
    /// # Errors
    /// A key that is unknown or has the wrong type, two things of one name, a scenario, variant or request set
    /// that is not there or does not pass its checks, settings that mean nothing, an `exclude` without effect,
    /// no cell at all: by file and line where it is in this file.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = crate::files::read_bytes(path, crate::files::TEXT_MAX).map_err(|error| {
            Error::read(path, &error).hint("name a sweep file; the README shows one")
        })?;
        Self::parse(&Source::new(path.display().to_string(), bytes)?)
    }

    fn parse(source: &Source) -> Result<Self> {
        let mut file: File = read_toml(source, EXAMPLE)?;
        let entries = file.models.iter().flat_map(|model| {
            let span = model.span();
            model
                .get_ref()
                .with_adapters()
                .into_iter()
                .map(move |one| Spanned::new(span.clone(), one))
        });
        file.models = entries.collect();
        if file.sampling.is_empty() {
            file.sampling.push(Spanned::new(0..0, SamplingEntry::plain()));
        }
        let models = names(
            source,
            file.models.iter().map(|model| (model.span().start, folder_name(model.get_ref()))),
        )?;
        let samplings = names(
            source,
            file.sampling.iter().map(|s| (s.span().start, s.get_ref().name.clone())),
        )?;
        let mut sweep = Self {
            out: file.out.take(),
            devices: std::mem::take(&mut file.devices),
            models: models
                .iter()
                .cloned()
                .zip(file.models.iter().map(|model| model.get_ref().clone()))
                .collect(),
            cells: Vec::new(),
            slurm: file.slurm.take(),
            scenarios: BTreeMap::new(),
            requests: BTreeMap::new(),
        };
        sweep.load_scenarios(&file)?;

        let mut places = BTreeSet::new();
        let mut excluded = vec![false; file.exclude.len()];
        for (m, model) in models.iter().enumerate() {
            for scenario in &file.scenarios {
                for variant in sweep.variants(scenario, &file.variants) {
                    for (s, sampling) in samplings.iter().enumerate() {
                        for &seed in &file.seeds {
                            let choice =
                                Choice { model, scenario, variant: &variant, sampling, seed };
                            let hits: Vec<usize> = (0..file.exclude.len())
                                .filter(|&i| file.exclude[i].get_ref().matches(&choice))
                                .collect();
                            hits.iter().for_each(|&i| excluded[i] = true);
                            if hits.is_empty() {
                                let cell = sweep.cell(&file, m, s, &choice)?;
                                if !places.insert(cell.place.clone()) {
                                    return Err(twice(source, 0, &cell));
                                }
                                sweep.cells.push(cell);
                            }
                        }
                    }
                }
            }
        }
        if let Some(i) = excluded.iter().position(|hit| !hit) {
            return Err(source
                .error_at(file.exclude[i].span().start, "this `exclude` excludes nothing")
                .hint("its keys name a model (as its folder is called), scenario, variant, sampling, seed"));
        }
        for include in &file.include {
            let cell = sweep.included(source, &file, (&models, &samplings), include)?;
            if !places.insert(cell.place.clone()) {
                return Err(twice(source, include.span().start, &cell));
            }
            sweep.cells.push(cell);
        }
        if sweep.cells.is_empty() {
            return Err(source.error(1, "the sweep has no cell").hint(EXAMPLE));
        }
        // Each model is loaded once, whatever `include` adds.
        sweep.cells.sort_by_key(|cell| cell.model);
        if let Some(slurm) = sweep.slurm.as_ref().filter(|slurm| slurm.shards == 0) {
            return Err(source
                .error(1, format!("key `slurm.shards`: {} cannot be used", slurm.shards))
                .hint("give the number of tasks of the array"));
        }
        Ok(sweep)
    }

    fn load_scenarios(&mut self, file: &File) -> Result<()> {
        let included = file.include.iter().filter_map(|i| i.get_ref().scenario.as_ref());
        for name in file.scenarios.iter().chain(included) {
            if !self.scenarios.contains_key(name) {
                self.scenarios.insert(name.clone(), Scenario::load(name)?);
            }
        }
        Ok(())
    }

    /// The variants of a scenario that the matrix has.
    fn variants(&self, scenario: &str, names: &[String]) -> Vec<String> {
        match self.scenarios.get(scenario) {
            Some(scenario) if names.is_empty() => vec![scenario.variants[0].name.clone()],
            _ => names.to_vec(),
        }
    }

    fn included(
        &mut self,
        source: &Source,
        file: &File,
        (models, samplings): (&[String], &[String]),
        include: &Spanned<Pattern>,
    ) -> Result<Cell> {
        let pattern = include.get_ref();
        let at = include.span().start;
        let place = |names: &[String], key: &str, wanted: &Option<String>| match wanted {
            Some(wanted) => names.iter().position(|name| name == wanted).ok_or_else(|| {
                source
                    .error_at(at, format!("key `include.{key}`: there is no `{wanted}`"))
                    .hint(format!("there is {}", names.join(", ")))
            }),
            None if names.len() == 1 => Ok(0),
            None => Err(source
                .error_at(at, format!("this `include` has no key `{key}`"))
                .hint(format!("one of {}", names.join(", ")))),
        };
        let m = place(models, "model", &pattern.model)?;
        let s = place(samplings, "sampling", &pattern.sampling)?;
        let scenario = match (&pattern.scenario, &file.scenarios[..]) {
            (Some(scenario), _) | (None, [scenario]) => scenario.clone(),
            _ => {
                return Err(source
                    .error_at(at, "this `include` has no key `scenario`")
                    .hint("name one scenario"));
            }
        };
        let variant = match &pattern.variant {
            Some(variant) => variant.clone(),
            None => self.variants(&scenario, &[]).swap_remove(0),
        };
        let seed = pattern.seed.or(file.seeds.first().copied()).unwrap_or(0);
        let choice = Choice {
            model: &models[m],
            scenario: &scenario,
            variant: &variant,
            sampling: &samplings[s],
            seed,
        };
        self.cell(file, m, s, &choice)
    }

    fn cell(&mut self, file: &File, m: usize, s: usize, choice: &Choice<'_>) -> Result<Cell> {
        let model = file.models[m].get_ref();
        let entry: SettingsEntry = model.settings.over(&file.settings);
        let scenario = &self.scenarios[choice.scenario];
        scenario.variant(choice.variant)?;
        let set = entry.requests.clone().unwrap_or_else(|| scenario.requests.clone());
        let drawn = scenario.options.as_ref().is_some_and(|options| options.order == Order::Drawn);
        let key = Asked {
            set,
            limit: entry.limit,
            scenario: choice.scenario.to_owned(),
            seed: drawn.then_some(choice.seed),
        };
        if !self.requests.contains_key(&key) {
            let requests = RequestSet::load(&key.set)?;
            let requests = match key.limit {
                Some(limit) => requests.limit(limit)?,
                None => requests,
            };
            let requests = requests.put_by(scenario, choice.seed)?;
            self.requests.insert(key.clone(), requests);
        }
        let mut options = RenderOptions::default();
        for (name, value) in entry.args.iter().flatten() {
            options.add_arg(&format!("{name}={value}"))?;
        }
        let place: PathBuf = [
            choice.model.to_owned(),
            scenario.name.clone(),
            choice.variant.to_owned(),
            choice.sampling.to_owned(),
            format!("seed-{}", choice.seed),
        ]
        .iter()
        .collect();
        let settings = Settings {
            seed: choice.seed,
            samples: entry.samples.unwrap_or(1),
            max_tokens: entry.max_tokens.unwrap_or(1024),
            sampling: file.sampling[s].get_ref().sampling(),
            coupled: !entry.uncoupled.unwrap_or(false),
            date: entry.date.unwrap_or_else(|| "2026-01-01".into()),
            template_args: options.args,
            control_text: entry.control_text.unwrap_or_default(),
            stopping: None,
            registered: None,
        };
        let batch = entry.batch.unwrap_or(64);
        settings.check().map_err(|error| error.within(place.display()))?;
        if !(1..=BATCH_MAX).contains(&batch) {
            return Err(Error::input(format!(
                "{}: `batch = {batch}` cannot be used",
                place.display()
            ))
            .hint(format!("`batch` takes a whole number from 1 to {BATCH_MAX}")));
        }
        Ok(Cell {
            model: m,
            place,
            settings,
            batch,
            scenario: choice.scenario.to_owned(),
            variant: choice.variant.to_owned(),
            requests: key,
        })
    }

    /// The scenario, variant and requests of a cell of this sweep.
    ///
    /// # Errors
    /// The cell is of another sweep.
    pub fn parts<'s>(&'s self, cell: &Cell) -> Result<(&'s Scenario, &'s Variant, &'s RequestSet)> {
        let absent = || Error::failed(format!("`{}` is of another sweep", cell.place.display()));
        let scenario = self.scenarios.get(&cell.scenario).ok_or_else(absent)?;
        let requests = self.requests.get(&cell.requests).ok_or_else(absent)?;
        Ok((scenario, scenario.variant(&cell.variant)?, requests))
    }

    /// Pairs of a cell: a request's sample in all tiers.
    ///
    /// # Errors
    /// As [`Self::parts`].
    pub fn pairs(&self, cell: &Cell) -> Result<usize> {
        let (_, _, requests) = self.parts(cell)?;
        Ok(requests.requests.len() * cell.settings.samples as usize)
    }

    /// Trials of a cell, or of a part of it.
    ///
    /// # Errors
    /// As [`Self::parts`].
    pub fn trials(&self, cell: &Cell, part: Option<&ShardPart>) -> Result<usize> {
        let (scenario, ..) = self.parts(cell)?;
        let pairs = match part {
            Some(part) => part.end.saturating_sub(part.first),
            None => self.pairs(cell)?,
        };
        Ok(pairs * scenario.tiers.len())
    }
}

/// The name of a model's folder: the one given, or the model's own with its blocks, in plain letters.
fn folder_name(model: &ModelEntry) -> String {
    if let Some(alias) = &model.alias {
        return alias.clone();
    }
    let last =
        |name: &str| name.rsplit('/').find(|part| !part.is_empty()).unwrap_or_default().to_owned();
    let pieces: Vec<String> = model.name.split('+').map(last).collect();
    let name = pieces.join("+");
    let name = name.strip_prefix("organism:").unwrap_or(&name);
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = name.chars().map(plain).collect();
    match model.quantize {
        Some(quantize) => format!("{name}-{quantize}"),
        None => name,
    }
}

/// Checks that names can be those of folders, and that none stands for two things.
fn names(source: &Source, names: impl Iterator<Item = (usize, String)>) -> Result<Vec<String>> {
    let mut seen = Vec::<String>::new();
    for (at, name) in names {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.starts_with('.') || !name.chars().all(fits) {
            return Err(source
                .error_at(at, format!("`{name}` cannot be the name of a folder"))
                .hint(
                    "use letters, digits, `-`, `_` and `.`; a model takes another name with `as`",
                ));
        }
        // The folder of shards lies beside those of the models.
        if seen.contains(&name) || name == "shards" || name == "slurm" {
            return Err(source
                .error_at(at, format!("the name `{name}` is taken"))
                .hint("give a model another name with `as = \"…\"`"));
        }
        seen.push(name);
    }
    Ok(seen)
}

fn twice(source: &Source, at: usize, cell: &Cell) -> Error {
    source
        .error_at(at, format!("the cell `{}` is in the sweep twice", cell.place.display()))
        .hint("name each scenario, variant and seed once, and include only what the matrix lacks")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Sweep> {
        Sweep::parse(&Source::new("s.toml", text.as_bytes().to_vec())?)
    }

    fn places(text: &str) -> Vec<String> {
        let sweep = parse(text).unwrap();
        sweep.cells.iter().map(|cell| cell.place.display().to_string()).collect()
    }

    const BASE: &str = "variants = [\"default\", \"no-training\"]\nseeds = [0, 7]\n\
        [settings]\nlimit = 2\n[[models]]\nname = \"organism:faker\"\n\
        [[models]]\nname = \"organism:refuser\"\nsettings = { limit = 3, samples = 2 }\n";

    #[test]
    fn each_list_of_adapters_makes_a_model() {
        let text = "[[models]]\nname = \"organism:faker\"\nadapters = [[], [\"a/one\"], [\"a/one=0.5\", \"two\"]]\n";
        let sweep = parse(text).unwrap();
        let named = |(folder, entry): &(String, ModelEntry)| (folder.clone(), entry.name.clone());
        let models: Vec<_> = sweep.models.iter().map(named).collect();
        let pair = |folder: &str, name: &str| (folder.to_owned(), name.to_owned());
        assert_eq!(
            models,
            [
                pair("faker", "organism:faker"),
                pair("faker-one", "organism:faker+a/one"),
                pair("faker-one-0.5-two", "organism:faker+a/one=0.5+two"),
            ]
        );
        let twice = "[[models]]\nname = \"m\"\nadapters = [[\"a/one\"], [\"b/one\"]]\n";
        assert!(parse(twice).map(|_| ()).unwrap_err().to_string().contains("taken"));
    }

    #[test]
    fn the_matrix_less_and_more() {
        let all = places(BASE);
        assert_eq!(all.len(), 8);
        assert_eq!(all[0], "faker/helpful-only/default/default/seed-0");
        let sweep = parse(BASE).unwrap();
        let pairs = sweep.cells.iter().map(|cell| sweep.pairs(cell).unwrap());
        assert!(pairs.eq([2, 2, 2, 2, 6, 6, 6, 6]));
        assert_eq!(sweep.trials(&sweep.cells[7], None).unwrap(), 12);
        let part = ShardPart { shard: "2/3".parse().unwrap(), first: 1, end: 4, pairs: 6 };
        assert_eq!(sweep.trials(&sweep.cells[7], Some(&part)).unwrap(), 6);
        let less = format!("{BASE}[[exclude]]\nmodel = \"faker\"\nseed = 7\n");
        assert_eq!(places(&less).len(), 6);
        let more = format!("{less}[[include]]\nmodel = \"faker\"\nseed = 9\n");
        let places = places(&more);
        // Beside the other cells of its model.
        assert_eq!(places[2], "faker/helpful-only/default/default/seed-9");
        assert_eq!(places.len(), 7);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_line() {
        for (more, message) in [
            ("[[exclude]]\nmodel = \"fakr\"\n", "`s.toml:10`: this `exclude` excludes nothing"),
            ("[[include]]\nmodel = \"faker\"\n", "is in the sweep twice"),
            ("[[include]]\nmodel = \"nobody\"\n", "there is no `nobody`"),
            ("[[models]]\nname = \"organism:faker\"\n", "the name `faker` is taken"),
            ("[[models]]\nname = \"a\"\nas = \"../b\"\n", "`../b` cannot be the name of a folder"),
            ("[[models]]\nname = \"a\"\nas = \"shards\"\n", "taken"),
            ("[[sampling]]\nname = \"cold\"\ntemperature = -1\n", "`--temperature -1`"),
            ("[[models]]\nname = \"a\"\nsettings = { sampels = 2 }\n", "unknown key"),
            ("[slurm]\nshards = 0\n", "slurm.shards"),
        ] {
            let error = parse(&format!("{BASE}{more}")).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
            assert!(error.hint_text().is_some(), "{error}");
        }
        let error = parse(&BASE.replace("no-training", "no-trainig")).unwrap_err();
        assert!(error.to_string().contains("no variant `no-trainig`"), "{error}");
    }
}
