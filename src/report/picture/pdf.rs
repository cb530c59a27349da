//! A PDF of an SVG, for papers: the same outlines, as vectors, with the origin of its numbers in its metadata. Knows
//! nothing about plots; of an SVG it draws filled and stroked paths in plain colors, which is all that the plots have.

use std::fmt::Write as _;

use resvg::tiny_skia::PathSegment;
use resvg::usvg::{Group, Node, Options, Paint, Path, Tree};

use crate::error::{Error, Result};

/// PDF points per unit of the drawing, which is a hundredth of an inch.
const SCALE: f32 = 0.72;

/// # Errors
/// The SVG is none.
pub(super) fn pdf(svg: &str, title: &str, origins: &[String]) -> Result<Vec<u8>> {
    let tree = Tree::from_str(svg, &Options::default())
        .map_err(|error| Error::failed(format!("the plot cannot be drawn as a PDF: {error}")))?;
    let [width, height] = [tree.size().width(), tree.size().height()].map(|side| side * SCALE);
    let mut content = format!("{} 0 0 {} 0 {} cm\n", number(SCALE), number(-SCALE), number(height));
    group(tree.root(), &mut content);
    let said = origins.iter().map(|origin| text(origin)).collect::<Vec<_>>().join("\\n");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {} {}] /Resources << >> /Contents 4 0 R >>",
            number(width),
            number(height)
        ),
        format!("<< /Length {} >>\nstream\n{content}endstream", content.len()),
        format!(
            "<< /Title ({}) /Producer (candor {}) /Keywords ({said}) >>",
            text(title),
            env!("CARGO_PKG_VERSION")
        ),
    ];
    let mut out = "%PDF-1.4\n".to_owned();
    let mut places = Vec::new();
    for (i, object) in objects.iter().enumerate() {
        places.push(out.len());
        // Writing to a string cannot fail.
        let _ = write!(out, "{} 0 obj\n{object}\nendobj\n", i + 1);
    }
    let table = out.len();
    let count = objects.len() + 1;
    let _ = write!(out, "xref\n0 {count}\n0000000000 65535 f \n");
    for place in places {
        let _ = writeln!(out, "{place:010} 00000 n ");
    }
    let _ = write!(
        out,
        "trailer\n<< /Size {count} /Root 1 0 R /Info 5 0 R >>\nstartxref\n{table}\n%%EOF\n"
    );
    Ok(out.into_bytes())
}

fn group(group: &Group, out: &mut String) {
    for node in group.children() {
        match node {
            Node::Group(inner) => self::group(inner, out),
            Node::Path(path) => draw(path, out),
            Node::Image(_) | Node::Text(_) => {}
        }
    }
}

fn draw(path: &Path, out: &mut String) {
    let Some(data) = path.data().clone().transform(path.abs_transform()) else { return };
    let fill = path.fill().and_then(|fill| color(fill.paint()));
    let stroke = path.stroke().and_then(|stroke| {
        let scale = path.abs_transform().get_scale().0;
        Some((color(stroke.paint())?, stroke.width().get() * scale))
    });
    if let Some(color) = &fill {
        let _ = writeln!(out, "{color} rg");
    }
    if let Some((color, width)) = &stroke {
        let _ = writeln!(out, "{color} RG {} w", number(*width));
    }
    let mut last = (0.0, 0.0);
    for segment in data.segments() {
        match segment {
            PathSegment::MoveTo(p) => {
                last = (p.x, p.y);
                let _ = writeln!(out, "{} {} m", number(p.x), number(p.y));
            }
            PathSegment::LineTo(p) => {
                last = (p.x, p.y);
                let _ = writeln!(out, "{} {} l", number(p.x), number(p.y));
            }
            // A PDF has cubic curves only; a quadratic one is a cubic one whose handles are a third nearer.
            PathSegment::QuadTo(c, p) => {
                let near = |from: f32, to: f32| from + (to - from) * 2.0 / 3.0;
                let first = (near(last.0, c.x), near(last.1, c.y));
                let second = (near(p.x, c.x), near(p.y, c.y));
                curve(out, [first, second, (p.x, p.y)]);
                last = (p.x, p.y);
            }
            PathSegment::CubicTo(a, b, p) => {
                curve(out, [(a.x, a.y), (b.x, b.y), (p.x, p.y)]);
                last = (p.x, p.y);
            }
            PathSegment::Close => *out += "h\n",
        }
    }
    *out += match (fill.is_some(), stroke.is_some()) {
        (true, true) => "B\n",
        (true, false) => "f\n",
        (false, true) => "S\n",
        (false, false) => "n\n",
    };
}

fn curve(out: &mut String, points: [(f32, f32); 3]) {
    for (x, y) in points {
        let _ = write!(out, "{} {} ", number(x), number(y));
    }
    *out += "c\n";
}

fn color(paint: &Paint) -> Option<String> {
    let Paint::Color(color) = paint else { return None };
    let share = |part: u8| number(f32::from(part) / 255.0);
    Some(format!("{} {} {}", share(color.red), share(color.green), share(color.blue)))
}

/// Three decimals, without those that say nothing.
fn number(value: f32) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// The inside of a string of the file, in ASCII.
fn text(words: &str) -> String {
    let mut out = String::new();
    for c in words.chars() {
        match c {
            '(' | ')' | '\\' => out.extend(['\\', c]),
            c if c.is_ascii() && !c.is_ascii_control() => out.push(c),
            c => out.extend(
                c.escape_unicode().flat_map(|c| if c == '\\' { vec!['\\', '\\'] } else { vec![c] }),
            ),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_becomes_a_file_whose_table_finds_its_parts() {
        let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"100\" height=\"50\">\
            <rect width=\"10\" height=\"20\" fill=\"#ff0000\"/>\
            <path d=\"M0 0Q10 0 10 10\" fill=\"none\" stroke=\"#000000\" stroke-width=\"2\"/></svg>";
        let bytes = pdf(svg, "a (title)", &["run 1\n\u{e9}".to_owned()]).unwrap();
        let file = String::from_utf8(bytes.clone()).unwrap();
        assert_eq!(bytes, pdf(svg, "a (title)", &["run 1\n\u{e9}".to_owned()]).unwrap());
        assert!(file.starts_with("%PDF-1.4\n") && file.ends_with("%%EOF\n"));
        assert!(file.contains("/MediaBox [0 0 72 36]") && file.contains("1 0 0 rg"));
        assert!(file.contains("6.667 0 10 3.333 10 10 c\nS"), "{file}");
        assert!(file.contains(r"/Title (a \(title\))") && file.contains(r"run 1\\u{a}\\u{e9}"));
        let (_, table) = file.split_once("startxref\n").unwrap();
        let table: usize = table.lines().next().unwrap().parse().unwrap();
        assert!(file[table..].starts_with("xref\n0 6\n"));
        for (i, line) in file[table..].lines().skip(3).take(5).enumerate() {
            let place: usize = line[..10].parse().unwrap();
            assert!(file[place..].starts_with(&format!("{} 0 obj\n", i + 1)), "{line}");
        }
        let (_, rest) = file.split_once("/Length ").unwrap();
        let length: usize = rest.split(' ').next().unwrap().parse().unwrap();
        let (_, stream) = file.split_once("stream\n").unwrap();
        assert!(stream[length..].starts_with("endstream"));
    }
}
