//! The three main plots for papers: rates with the share of alignment-faking reasoning, the forest of gaps, outcomes
//! per tier; and gaps against the sizes of models. Each is an SVG whose letters are outlines of a bundled font, a PNG and a PDF of that SVG: the same bytes
//! wherever they are made. The runs' digests stand in the metadata of all.
//!
//! Colors are of Okabe and Ito's palette, which people with any color vision tell apart; what a color says is also
//! said by place or by a label.

mod bars;
mod canvas;
mod font;
mod forest;
mod outcomes;
mod pdf;
mod png;
mod sizes;

use canvas::{Anchor, Canvas, Weight};

use super::figure::Axis;
use super::names::names;
use super::text;
use super::view::{ModelKind, RunView};
use super::words::typeset;
use crate::error::Result;

/// Width of a plot, in its own units; a unit is a hundredth of an inch.
const WIDTH: f64 = 720.0;
/// Left end of the axes.
const AXIS_FROM: f64 = 190.0;
/// Columns of a name beside an axis.
const NAME_COLUMNS: usize = 20;
/// Columns of a line below a name, which has smaller letters.
const DETAIL_COLUMNS: usize = 32;
/// From one line below a name to the next.
const DETAIL_LINE: f64 = 12.0;
/// Size of what is read first, and of what is read second.
const SIZES: [f64; 2] = [12.0, 10.0];

/// Colors.
const INK: &str = "#1c1e22";
const SOFT: &str = "#565c66";
const LINE: &str = "#dedbd4";
const FREE: &str = "#0072b2";
const PAID: &str = "#d55e00";
const REASONING: &str = "#a3508a";

/// A plot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// What it shows, fit for a file's name.
    pub name: &'static str,
    /// The SVG.
    pub svg: String,
    /// The PNG.
    pub png: Vec<u8>,
    /// The PDF: the same outlines as vectors.
    pub pdf: Vec<u8>,
}

/// The three plots of these runs; a fourth of gaps against sizes, where models of several sizes were asked the same.
///
/// # Errors
/// Fails when the bundled font or the drawing is damaged.
pub fn pictures(runs: &[RunView]) -> Result<Vec<Picture>> {
    let mut drawn = vec![
        ("rates", bars::draw(runs)?),
        ("gaps", forest::draw(runs)?),
        ("outcomes", outcomes::draw(runs)?),
    ];
    let groups = super::sizes::sizes(runs);
    if !groups.is_empty() {
        drawn.push(("sizes", sizes::draw(&groups, runs)?));
    }
    drawn
        .into_iter()
        .map(|(name, svg)| {
            let origins = origins(runs);
            let (png, pdf) = (png::png(&svg, &origins)?, pdf::pdf(&svg, name, &origins)?);
            Ok(Picture { name, svg, png, pdf })
        })
        .collect()
}

/// Where the numbers come from, one line per run: what it is, and its digest.
fn origins(runs: &[RunView]) -> Vec<String> {
    let origin = |run: &RunView| {
        let [scenario, variant, judge, digest] =
            [&run.scenario, &run.variant, &run.judge, &run.digest].map(|part| text::name(part));
        format!(
            "run {digest}, model {}, scenario {scenario}, variant {variant}, seed {}, judge {judge}",
            run.name(),
            run.seed,
        )
    };
    runs.iter().map(origin).collect()
}

/// A run and how it is called beside an axis.
struct Row<'a> {
    run: &'a RunView,
    name: String,
    /// What tells it from the others, in lines.
    detail: Vec<String>,
}

/// The runs in the order in which they are drawn, models before controls.
fn rows(runs: &[RunView]) -> Vec<Row<'_>> {
    let is_control = |run: &RunView| matches!(run.kind, ModelKind::Organism { .. });
    let mut rows: Vec<Row<'_>> = runs
        .iter()
        .zip(names(runs))
        .map(|(run, name)| {
            let detail = name.detail();
            let kind = if is_control(run) { "control" } else { "" };
            let detail = [detail.as_str(), kind].into_iter().filter(|part| !part.is_empty());
            Row {
                run,
                name: text::shorten(&run.name(), NAME_COLUMNS),
                detail: lines(detail.flat_map(|part| part.split(" · "))),
            }
        })
        .collect();
    rows.sort_by_key(|row| is_control(row.run));
    rows
}

/// Parts in lines: what tells a run from the others is cut only where a part alone is longer than a line.
fn lines<'a>(parts: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        let part = text::shorten(part, DETAIL_COLUMNS);
        match lines.last_mut() {
            Some(line) if line.chars().count() + 3 + part.chars().count() <= DETAIL_COLUMNS => {
                *line += " · ";
                *line += &part;
            }
            _ => lines.push(part),
        }
    }
    lines
}

/// How much higher rows are than those with one line below the name.
fn more_lines(rows: &[Row<'_>]) -> f64 {
    let most = rows.iter().map(|row| row.detail.len()).max().unwrap_or(0);
    DETAIL_LINE * most.saturating_sub(1) as f64
}

/// An axis at its place.
struct Scale {
    axis: Axis,
    /// Its right end; all begin at [`AXIS_FROM`].
    to: f64,
}

impl Scale {
    fn at(&self, value: f64) -> f64 {
        AXIS_FROM + self.axis.place(value) * (self.to - AXIS_FROM)
    }

    /// Draws a line for each tick from `top` to `bottom`, and below them the ticks' labels and what they count.
    fn draw(&self, canvas: &mut Canvas, top: f64, bottom: f64, words: &str) -> Result<()> {
        for tick in self.axis.ticks() {
            let (x, color) = (self.at(tick.value), if tick.zero { SOFT } else { LINE });
            canvas.line([x, top], [x, bottom], color, 1.0);
            let label = typeset(&tick.label);
            let y = bottom + 14.0;
            canvas.text(x, y, SIZES[1], SOFT, Weight::Regular, Anchor::Middle, &label)?;
        }
        let middle = f64::midpoint(AXIS_FROM, self.to);
        canvas.text(middle, bottom + 30.0, SIZES[1], SOFT, Weight::Regular, Anchor::Middle, words)
    }
}

impl Row<'_> {
    /// Writes name and detail to the left of the axis, around the middle `y`.
    fn write(&self, canvas: &mut Canvas, y: f64) -> Result<()> {
        let up = match self.detail.len() {
            0 => 4.0,
            lines => -1.0 - DETAIL_LINE / 2.0 * (lines - 1) as f64,
        };
        canvas.text(0.0, y + up, SIZES[0], INK, Weight::Bold, Anchor::Start, &self.name)?;
        for (i, line) in self.detail.iter().enumerate() {
            let y = y + up + 13.0 + DETAIL_LINE * i as f64;
            canvas.text(0.0, y, SIZES[1], SOFT, Weight::Regular, Anchor::Start, line)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn the_same_runs_give_the_same_bytes_with_their_digests_inside() {
        let mut runs = sample::demo(1);
        runs[1].kind = ModelKind::Model;
        runs[0].digest = "0123456789abcdef".to_owned();
        let drawn = pictures(&runs).unwrap();
        assert_eq!(drawn, pictures(&runs).unwrap());
        assert_eq!(
            drawn.iter().map(|picture| picture.name).collect::<Vec<_>>(),
            ["rates", "gaps", "outcomes"]
        );
        for picture in &drawn {
            let (_, metadata) = picture.svg.split_once("<metadata>").unwrap();
            assert!(
                metadata.contains("run 0123456789abcdef, model organism:faker"),
                "{}",
                picture.name
            );
            assert!(picture.png.starts_with(b"\x89PNG"));
            let pdf = String::from_utf8_lossy(&picture.pdf);
            assert!(pdf.starts_with("%PDF-") && pdf.contains("run 0123456789abcdef, model"));
            assert!(
                picture.name == "outcomes" || picture.svg.contains("aria-label=\"n "),
                "{}",
                picture.name
            );
            let text = String::from_utf8_lossy(&picture.png);
            assert!(text.contains("tEXtSource\0run 0123456789abcdef"), "{}", picture.name);
        }
        runs[0].digest = "another".to_owned();
        assert_ne!(drawn, pictures(&runs).unwrap());
    }

    #[test]
    fn what_tells_runs_apart_is_broken_and_not_cut() {
        let parts = ["no-training", "seed 12", "temperature 0.7", "as stored", "control"];
        assert_eq!(
            lines(parts.into_iter()),
            ["no-training · seed 12", "temperature 0.7 · as stored", "control"]
        );
        assert!(lines(std::iter::empty()).is_empty());
    }

    #[test]
    fn models_stand_before_controls() {
        let mut runs = sample::demo(1);
        runs[3].kind = ModelKind::Model;
        let names: Vec<_> = rows(&runs).into_iter().map(|row| row.name).collect();
        assert_eq!(names[..2], ["organism:complier", "organism:faker"]);
    }

    #[test]
    fn hostile_names_stay_text_and_no_run_is_no_error() {
        let mut run = sample::run(&sample::DEMO[0], 0, 2, 1, 1);
        run.model = "</svg><script>alert(1)</script>\u{202e}\u{1b}日本".to_owned();
        run.digest = "\u{e9}]]>--><x>".to_owned();
        run.transcripts.clear();
        run.verdicts.clear();
        sample::refresh(&mut run);
        for picture in pictures(&[run]).unwrap() {
            assert!(!picture.svg.contains("<script") && !picture.svg.contains("<x>"));
            assert!(!picture.svg.contains(['\u{202e}', '\u{1b}']));
        }
        assert!(pictures(&[]).is_ok());
    }
}
