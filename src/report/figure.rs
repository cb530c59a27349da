//! Places on the two axes of page and pictures, as shares of their width; the page takes them in per cent, so that the
//! browser scales bars but never text. Knows nothing about what is drawn there.

/// A tick of an axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    /// Its value.
    pub(super) value: f64,
    /// Place in per cent of the width.
    pub(super) at: String,
    /// What stands under it.
    pub(super) label: String,
    /// Whether it is the line that values are compared with.
    pub(super) zero: bool,
}

/// A linear axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    ticks: u8,
}

impl Axis {
    /// Shares from 0 to 1.
    pub(super) const SHARE: Self = Self { low: 0.0, high: 1.0, ticks: 5 };

    /// Differences of shares, symmetric around zero and as wide as the farthest end of the given
    /// intervals asks for.
    pub(super) fn gap(intervals: impl Iterator<Item = [f64; 2]>) -> Self {
        let farthest = intervals.flatten().fold(0.0_f64, |far, end| far.max(end.abs()));
        let reach = [0.1, 0.2, 0.5].into_iter().find(|&reach| farthest <= reach).unwrap_or(1.0);
        Self { low: -reach, high: reach, ticks: 5 }
    }

    /// Place of a value, from 0 to 1; a value beyond the axis stands at its end.
    pub(super) fn place(self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// The same in per cent.
    pub(super) fn at(self, value: f64) -> String {
        format!("{:.2}", self.place(value) * 100.0)
    }

    /// On which side a value lies beyond the axis, so that its place is none: −1 or 1; none for one that has a place.
    pub(super) fn beyond(self, value: f64) -> Option<i8> {
        match value {
            value if value < self.low => Some(-1),
            value if value > self.high => Some(1),
            _ => None,
        }
    }

    /// Evenly spaced ticks from end to end, labeled in per cent or points.
    pub(super) fn ticks(self) -> Vec<Tick> {
        let last = f64::from(self.ticks - 1);
        (0..self.ticks)
            .map(|tick| self.low + (self.high - self.low) * f64::from(tick) / last)
            .map(|value| Tick {
                value,
                at: self.at(value),
                label: label(value * 100.0, self.low < 0.0),
                zero: value == 0.0,
            })
            .collect()
    }
}

/// A logarithmic axis of sizes, from one number of the ladder 1, 2, 5, 10, … to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SizeAxis {
    low: f64,
    high: f64,
}

impl SizeAxis {
    /// Around these numbers of parameters.
    pub(super) fn of(smallest: u64, largest: u64) -> Self {
        let rungs = || (0..60).map(rung);
        let (smallest, largest) = (smallest.max(1) as f64, largest.max(1) as f64);
        Self {
            low: rungs().take_while(|&rung| rung <= smallest).last().unwrap_or(1.0),
            high: rungs().find(|&rung| rung >= largest).unwrap_or(largest),
        }
    }

    /// Place of a number of parameters, from 0 to 1.
    pub(super) fn place(self, parameters: f64) -> f64 {
        let ln = libm::log;
        ((ln(parameters.max(1.0)) - ln(self.low)) / (ln(self.high) - ln(self.low))).clamp(0.0, 1.0)
    }

    /// The same in per cent.
    pub(super) fn at(self, parameters: f64) -> String {
        format!("{:.2}", self.place(parameters) * 100.0)
    }

    /// The rungs of the ladder between the ends; of more than two decades, its tens only.
    pub(super) fn ticks(self) -> Vec<Tick> {
        let long = self.high / self.low > 100.0;
        (0..60)
            .filter(|i| !long || i % 3 == 0)
            .map(rung)
            .filter(|rung| (self.low..=self.high).contains(rung))
            .map(|value| Tick {
                value,
                at: self.at(value),
                label: count(value as u64),
                zero: false,
            })
            .collect()
    }
}

/// 1, 2, 5, 10, 20, …
fn rung(i: i32) -> f64 {
    [1.0, 2.0, 5.0][(i % 3) as usize] * 10f64.powi(i / 3)
}

/// A number of parameters in short: `135 M`, `1.5 B`.
pub(super) fn count(parameters: u64) -> String {
    let units = [(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")];
    let value = parameters as f64;
    match units.into_iter().find(|(unit, _)| value >= 0.9995 * unit) {
        // Two digits at least.
        Some((unit, name)) if value / unit < 9.95 => {
            let text = format!("{:.1}", value / unit);
            format!("{} {name}", text.strip_suffix(".0").unwrap_or(&text))
        }
        Some((unit, name)) => format!("{:.0} {name}", value / unit),
        None => parameters.to_string(),
    }
}

fn label(value: f64, signed: bool) -> String {
    if signed && value > 0.0 { format!("+{value:.0}") } else { format!("{value:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_run_from_zero_to_a_hundred() {
        let labels: Vec<_> = Axis::SHARE.ticks().into_iter().map(|tick| tick.label).collect();
        assert_eq!(labels, ["0", "25", "50", "75", "100"]);
        assert_eq!(Axis::SHARE.at(0.8125), "81.25");
        assert_eq!(Axis::SHARE.at(1.5), "100.00");
    }

    #[test]
    fn sizes_stand_on_a_ladder() {
        let labels = |smallest, largest| -> Vec<String> {
            SizeAxis::of(smallest, largest).ticks().into_iter().map(|tick| tick.label).collect()
        };
        assert_eq!(labels(596_000_000, 8_200_000_000), ["500 M", "1 B", "2 B", "5 B", "10 B"]);
        assert_eq!(labels(135_000_000, 70_600_000_000), ["100 M", "1 B", "10 B", "100 B"]);
        let axis = SizeAxis::of(100_000_000, 10_000_000_000);
        assert_eq!(
            (axis.at(1e9), axis.at(1e8), axis.at(1e12)),
            ("50.00".into(), "0.00".into(), "100.00".into())
        );
        let counts = [999, 971_904, 999_700, 134_515_008, 1_543_714_304, 9_960_000_000, 0];
        assert_eq!(counts.map(count), ["999", "972 k", "1 M", "135 M", "1.5 B", "10 B", "0"]);
    }

    #[test]
    fn the_gap_axis_is_symmetric_and_as_wide_as_needed() {
        let axis = Axis::gap([[0.04, 0.18], [-0.02, 0.01]].into_iter());
        let ticks = axis.ticks();
        let labels: Vec<_> = ticks.iter().map(|tick| tick.label.as_str()).collect();
        assert_eq!(labels, ["-20", "-10", "0", "+10", "+20"]);
        assert!(ticks[2].zero && ticks[2].at == "50.00");
        assert_eq!(
            [-0.9, -0.2, 0.0, 0.21].map(|gap| axis.beyond(gap)),
            [Some(-1), None, None, Some(1)]
        );
        assert_eq!(Axis::gap([[-0.9, 0.1]].into_iter()).ticks()[0].label, "-100");
        assert_eq!(Axis::gap(std::iter::empty()).ticks()[4].label, "+10");
    }
}
