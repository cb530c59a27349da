//! Letters as outlines, from the two bundled cuts of DejaVu Sans. Knows nothing about where they are drawn.

use std::fmt::Write as _;

use ttf_parser::{Face, GlyphId, OutlineBuilder};

use crate::error::{Error, Result};

/// A font in one weight.
pub(super) struct Font {
    face: Face<'static>,
}

/// A letter: its number in the font, and how far the next one stands from it, in the font's units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) id: u16,
    pub(super) advance: u16,
}

impl Font {
    pub(super) fn regular() -> Result<Self> {
        Self::parse(include_bytes!("font/DejaVuSans.ttf"))
    }

    pub(super) fn bold() -> Result<Self> {
        Self::parse(include_bytes!("font/DejaVuSans-Bold.ttf"))
    }

    fn parse(bytes: &'static [u8]) -> Result<Self> {
        let face = Face::parse(bytes, 0)
            .map_err(|error| Error::failed(format!("the bundled font is damaged: {error}")))?;
        Ok(Self { face })
    }

    /// Font units per unit of size.
    pub(super) fn units(&self) -> f64 {
        f64::from(self.face.units_per_em())
    }

    /// The letters of a text; a character that the font lacks is an empty box.
    pub(super) fn letters(&self, text: &str) -> Vec<Letter> {
        text.chars()
            .map(|c| {
                let id = self.face.glyph_index(c).unwrap_or(GlyphId(0));
                Letter { id: id.0, advance: self.face.glyph_hor_advance(id).unwrap_or(0) }
            })
            .collect()
    }

    /// A letter's outline as the data of an SVG path, in the font's units, upward.
    pub(super) fn outline(&self, letter: Letter) -> String {
        let mut path = PathData(String::new());
        self.face.outline_glyph(GlyphId(letter.id), &mut path);
        path.0
    }
}

/// The fonts' coordinates are whole numbers.
struct PathData(String);

impl PathData {
    fn add(&mut self, command: char, numbers: &[f32]) {
        self.0.push(command);
        for (i, number) in numbers.iter().enumerate() {
            let space = if i > 0 { " " } else { "" };
            // Writing to a string cannot fail.
            let _ = write!(self.0, "{space}{number}");
        }
    }
}

impl OutlineBuilder for PathData {
    fn move_to(&mut self, x: f32, y: f32) {
        self.add('M', &[x, y]);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.add('L', &[x, y]);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.add('Q', &[x1, y1, x, y]);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.add('C', &[x1, y1, x2, y2, x, y]);
    }

    fn close(&mut self) {
        self.0.push('Z');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_weights_have_the_letters_that_are_drawn() {
        for font in [Font::regular().unwrap(), Font::bold().unwrap()] {
            for letter in font.letters("AZaz09%+−–…·[]()◆○●éß") {
                assert!(letter.id > 0 && letter.advance > 0 && !font.outline(letter).is_empty());
            }
            assert_eq!(font.letters("日")[0].id, 0);
        }
    }
}
