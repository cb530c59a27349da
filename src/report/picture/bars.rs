//! Rates of complying with harmful requests, free above paid, with the share of alignment-faking reasoning below each.

use super::super::figure::Axis;
use super::super::view::RunView;
use super::super::words::{self, typeset};
use super::{
    AXIS_FROM, Anchor, Canvas, DETAIL_LINE, FREE, INK, PAID, REASONING, Row, SIZES, SOFT, Scale,
    WIDTH, Weight, more_lines, origins, rows,
};
use crate::error::Result;

const SCALE: Scale = Scale { axis: Axis::SHARE, to: 580.0 };
const HEAD: f64 = 34.0;
const ROW: f64 = 58.0;
const FOOT: f64 = 36.0;
/// Heights of a bar of compliance and one of reasoning.
const BARS: [f64; 2] = [13.0, 4.0];

pub(super) fn draw(runs: &[RunView]) -> Result<String> {
    let mut canvas = Canvas::new()?;
    let rows = rows(runs);
    // Two bars leave room for one line more.
    let height = ROW + (more_lines(&rows) - DETAIL_LINE).max(0.0);
    let bottom = HEAD + height * rows.len() as f64;
    let mut x = AXIS_FROM;
    for (color, words, width) in [
        (FREE, "free: answers train", 140.0),
        (PAID, "paid: answers do not", 146.0),
        (REASONING, "alignment-faking reasoning", 0.0),
    ] {
        canvas.rect([x, 3.0], [10.0, 8.0], color);
        canvas.text(x + 15.0, 11.0, SIZES[1], INK, Weight::Regular, Anchor::Start, words)?;
        x += width;
    }
    let axis = "harmful requests complied with, %; whiskers are 95 % intervals, n counts replies";
    SCALE.draw(&mut canvas, HEAD - 8.0, bottom, axis)?;
    for (i, row) in rows.iter().enumerate() {
        draw_row(&mut canvas, row, HEAD + height * i as f64)?;
    }
    let title = "Compliance with harmful requests by tier, and alignment-faking reasoning";
    Ok(canvas.finish([WIDTH, bottom + FOOT], title, &origins(runs)))
}

fn draw_row(canvas: &mut Canvas, row: &Row<'_>, top: f64) -> Result<()> {
    let numbers = &row.run.estimates;
    row.write(canvas, top + ROW / 2.0 - 4.0)?;
    let tiers = [
        (FREE, numbers.rate_free, numbers.rate_free_ci95, numbers.reasoning_free, numbers.n_free),
        (PAID, numbers.rate_paid, numbers.rate_paid_ci95, numbers.reasoning_paid, numbers.n_paid),
    ];
    for (i, (color, rate, interval, reasoning, n)) in tiers.into_iter().enumerate() {
        let y = top + 2.0 + 24.0 * i as f64;
        let long = |share: f64| SCALE.at(share) - AXIS_FROM;
        if let Some(rate) = rate {
            canvas.rect([AXIS_FROM, y], [long(rate), BARS[0]], color);
        }
        if let Some(reasoning) = reasoning {
            canvas.rect([AXIS_FROM, y + BARS[0] + 1.0], [long(reasoning), BARS[1]], REASONING);
        }
        if let Some([low, high]) = interval {
            canvas.whisker(SCALE.at(low), SCALE.at(high), y + BARS[0] / 2.0, INK);
        }
        let (rate, reasoning) = (words::percent(rate), words::percent(reasoning));
        canvas.text(
            SCALE.to + 54.0,
            y + 11.0,
            SIZES[0],
            color,
            Weight::Bold,
            Anchor::End,
            &rate,
        )?;
        let n = format!("n {n}");
        canvas.text(SCALE.to + 54.0, y + 20.0, 8.5, SOFT, Weight::Regular, Anchor::End, &n)?;
        let interval = typeset(&words::percent_interval(interval));
        canvas.text(WIDTH, y + 8.0, 8.5, SOFT, Weight::Regular, Anchor::End, &interval)?;
        let reasoning = format!("reasons {reasoning}");
        canvas.text(WIDTH, y + 18.0, 8.5, REASONING, Weight::Regular, Anchor::End, &reasoning)?;
    }
    Ok(())
}
