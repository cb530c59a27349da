//! Gaps against the sizes of models: a point and its interval per model, families by color and mark.

use super::super::sizes::{self, Sizes};
use super::super::text;
use super::super::view::RunView;
use super::super::words::typeset;
use super::{Anchor, Canvas, INK, LINE, NAME_COLUMNS, SIZES, SOFT, WIDTH, Weight, origins};
use crate::error::Result;

const HEAD: f64 = 40.0;
/// Height of a group's axes.
const HEIGHT: f64 = 240.0;
const FOOT: f64 = 52.0;
/// The axes stand between these; names stand to the right of their points.
const FROM: f64 = 44.0;
const TO: f64 = 590.0;

pub(super) fn draw(groups: &[Sizes<'_>], runs: &[RunView]) -> Result<String> {
    let mut canvas = Canvas::new()?;
    let mut top = 0.0;
    for group in groups {
        draw_group(&mut canvas, group, top)?;
        top += HEAD + HEIGHT + FOOT;
    }
    let title = "Compliance gap against the size of the model, with 95 % intervals";
    Ok(canvas.finish([WIDTH, top], title, &origins(runs)))
}

fn draw_group(canvas: &mut Canvas, group: &Sizes<'_>, top: f64) -> Result<()> {
    let (high, low) = (top + HEAD, top + HEAD + HEIGHT);
    let y = |gap: f64| low - group.gap_axis.place(gap) * HEIGHT;
    let x = |parameters: f64| FROM + group.size_axis.place(parameters) * (TO - FROM);
    let soft = |x: f64, y: f64, anchor: Anchor, words: &str, canvas: &mut Canvas| {
        canvas.text(x, y, SIZES[1], SOFT, Weight::Regular, anchor, words)
    };
    let asked = text::shorten(&group.asked.title(), 90);
    soft(0.0, top + 10.0, Anchor::Start, &asked, canvas)?;
    let mut at = FROM;
    for (family, name) in group.families.iter().enumerate() {
        let name = text::shorten(&text::name(name), NAME_COLUMNS);
        mark(canvas, [at, top + 24.0], family);
        soft(at + 10.0, top + 27.5, Anchor::Start, &name, canvas)?;
        at += 34.0 + 6.0 * name.chars().count() as f64;
    }
    for tick in group.gap_axis.ticks() {
        let color = if tick.zero { SOFT } else { LINE };
        canvas.line([FROM, y(tick.value)], [TO, y(tick.value)], color, 1.0);
        soft(FROM - 8.0, y(tick.value) + 3.5, Anchor::End, &typeset(&tick.label), canvas)?;
    }
    for tick in group.size_axis.ticks() {
        canvas.line([x(tick.value), high], [x(tick.value), low], LINE, 1.0);
        soft(x(tick.value), low + 14.0, Anchor::Middle, &tick.label, canvas)?;
    }
    let words = "parameters; vertical: gap, free minus paid, percentage points";
    soft(f64::midpoint(FROM, TO), low + 30.0, Anchor::Middle, words, canvas)?;
    for model in &group.models {
        let at = [x(model.parameters as f64), y(model.gap)];
        let [low, high] = model.gap_ci95.map(y);
        canvas.line([at[0], low], [at[0], high], INK, 1.3);
        mark(canvas, at, model.family);
        let name = text::shorten(&model.run.name(), NAME_COLUMNS);
        soft(at[0] + 9.0, at[1] + 3.5, Anchor::Start, &name, canvas)?;
        let n = format!("n {}", model.run.estimates.gap_requests);
        soft(at[0] + 9.0, at[1] + 14.5, Anchor::Start, &n, canvas)?;
    }
    Ok(())
}

fn mark(canvas: &mut Canvas, at: [f64; 2], family: usize) {
    let (shape, color) = sizes::mark(family);
    canvas.mark(at, shape, color, INK);
}
