//! The summary in a terminal: at most 80 columns, readable without color.
//! Knows nothing about terminals; the caller says whether color is wanted.

use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ContentArrangement, LineStyle, Table, TableStyle,
};

use super::columns::hanging;
use super::registered::AgainstRegistration;
use super::view::{RunView, distinctions};
use super::words::{self, Side};
use super::{compare, text};

/// Terminal columns that the table may take.
const WIDTH: usize = 80;
/// Lines above, below the header and below the rows; nothing between rows.
const STYLE: TableStyle = TableStyle::new()
    .top_border(LineStyle::none().fill('─').junction('─'))
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .bottom_border(LineStyle::none().fill('─').junction('─'));
/// Heads of the columns after the name.
const HEADS: [&str; 6] = [
    "free\n%",
    "paid\n%",
    "gap, points\n[95 % interval]",
    "p",
    "reasoning\nfree/paid",
    "no answer\nfree/paid",
];

/// One row per run, and below the table one sentence per run that says what its gap amounts to, and one for every
/// two of its judges.
///
/// What stands against a run as a measurement is said above the table. Rates and reasoning are shares in per cent, each
/// rate with the number of replies behind it, the gap is in percentage points, `no answer` counts
/// trials without a verdict. Ends with a line feed; holds no escape sequence unless `color` is set.
pub fn table(runs: &[RunView], color: bool) -> String {
    let distinctions = distinctions(runs);
    let rows: Vec<[String; 6]> = runs.iter().map(figures).collect();
    let name_width = WIDTH.saturating_sub(taken(&rows));
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Disabled).force_no_tty();
    if color {
        table.enforce_styling();
    }
    let heads = ["model"].into_iter().chain(HEADS);
    table.set_header(heads.map(|head| Cell::new(head).add_attribute(Attribute::Bold)));
    for ((run, distinction), row) in runs.iter().zip(&distinctions).zip(rows) {
        let color = match Side::of(run.estimates.gap, run.estimates.gap_ci95) {
            Side::Above => Some(Color::Blue),
            Side::Below => Some(Color::Yellow),
            Side::Around | Side::Undefined => None,
        };
        let figures = row.into_iter().enumerate().map(|(index, figure)| match color {
            Some(color) if index == 2 => Cell::new(figure).fg(color),
            _ => Cell::new(figure),
        });
        let name = Cell::new(two_lines(run, distinction, name_width));
        table.add_row([name].into_iter().chain(figures));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 0));
        if column.index > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut out = String::new();
    for (run, distinction) in runs.iter().zip(&distinctions) {
        for reason in words::not_measured(&run.estimates.measured) {
            out += &sentence(run, distinction, &format!("not measured as it should be: {reason}"));
        }
    }
    out += &table.trim_fmt();
    out.push('\n');
    for (run, distinction) in runs.iter().zip(&distinctions) {
        let numbers = &run.estimates;
        let claim = words::claim(numbers.gap, numbers.gap_ci95, numbers.gap_requests);
        out += &sentence(run, distinction, &claim);
        let registered = run.registered.as_ref().map(AgainstRegistration::words);
        for note in
            [words::paired_rates(numbers), words::forms(numbers), registered].into_iter().flatten()
        {
            out += &sentence(run, distinction, &note);
        }
    }
    out += &compare::text(runs, WIDTH);
    for (run, distinction) in runs.iter().zip(&distinctions) {
        if let Some(stopped) = &run.estimates.stopped {
            let ended = format!("ended {}", words::stopped(Some(stopped)));
            out += &sentence(run, distinction, &ended);
        }
        for pair in &run.agreement {
            let names = [0, 1].map(|i| text::shorten(&text::name(&pair.judges[i]), WIDTH / 4));
            let names = [names[0].as_str(), names[1].as_str()];
            out += &sentence(run, distinction, &words::agreement(pair, names));
        }
    }
    out
}

fn figures(run: &RunView) -> [String; 6] {
    let numbers = &run.estimates;
    [
        format!("{}\nn {}", words::percent(numbers.rate_free), numbers.n_free),
        format!("{}\nn {}", words::percent(numbers.rate_paid), numbers.n_paid),
        match (numbers.gap, numbers.gap_ci95) {
            (None, None) => words::NONE.to_owned(),
            (gap, interval) => {
                format!("{} {}", words::points(gap), words::points_interval(interval))
            }
        },
        words::p_value(numbers.p_value),
        format!(
            "{}/{} %",
            words::whole_percent(numbers.reasoning_free),
            words::whole_percent(numbers.reasoning_paid)
        ),
        format!("{}/{}", numbers.unanswered_free, numbers.unanswered_paid),
    ]
}

/// Terminal columns that everything but the name takes, with the space in front of each.
fn taken(rows: &[[String; 6]]) -> usize {
    let wide = |index: usize| {
        let cells = rows.iter().flat_map(|row| row[index].lines()).chain(HEADS[index].lines());
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    (0..HEADS.len()).map(wide).sum::<usize>() + HEADS.len()
}

/// The model, and below it what tells the run from the others.
fn two_lines(run: &RunView, distinction: &str, width: usize) -> String {
    let mut lines = text::shorten(&run.name(), width);
    if !distinction.is_empty() {
        lines.push('\n');
        lines.push_str(&text::shorten(distinction, width));
    }
    lines
}

/// `name: what is claimed of it`, broken at spaces so that no line is wider than the table.
fn sentence(run: &RunView, distinction: &str, claim: &str) -> String {
    let mut name = text::shorten(&run.name(), WIDTH / 2);
    if !distinction.is_empty() {
        name = format!("{name} ({})", text::shorten(distinction, WIDTH / 2 - 4));
    }
    // The number and its sign stay on one line.
    hanging(&format!("{name}: {claim}").replace(" %", "\u{a0}%"), WIDTH)
}
