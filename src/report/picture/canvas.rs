//! An SVG under construction: lines, boxes and texts in one coordinate system, the letters as outlines that are
//! defined once. Knows nothing about plots.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::font::Font;
use crate::error::Result;

/// Space around the drawing.
const MARGIN: f64 = 12.0;

/// How bold a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    Regular,
    Bold,
}

/// Which end of a text stands at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// The drawing.
pub(super) struct Canvas {
    regular: Font,
    bold: Font,
    /// Outlines by weight and letter.
    letters: BTreeMap<(Weight, u16), String>,
    body: String,
}

impl Canvas {
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            regular: Font::regular()?,
            bold: Font::bold()?,
            letters: BTreeMap::new(),
            body: String::new(),
        })
    }

    /// A filled box.
    pub(super) fn rect(&mut self, [x, y]: [f64; 2], [width, height]: [f64; 2], fill: &str) {
        self.element(&format!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{fill}\"/>",
            number(x),
            number(y),
            number(width),
            number(height)
        ));
    }

    /// A line of some thickness.
    pub(super) fn line(&mut self, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2], color: &str, thick: f64) {
        self.element(&format!(
            "<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" stroke=\"{color}\" stroke-width=\"{}\"/>",
            number(x1),
            number(y1),
            number(x2),
            number(y2),
            number(thick)
        ));
    }

    /// An interval with its ends marked.
    pub(super) fn whisker(&mut self, low: f64, high: f64, y: f64, color: &str) {
        self.line([low, y], [high, y], color, 1.3);
        for end in [low, high] {
            self.line([end, y - 3.5], [end, y + 3.5], color, 1.3);
        }
    }

    /// A square on its tip.
    pub(super) fn diamond(&mut self, at: [f64; 2], fill: &str, stroke: &str) {
        self.mark(at, "M0-5.5 5.5 0 0 5.5-5.5 0Z", fill, stroke);
    }

    /// A shape around a point.
    pub(super) fn mark(&mut self, [x, y]: [f64; 2], shape: &str, fill: &str, stroke: &str) {
        let (x, y) = (number(x), number(y));
        self.element(&format!(
            "<path transform=\"translate({x} {y})\" d=\"{shape}\" fill=\"{fill}\" stroke=\"{stroke}\" \
             stroke-width=\"1.5\"/>"
        ));
    }

    /// A text on one line, which stands in the file as its label too.
    #[expect(clippy::too_many_arguments, reason = "a place, a look and the words")]
    pub(super) fn text(
        &mut self,
        x: f64,
        y: f64,
        size: f64,
        color: &str,
        weight: Weight,
        anchor: Anchor,
        words: &str,
    ) -> Result<()> {
        if words.is_empty() {
            return Ok(());
        }
        let font = if weight == Weight::Bold { &self.bold } else { &self.regular };
        let letters = font.letters(words);
        let scale = size / font.units();
        let width: f64 = letters.iter().map(|letter| f64::from(letter.advance)).sum();
        let shift = match anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => width / 2.0,
            Anchor::End => width,
        };
        let mut group = format!(
            "<g role=\"img\" aria-label=\"{}\" fill=\"{color}\" transform=\"translate({} {}) scale({scale:.6} -{scale:.6})\">",
            escaped(words),
            number(x - shift * scale),
            number(y)
        );
        let mut at = 0_u32;
        for letter in letters {
            let outline = self.letters.entry((weight, letter.id)).or_default();
            if outline.is_empty() {
                *outline = font.outline(letter);
            }
            if !outline.is_empty() {
                // Writing to a string cannot fail.
                let _ = write!(group, "<use href=\"#{}\" x=\"{at}\"/>", name(weight, letter.id));
            }
            at += u32::from(letter.advance);
        }
        self.element(&(group + "</g>"));
        Ok(())
    }

    /// The file, with what it shows in words, where its numbers come from, and room around.
    pub(super) fn finish(
        self,
        [width, height]: [f64; 2],
        title: &str,
        origins: &[String],
    ) -> String {
        let [full_width, full_height] = [width, height].map(|side| number(side + 2.0 * MARGIN));
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{full_width}\" height=\"{full_height}\" \
             viewBox=\"0 0 {full_width} {full_height}\" role=\"img\" aria-label=\"{0}\">\n<title>{0}</title>\n\
             <metadata>candor {1}\n",
            escaped(title),
            env!("CARGO_PKG_VERSION")
        );
        for origin in origins {
            out += &escaped(origin);
            out.push('\n');
        }
        out += "</metadata>\n<defs>\n";
        for ((weight, id), outline) in
            self.letters.iter().filter(|(_, outline)| !outline.is_empty())
        {
            let _ = writeln!(out, "<path id=\"{}\" d=\"{outline}\"/>", name(*weight, *id));
        }
        let _ = write!(
            out,
            "</defs>\n<rect width=\"{full_width}\" height=\"{full_height}\" fill=\"#ffffff\"/>\n\
             <g transform=\"translate({0} {0})\">\n{1}</g>\n</svg>\n",
            number(MARGIN),
            self.body
        );
        out
    }

    fn element(&mut self, element: &str) {
        self.body += element;
        self.body.push('\n');
    }
}

fn name(weight: Weight, id: u16) -> String {
    format!("{}{id}", if weight == Weight::Bold { 'b' } else { 'r' })
}

/// Two decimals, without those that say nothing.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            c => out.push(c),
        }
    }
    out
}
