//! The gaps of models that were asked the same, by the models' sizes. Knows nothing about how they are drawn.

use super::compare::{Asked, boards};
use super::figure::{Axis, SizeAxis};
use super::view::{ModelSize, RunView};

/// What tells families apart in a drawing beside their color, as paths around the point.
const MARKS: [&str; 6] = [
    "M-4.5-4.5H4.5V4.5H-4.5Z",
    "M0-6.2 5.6 4H-5.6Z",
    "M0-6 6 0 0 6-6 0Z",
    "M0 6.2 5.6-4H-5.6Z",
    "M-6-2H-2V-6H2V-2H6V2H2V6H-2V2H-6Z",
    "M-3-5.4H3L6 0 3 5.4H-3L-6 0Z",
];

/// Colors of families: Okabe and Ito's.
const COLORS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

/// Shape and color of the family at a place.
pub(super) fn mark(family: usize) -> (&'static str, &'static str) {
    (MARKS[family % MARKS.len()], COLORS[family % COLORS.len()])
}

/// The models of one group.
pub(super) struct Sizes<'a> {
    pub(super) asked: Asked<'a>,
    /// Smallest model first.
    pub(super) models: Vec<Sized<'a>>,
    /// In the order in which they are drawn.
    pub(super) families: Vec<&'a str>,
    pub(super) size_axis: SizeAxis,
    pub(super) gap_axis: Axis,
}

/// A model, its size and its gap.
pub(super) struct Sized<'a> {
    pub(super) run: &'a RunView,
    pub(super) parameters: u64,
    /// Place among the families.
    pub(super) family: usize,
    pub(super) gap: f64,
    pub(super) gap_ci95: [f64; 2],
}

/// One for each group that has models of several known sizes with a gap, in the order of the runs.
pub(super) fn sizes(runs: &[RunView]) -> Vec<Sizes<'_>> {
    boards(runs).into_iter().filter_map(|board| Sizes::of(runs, board.asked)).collect()
}

impl<'a> Sizes<'a> {
    /// Those of one group; none unless it has models of several known sizes with a gap.
    pub(super) fn of(runs: &'a [RunView], asked: Asked<'a>) -> Option<Self> {
        let mut families: Vec<&str> = Vec::new();
        let mut models = Vec::new();
        for run in runs.iter().filter(|run| run.place.is_some() && Asked::of(run) == asked) {
            let (Some(size), Some(gap), Some(gap_ci95)) =
                (&run.size, run.estimates.gap, run.estimates.gap_ci95)
            else {
                continue;
            };
            let ModelSize { parameters, architecture } = size;
            let name = family(architecture);
            let family = families.iter().position(|known| *known == name).unwrap_or_else(|| {
                families.push(name);
                families.len() - 1
            });
            models.push(Sized { run, parameters: *parameters, family, gap, gap_ci95 });
        }
        models.sort_by_key(|model| model.parameters);
        let (smallest, largest) = (models.first()?.parameters, models.last()?.parameters);
        (smallest < largest).then(|| Self {
            size_axis: SizeAxis::of(smallest, largest),
            gap_axis: Axis::gap(models.iter().map(|model| model.gap_ci95)),
            asked,
            models,
            families,
        })
    }
}

/// The family as the architecture names it, without what the model is for.
pub(super) fn family(architecture: &str) -> &str {
    ["ForCausalLM", "ForConditionalGeneration", "LMHeadModel"]
        .iter()
        .find_map(|end| architecture.strip_suffix(end))
        .unwrap_or(architecture)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::super::view::Place;
    use super::*;

    #[test]
    fn models_stand_by_size_and_those_without_one_do_not_stand() {
        let mut runs = sample::demo(1);
        assert!(sizes(&runs).is_empty(), "no run was held against another");
        for (i, run) in runs.iter_mut().enumerate() {
            run.place = Some(Place { from: 1, to: 5, of: 5 });
            let architecture = ["Qwen3ForCausalLM", "LlamaForCausalLM"][i % 2].to_owned();
            let parameters = [7_000_000_000, 600_000_000, 0, 1_500_000_000, 600_000_000][i];
            run.size = Some(ModelSize { parameters, architecture }).filter(|_| i != 2);
        }
        let found = sizes(&runs);
        let [group] = &found[..] else { panic!("{}", found.len()) };
        let of = |model: &Sized<'_>| (model.parameters, model.family);
        assert_eq!(
            group.models.iter().map(of).collect::<Vec<_>>(),
            [(600_000_000, 1), (600_000_000, 0), (1_500_000_000, 1), (7_000_000_000, 0)]
        );
        assert_eq!(group.families, ["Qwen3", "Llama"]);
        for run in &mut runs {
            run.size.iter_mut().for_each(|size| size.parameters = 1_000_000);
        }
        assert!(sizes(&runs).is_empty(), "one size is no axis");
    }
}
