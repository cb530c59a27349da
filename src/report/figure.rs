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
    fn the_gap_axis_is_symmetric_and_as_wide_as_needed() {
        let axis = Axis::gap([[0.04, 0.18], [-0.02, 0.01]].into_iter());
        let ticks = axis.ticks();
        let labels: Vec<_> = ticks.iter().map(|tick| tick.label.as_str()).collect();
        assert_eq!(labels, ["-20", "-10", "0", "+10", "+20"]);
        assert!(ticks[2].zero && ticks[2].at == "50.00");
        assert_eq!(Axis::gap([[-0.9, 0.1]].into_iter()).ticks()[0].label, "-100");
        assert_eq!(Axis::gap(std::iter::empty()).ticks()[4].label, "+10");
    }
}
