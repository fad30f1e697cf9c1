//! The numbers of decisions by day, as a chart and as a table.

use std::collections::BTreeMap;

use crate::directory::DecisionCount;
use crate::model::Timestamp;

/// The number of days.
const DAYS: u32 = 30;
/// The size of the chart.
const WIDTH: u64 = 600;
const HEIGHT: u64 = 120;
/// The kinds of decisions, from the bottom of a bar to its top.
pub(super) const KINDS: [&str; 4] = ["proceed", "linked", "suggest", "deny"];

/// A chart of decisions by day.
pub(super) struct Chart {
    pub(super) days: Vec<Day>,
    pub(super) bars: Vec<Bar>,
    pub(super) most: u64,
    pub(super) total: u64,
}

/// The numbers of one day.
pub(super) struct Day {
    pub(super) day: String,
    /// By kind.
    pub(super) numbers: [u64; 4],
}

/// A rectangle of the chart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) x: u64,
    pub(super) y: u64,
    pub(super) width: u64,
    pub(super) height: u64,
    pub(super) kind: &'static str,
}

/// Returns the first day of the chart.
pub(super) fn find_first_day(now: Timestamp) -> String {
    day_of(now.days_ago(DAYS - 1))
}

fn day_of(time: Timestamp) -> String {
    time.to_string().chars().take("2026-11-27".len()).collect()
}

impl Chart {
    /// The chart of the days up to now.
    pub(super) fn new(counts: &[DecisionCount], now: Timestamp) -> Self {
        let mut by_day: BTreeMap<&str, [u64; 4]> = BTreeMap::new();
        for count in counts {
            if let Some(place) = KINDS.iter().position(|kind| *kind == count.kind) {
                let numbers = by_day.entry(&count.day).or_default();
                numbers[place] = numbers[place].saturating_add(count.number);
            }
        }
        let days: Vec<Day> = (0..DAYS)
            .rev()
            .map(|ago| day_of(now.days_ago(ago)))
            .map(|day| Day { numbers: by_day.get(day.as_str()).copied().unwrap_or_default(), day })
            .collect();
        let sum = |day: &Day| day.numbers.iter().fold(0_u64, |sum, number| sum.saturating_add(*number));
        let most = days.iter().map(sum).max().unwrap_or_default();
        let total = days.iter().map(sum).fold(0_u64, u64::saturating_add);
        let bars = days.iter().zip(0_u64..).flat_map(|(day, place)| stack_bars(day, place, most)).collect();
        Self { days, bars, most, total }
    }
}

/// Stacks the kinds of a day on each other. A number that is not zero is visible.
fn stack_bars(day: &Day, place: u64, most: u64) -> Vec<Bar> {
    let slot = WIDTH / u64::from(DAYS);
    let mut y = HEIGHT;
    let mut bars = Vec::new();
    for (number, kind) in day.numbers.into_iter().zip(KINDS).filter(|(number, _)| *number > 0) {
        let share = u128::from(number) * u128::from(HEIGHT) / u128::from(most.max(1));
        let height = u64::try_from(share).unwrap_or(HEIGHT).clamp(1, y.max(1));
        y = y.saturating_sub(height);
        bars.push(Bar { x: place * slot + 2, y, width: slot - 4, height, kind });
    }
    bars
}

#[cfg(test)]
mod tests {
    use super::{Bar, Chart, HEIGHT, find_first_day};
    use crate::directory::DecisionCount;
    use crate::model::Timestamp;

    fn now() -> Timestamp {
        "2026-11-27T10:00:00Z".parse().unwrap()
    }

    fn count(day: &str, kind: &str, number: u64) -> DecisionCount {
        DecisionCount { day: day.to_owned(), kind: kind.to_owned(), code: "X".to_owned(), number }
    }

    #[test]
    fn a_chart_has_each_of_30_days() {
        let chart = Chart::new(&[], now());
        assert_eq!(chart.days.len(), 30);
        assert_eq!((chart.days[0].day.as_str(), chart.days[29].day.as_str()), ("2026-10-29", "2026-11-27"));
        assert_eq!(find_first_day(now()), "2026-10-29");
        assert_eq!((chart.bars.len(), chart.most, chart.total), (0, 0, 0));
    }

    #[test]
    fn numbers_of_one_kind_are_added_and_kinds_are_stacked() {
        let counts = [
            count("2026-11-27", "proceed", 2),
            count("2026-11-27", "proceed", 1),
            count("2026-11-27", "deny", 1),
            count("2026-11-26", "linked", 2),
            count("2026-11-26", "unknown", 9),
            count("2025-01-01", "linked", 9),
        ];
        let chart = Chart::new(&counts, now());
        assert_eq!(chart.days[29].numbers, [3, 0, 0, 1]);
        assert_eq!((chart.most, chart.total), (4, 6));
        let bar = |x, y, height, kind| Bar { x, y, width: 16, height, kind };
        let expected = [bar(562, 60, 60, "linked"), bar(582, 30, 90, "proceed"), bar(582, 0, 30, "deny")];
        assert_eq!(chart.bars, expected);
    }

    #[test]
    fn huge_and_tiny_numbers_stay_within_the_chart() {
        let counts = [
            count("2026-11-27", "proceed", u64::MAX),
            count("2026-11-27", "deny", u64::MAX),
            count("2026-11-26", "linked", 1),
        ];
        let chart = Chart::new(&counts, now());
        assert!(chart.bars.iter().all(|bar| bar.height >= 1 && bar.y + bar.height <= HEIGHT + 1));
    }
}
