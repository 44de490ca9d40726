//! Numbers over time become the geometry of a chart: stacked columns over an axis of round numbers.
//!
//! In: one column of numbers for each piece of time, oldest first. Out: percentages of the width
//! and the height, as SVG takes them, so that a chart is as wide as its place without its words
//! growing with it.
//! Knows nothing of: words, times, colours.

/// Most lines of an axis above its zero.
const LINES_MAX: u64 = 4;
/// Room of a column that stays empty, on both sides together. Unit: parts of the column's place.
const GAP: f64 = 0.28;
/// Least height of what is not zero, so that one failure among thousands is seen. Unit: percent.
const HEIGHT_MIN: f64 = 1.4;

/// An axis from zero to a round number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Axis {
    /// The numbers with a line, from zero to the top.
    pub(crate) lines: Vec<u64>,
}

/// The axis for numbers up to `max`: lines at 1, 2 or 5 times a power of ten.
pub(crate) fn axis(max: u64) -> Axis {
    let max = max.max(1);
    let mut step = 1_u64;
    let mut factors = [2, 5, 10].into_iter().cycle();
    let mut decade = 1_u64;
    while max.div_ceil(step) > LINES_MAX {
        let factor = factors.next().expect("a cycle has no end");
        step = decade.saturating_mul(factor);
        if factor == 10 {
            decade = step;
        }
    }
    let count = max.div_ceil(step);
    Axis { lines: (0..=count).map(|line| line.saturating_mul(step)).collect() }
}

impl Axis {
    /// The number at the upper end; never zero.
    fn top(&self) -> u64 {
        self.lines.last().copied().unwrap_or(1).max(1)
    }

    /// How far a number is from the upper end. Unit: percent of the height.
    pub(crate) fn depth_of(&self, number: u64) -> f64 {
        100.0 - share(number, self.top()).min(100.0)
    }
}

/// One colour of a column. Unit: percent of width and height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Part {
    /// Which of the column's numbers it is.
    pub(crate) number: usize,
    /// Left end.
    pub(crate) x: f64,
    /// Upper end.
    pub(crate) y: f64,
    /// Width.
    pub(crate) width: f64,
    /// Height.
    pub(crate) height: f64,
}

/// The place of a column. Unit: percent of the width.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Place {
    /// Left end.
    pub(crate) x: f64,
    /// Width.
    pub(crate) width: f64,
}

/// The place of one of so many columns.
pub(crate) fn place(column: usize, count: usize) -> Place {
    let width = 100.0 / real(count.max(1) as u64);
    Place { x: real(column as u64) * width, width }
}

/// The parts of one of so many columns, the first number undermost; zeros have none.
pub(crate) fn column(numbers: &[u64], axis: &Axis, at: usize, count: usize) -> Vec<Part> {
    let place = place(at, count);
    let (x, width) = (place.x + place.width * GAP / 2.0, place.width * (1.0 - GAP));
    let mut heights: Vec<f64> = numbers.iter().map(|number| height_of(*number, axis)).collect();
    // What the least height added is taken from the largest.
    let excess = heights.iter().sum::<f64>() - 100.0;
    if let Some(largest) = heights.iter_mut().max_by(|a, b| a.total_cmp(b)).filter(|_| excess > 0.0)
    {
        *largest -= excess;
    }
    let mut y = 100.0_f64;
    let mut parts = Vec::new();
    for (number, height) in heights.into_iter().enumerate().filter(|(_, height)| *height > 0.0) {
        y = (y - height).max(0.0);
        parts.push(Part { number, x, y, width, height });
    }
    parts
}

fn height_of(number: u64, axis: &Axis) -> f64 {
    if number == 0 { 0.0 } else { share(number, axis.top()).max(HEIGHT_MIN) }
}

/// Unit: percent.
fn share(number: u64, whole: u64) -> f64 {
    real(number) / real(whole) * 100.0
}

#[expect(clippy::cast_precision_loss, reason = "no pixel depends on the sixteenth digit")]
fn real(number: u64) -> f64 {
    number as f64
}

/// A length as SVG takes it: `12.5%`.
pub(crate) fn percent(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text}%")
}

/// How much of a whole is taken, for a meter. Unit: percent, from 0 to 100.
pub(crate) fn portion(taken: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { share(taken, whole).min(100.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_few_round_numbers() {
        let check = |max: u64, lines: &[u64]| assert_eq!(axis(max).lines, lines, "{max}");
        check(0, &[0, 1]);
        check(1, &[0, 1]);
        check(3, &[0, 1, 2, 3]);
        check(4, &[0, 1, 2, 3, 4]);
        check(5, &[0, 2, 4, 6]);
        check(9, &[0, 5, 10]);
        check(40, &[0, 10, 20, 30, 40]);
        check(41, &[0, 20, 40, 60]);
        check(187, &[0, 50, 100, 150, 200]);
        check(10_000, &[0, 5_000, 10_000]);
        let huge = axis(u64::MAX).lines;
        assert!(huge.len() <= 6 && huge.is_sorted(), "{huge:?}");
    }

    #[test]
    fn a_column_is_stacked_from_below_and_stays_within() {
        let axis = axis(100);
        let parts = column(&[50, 25], &axis, 0, 1);
        let heights: Vec<_> = parts.iter().map(|part| (part.y, part.height)).collect();
        assert_eq!(heights, [(50.0, 50.0), (25.0, 25.0)]);
        let [lower, upper] = parts[..] else { panic!("two parts: {parts:?}") };
        assert_eq!((lower.number, upper.number), (0, 1));
        // Its left and right gaps are alike.
        assert!((lower.x - (100.0 - lower.x - lower.width)).abs() < 1e-9);
        // A top that was rounded away leaves nothing outside.
        let parts = column(&[u64::MAX, 1], &super::axis(u64::MAX), 3, 4);
        assert!(parts.iter().all(|part| part.y >= 0.0 && part.y + part.height <= 100.000_001));
    }

    #[test]
    fn zero_has_no_part_and_one_among_thousands_is_seen() {
        let axis = axis(10_000);
        assert_eq!(column(&[0, 0], &axis, 0, 10), []);
        let parts = column(&[10_000 - 1, 1], &axis, 9, 10);
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[1].height, HEIGHT_MIN);
        assert!(parts[1].y >= 0.0 && (parts[0].y + parts[0].height - 100.0).abs() < 1e-9);
        let alone = column(&[0, 1], &axis, 0, 10);
        assert_eq!((alone[0].number, alone[0].height), (1, HEIGHT_MIN));
    }

    #[test]
    fn columns_share_the_width() {
        assert_eq!(place(0, 4), Place { x: 0.0, width: 25.0 });
        assert_eq!(place(3, 4), Place { x: 75.0, width: 25.0 });
        assert_eq!(place(0, 0), Place { x: 0.0, width: 100.0 });
    }

    #[test]
    fn lengths_are_short() {
        let check = |value: f64, text: &str| assert_eq!(percent(value), text);
        check(12.5, "12.5%");
        check(100.0 / 3.0, "33.333%");
        check(0.0, "0%");
        check(100.0, "100%");
        assert!((portion(5, 0) - 0.0).abs() < 1e-9);
        assert!((portion(7, 5) - 100.0).abs() < 1e-9);
    }

    #[test]
    fn lines_of_an_axis_are_where_their_numbers_are() {
        let axis = axis(200);
        let depths: Vec<_> = axis.lines.iter().map(|line| axis.depth_of(*line)).collect();
        assert_eq!(depths, [100.0, 75.0, 50.0, 25.0, 0.0]);
    }
}
