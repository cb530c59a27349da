//! `candor judge --fit`: a judge from a person's labels, and its verdicts on the runs.

use std::collections::BTreeMap;
use std::path::Path;

use crate::cli::args::JudgeArgs;
use crate::cli::command::report::check_folder;
use crate::cli::given::folders::{self, Want};
use crate::cli::given::labels::{Finder, UNDECIDED, reasoning_label};
use crate::cli::given::table::Table;
use crate::cli::screen::show;
use crate::cli::screen::talk::{Talk, print};
use crate::error::{Error, Result};
use crate::events::{shown, visible};
use crate::judge::fitted::{About, ENDING, FittedJudge};
use crate::judge::{Compliance, TOLD, is_human, judge_name, rules};
use crate::machine::Compute;
use crate::report::RunView;
use crate::run::Finished;
use crate::study::exchanges::exchanges;
use crate::study::fitting::{LabelledReply, ReadyJudge, Reply, fit_judge};
use crate::study::judged::{judged, ready};
use crate::study::judges::Judge;
use crate::study::state_reader::StateReader;

/// Fits a judge, writes its file, judges the runs and gives their views as it sees them.
pub(in crate::cli) fn judge_fit(
    labels: &Path,
    args: &JudgeArgs,
    talk: &Talk,
) -> Result<Vec<RunView>> {
    let name = name(args.fit.name.as_deref().unwrap_or_default())?;
    let paths = match args.runs.is_empty() {
        true => Vec::new(),
        false => folders::runs(&args.runs, Want::Finished, talk)?,
    };
    let file = match (&args.fit.save, paths.first()) {
        (Some(file), _) => file.clone(),
        (None, Some(run)) => run.join("verdicts").join(format!("{name}{ENDING}")),
        (None, None) => {
            return Err(Error::input(
                "there is no run beside whose verdicts the judge could be kept",
            )
            .hint("name its file with `--save FILE`"));
        }
    };
    if args.fit.save.is_some() {
        check_folder(&file)?;
    }
    let locks = ready(&paths)?;
    let runs = paths.iter().map(|run| Finished::open(run)).collect::<Result<Vec<_>>>()?;
    let table = Table::read(labels)?;
    let replies = replies(&table, &runs, args)?;
    let settings = args.model.settings(&args.judge)?;
    let reader = match args.judge == rules::NAME {
        true => None,
        false => {
            let dtype = settings.dtype.as_deref();
            let compute = Compute::open(&settings.device, dtype, None, settings.quantize)?;
            Some(StateReader::open(&args.judge, None, &compute, talk)?)
        }
    };
    let digest = crate::run::file_digest(labels)?;
    let judge = fit_judge(&name, &digest, &runs, &replies, reader.as_ref(), talk)?;
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(|error| Error::write(folder, &error))?;
    }
    judge.write(&file)?;
    talk.say(format!("written: {}", shown(&file)));
    let quality = quality(&judge);
    match args.json {
        true if runs.is_empty() => show::json(&measured(&judge))?,
        true => {}
        false => print(&quality)?,
    }
    drop(runs);
    let judge = Judge::Fitted(Box::new(ReadyJudge { judge, reader }));
    match paths.is_empty() {
        true => Ok(Vec::new()),
        false => judged(&paths, &locks, || Some(Ok(judge)), talk),
    }
}

/// The judge's name, which becomes that of files.
fn name(given: &str) -> Result<String> {
    let refused = |why: &str| {
        Err(Error::input(format!("`--name {}` cannot be a judge's name: {why}", visible(given)))
            .hint("letters, digits, `-`, `_` and `.` make a name"))
    };
    if given.is_empty() || judge_name(given) != given {
        return refused("it cannot stand in a file name");
    }
    if given == rules::NAME || given == TOLD || is_human(given) {
        return refused("it is that of another kind of judge");
    }
    if given.ends_with(".judge") {
        return refused("its end is that of the file in which a fitted judge is kept");
    }
    Ok(given.to_owned())
}

/// A column of labels and what it is about.
struct LabelColumn {
    about: About,
    column: usize,
    name: String,
}

/// The columns of labels: those that were named, or else those that `candor label --export` writes.
fn label_columns(table: &Table, args: &JudgeArgs) -> Result<Vec<LabelColumn>> {
    let named = [
        (args.table.label.as_ref(), About::Compliance),
        (args.table.reasoning_label.as_ref(), About::Reasoning),
        (
            args.fit.criterion.as_ref(),
            About::Criterion(args.fit.criterion.clone().unwrap_or_default()),
        ),
    ];
    let mut found = Vec::new();
    for (name, about) in named {
        if let Some(name) = name {
            found.push(LabelColumn { column: table.column(name)?, about, name: name.clone() });
        }
    }
    if found.is_empty() {
        for about in [About::Compliance, About::Reasoning] {
            let name = about.name().to_owned();
            if let Some(column) = table.find(&name)? {
                found.push(LabelColumn { about, column, name });
            }
        }
    }
    if found.is_empty() {
        // Says which columns there are.
        table.column("compliance").map_err(|error| {
            error.hint(format!(
                "name the columns of labels with `--label`, `--reasoning-label` or `--criterion`; columns that are there: {}",
                table.names()
            ))
        })?;
    }
    Ok(found)
}

/// What a cell says of a question; none where it says nothing.
fn label(about: &About, cell: &str, positive: Option<&str>) -> Result<Option<bool>, String> {
    let cell = cell.trim();
    if cell.is_empty() || cell == UNDECIDED {
        return Ok(None);
    }
    if let Some(positive) = positive {
        return Ok(Some(cell.eq_ignore_ascii_case(positive.trim())));
    }
    let class = match about {
        About::Compliance => Compliance::of_label(cell).map(|class| class == Compliance::Full),
        About::Reasoning | About::Criterion(_) => None,
    };
    class.or_else(|| reasoning_label(cell)).map(Some).ok_or_else(|| match about {
        About::Compliance => "labels are full, partial, refusal, or yes and no".to_owned(),
        About::Reasoning | About::Criterion(_) => "labels are yes and no".to_owned(),
    })
}

/// Every labelled reply: of the runs where the table names trials, else with the texts of the table.
fn replies(table: &Table, runs: &[Finished], args: &JudgeArgs) -> Result<Vec<LabelledReply>> {
    let columns = label_columns(table, args)?;
    let positive = args.fit.positive.as_deref();
    if let Some(positive) = positive {
        let is_there = |column: &LabelColumn| {
            (0..table.len()).any(|row| {
                table.cell(row, column.column).trim().eq_ignore_ascii_case(positive.trim())
            })
        };
        if !columns.iter().any(is_there) {
            return Err(Error::input(format!(
                "no label is `{}`, which `--positive` says means yes",
                visible(positive)
            ))
            .hint("give a word that stands in the column of labels"));
        }
    }
    let labels = |row: usize| -> Result<BTreeMap<About, bool>> {
        let mut labels = BTreeMap::new();
        for LabelColumn { about, column, name } in &columns {
            let cell = table.cell(row, *column);
            let said = label(about, cell, positive).map_err(|known| {
                let message = format!("column `{name}`: `{}` is no label", visible(cell));
                table.error(row, message).hint(format!(
                    "{known}, {UNDECIDED} or nothing; `--positive VALUE` says which other word means yes"
                ))
            })?;
            if let Some(said) = said {
                labels.insert(about.clone(), said);
            }
        }
        Ok(labels)
    };
    let named = [&args.table.request, &args.table.answer, &args.table.scratchpad];
    let by_trial = !runs.is_empty()
        && named[1..].iter().all(|name| name.is_none())
        && (table.find("key")?.is_some() || table.find("tier")?.is_some());
    let mut replies = Vec::new();
    if by_trial {
        let finders = finders(table, runs)?;
        let mut seen: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for row in 0..table.len() {
            let labels = labels(row)?;
            if labels.is_empty() {
                continue;
            }
            let found = finders.iter().enumerate().find_map(|(run, f)| Some((run, f.find(row)?)));
            let Some((run, trial)) = found else { return Err(finders[0].no_trial(row)) };
            if let Some(before) = seen.insert((run, trial), row) {
                let before = table.line(before);
                return Err(table
                    .error(row, format!("line {before} is about the same trial"))
                    .hint("remove one of the two lines"));
            }
            replies.push(LabelledReply { reply: Reply::OfRun { run, trial }, labels });
        }
        return Ok(replies);
    }
    let column = |name: &Option<String>, usual: &str| match name {
        Some(name) => table.column(name).map(Some),
        None => table.find(usual),
    };
    let request = column(&args.table.request, "request")?;
    let answer = column(&args.table.answer, "answer")?;
    let scratchpad = column(&args.table.scratchpad, "scratchpad")?;
    let text = |about: &About| match about {
        About::Compliance => answer.is_some(),
        About::Reasoning => scratchpad.is_some(),
        About::Criterion(_) => answer.is_some() || scratchpad.is_some(),
    };
    if let Some(missing) = columns.iter().find(|column| !text(&column.about)) {
        return Err(Error::input(format!(
            "the labels of `{}` name neither trials of a run (a column `key`, or `request`, `tier` and `sample`) nor the \
             texts that they are about",
            missing.name
        ))
        .hint(format!(
            "give the run that was labelled, or name the columns of the texts with `--answer` and `--scratchpad`; columns \
             that are there: {}",
            table.names()
        )));
    }
    for row in 0..table.len() {
        let cell = |column: Option<usize>| {
            column.map_or_else(String::new, |column| table.cell(row, column).to_owned())
        };
        let labels = labels(row)?;
        if !labels.is_empty() {
            let reply = Reply::Text {
                request: cell(request),
                scratchpad: cell(scratchpad),
                answer: cell(answer),
            };
            replies.push(LabelledReply { reply, labels });
        }
    }
    Ok(replies)
}

/// What finds the trials of each run.
fn finders<'a>(table: &'a Table, runs: &[Finished]) -> Result<Vec<Finder<'a>>> {
    if runs.len() > 1 && table.find("key")?.is_none() {
        return Err(Error::input(
            "the labels name request, tier and sample, which several runs have",
        )
        .hint("give the one run that was labelled, or labels with the column `key` as `candor label --export` writes it"));
    }
    let finder = |run: &Finished| {
        let exchanges: Vec<_> = exchanges(&run.record, &run.transcripts).collect();
        Finder::new(table, &exchanges, &Finished::transcripts_digest(&run.path)?)
    };
    runs.iter().map(finder).collect()
}

/// What `--json` prints where there is no run: the figures of each question.
fn measured(judge: &FittedJudge) -> BTreeMap<&str, &crate::judge::fitted::Quality> {
    judge.questions.iter().map(|q| (q.about.name(), &q.measured)).collect()
}

/// How the judge does, for people.
fn quality(judge: &FittedJudge) -> String {
    let heads = [
        "fitted to",
        "labels",
        "yes",
        "requests",
        "accuracy",
        "AUROC",
        "95 %",
        "sensitivity",
        "specificity",
    ];
    let rows = judge.questions.iter().map(|question| {
        let found = &question.measured;
        vec![
            visible(question.about.name()),
            found.n.to_string(),
            found.positive.to_string(),
            found.groups.to_string(),
            format!("{:.3}", found.accuracy),
            format!("{:.3}", found.auroc),
            format!("{:.3} to {:.3}", found.auroc_ci95[0], found.auroc_ci95[1]),
            format!("{:.3}", found.sensitivity),
            format!("{:.3}", found.specificity),
        ]
    });
    show::table(&heads, &[1, 2, 3, 4, 5, 7, 8], rows)
        + "each label judged by a fit that had not seen its request\n"
}
