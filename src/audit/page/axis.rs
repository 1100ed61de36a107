//! The time axis of the pictures: one scale for all that is drawn, so that lengths compare. Where nothing happened for
//! much longer than all the rest took, the axis is broken, and the break says how long it is.

use std::collections::BTreeSet;

use super::times::{DAY_MS, date, span, tick};
use crate::time::Timestamp;

/// How wide a break is drawn.
const BREAK: i64 = 44;
/// Between the middles of two labels.
const LABELS_APART: i64 = 76;
/// Around what happened, where there is no break, and where there is: a label has room there.
const MARGINS: (i64, i64) = (20, 38);
/// Breaks at the most: more would leave no axis.
const BREAKS_MAX: usize = 3;
/// A shorter stretch is never left out.
const BROKEN_MS_MIN: i128 = 3_600_000;
/// The steps of the scale.
const STEPS_MS: [i64; 25] = [
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    900_000,
    1_800_000,
    3_600_000,
    7_200_000,
    10_800_000,
    21_600_000,
    43_200_000,
    DAY_MS,
    2 * DAY_MS,
    3 * DAY_MS,
    7 * DAY_MS,
    14 * DAY_MS,
    28 * DAY_MS,
    91 * DAY_MS,
    365 * DAY_MS,
];

/// From times to places.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    segments: Vec<Segment>,
    /// Where the axis begins and ends.
    pub(super) left: i64,
    pub(super) right: i64,
}

/// A stretch without a break.
#[derive(Debug, Clone, Copy)]
struct Segment {
    from_ms: i128,
    to_ms: i128,
    left: i64,
    right: i64,
    /// A time that something happened at.
    key_ms: i128,
}

/// A label of the scale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) x: i64,
    pub(super) time: String,
    /// Where the day is another than at the label before.
    pub(super) date: Option<String>,
}

/// A place where time is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Break {
    pub(super) left: i64,
    pub(super) right: i64,
    pub(super) length: String,
}

impl Axis {
    /// The axis of these times, between two places.
    pub(super) fn of(times: &BTreeSet<Timestamp>, left: i64, right: i64) -> Self {
        let times: Vec<i128> = times.iter().map(|time| i128::from(time.unix_ms())).collect();
        let broken = broken_after(&times);
        let mut spans: Vec<(i128, i128)> = Vec::new();
        for (at, time) in times.iter().enumerate() {
            match spans.last_mut() {
                Some((_, to)) if !at.checked_sub(1).is_some_and(|before| broken.contains(&before)) => {
                    *to = *time
                }
                Some(_) | None => spans.push((*time, *time)),
            }
        }
        let drawn: i128 = spans.iter().map(|(from, to)| to - from).sum();
        let breaks = i64::try_from(spans.len().saturating_sub(1)).unwrap_or(0);
        let margin = i128::from(if breaks == 0 { MARGINS.0 } else { MARGINS.1 });
        let room = (right - left - breaks * BREAK).max(1);
        let count = i128::try_from(spans.len()).unwrap_or(1);
        // As much time as the margins take at the scale of the rest.
        let pad = match drawn {
            0 => 30_000,
            _ => margin * drawn / (i128::from(room) - 2 * margin * count).max(1) + 1,
        };
        let total = drawn + 2 * pad * count;
        let mut segments = Vec::new();
        let (mut x, mut done) = (left, 0);
        for (from, to) in spans {
            done += to - from + 2 * pad;
            let breaks_before = i64::try_from(segments.len()).unwrap_or(0);
            let end = left + breaks_before * BREAK + scaled(done, i128::from(room), total);
            segments.push(Segment {
                from_ms: from - pad,
                to_ms: to + pad,
                left: x,
                right: end,
                key_ms: from,
            });
            x = end + BREAK;
        }
        Self {
            segments,
            left,
            right,
        }
    }

    /// Where a time is drawn.
    pub(super) fn x(&self, time: Timestamp) -> i64 {
        let ms = i128::from(time.unix_ms());
        for segment in &self.segments {
            if ms < segment.from_ms {
                return segment.left;
            }
            if ms <= segment.to_ms {
                return segment.x(ms);
            }
        }
        self.right
    }

    /// The places where time is left out.
    pub(super) fn breaks(&self) -> Vec<Break> {
        let pairs = self.segments.iter().zip(self.segments.iter().skip(1));
        pairs
            .map(|(before, after)| Break {
                left: before.right,
                right: after.left,
                length: largest_unit(after.from_ms - before.to_ms),
            })
            .collect()
    }

    /// The labels, none over another.
    pub(super) fn labels(&self) -> Vec<Label> {
        let scale = self
            .segments
            .iter()
            .max_by_key(|segment| segment.right - segment.left);
        let step = scale.and_then(|segment| {
            let (ms, room) = (segment.to_ms - segment.from_ms, segment.right - segment.left);
            STEPS_MS
                .into_iter()
                .find(|step| scaled(i128::from(*step), i128::from(room), ms) >= LABELS_APART)
        });
        let mut labels: Vec<Label> = Vec::new();
        let mut day: Option<String> = None;
        for segment in &self.segments {
            let mut ticks: Vec<(i128, i64)> = Vec::new();
            if let Some(step) = step {
                let of_step = i128::from(step);
                let mut ms = segment.from_ms.div_euclid(of_step) * of_step;
                while ms <= segment.to_ms {
                    if ms >= segment.from_ms {
                        ticks.push((ms, step));
                    }
                    ms += of_step;
                }
            }
            if ticks.is_empty() {
                ticks.push((segment.key_ms, 60_000));
            }
            for (ms, step) in ticks {
                let x = segment.x(ms);
                if labels.last().is_some_and(|last| x - last.x < LABELS_APART) {
                    continue;
                }
                let time = Timestamp::from_unix_ms(i64::try_from(ms).unwrap_or(i64::MAX));
                let its_day = Some(date(time));
                labels.push(Label {
                    x,
                    time: tick(time, step),
                    date: its_day.clone().filter(|_| day != its_day),
                });
                day = its_day;
            }
        }
        labels
    }
}

impl Segment {
    fn x(&self, ms: i128) -> i64 {
        let room = i128::from(self.right - self.left);
        self.left + scaled(ms - self.from_ms, room, self.to_ms - self.from_ms)
    }
}

/// After which of the times the axis is broken: where nothing is for most of all that is left to draw.
fn broken_after(times: &[i128]) -> BTreeSet<usize> {
    let gaps: Vec<i128> = times
        .iter()
        .zip(times.iter().skip(1))
        .map(|(a, b)| b - a)
        .collect();
    let mut left: i128 = gaps.iter().sum();
    let mut broken = BTreeSet::new();
    while broken.len() < BREAKS_MAX {
        let rest = gaps.iter().enumerate().filter(|(at, _)| !broken.contains(at));
        let Some((at, largest)) = rest.max_by_key(|(_, gap)| **gap) else {
            break;
        };
        if *largest < BROKEN_MS_MIN || *largest * 100 < left * 65 {
            break;
        }
        broken.insert(at);
        left -= *largest;
    }
    broken
}

fn scaled(part: i128, room: i128, whole: i128) -> i64 {
    i64::try_from(part * room / whole.max(1)).unwrap_or(i64::MAX)
}

fn largest_unit(ms: i128) -> String {
    let whole = |unit: i128| i64::try_from((ms + unit / 2) / unit * unit).unwrap_or(i64::MAX);
    match ms {
        ms if ms >= 2 * i128::from(DAY_MS) => span(whole(i128::from(DAY_MS))),
        _ => span(whole(3_600_000)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use proptest::prelude::*;

    fn axis(times: &[i64]) -> Axis {
        let times = times.iter().map(|ms| Timestamp::from_unix_ms(*ms)).collect();
        Axis::of(&times, 200, 740)
    }

    fn x(axis: &Axis, ms: i64) -> i64 {
        axis.x(Timestamp::from_unix_ms(ms))
    }

    /// Ten minutes and nothing else are drawn to scale.
    #[test]
    fn a_short_story_is_linear() {
        let it = axis(&[0, 60_000, 600_000]);
        assert!(it.breaks().is_empty());
        let (a, b, c) = (x(&it, 0), x(&it, 60_000), x(&it, 600_000));
        assert!((c - a) / (b - a) == 9 || (c - a) / (b - a) == 10, "{a} {b} {c}");
    }

    /// Minutes, then days of nothing: the days are left out, and the minutes keep their scale on both sides.
    #[test]
    fn days_of_nothing_are_left_out() {
        let later = 13 * DAY_MS;
        let it = axis(&[0, 300_000, 600_000, later, later + 300_000]);
        let breaks = it.breaks();
        assert_eq!(breaks.len(), 1);
        assert_eq!(breaks[0].length, "13 d");
        let first = x(&it, 600_000) - x(&it, 300_000);
        let second = x(&it, later + 300_000) - x(&it, later);
        assert!((first - second).abs() <= 1, "{first} {second}");
    }

    /// A long story of many steps is not broken at all.
    #[test]
    fn steady_weeks_are_linear() {
        let it = axis(&[0, 2 * DAY_MS, 5 * DAY_MS, 9 * DAY_MS, 14 * DAY_MS]);
        assert!(it.breaks().is_empty());
        assert!(it.labels().len() >= 4);
    }

    proptest! {
        /// Whatever the times: nothing panics, all is drawn inside, in order, and no label stands on another.
        #[test]
        fn every_axis_is_in_order(times in proptest::collection::btree_set(any::<i64>(), 0..20), near in proptest::collection::btree_set(0i64..10_000_000, 0..20)) {
            for times in [times, near] {
                let all: Vec<i64> = times.into_iter().collect();
                let it = axis(&all);
                let places: Vec<i64> = all.iter().map(|ms| x(&it, *ms)).collect();
                prop_assert!(places.windows(2).all(|pair| pair[0] <= pair[1]));
                prop_assert!(places.iter().all(|place| (200..=740).contains(place)));
                let labels = it.labels();
                prop_assert!(labels.windows(2).all(|pair| pair[1].x - pair[0].x >= LABELS_APART));
                prop_assert!(labels.len() < 20);
            }
        }
    }
}
