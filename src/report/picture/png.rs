//! A PNG of an SVG, for papers: 300 dots per inch, with the origin of its numbers in text chunks.

use png::{BitDepth, ColorType, Encoder, PixelDimensions, Unit};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

use crate::error::{Error, Result};

/// Dots per unit of the drawing, which is a hundredth of an inch.
const SCALE: f32 = 3.0;
const DOTS_PER_METER: u32 = 11_811;

/// # Errors
/// The SVG is none, or too large.
pub(super) fn png(svg: &str, origins: &[String]) -> Result<Vec<u8>> {
    let failed = |error: &dyn std::fmt::Display| {
        Error::failed(format!("the plot cannot be drawn as a PNG: {error}"))
    };
    let tree = Tree::from_str(svg, &Options::default()).map_err(|error| failed(&error))?;
    let [width, height] =
        [tree.size().width(), tree.size().height()].map(|side| (side * SCALE).ceil() as u32);
    let mut pixels = Pixmap::new(width, height).ok_or_else(|| failed(&"it is too large"))?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    // The background is opaque: nothing is lost with the fourth channel.
    let colors: Vec<u8> = pixels.data().chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, width, height);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_pixel_dims(Some(PixelDimensions {
        xppu: DOTS_PER_METER,
        yppu: DOTS_PER_METER,
        unit: Unit::Meter,
    }));
    let software = format!("candor {}", env!("CARGO_PKG_VERSION"));
    let texts = origins.iter().map(|origin| ("Source", latin(origin)));
    for (keyword, text) in [("Software", software)].into_iter().chain(texts) {
        encoder.add_text_chunk(keyword.to_owned(), text).map_err(|error| failed(&error))?;
    }
    let mut writer = encoder.write_header().map_err(|error| failed(&error))?;
    writer.write_image_data(&colors).map_err(|error| failed(&error))?;
    writer.finish().map_err(|error| failed(&error))?;
    Ok(bytes)
}

/// Text chunks hold Latin-1 only; anything else in a name is spelled out.
fn latin(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_ascii() { vec![c] } else { c.escape_unicode().collect() })
        .collect()
}
