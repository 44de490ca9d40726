//! The course of a tag into a small picture, and into the HTML around it.
//!
//! In: samples in the order of time, the start of the incident, the threshold of a limit. Out: a PNG
//! without any text, and the words around it as HTML, in the reader's language: marks beside both
//! axes, round and as fine as the step between them.
//! Standard: PNG (ISO/IEC 15948); tiny-skia draws.
//! Failure: too few samples to draw are no picture.

use std::fmt::Write as _;

use annunciator_core::{Sample, Timestamp};
use annunciator_planner::Incident;
use annunciator_template::{Reader, TimeTicks, ValueAxis};
use tiny_skia::{Color, Paint, PathBuilder, Pixmap, Stroke, StrokeDash, Transform};

use super::page::{BREAK, FAINT, FONT, escape};
use super::words;

/// Size of the picture; it is shown at half of it, for screens with small points. Unit: pixels.
const WIDTH: u16 = 960;
const HEIGHT: u16 = 280;
/// Ground, lines, marks and curve. Without smoothed edges there are no others.
const COLOURS_MAX: usize = 4;
const LINES: (u8, u8, u8) = (0xd9, 0xe0, 0xe7);
const MARKS: (u8, u8, u8) = (0xb3, 0x54, 0x0a);
const CURVE: (u8, u8, u8) = (0x1f, 0x5f, 0xa8);
/// Room beside the curve. Unit: pixels.
const MARGIN_X: f32 = 8.0;
/// Room above and below it, so that half a line of words fits beside its ends. Unit: pixels.
const MARGIN_Y: f32 = 14.0;
/// Height of the words beside the picture, as it is shown. Unit: pixels.
const LABEL_HEIGHT: u16 = 14;
/// Characters of a time of day without seconds.
const TIME_CHARS: usize = 5;

/// What is drawn.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chart<'a> {
    samples: &'a [Sample],
    reader: &'a Reader,
    from: Timestamp,
    until: Timestamp,
    lowest: f64,
    highest: f64,
    axis: ValueAxis,
    ticks: TimeTicks,
    /// Start of the incident, within the samples.
    start: Option<Timestamp>,
    /// What a limit of the tag compares with, near the samples.
    threshold: Option<f64>,
}

impl<'a> Chart<'a> {
    /// Nothing when there is nothing to draw.
    pub(super) fn of(
        incident: &Incident<'_>,
        samples: &'a [Sample],
        reader: &'a Reader,
    ) -> Option<Self> {
        // The threshold of other detectors is none of the tag, but of their error.
        let threshold = (incident.kind == "limit").then(|| incident.number("threshold")).flatten();
        Self::with(samples, incident.time("start"), threshold, reader)
    }

    pub(super) fn with(
        samples: &'a [Sample],
        start: Option<Timestamp>,
        threshold: Option<f64>,
        reader: &'a Reader,
    ) -> Option<Self> {
        let (from, until) = (samples.first()?.at, samples.last()?.at);
        let values = || samples.iter().map(|sample| sample.value);
        let lowest = values().fold(f64::INFINITY, f64::min);
        let highest = values().fold(f64::NEG_INFINITY, f64::max);
        if until <= from || !lowest.is_finite() || !highest.is_finite() {
            return None;
        }
        // One far away would leave the course a flat line.
        let span = highest - lowest;
        let is_near = |value: &f64| *value >= lowest - span && *value <= highest + span;
        let threshold = threshold.filter(is_near);
        let (low, high) = match threshold {
            Some(threshold) => (lowest.min(threshold), highest.max(threshold)),
            None => (lowest, highest),
        };
        Some(Self {
            samples,
            reader,
            from,
            until,
            lowest,
            highest,
            axis: ValueAxis::of(low, high),
            ticks: TimeTicks::between(from, until, reader),
            start: start.filter(|at| *at >= from && *at <= until),
            threshold,
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "a place in a picture")]
    fn x(&self, at: Timestamp) -> f32 {
        let share = at.ms_since(self.from) as f64 / self.until.ms_since(self.from) as f64;
        place(share, f32::from(WIDTH), MARGIN_X)
    }

    fn y(&self, value: f64) -> f32 {
        let height = f32::from(HEIGHT);
        height - place(self.axis.share(value), height, MARGIN_Y)
    }

    /// All of a picture that depends on its reader.
    pub(super) fn marks_of_time(&self) -> &[Timestamp] {
        &self.ticks.times
    }

    /// The picture.
    pub(super) fn draw(&self) -> Option<Vec<u8>> {
        let mut picture = Pixmap::new(u32::from(WIDTH), u32::from(HEIGHT))?;
        picture.fill(Color::from_rgba8(0xf7, 0xf9, 0xfb, 0xff));
        let (width, height) = (f32::from(WIDTH), f32::from(HEIGHT));
        for mark in &self.axis.marks {
            let y = self.y(*mark);
            line(&mut picture, &[(0.0, y), (width, y)], LINES, 2.0);
        }
        for tick in &self.ticks.times {
            let x = self.x(*tick);
            line(&mut picture, &[(x, 0.0), (x, height)], LINES, 2.0);
        }
        if let Some(threshold) = self.threshold {
            dashes(&mut picture, self.y(threshold));
        }
        if let Some(start) = self.start {
            let x = self.x(start);
            line(&mut picture, &[(x, 0.0), (x, height)], MARKS, 3.0);
        }
        let place = |sample: &Sample| (self.x(sample.at), self.y(sample.value));
        let course: Vec<(f32, f32)> = self.samples.iter().map(place).collect();
        line(&mut picture, &course, CURVE, 3.0);
        encode(&picture)
    }

    /// The picture in HTML with its labels; `content_id` names it in the mail.
    pub(super) fn to_html(&self, content_id: &str, (tag, units): (&str, &str)) -> String {
        let reader = self.reader;
        let language = reader.language;
        let with_units = |number: String| match units {
            "" => number,
            units => format!("{number}\u{a0}{units}"),
        };
        let caption = match units {
            "" => format!("{}: {tag}", words::COURSE.of(language)),
            units => format!("{}: {tag}, {units}", words::COURSE.of(language)),
        };
        let (from, until) = (reader.print_time(self.from), reader.print_time(self.until));
        let mut keys = Vec::new();
        if let Some(start) = self.start {
            let words = words::COURSE_START.of(language);
            keys.push(("▌", format!("{words}: {}", reader.print_time(start))));
        }
        if let Some(threshold) = self.threshold {
            let number = with_units(language.write_number(threshold));
            keys.push(("– –", format!("{}: {number}", words::THRESHOLD.of(language))));
        }
        let finer = |value: f64| self.axis.write_finer(value, language);
        let mut alt = format!(
            "{}: {tag}, {} – {}; {from} – {until}",
            words::COURSE.of(language),
            finer(self.lowest),
            with_units(finer(self.highest)),
        );
        for (_, words) in &keys {
            let _ = write!(alt, "; {words}");
        }
        self.write_html(content_id, (&escape(&caption), &escape(&alt)), (&from, &until), &keys)
    }

    fn write_html(
        &self,
        content_id: &str,
        (caption, alt): (&str, &str),
        (from, until): (&str, &str),
        keys: &[(&str, String)],
    ) -> String {
        let (width, height) = (WIDTH / 2, HEIGHT / 2);
        let faint = format!("{FAINT};{FONT};font-size:12px;line-height:16px");
        let mut html = String::new();
        let (values, times) = (self.value_labels(), self.time_labels());
        let _ = write!(
            html,
            "<div style=\"margin-top:16px;padding-bottom:4px;{FONT};{BREAK}\">{caption}</div>\n\
             <table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" \
             border=\"0\" style=\"max-width:560px\">\n\
             <tr><td valign=\"top\" style=\"padding-right:6px\">{values}</td>\
             <td valign=\"top\" width=\"100%\"><img src=\"cid:{content_id}\" width=\"{width}\" \
             height=\"{height}\" alt=\"{alt}\" style=\"display:block;border:0;width:100%;\
             height:{height}px\" /></td></tr>\n\
             <tr><td></td><td>{times}</td></tr>\n\
             <tr><td></td><td><table role=\"presentation\" width=\"100%\" cellpadding=\"0\" \
             cellspacing=\"0\" border=\"0\"><tr>\
             <td class=\"faint\" valign=\"top\" style=\"{faint}\">{from}</td>\
             <td class=\"faint\" valign=\"top\" align=\"right\" style=\"{faint};padding-left:12px\">\
             {until}</td></tr></table></td></tr>\n"
        );
        let (red, green, blue) = MARKS;
        for (sign, words) in keys {
            let words = escape(words);
            let _ = writeln!(
                html,
                "<tr><td></td><td class=\"faint\" style=\"{faint}\"><span class=\"mark\" style=\"color:\
                 #{red:02x}{green:02x}{blue:02x}\">{sign}</span> {words}</td></tr>"
            );
        }
        html.push_str("</table>\n");
        html
    }

    /// The marks of values, each beside its line.
    fn value_labels(&self) -> String {
        let mut html = "<table role=\"presentation\" cellpadding=\"0\" cellspacing=\"0\" \
                        border=\"0\">"
            .to_owned();
        let mut below = 0.0;
        for mark in self.axis.marks.iter().rev() {
            let top = (self.y(*mark) / 2.0 - f32::from(LABEL_HEIGHT) / 2.0).round();
            let gap = top - below;
            if gap >= 1.0 {
                let _ = write!(
                    html,
                    "<tr><td height=\"{gap}\" style=\"height:{gap}px;font-size:1px;\
                     line-height:1px\">&nbsp;</td></tr>"
                );
            }
            below = below.max(top) + f32::from(LABEL_HEIGHT);
            let words = escape(&self.axis.write(*mark, self.reader.language));
            let _ = write!(
                html,
                "<tr><td class=\"faint\" align=\"right\" height=\"{LABEL_HEIGHT}\" style=\"{FAINT};\
                 {FONT};height:{LABEL_HEIGHT}px;font-size:11px;line-height:{LABEL_HEIGHT}px;\
                 white-space:nowrap\">{words}</td></tr>"
            );
        }
        html.push_str("</table>");
        html
    }

    /// The ticks of time, each below its line, in parts of a hundred of the width.
    fn time_labels(&self) -> String {
        let share = |at: &Timestamp| self.x(*at) * 100.0 / f32::from(WIDTH);
        let times = &self.ticks.times;
        let apart = match times.as_slice() {
            [first, second, ..] => share(second) - share(first),
            _ => 40.0,
        };
        let mut cells = String::new();
        let mut end = 0.0_f32;
        for tick in times {
            let (middle, words) = (share(tick), self.ticks.write(*tick, self.reader));
            let half = (apart / 2.0).min(middle - end).min(100.0 - middle);
            // What has no room is a line without words.
            if half < if words.len() > TIME_CHARS { 11.0 } else { 6.0 } {
                continue;
            }
            let gap = middle - half - end;
            if gap > 0.1 {
                let _ = write!(cells, "<td width=\"{gap:.1}%\"></td>");
            }
            let (width, words) = (2.0 * half, escape(&words));
            let _ = write!(
                cells,
                "<td class=\"faint\" align=\"center\" width=\"{width:.1}%\" style=\"{FAINT};{FONT};\
                 font-size:11px;line-height:16px;white-space:nowrap\">{words}</td>"
            );
            end = middle + half;
        }
        if cells.is_empty() {
            return cells;
        }
        format!(
            "<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" \
             border=\"0\" style=\"table-layout:fixed\"><tr>{cells}<td></td></tr></table>"
        )
    }
}

/// A share of a length, within its margins.
#[expect(clippy::cast_possible_truncation, reason = "a place in a picture")]
fn place(share: f64, length: f32, margin: f32) -> f32 {
    margin + share.clamp(0.0, 1.0) as f32 * (length - 2.0 * margin)
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

fn line(picture: &mut Pixmap, points: &[(f32, f32)], colour: (u8, u8, u8), width: f32) {
    stroke(picture, points, colour, &Stroke { width, ..Stroke::default() });
}

/// A line of dashes from edge to edge.
fn dashes(picture: &mut Pixmap, y: f32) {
    let dash = StrokeDash::new(vec![14.0, 10.0], 0.0);
    let points = [(0.0, y), (f32::from(WIDTH), y)];
    stroke(picture, &points, MARKS, &Stroke { width: 3.0, dash, ..Stroke::default() });
}

fn stroke(
    picture: &mut Pixmap,
    points: &[(f32, f32)],
    (red, green, blue): (u8, u8, u8),
    stroke: &Stroke,
) {
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
    picture.stroke_path(&path, &paint, stroke, Transform::identity(), None);
}

/// How HTML names the picture of an incident.
pub(super) fn content_id(incident: &Incident<'_>) -> String {
    format!("{}.chart@annunciator.invalid", incident.event.uid)
}

#[cfg(test)]
mod tests {
    use annunciator_template::Language;

    use super::*;

    fn samples(values: &[f64]) -> Vec<Sample> {
        let sample = |(at, value): (usize, &f64)| Sample {
            at: Timestamp(i64::try_from(at).unwrap() * 1_000),
            value: *value,
        };
        values.iter().enumerate().map(sample).collect()
    }

    fn draw(
        samples: &[Sample],
        start: Option<Timestamp>,
        threshold: Option<f64>,
    ) -> Option<Vec<u8>> {
        Chart::with(samples, start, threshold, Reader::STANDARD)?.draw()
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
            let png = draw(&samples(&values), Some(Timestamp(1_000)), Some(0.5));
            let png = png.expect("a picture");
            assert_eq!(size(&png), (960, 280));
            assert!(png.len() < 60_000, "{} octets", png.len());
        }
        let one = draw(&samples(&[1.0, 2.0]), None, None).unwrap();
        let other = draw(&samples(&[2.0, 1.0]), None, None).unwrap();
        assert_ne!(one, other, "the curve is drawn");
        let rising = samples(&[1.0, 2.0]);
        assert_ne!(one, draw(&rising, Some(Timestamp(500)), None).unwrap(), "the start is");
        assert_ne!(one, draw(&rising, None, Some(1.3)).unwrap(), "the threshold is");
        assert_eq!(one, draw(&rising, None, Some(40.0)).unwrap(), "one far away is not");
    }

    #[test]
    fn too_little_is_no_picture() {
        assert_eq!(draw(&[], None, None), None);
        assert_eq!(draw(&samples(&[1.0]), None, None), None);
        let twice = Sample { at: Timestamp(5), value: 1.0 };
        assert_eq!(draw(&[twice, twice], None, None), None);
    }

    #[test]
    fn the_words_around_the_picture_are_round_and_the_readers() {
        let minute = |n: i64| Timestamp(n * 60_000);
        let sample = |n: i64| Sample {
            at: minute(n),
            value: if n == 50 { 560.664_643_972_892_6 } else { 538.500_123 },
        };
        let samples: Vec<_> = (0..=60).map(sample).collect();
        let reader = Reader {
            language: Language::Russian,
            time_format: annunciator_template::TimeFormat::Local,
            ..Reader::STANDARD.clone()
        };
        let chart = Chart::with(&samples, Some(minute(45)), Some(555.5), &reader).unwrap();
        let html = chart.to_html("id", ("TI-101", "°C"));
        for part in [
            ">530</td>",
            ">540</td>",
            ">570</td>",
            ">00:15</td>",
            ">00:45</td>",
            "Изменение ведущего тега: TI-101, °C<",
            "alt=\"Изменение ведущего тега: TI-101, 538,5 – 560,7\u{a0}°C; 01.01.1970 00:00:00 UTC – \
             01.01.1970 01:00:00 UTC; Начало инцидента: 01.01.1970 00:45:00 UTC; \
             Порог: 555,5\u{a0}°C\"",
            "Порог: 555,5\u{a0}°C</td>",
        ] {
            assert!(html.contains(part), "{part}\n{html}");
        }
        assert!(!html.contains("560,66"), "{html}");
    }
}
