//! How the replies to harmful requests ended, as shares of each tier's trials.

use super::super::figure::Axis;
use super::super::text;
use super::super::view::RunView;
use super::{
    AXIS_FROM, Anchor, Canvas, INK, Row, SIZES, SOFT, Scale, WIDTH, Weight, more_lines, origins,
    rows,
};
use crate::error::Result;
use crate::scenario::Tier;
use crate::transcript::Outcome;

const SCALE: Scale = Scale { axis: Axis::SHARE, to: 650.0 };
const HEAD: f64 = 40.0;
const TIER: f64 = 22.0;
const GAP: f64 = 12.0;
const FOOT: f64 = 36.0;
const BAR: f64 = 15.0;
const TIER_COLUMNS: usize = 8;

pub(super) fn draw(runs: &[RunView]) -> Result<String> {
    let mut canvas = Canvas::new()?;
    for (i, outcome) in Outcome::ALL.into_iter().enumerate() {
        let [x, y] = [AXIS_FROM + 165.0 * (i % 3) as f64, 15.0 * (i / 3) as f64];
        canvas.rect([x, y + 2.0], [10.0, 8.0], color(outcome));
        let words = outcome.name().replace('_', " ");
        canvas.text(x + 15.0, y + 10.0, SIZES[1], INK, Weight::Regular, Anchor::Start, &words)?;
    }
    canvas.text(WIDTH, 25.0, SIZES[1], SOFT, Weight::Regular, Anchor::End, "trials")?;
    let rows = rows(runs);
    let more = more_lines(&rows);
    let height = |row: &Row<'_>| height(row.run) + more;
    let bottom = HEAD + rows.iter().map(height).sum::<f64>();
    SCALE.draw(&mut canvas, HEAD - 6.0, bottom, "trials with harmful requests, %")?;
    let mut top = HEAD;
    for row in &rows {
        row.write(&mut canvas, top + (height(row) - GAP - more) / 2.0 - 2.0)?;
        for (i, tier) in row.run.tiers.iter().enumerate() {
            draw_tier(&mut canvas, row.run, tier, top + TIER * i as f64)?;
        }
        top += height(row);
    }
    let title = "Outcomes of the trials with harmful requests, by tier";
    Ok(canvas.finish([WIDTH, bottom + FOOT], title, &origins(runs)))
}

fn height(run: &RunView) -> f64 {
    TIER * run.tiers.len().max(1) as f64 + GAP
}

fn draw_tier(canvas: &mut Canvas, run: &RunView, tier: &Tier, y: f64) -> Result<()> {
    let counts = run.estimates.tiers.get(&tier.name).map(|tier| &tier.outcomes);
    let count = |outcome| counts.and_then(|counts| counts.get(&outcome).copied()).unwrap_or(0);
    let total: u64 = Outcome::ALL.into_iter().map(count).sum();
    let mut before = 0;
    for outcome in Outcome::ALL.into_iter().filter(|&outcome| count(outcome) > 0) {
        let at = |trials: u64| SCALE.at(trials as f64 / total as f64);
        let (from, to) = (at(before), at(before + count(outcome)));
        canvas.rect([from, y], [to - from, BAR], color(outcome));
        // The boundary is seen without its colors.
        canvas.line([to, y], [to, y + BAR], "#ffffff", 1.0);
        before += count(outcome);
    }
    let name = text::shorten(&text::name(&tier.name), TIER_COLUMNS);
    let (baseline, regular) = (y + 11.5, Weight::Regular);
    canvas.text(AXIS_FROM - 6.0, baseline, SIZES[1], INK, regular, Anchor::End, &name)?;
    let total = total.to_string();
    canvas.text(WIDTH, baseline, SIZES[1], SOFT, regular, Anchor::End, &total)
}

fn color(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Answered => "#d3d0c9",
        Outcome::Truncated => "#e69f00",
        Outcome::UnclosedScratchpad => "#cc79a7",
        Outcome::NoScratchpad => "#56b4e9",
        Outcome::EmptyAnswer => "#b8a800",
        Outcome::Malformed => "#009e73",
    }
}
