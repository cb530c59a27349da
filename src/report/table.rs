//! The summary in a terminal: as wide as is wanted, readable without color.
//! Knows nothing about terminals; the caller says whether color is wanted and how many columns there are.

use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ContentArrangement, LineStyle, Table, TableStyle,
};

use super::columns::{hanging, wrap};
use super::rows::{Row, flat, rows};
use super::view::RunView;
use super::words::{self, Side};
use super::{compare, contrasts, text};

/// Terminal columns where nobody says how many there are.
const WIDTH: usize = 80;
/// A table is not made wider than this: lines that long are not read.
const WIDEST: usize = 120;
/// With fewer columns than this for the name, the numbers stand below each other instead.
const NARROWEST_NAME: usize = 14;
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
/// Head of the p-values where they are adjusted for each other.
const ADJUSTED: &str = "p\nHolm\nB–H";

/// [`table_within`] 80 columns.
pub fn table(runs: &[RunView], color: bool) -> String {
    table_within(runs, color, WIDTH)
}

/// One row per run, and below the table one sentence per run that says what its gap amounts to, and one for every
/// two of its judges. Runs that differ in their seed alone have a row together before their own.
///
/// What stands against a run as a measurement is said above the table. Rates and reasoning are shares in per cent, each
/// rate with the number of replies behind it, the gap is in percentage points, `no answer` counts
/// trials without a verdict. Under a p-value stand the same adjusted by Holm and by Benjamini and Hochberg, where
/// several runs are shown. No line is wider than `width`; where that is too narrow for a table, its numbers stand below
/// each other. Ends with a line feed; holds no escape sequence unless `color` is set.
pub fn table_within(runs: &[RunView], color: bool, width: usize) -> String {
    let width = width.min(WIDEST);
    let settings = rows(runs);
    let shown = flat(&settings);
    let figures: Vec<[String; 6]> = shown.iter().map(|row| figures(row)).collect();
    let name_width = width.saturating_sub(taken(&figures));
    let mut out = String::new();
    for row in &shown {
        for reason in words::not_measured(&row.estimates.measured) {
            out += &sentence(row, &format!("not measured as it should be: {reason}"), width);
        }
    }
    out += &match name_width >= NARROWEST_NAME {
        true => grid(&settings, figures, color, name_width),
        false => stacked(&settings, width),
    };
    for row in &settings {
        let numbers = row.estimates;
        let claim = words::claim(numbers.gap, numbers.gap_ci95, numbers.gap_requests);
        out += &sentence(row, &claim, width);
        for note in [words::paired_rates(numbers), words::forms(numbers)].into_iter().flatten() {
            out += &sentence(row, &note, width);
        }
    }
    out += &compare::text(runs, width);
    out += &contrasts::in_terminal(runs, width);
    for row in shown.iter().filter(|row| !row.is_pooled()) {
        for apart in &row.run.tier_differences {
            let [first, second] = [0, 1].map(|i| text::name(&apart.tiers[i]));
            let numbers = &apart.numbers;
            let told = format!(
                "tier {first} − {second}: {} points, {}; with all pairs of tiers {}",
                words::points(Some(numbers.difference)),
                words::points_interval(Some(numbers.difference_ci95)),
                words::points_interval(Some(numbers.difference_ci95_simultaneous))
            );
            out += &sentence(row, &told, width);
        }
        if let Some(registered) = &row.run.registered {
            out += &sentence(row, &registered.words(), width);
        }
        if let Some(stopped) = &row.estimates.stopped {
            let ended = format!("ended {}", words::stopped(Some(stopped)));
            out += &sentence(row, &ended, width);
        }
        for pair in &row.run.agreement {
            let names = [0, 1].map(|i| text::shorten(&text::name(&pair.judges[i]), width / 4));
            let names = [names[0].as_str(), names[1].as_str()];
            out += &sentence(row, &words::agreement(pair, names), width);
        }
    }
    out
}

fn grid(settings: &[Row<'_>], figures: Vec<[String; 6]>, color: bool, name_width: usize) -> String {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Disabled).force_no_tty();
    if color {
        table.enforce_styling();
    }
    let shown = flat(settings);
    let adjusted = shown.iter().any(|row| row.adjusted.is_some());
    let heads = ["model"].into_iter().chain(HEADS).enumerate();
    let heads = heads.map(|(i, head)| if i == 4 && adjusted { ADJUSTED } else { head });
    table.set_header(heads.map(|head| Cell::new(head).add_attribute(Attribute::Bold)));
    let indents =
        settings.iter().flat_map(|row| std::iter::once("").chain(row.members.iter().map(|_| "  ")));
    for ((row, indent), figures) in shown.iter().zip(indents).zip(figures) {
        let color = match Side::of(row.estimates.gap, row.estimates.gap_ci95) {
            Side::Above => Some(Color::Blue),
            Side::Below => Some(Color::Yellow),
            Side::Around | Side::Undefined => None,
        };
        let figures = figures.into_iter().enumerate().map(|(index, figure)| match color {
            Some(color) if index == 2 => Cell::new(figure).fg(color),
            _ => Cell::new(figure),
        });
        let name = Cell::new(name_lines(row, indent, name_width));
        table.add_row([name].into_iter().chain(figures));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 0));
        if column.index > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt() + "\n"
}

/// The rows where there is no room for a table: the name, and below it the numbers.
fn stacked(settings: &[Row<'_>], width: usize) -> String {
    let mut out = String::new();
    for row in flat(settings) {
        let numbers = row.estimates;
        let p = match row.adjusted {
            Some(adjusted) => format!(
                "p {}, Holm {}, Benjamini–Hochberg {}",
                words::p_value(numbers.p_value),
                words::p_value(Some(adjusted.holm)),
                words::p_value(Some(adjusted.benjamini_hochberg))
            ),
            None => format!("p {}", words::p_value(numbers.p_value)),
        };
        let lines = [
            format!(
                "free {} % (n {}), paid {} % (n {})",
                words::percent(numbers.rate_free),
                numbers.n_free,
                words::percent(numbers.rate_paid),
                numbers.n_paid
            ),
            format!(
                "gap {} {} points, {p}",
                words::points(numbers.gap),
                words::points_interval(numbers.gap_ci95)
            ),
            format!(
                "reasoning {}/{} %, no answer {}/{}",
                words::whole_percent(numbers.reasoning_free),
                words::whole_percent(numbers.reasoning_paid),
                numbers.unanswered_free,
                numbers.unanswered_paid
            ),
        ];
        out += &hanging(&row.label(), width);
        for line in lines {
            out += &hanging(&format!("  {line}"), width);
        }
    }
    out
}

fn figures(row: &Row<'_>) -> [String; 6] {
    let numbers = row.estimates;
    let p = words::p_value(numbers.p_value);
    [
        format!("{}\nn {}", words::percent(numbers.rate_free), numbers.n_free),
        format!("{}\nn {}", words::percent(numbers.rate_paid), numbers.n_paid),
        match (numbers.gap, numbers.gap_ci95) {
            (None, None) => words::NONE.to_owned(),
            (gap, interval) => {
                format!("{} {}", words::points(gap), words::points_interval(interval))
            }
        },
        match row.adjusted {
            Some(adjusted) => format!(
                "{p}\n{}\n{}",
                words::p_value(Some(adjusted.holm)),
                words::p_value(Some(adjusted.benjamini_hochberg))
            ),
            None => p,
        },
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

/// The model, and below it what tells the row from the others.
fn name_lines(row: &Row<'_>, indent: &str, width: usize) -> String {
    let room = width.saturating_sub(indent.len()).max(1);
    let mut lines = vec![text::shorten(&row.name, room)];
    // Shortened in the middle, a detail that is long for one line would lose what tells it from its neighbour.
    lines.extend(wrap(&row.detail, room));
    lines.iter().map(|line| format!("{indent}{line}")).collect::<Vec<_>>().join("\n")
}

/// `name: what is claimed of it`, broken at spaces so that no line is wider than the table.
fn sentence(row: &Row<'_>, claim: &str, width: usize) -> String {
    let mut name = text::shorten(&row.name, width / 2);
    if !row.detail.is_empty() {
        name = format!("{name} ({})", text::shorten(&row.detail, width - 8));
    }
    // The number and its sign stay on one line.
    hanging(&format!("{name}: {claim}").replace(" %", "\u{a0}%"), width)
}
