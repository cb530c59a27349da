//! Labels as a CSV file: the replies of a run without their tiers, to be labelled anywhere, and back again.

use std::collections::HashMap;
use std::path::Path;

use crate::cli::args::Question;
use crate::cli::given::table::{Table, write};
use crate::cli::screen::talk::Talk;
use crate::error::{Error, Result};
use crate::events::shown;
use crate::events::visible;
use crate::judge::{Ask, Compliance, Label, Mark, blinded_order, trial_key};
use crate::report::RunView;
use crate::study::labelled::{Labelled, Read};

/// What stands for a person who cannot say.
pub(in crate::cli) const UNDECIDED: &str = "?";

/// Writes the replies in a blinded order, with labels where there are some.
pub(in crate::cli) fn export(
    path: &Path,
    to: &Path,
    labeler: Option<&str>,
    only: Option<Question>,
    seed: u64,
    talk: &Talk,
) -> Result<()> {
    let labelled = Labelled::read(path, labeler)?;
    let exchanges = labelled.exchanges();
    let (answers, thoughts) =
        (only != Some(Question::Reasoning), only != Some(Question::Compliance));
    let mut order = Vec::new();
    for (wanted, ask) in [(answers, Ask::Compliance), (thoughts, Ask::Reasoning)] {
        if wanted {
            let further = blinded_order(&exchanges, ask, seed);
            let known: std::collections::HashSet<usize> = order.iter().copied().collect();
            order.extend(further.into_iter().filter(|place| !known.contains(place)));
        }
    }
    let head = [
        (true, "key"),
        (true, "request"),
        (answers, "answer"),
        (thoughts, "scratchpad"),
        (answers, "compliance"),
        (thoughts, "reasoning"),
    ];
    let row = |place: usize| {
        let (transcript, exchange) = &exchanges[place];
        let label = labelled.labels.of_trials[place];
        let cells = [
            trial_key(labelled.digest(), transcript),
            guarded(exchange.request),
            guarded(exchange.answered().unwrap_or_default()),
            guarded(&exchange.thought().unwrap_or_default()),
            word(label.compliance, |class| class.name()),
            word(label.reasoning, |shown| if shown { "yes" } else { "no" }),
        ];
        cells.into_iter().zip(head).filter(|(_, (there, _))| *there).map(|(cell, _)| cell).collect()
    };
    let count = order.len();
    let names = head.into_iter().filter(|(there, _)| *there).map(|(_, name)| name);
    write(to, names, order.into_iter().map(row))?;
    talk.say(format!("written: {} with {count} replies", shown(to)));
    if only.is_none() {
        talk.say(
            "note: a scratchpad tells its tier; to have answers labelled without it, export with `--only compliance`",
        );
    }
    talk.say(format!(
        "fill in `compliance` with full, partial, refusal and `reasoning` with yes, no ({UNDECIDED} where you cannot \
         say), then `candor label {} --import {}`",
        shown(path),
        shown(to)
    ));
    Ok(())
}

/// A cell that a spreadsheet does not take for a formula.
fn guarded(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if formula { format!("'{text}") } else { text.to_owned() }
}

fn word<T>(mark: Option<Mark<T>>, name: impl Fn(T) -> &'static str) -> String {
    match mark {
        None => String::new(),
        Some(Mark::Undecided) => UNDECIDED.to_owned(),
        Some(Mark::Said(value)) => name(value).to_owned(),
    }
}

/// Takes in the labels of a file; gives the run as this person sees it.
///
/// # Errors
/// A row of no trial or of one that another row is about, a word that is no label, or a label where there is nothing
/// to label: each names its line, and no label is taken.
pub(in crate::cli) fn import(
    path: &Path,
    from: &Path,
    labeler: Option<&str>,
    talk: &Talk,
) -> Result<RunView> {
    let table = Table::read(from)?;
    let mut labelled = Labelled::open(path, labeler, talk)?;
    let mut of_trials = labelled.labels.of_trials.clone();
    let (mut taken, mut lines) = (0, HashMap::new());
    let (compliance, reasoning) = (table.find("compliance")?, table.find("reasoning")?);
    if compliance.is_none() && reasoning.is_none() {
        // Says which columns there are.
        table.column("compliance")?;
    }
    {
        let exchanges = labelled.exchanges();
        let finder = Finder::new(&table, &exchanges, labelled.digest())?;
        for row in 0..table.len() {
            let place = finder.place(row)?;
            if let Some(before) = lines.insert(place, row) {
                let before = table.line(before);
                return Err(table
                    .error(row, format!("line {before} is about the same trial"))
                    .hint("remove one of the two lines"));
            }
            let new = read(&table, row, compliance, reasoning)?;
            check(&table, row, &new, &exchanges[place])?;
            taken += usize::from(new != Label::default());
            let label = &mut of_trials[place];
            label.compliance = new.compliance.or(label.compliance);
            label.reasoning = new.reasoning.or(label.reasoning);
        }
    }
    labelled.labels.of_trials = of_trials;
    let view = labelled.publish()?;
    talk.say(format!("labels of {taken} trials by {}: {}", view.judge, shown(path)));
    Ok(view)
}

/// The label on a row; empty cells are none.
fn read(
    table: &Table,
    row: usize,
    compliance: Option<usize>,
    reasoning: Option<usize>,
) -> Result<Label> {
    fn mark<T>(
        table: &Table,
        row: usize,
        column: Option<usize>,
        read: impl Fn(&str) -> Option<T>,
        known: &str,
    ) -> Result<Option<Mark<T>>> {
        match column.map(|column| table.cell(row, column)).unwrap_or_default().trim() {
            "" => Ok(None),
            UNDECIDED => Ok(Some(Mark::Undecided)),
            cell => match read(cell) {
                Some(value) => Ok(Some(Mark::Said(value))),
                None => Err(table
                    .error(row, format!("`{}` is no label", visible(cell)))
                    .hint(format!("labels are {known}, {UNDECIDED}, or nothing"))),
            },
        }
    }
    Ok(Label {
        compliance: mark(table, row, compliance, Compliance::of_label, "full, partial, refusal")?,
        reasoning: mark(table, row, reasoning, reasoning_label, "yes, no")?,
    })
}

/// Refuses a label where there is nothing to label.
fn check(table: &Table, row: usize, label: &Label, (_, exchange): &Read<'_>) -> Result<()> {
    let missing = match label {
        Label { compliance: Some(_), .. } if exchange.answered().is_none() => "whole answer",
        Label { reasoning: Some(_), .. } if exchange.thought().is_none() => "reasoning",
        _ => return Ok(()),
    };
    Err(table
        .error(row, format!("the trial has no {missing} to label"))
        .hint("leave the cell empty"))
}

/// What a person wrote of the reasoning.
pub(in crate::cli) fn reasoning_label(label: &str) -> Option<bool> {
    match label.trim().to_ascii_lowercase().as_str() {
        "yes" | "y" | "true" | "1" => Some(true),
        "no" | "n" | "false" | "0" => Some(false),
        _ => None,
    }
}

/// Finds the trial that a row is about: by its key, or by the ids of request, tier and sample.
pub(in crate::cli) struct Finder<'a> {
    table: &'a Table,
    places: HashMap<String, usize>,
    columns: Vec<usize>,
}

impl<'a> Finder<'a> {
    pub(in crate::cli) fn new(
        table: &'a Table,
        exchanges: &[Read<'_>],
        digest: &str,
    ) -> Result<Self> {
        let key = table.find("key")?;
        let columns = match (key, table.find("tier")?) {
            (None, Some(tier)) => vec![table.column("request")?, tier, table.column("sample")?],
            _ => vec![table.column("key")?],
        };
        let names = exchanges.iter().enumerate().map(|(place, (transcript, _))| {
            let name = match columns.len() {
                1 => trial_key(digest, transcript),
                _ => name([&transcript.request, &transcript.tier, &transcript.sample.to_string()]),
            };
            (name, place)
        });
        Ok(Self { table, places: names.collect(), columns })
    }

    fn cells(&self, row: usize) -> Vec<&str> {
        self.columns.iter().map(|column| self.table.cell(row, *column).trim()).collect()
    }

    /// The place of the trial; none where the run has no such trial.
    pub(in crate::cli) fn find(&self, row: usize) -> Option<usize> {
        let cells = self.cells(row);
        let found = match cells[..] {
            [request, tier, sample] => self.places.get(&name([request, tier, sample])),
            _ => self.places.get(cells[0]),
        };
        found.copied()
    }

    /// What is said of a row that is about no trial.
    pub(in crate::cli) fn no_trial(&self, row: usize) -> Error {
        let about = visible(&self.cells(row).join("/"));
        self.table
            .error(row, format!("the run has no trial `{about}`"))
            .hint("labels belong to the run that they were exported from")
    }

    fn place(&self, row: usize) -> Result<usize> {
        self.find(row).ok_or_else(|| self.no_trial(row))
    }
}

/// Unit separators cannot be typed into an id.
fn name(parts: [&str; 3]) -> String {
    parts.join("\u{1f}")
}
