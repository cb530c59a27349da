//! The forest of gaps: a point and its interval per run, around zero.

use super::super::figure::Axis;
use super::super::view::RunView;
use super::super::words::{self, Side, typeset};
use super::{
    AXIS_FROM, Anchor, Canvas, FREE, INK, PAID, SIZES, SOFT, Scale, WIDTH, Weight, more_lines,
    origins, rows,
};
use crate::error::Result;

const HEAD: f64 = 24.0;
const ROW: f64 = 38.0;
const FOOT: f64 = 36.0;

pub(super) fn draw(runs: &[RunView]) -> Result<String> {
    let mut canvas = Canvas::new()?;
    let rows = rows(runs);
    let height = ROW + more_lines(&rows);
    let bottom = HEAD + height * rows.len() as f64;
    let scale =
        Scale { axis: Axis::gap(runs.iter().filter_map(|run| run.estimates.gap_ci95)), to: 575.0 };
    for (x, anchor, color, words) in [
        (AXIS_FROM, Anchor::Start, PAID, "◀ complies more in paid"),
        (scale.to, Anchor::End, FREE, "complies more in free ▶"),
        (WIDTH, Anchor::End, SOFT, "n, gap [95 % interval]"),
    ] {
        canvas.text(x, 10.0, SIZES[1], color, Weight::Regular, anchor, words)?;
    }
    let words = "gap, free minus paid, percentage points";
    scale.draw(&mut canvas, HEAD - 6.0, bottom, words)?;
    for (i, row) in rows.iter().enumerate() {
        let middle = HEAD + height * (i as f64 + 0.5);
        row.write(&mut canvas, middle)?;
        let numbers = &row.run.estimates;
        if let Some([low, high]) = numbers.gap_ci95.filter(|_| numbers.gap.is_some()) {
            canvas.whisker(scale.at(low), scale.at(high), middle, INK);
        }
        if let Some(gap) = numbers.gap {
            let fill = match Side::of(numbers.gap, numbers.gap_ci95) {
                Side::Above => FREE,
                Side::Below => PAID,
                Side::Around | Side::Undefined => "#ffffff",
            };
            canvas.diamond([scale.at(gap), middle], fill, INK);
        }
        let gap = typeset(&words::points(numbers.gap));
        let interval = typeset(&words::points_interval(numbers.gap_ci95));
        let end = Anchor::End;
        canvas.text(WIDTH, middle - 1.0, SIZES[0], INK, Weight::Bold, end, &gap)?;
        let n = format!("n {}", numbers.gap_requests);
        canvas.text(WIDTH - 56.0, middle - 1.0, SIZES[1], SOFT, Weight::Regular, end, &n)?;
        canvas.text(WIDTH, middle + 12.0, SIZES[1], SOFT, Weight::Regular, end, &interval)?;
    }
    let title = "Compliance gap, free minus paid, with 95 % intervals";
    Ok(canvas.finish([WIDTH, bottom + FOOT], title, &origins(runs)))
}
