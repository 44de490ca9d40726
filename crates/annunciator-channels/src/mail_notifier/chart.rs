//! The course of a tag into a small picture, and into the HTML around it.
//!
//! In: samples in the order of time, the start of the incident. Out: a PNG without any text, and
//! the words around it as HTML, in the reader's language.
//! Standard: PNG (ISO/IEC 15948); tiny-skia draws.
//! Failure: too few samples to draw are no picture.

use std::fmt::Write as _;

use annunciator_core::{Sample, Timestamp};
use annunciator_planner::Incident;
use annunciator_template::Reader;
use tiny_skia::{Color, Paint, PathBuilder, Pixmap, Stroke, Transform};

use super::letter::{FONT, escape};
use super::{numbers, words};

/// Size of the picture; it is shown at half of it, for screens with small points. Unit: pixels.
const WIDTH: u16 = 960;
const HEIGHT: u16 = 280;
/// Ground, lines, start and curve. Without smoothed edges there are no others.
const COLOURS_MAX: usize = 4;
/// Room around the curve. Unit: pixels.
const MARGIN: f32 = 8.0;

/// What of the samples is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Extent {
    from: Timestamp,
    until: Timestamp,
    lowest: f64,
    highest: f64,
}

impl Extent {
    /// Nothing when there is nothing to draw.
    fn of(samples: &[Sample]) -> Option<Self> {
        let (first, last) = (samples.first()?, samples.last()?);
        let values = || samples.iter().map(|sample| sample.value);
        let extent = Self {
            from: first.at,
            until: last.at,
            lowest: values().fold(f64::INFINITY, f64::min),
            highest: values().fold(f64::NEG_INFINITY, f64::max),
        };
        let is_drawable = extent.until > extent.from && (extent.highest - extent.lowest) >= 0.0;
        is_drawable.then_some(extent)
    }

    #[expect(clippy::cast_precision_loss, reason = "a place in a picture")]
    fn x(&self, at: Timestamp) -> f32 {
        let share = at.ms_since(self.from) as f64 / self.until.ms_since(self.from) as f64;
        place(share, f32::from(WIDTH))
    }

    fn y(&self, value: f64) -> f32 {
        // Halves, so that no difference is beyond what a number holds.
        let span = self.highest / 2.0 - self.lowest / 2.0;
        let share = if span > 0.0 { (value / 2.0 - self.lowest / 2.0) / span } else { 0.5 };
        f32::from(HEIGHT) - place(share, f32::from(HEIGHT))
    }
}

/// A share of a length, within the margins.
#[expect(clippy::cast_possible_truncation, reason = "a place in a picture")]
fn place(share: f64, length: f32) -> f32 {
    MARGIN + share.clamp(0.0, 1.0) as f32 * (length - 2.0 * MARGIN)
}

/// The picture; nothing when there is nothing to draw.
pub(super) fn draw(samples: &[Sample], start: Option<Timestamp>) -> Option<Vec<u8>> {
    let extent = Extent::of(samples)?;
    let mut picture = Pixmap::new(u32::from(WIDTH), u32::from(HEIGHT))?;
    picture.fill(Color::from_rgba8(0xf7, 0xf9, 0xfb, 0xff));
    let (width, height) = (f32::from(WIDTH), f32::from(HEIGHT));
    for y in [extent.y(extent.lowest), height / 2.0, extent.y(extent.highest)] {
        line(&mut picture, &[(0.0, y), (width, y)], (0xd9, 0xe0, 0xe7), 1.0);
    }
    if let Some(start) = start.filter(|at| *at >= extent.from && *at <= extent.until) {
        let x = extent.x(start);
        line(&mut picture, &[(x, 0.0), (x, height)], (0xd0, 0x6a, 0x14), 3.0);
    }
    let course: Vec<(f32, f32)> =
        samples.iter().map(|sample| (extent.x(sample.at), extent.y(sample.value))).collect();
    line(&mut picture, &course, (0x1f, 0x5f, 0xa8), 3.0);
    encode(&picture)
}

/// The picture as PNG, two bits for a point: a few kilobytes, as it goes to everybody.
fn encode(picture: &Pixmap) -> Option<Vec<u8>> {
    let mut palette: Vec<[u8; 3]> = Vec::with_capacity(COLOURS_MAX);
    let mut packed = vec![0_u8; usize::from(WIDTH) * usize::from(HEIGHT) / 4];
    for (at, point) in picture.pixels().iter().enumerate() {
        let colour = [point.red(), point.green(), point.blue()];
        let known = palette.iter().position(|one| *one == colour);
        let index = known.unwrap_or_else(|| {
            palette.push(colour);
            palette.len() - 1
        });
        let bits = u8::try_from(index).ok().filter(|index| usize::from(*index) < COLOURS_MAX)?;
        packed[at / 4] |= bits << (6 - 2 * (at % 4));
    }
    let mut octets = Vec::new();
    let mut encoder = png::Encoder::new(&mut octets, u32::from(WIDTH), u32::from(HEIGHT));
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Two);
    encoder.set_palette(palette.concat());
    encoder.set_compression(png::Compression::Best);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(&packed).ok()?;
    writer.finish().ok()?;
    Some(octets)
}

fn line(picture: &mut Pixmap, points: &[(f32, f32)], (red, green, blue): (u8, u8, u8), width: f32) {
    let mut path = PathBuilder::new();
    for (at, (x, y)) in points.iter().enumerate() {
        match at {
            0 => path.move_to(*x, *y),
            _ => path.line_to(*x, *y),
        }
    }
    let Some(path) = path.finish() else { return };
    let mut paint = Paint::default();
    paint.set_color_rgba8(red, green, blue, 0xff);
    // Four colours are few octets; shown at half its size, the picture is smooth enough.
    paint.anti_alias = false;
    let stroke = Stroke { width, ..Stroke::default() };
    picture.stroke_path(&path, &paint, &stroke, Transform::identity(), None);
}

/// How HTML names the picture of an incident.
pub(super) fn content_id(incident: &Incident<'_>) -> String {
    format!("{}.chart@annunciator.invalid", incident.event.uid)
}

/// The picture in HTML with its labels; `content_id` names it in the mail.
pub(super) fn to_html(
    samples: &[Sample],
    content_id: &str,
    (tag, units): (&str, &str),
    reader: &Reader,
) -> Option<String> {
    let extent = Extent::of(samples)?;
    let number = |value: f64| {
        let written = numbers::write(value, reader.language);
        let units = if units.is_empty() { String::new() } else { format!("\u{a0}{units}") };
        escape(&format!("{written}{units}"))
    };
    let caption = format!("{}: {tag}", words::COURSE.of(reader.language));
    let (caption, highest, lowest) =
        (escape(&caption), number(extent.highest), number(extent.lowest));
    let (from, until) = (reader.print_time(extent.from), reader.print_time(extent.until));
    let (width, height) = (WIDTH / 2, HEIGHT / 2);
    let faint = format!("color:#5b6b7b;{FONT};font-size:12px");
    let mut html = String::new();
    let _ = write!(
        html,
        "<table cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"margin-top:16px\">\n\
         <tr><td colspan=\"2\" style=\"{FONT}\">{caption}</td></tr>\n\
         <tr><td colspan=\"2\" style=\"{faint}\">{highest}</td></tr>\n\
         <tr><td colspan=\"2\"><img src=\"cid:{content_id}\" width=\"{width}\" height=\"{height}\" \
         alt=\"{caption}, {lowest} – {highest}\" style=\"display:block;border:0\" /></td></tr>\n\
         <tr><td colspan=\"2\" style=\"{faint}\">{lowest}</td></tr>\n\
         <tr><td style=\"{faint}\">{from}</td>\
         <td align=\"right\" style=\"{faint}\">{until}</td></tr>\n</table>\n"
    );
    Some(html)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: &[f64]) -> Vec<Sample> {
        let sample = |(at, value): (usize, &f64)| Sample {
            at: Timestamp(i64::try_from(at).unwrap() * 1_000),
            value: *value,
        };
        values.iter().enumerate().map(sample).collect()
    }

    /// Width and height in the picture's header.
    fn size(png: &[u8]) -> (u32, u32) {
        assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
        let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
        (number(16), number(20))
    }

    #[test]
    fn samples_become_a_picture_of_a_few_kilobytes() {
        for values in [
            (0..2_000).map(|n| (f64::from(n) * 0.1).sin()).collect::<Vec<_>>(),
            vec![1.0, 1.0],
            vec![-1.7e308, 1.7e308, 0.0],
        ] {
            let png = draw(&samples(&values), Some(Timestamp(1_000))).expect("a picture");
            assert_eq!(size(&png), (960, 280));
            assert!(png.len() < 60_000, "{} octets", png.len());
        }
        let one = draw(&samples(&[1.0, 2.0]), None).unwrap();
        let other = draw(&samples(&[2.0, 1.0]), None).unwrap();
        assert_ne!(one, other, "the curve is drawn");
        assert_ne!(one, draw(&samples(&[1.0, 2.0]), Some(Timestamp(500))).unwrap());
    }

    #[test]
    fn too_little_is_no_picture() {
        assert_eq!(draw(&[], None), None);
        assert_eq!(draw(&samples(&[1.0]), None), None);
        let twice = Sample { at: Timestamp(5), value: 1.0 };
        assert_eq!(draw(&[twice, twice], None), None);
    }
}
