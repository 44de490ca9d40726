//! The ends of a curve into the marks beside it, as the reader writes them.
//!
//! In: lowest and highest value, first and last time. Out: round marks between and at the ends,
//! with no more digits than the step between two of them needs.
//! Knows nothing of: pictures.

use annunciator_core::Timestamp;

use crate::{Language, Reader, TimeFormat};

/// Steps between two marks that people take for round, times a power of ten.
const ROUND_STEPS: [f64; 4] = [1.0, 2.0, 5.0, 10.0];
/// Steps of a span at least, so that there are marks between the ends.
const STEPS_MIN: f64 = 4.0;
/// Differences smaller than this part of the values are none.
const DIFFERENCE_MIN: f64 = 1e-9;
/// Most marks of values, whatever the numbers are.
const MARKS_MAX: usize = 9;
/// Most marks of times.
const TIME_MARKS_MAX: i64 = 4;
const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Steps of time that people take for round. Unit: milliseconds.
const TIME_STEPS: [i64; 22] = [
    SECOND_MS,
    2 * SECOND_MS,
    5 * SECOND_MS,
    10 * SECOND_MS,
    15 * SECOND_MS,
    30 * SECOND_MS,
    MINUTE_MS,
    2 * MINUTE_MS,
    5 * MINUTE_MS,
    10 * MINUTE_MS,
    15 * MINUTE_MS,
    30 * MINUTE_MS,
    HOUR_MS,
    2 * HOUR_MS,
    3 * HOUR_MS,
    6 * HOUR_MS,
    12 * HOUR_MS,
    DAY_MS,
    2 * DAY_MS,
    7 * DAY_MS,
    30 * DAY_MS,
    365 * DAY_MS,
];

/// Where values stand, with round marks: the first below or at the lowest value, the last above or
/// at the highest.
#[derive(Clone, PartialEq, Debug)]
pub struct ValueAxis {
    /// The marks, rising, all equally far apart; two or more.
    pub marks: Vec<f64>,
    /// Digits behind the point that the marks need.
    pub decimals: usize,
}

impl ValueAxis {
    /// The axis for values between these two, which are finite.
    #[must_use]
    pub fn of(lowest: f64, highest: f64) -> Self {
        let largest = lowest.abs().max(highest.abs());
        // Quarters first, so that no difference is beyond what a number holds.
        let quarter = highest / STEPS_MIN - lowest / STEPS_MIN;
        let is_flat = quarter < largest * DIFFERENCE_MIN || quarter < f64::MIN_POSITIVE * 1e20;
        let step = match is_flat {
            true if largest < f64::MIN_POSITIVE * 1e20 => 1.0,
            true => round_step(largest / 10.0),
            false => round_step(quarter),
        };
        let (mut from, mut until) = ((lowest / step).floor(), (highest / step).ceil());
        if until - from < 1.0 {
            (from, until) = (from - 1.0, until + 1.0);
        }
        let mut marks = Vec::new();
        let mut at = from;
        while at <= until && marks.len() < MARKS_MAX {
            let mark = at * step;
            if mark.is_finite() {
                // No zero has a sign.
                marks.push(mark + 0.0);
            }
            at += 1.0;
        }
        if marks.len() < 2 {
            marks = vec![lowest.min(-1.0), highest.max(1.0)];
        }
        Self { marks, decimals: decimals_of(step) }
    }

    /// Where a value stands: 0 at the first mark, 1 at the last.
    #[must_use]
    pub fn share(&self, value: f64) -> f64 {
        let (first, last) = (self.marks[0], self.marks[self.marks.len() - 1]);
        // Halves, so that no difference is beyond what a number holds.
        let span = last / 2.0 - first / 2.0;
        ((value / 2.0 - first / 2.0) / span).clamp(0.0, 1.0)
    }

    /// A mark in the reader's digits.
    #[must_use]
    pub fn write(&self, mark: f64, language: Language) -> String {
        language.write_rounded(mark, self.decimals)
    }

    /// A value of the curve, a digit finer than the marks.
    #[must_use]
    pub fn write_finer(&self, value: f64, language: Language) -> String {
        language.write_rounded(value, self.decimals + 1)
    }
}

/// The smallest round step that is not below this one.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let found = ROUND_STEPS.into_iter().map(|step| step * power).find(|step| *step >= least);
    found.filter(|step| step.is_finite()).unwrap_or(power)
}

/// Digits behind the point that a round step has.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 308")]
fn decimals_of(step: f64) -> usize {
    // A hair more: the logarithm of 0.001 may be a little under -3.
    (-(step.log10() + 1e-9).floor()).max(0.0) as usize
}

/// Round times within a span, without its ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimeTicks {
    /// The times, rising, equally far apart but for changes of the clock; at most four.
    pub times: Vec<Timestamp>,
    step_ms: i64,
}

impl TimeTicks {
    /// The ticks between two times, round for this reader.
    #[must_use]
    pub fn between(from: Timestamp, until: Timestamp, reader: &Reader) -> Self {
        let span_ms = until.0.saturating_sub(from.0).max(1);
        let fits = |step: &i64| span_ms / step <= TIME_MARKS_MAX;
        let longest = span_ms / TIME_MARKS_MAX;
        let step_ms = TIME_STEPS.into_iter().find(fits).unwrap_or(longest.max(1));
        let offset_ms = i64::from(reader.time_zone.offset_s(from)) * SECOND_MS;
        let first = (from.0.saturating_add(offset_ms)).div_euclid(step_ms) + 1;
        let at = |number: i64| Timestamp((first + number) * step_ms - offset_ms);
        let times = (0..TIME_MARKS_MAX).map(at).filter(|at| *at > from && *at < until).collect();
        Self { times, step_ms }
    }

    /// A tick as the reader reads it: the time of day, or the day.
    #[must_use]
    pub fn write(&self, at: Timestamp, reader: &Reader) -> String {
        let zone = &reader.time_zone;
        let printed = Reader { time_format: TimeFormat::Local, ..reader.clone() };
        let printed = printed.print_time(at);
        let mut words = printed.split(' ');
        let (day, time) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        match self.step_ms {
            ms if ms < MINUTE_MS => time.to_owned(),
            ms if ms < DAY_MS && zone.minute_of_day(at) > 0 => {
                time.rsplit_once(':').map_or(time, |(minute, _)| minute).to_owned()
            }
            _ => day.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TimeZone;

    fn written(lowest: f64, highest: f64) -> String {
        let axis = ValueAxis::of(lowest, highest);
        assert!(axis.marks.len() >= 2, "{lowest} {highest}: {axis:?}");
        assert!(axis.marks.len() <= MARKS_MAX, "{lowest} {highest}: {axis:?}");
        assert!(axis.marks.is_sorted(), "{axis:?}");
        let marks = axis.marks.iter().map(|mark| axis.write(*mark, Language::English));
        marks.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn marks_are_round_and_have_no_more_digits_than_their_step() {
        for (lowest, highest, expected) in [
            (538.500_123, 560.664_643_972_892_6, "530 540 550 560 570"),
            (0.0, 2.0, "0.0 0.5 1.0 1.5 2.0"),
            (-3.0, 9.0, "−5 0 5 10"),
            (0.001, 0.0042, "0.001 0.002 0.003 0.004 0.005"),
            (12_000.0, 47_000.0, "10,000 20,000 30,000 40,000 50,000"),
            (5.0, 5.0, "4.5 5.0 5.5"),
            (0.0, 0.0, "−1 0 1"),
            (-7.0, -7.0, "−8 −7 −6"),
        ] {
            assert_eq!(written(lowest, highest), expected, "{lowest} {highest}");
        }
    }

    #[test]
    fn no_numbers_break_an_axis() {
        let odd = [-1.7e308, -1e300, -5e-324, 0.0, 5e-324, 1e-300, 1.0, 1e17, 1.7e308];
        for lowest in odd {
            for highest in odd.into_iter().filter(|highest| *highest >= lowest) {
                drop(written(lowest, highest));
                let axis = ValueAxis::of(lowest, highest);
                for value in [lowest, highest] {
                    let share = axis.share(value);
                    assert!((0.0..=1.0).contains(&share), "{lowest} {highest} {share}");
                }
            }
        }
    }

    #[test]
    fn ticks_of_time_are_round_where_the_reader_is() {
        let reader = |language, zone| Reader {
            language,
            time_zone: TimeZone::named(zone).unwrap(),
            time_format: TimeFormat::Local,
        };
        let check = |from: &str, until: &str, reader: &Reader, expected: &str| {
            let ticks = TimeTicks::between(from.parse().unwrap(), until.parse().unwrap(), reader);
            let words: Vec<_> = ticks.times.iter().map(|at| ticks.write(*at, reader)).collect();
            assert_eq!(words.join(" "), expected, "{from} {until}");
        };
        let (english, kolkata) =
            (reader(Language::English, "UTC"), reader(Language::Russian, "Asia/Kolkata"));
        let from = "2026-11-22T21:20:07Z";
        check(from, "2026-11-22T22:20:07Z", &english, "21:30 21:45 22:00 22:15");
        check(from, "2026-11-22T22:20:07Z", &kolkata, "03:00 03:15 03:30 03:45");
        check(from, "2026-11-22T21:20:47Z", &english, "21:20:10 21:20:20 21:20:30 21:20:40");
        check(from, "2026-11-23T21:20:07Z", &english, "2026-11-23 06:00 12:00 18:00");
        check(from, "2026-11-28T21:20:07Z", &kolkata, "25.11.2026 27.11.2026 29.11.2026");
        check(from, "2026-11-22T21:20:08.500Z", &english, "21:20:08");
        check("2026-11-22T21:20:07Z", "2026-11-22T21:20:07.500Z", &english, "");
    }
}
