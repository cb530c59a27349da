//! `candor judge --table`: verdicts on replies that were made elsewhere, as further columns of their table.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::args::{JudgeArgs, TableArgs};
use crate::cli::command::report::check_folder;
use crate::cli::given::labels::reasoning_label;
use crate::cli::given::table::Table;
use crate::cli::screen::show;
use crate::cli::screen::talk::{Talk, show};
use crate::error::{Error, Result};
use crate::events::{shown, visible};
use crate::judge::{
    Agreement, Compliance, Count, Exchange, Finding, JudgeOutcome, QuestionJournal, Said, choice,
};
use crate::run::write_whole;
use crate::scenario::{Options, ShownOption};
use crate::study::judges::ChosenJudge;
use crate::transcript::{FinishReason, Reply, TagNames};

/// The columns that are added.
const COLUMNS: [&str; 6] = [
    "compliance",
    "compliance_score",
    "reasoning",
    "reasoning_score",
    "judge_outcome",
    "reasoning_outcome",
];
/// The column of the option that was chosen, where there were options.
const OPTION: &str = "option";
/// The score of a judge that looked and did not say.
const DID_NOT_SAY: f64 = 0.5;

/// Judges every row, and writes the table with its verdicts.
pub(in crate::cli) fn judge_table(path: &Path, args: &JudgeArgs, talk: &Talk) -> Result<()> {
    let (Some(out), Some(request), Some(answer)) =
        (&args.table.out, &args.table.request, &args.table.answer)
    else {
        return Err(Error::input("`--table` needs `--request`, `--answer` and `--out`")
            .hint("name the columns and the file to write"));
    };
    let chosen = ChosenJudge::new(&args.judge, args.model.settings(&args.judge)?, talk)?;
    check_out(path, out)?;
    let mut table = Table::read(path)?;
    let (request, answer) = (table.column(request)?, table.column(answer)?);
    let scratchpad = args.table.scratchpad.as_deref().map(|name| table.column(name)).transpose()?;
    let labels = labels(&table, &args.table)?;
    let options = match args.table.options.options()? {
        Some(options) => Some(options_of(&table, request, &options)?),
        None => None,
    };
    let columns: Vec<&str> =
        COLUMNS.iter().copied().chain(options.is_some().then_some(OPTION)).collect();
    // Places of columns stay: what was asked for by name is still what it was.
    for (name, new) in table.set_aside(&columns) {
        talk.say(format!(
            "note: the table's own column `{name}` is `{new}` in `{}`: the verdicts need its name",
            shown(out)
        ));
    }
    // Names that are taken are found before any work.
    table.with(&columns, [], out)?;

    // A cell may hold a whole reply: what the model thought of its own accord is no answer.
    let tags = TagNames {
        scratchpad: args.table.scratchpad_tag.as_deref(),
        answer: args.table.answer_tag.as_deref(),
        reasoning_opened: false,
    };
    let replies: Vec<Reply> = (0..table.len())
        .map(|row| Reply::parse(table.cell(row, answer), tags, FinishReason::Stop))
        .collect();
    let exchanges: Vec<Exchange<'_>> = replies
        .iter()
        .enumerate()
        .map(|(row, reply)| Exchange {
            request: table.cell(row, request),
            options: options.as_ref().map_or(&[], |options| &options[row]),
            native_reasoning: &reply.native_reasoning,
            scratchpad: scratchpad
                .map_or(reply.scratchpad.as_str(), |column| table.cell(row, column)),
            answer: &reply.answer,
            whole: true,
        })
        .collect();
    let judge = chosen.open(talk)?;
    let name = judge.card()?.judge;
    let mut journal = out.as_os_str().to_owned();
    journal.push(".questions");
    let journal = PathBuf::from(journal);
    let findings = judge.judge(&exchanges, &journal, talk)?;
    let rows = findings.iter().map(|finding| {
        let option = options.is_some().then(|| finding.option.clone().unwrap_or_default());
        cells(finding).into_iter().chain(option).collect()
    });
    write_whole(out, &table.with(&columns, rows, out)?)?;
    QuestionJournal::remove(&journal)?;
    let judged = findings.iter().filter(|f| f.judge_outcome == JudgeOutcome::Judged).count();
    talk.say(format!("judged by {name}: {judged} of {} answers", table.len()));
    talk.say(format!("written: {}", shown(out)));

    let summary = Summary::of(&name, &findings, labels.as_deref());
    if args.json {
        return show::json(&summary);
    }
    match &summary.labels {
        Some(labels) => show(&labels.table(&name)),
        None => Ok(()),
    }
}

/// What each row's request lets the model choose from.
fn options_of(table: &Table, request: usize, options: &Options) -> Result<Vec<Vec<ShownOption>>> {
    (0..table.len())
        .map(|row| {
            choice::in_text(options, table.cell(row, request)).ok_or_else(|| {
                let message = format!("the request does not name {} options in its words", options.names.len());
                table.error(row, message).hint(
                    "`--options` is for requests with labelled options, such as \"a) … b) …\" or \"Option 1: …\"",
                )
            })
        })
        .collect()
}

/// Refuses to write over the table, or where nothing can be written.
fn check_out(path: &Path, out: &Path) -> Result<()> {
    check_folder(out)?;
    let same = match (path.canonicalize(), out.canonicalize()) {
        (Ok(path), Ok(out)) => path == out,
        _ => path == out,
    };
    match same {
        true => Err(Error::input(format!("`--out {}` is the table itself", out.display()))
            .hint("write to another file")),
        false => Ok(()),
    }
}

/// What people say of each row, if there are columns with labels; empty cells say nothing.
fn labels(table: &Table, args: &TableArgs) -> Result<Option<Vec<Said>>> {
    if args.label.is_none() && args.reasoning_label.is_none() {
        return Ok(None);
    }
    let mut said = vec![Said::default(); table.len()];
    let mut take =
        |name: &Option<String>, take: &dyn Fn(&str, &mut Said) -> Option<()>, known: &str| {
            let Some(name) = name else { return Ok(()) };
            let column = table.column(name)?;
            for (row, said) in said.iter_mut().enumerate() {
                let cell = table.cell(row, column);
                if !cell.trim().is_empty() && take(cell, said).is_none() {
                    let cell = visible(cell);
                    return Err(table
                        .error(row, format!("column `{name}`: `{cell}` is no label"))
                        .hint(format!("labels are {known}, or nothing")));
                }
            }
            Ok(())
        };
    let class = |cell: &str, said: &mut Said| {
        said.compliance = Some(Compliance::of_label(cell)?);
        Some(())
    };
    let shown = |cell: &str, said: &mut Said| {
        said.reasoning = Some(reasoning_label(cell)?);
        Some(())
    };
    take(&args.label, &class, "full, partial, refusal, or those of XSTest")?;
    take(&args.reasoning_label, &shown, "yes and no")?;
    Ok(Some(said))
}

/// The added cells of a row. Scores are always numbers: that of the judge; 0 where there is no text that could
/// show what the score stands for; in the middle where there is text and the judge did not say.
fn cells(finding: &Finding) -> Vec<String> {
    let score = |score: Option<f64>, outcome: JudgeOutcome| match (score, outcome) {
        (Some(score), _) => score,
        (None, JudgeOutcome::NoAnswer | JudgeOutcome::NoReasoning) => 0.0,
        (None, _) => DID_NOT_SAY,
    };
    vec![
        finding.compliance.map_or_else(String::new, |class| class.name().to_owned()),
        score(finding.compliance_score, finding.judge_outcome).to_string(),
        finding.reasoning.map_or_else(String::new, |shown| shown.to_string()),
        score(finding.reasoning_score, finding.reasoning_outcome).to_string(),
        finding.judge_outcome.name().to_owned(),
        finding.reasoning_outcome.name().to_owned(),
    ]
}

/// What `--json` prints.
#[derive(Serialize)]
struct Summary {
    judge: String,
    rows: usize,
    outcomes: BTreeMap<JudgeOutcome, u64>,
    reasoning_outcomes: BTreeMap<JudgeOutcome, u64>,
    /// None without columns of labels.
    labels: Option<AgainstLabels>,
}

/// How the judge does on labelled rows. In the tables rows are labels, columns verdicts.
#[derive(Serialize)]
struct AgainstLabels {
    compliance: Rates<3>,
    reasoning: Rates<2>,
}

#[derive(Serialize)]
struct Rates<const N: usize> {
    /// Share of what is labelled full (shown) that is judged so.
    sensitivity: Option<f64>,
    /// Share of the rest that is not judged so.
    specificity: Option<f64>,
    #[serde(flatten)]
    count: Count<N>,
}

impl<const N: usize> Rates<N> {
    fn of(count: Count<N>) -> Self {
        Self {
            sensitivity: count.sensitivity_first(),
            specificity: count.specificity_first(),
            count,
        }
    }
}

impl Summary {
    fn of(judge: &str, findings: &[Finding], labels: Option<&[Said]>) -> Self {
        let count = |outcome: fn(&Finding) -> JudgeOutcome| {
            let mut counts = BTreeMap::new();
            findings.iter().for_each(|finding| *counts.entry(outcome(finding)).or_default() += 1);
            counts
        };
        let labels = labels.map(|labels| {
            let said = labels.iter().zip(findings).map(|(label, finding)| [*label, finding.into()]);
            let pair = Agreement::of(["label", judge], said);
            AgainstLabels {
                compliance: Rates::of(pair.compliance),
                reasoning: Rates::of(pair.reasoning),
            }
        });
        Self {
            judge: judge.to_owned(),
            rows: findings.len(),
            outcomes: count(|finding| finding.judge_outcome),
            reasoning_outcomes: count(|finding| finding.reasoning_outcome),
            labels,
        }
    }
}

impl AgainstLabels {
    /// For people.
    fn table(&self, judge: &str) -> String {
        let mut out = String::new();
        let labelled = |count: u64, only: u64| count + only > 0;
        if labelled(self.compliance.count.both, self.compliance.count.only[0]) {
            out +=
                &self.compliance.table(judge, "compliance", Compliance::ALL.map(Compliance::name));
        }
        if labelled(self.reasoning.count.both, self.reasoning.count.only[0]) {
            out += &self.reasoning.table(judge, "reasoning", ["yes", "no"]);
        }
        out
    }
}

impl<const N: usize> Rates<N> {
    fn table(&self, judge: &str, what: &str, classes: [&str; N]) -> String {
        let heads: Vec<String> = [format!("{what}: label")]
            .into_iter()
            .chain(classes.iter().map(|class| format!("judged {class}")))
            .collect();
        let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
        let rows = classes.iter().zip(&self.count.confusion).map(|(class, counts)| {
            [(*class).to_owned()].into_iter().chain(counts.iter().map(u64::to_string)).collect()
        });
        let right: Vec<usize> = (1..=N).collect();
        let number =
            |number: Option<f64>| number.map_or_else(|| "–".to_owned(), |n| format!("{n:.4}"));
        let first = classes[0];
        let mut lines = vec![
            ("judge", visible(judge)),
            ("labelled and judged", self.count.both.to_string()),
            ("labelled, not judged", self.count.only[0].to_string()),
            ("accuracy", number(self.count.agreement)),
            ("kappa", number(self.count.kappa)),
        ];
        let of_first = [
            (format!("accuracy, {first} against the rest"), self.count.agreement_first),
            (format!("kappa, {first} against the rest"), self.count.kappa_first),
            (format!("sensitivity for {first}"), self.sensitivity),
            (format!("specificity for {first}"), self.specificity),
            (format!("AUROC of the score for {first}"), self.count.auroc[1]),
        ];
        lines.extend(of_first.iter().map(|(name, value)| (name.as_str(), number(*value))));
        show::table(&heads, &right, rows) + &show::pairs(lines)
    }
}
