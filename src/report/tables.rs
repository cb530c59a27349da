//! The tables of the page: every number, categories, models against variants and against each other. Knows nothing
//! about the layout.

use minijinja::{Value, context};

use super::compare::{boards, pairs};
use super::figure::count;
use super::matrix::Matrix;
use super::numbers::GROUPS;
use super::rows::Row;
use super::sizes::{Sizes, family, mark};
use super::text;
use super::view::RunView;
use super::words::{self, Side, typeset};
use crate::stats::Estimates;

/// Columns of a name in figures and tables; the full name is its tooltip.
pub(super) const SHORT_NAME: usize = 28;

/// The rows of every number for some runs beside each other.
pub(super) fn numbers(shown: &[&Row<'_>]) -> Value {
    let row = |row: &super::numbers::Row| {
        let cells: Vec<String> =
            shown.iter().map(|shown| typeset(&(row.cell)(shown.estimates))).collect();
        context! { label => row.label, cells => cells }
    };
    let groups: Vec<Value> = GROUPS
        .iter()
        .map(|group| {
            let rows: Vec<Value> = group.rows.iter().map(row).collect();
            context! { title => group.title, rows => rows }
        })
        .collect();
    let heads = shown.iter().map(|row| {
        context! {
            name => row.name.as_str(),
            short => text::shorten(&row.name, SHORT_NAME),
            detail => row.detail.as_str(),
        }
    });
    context! { heads => heads.collect::<Vec<_>>(), groups => groups }
}

/// The gaps of models by variants.
pub(super) fn show_matrix(matrix: &Matrix<'_>) -> Value {
    let cell = |numbers: &Option<&Estimates>| match numbers {
        None => context! { gap => "", interval => "", side => "undefined" },
        Some(numbers) => context! {
            gap => typeset(&words::points(numbers.gap)),
            interval => typeset(&words::points_interval(numbers.gap_ci95)),
            side => Side::of(numbers.gap, numbers.gap_ci95).class(),
        },
    };
    let models = matrix.models.iter().map(|(name, cells)| {
        context! { name => name, cells => cells.iter().map(cell).collect::<Vec<_>>() }
    });
    context! {
        variants => matrix.variants.iter().map(|variant| text::name(variant)).collect::<Vec<_>>(),
        models => models.collect::<Vec<_>>(),
    }
}

/// The models that were asked the same: where each of them stands, and how every two of them differ.
pub(super) fn comparisons(runs: &[RunView]) -> Vec<Value> {
    let differences = pairs(runs);
    let board = |board: super::compare::Board<'_>| {
        let places = board.models.iter().map(|model| {
            context! {
                place => model.places(),
                name => text::name(&model.model),
                parameters => model.parameters.map_or_else(|| words::NONE.to_owned(), count),
                family => model.architecture.map_or_else(|| words::NONE.to_owned(), |a| text::name(family(a))),
                gap => typeset(&words::points(model.gap)),
                interval => typeset(&words::points_interval(model.gap_ci95)),
            }
        });
        let pairs = differences.iter().filter(|pair| pair.asked == board.asked).map(|pair| {
            context! {
                first => text::name(&pair.models[0]),
                second => text::name(&pair.models[1]),
                requests => pair.comparison.requests,
                difference => typeset(&words::points(Some(pair.comparison.difference))),
                interval => typeset(&words::points_interval(Some(pair.comparison.difference_ci95))),
                p => words::p_value(Some(pair.comparison.p_value)),
                holm => words::p_value(Some(pair.p_holm)),
                benjamini_hochberg => words::p_value(Some(pair.p_benjamini_hochberg)),
            }
        });
        context! {
            title => board.asked.title(),
            sizes => Sizes::of(runs, board.asked).as_ref().map(by_size),
            places => places.collect::<Vec<_>>(),
            pairs => pairs.collect::<Vec<_>>(),
        }
    };
    boards(runs).into_iter().map(board).collect()
}

/// A point and its interval for each model, in per cent of the drawing's sides; names stand to the right of the points.
fn by_size(sizes: &Sizes<'_>) -> Value {
    let across = |place: f64| format!("{:.2}", 5.0 + 75.0 * place);
    let down = |gap: f64| format!("{:.2}", 100.0 - 100.0 * sizes.gap_axis.place(gap));
    let mark = |family: usize| {
        let (shape, color) = mark(family);
        context! { shape => shape, color => color }
    };
    let models = sizes.models.iter().map(|model| {
        let [low, high] = model.gap_ci95.map(down);
        context! {
            name => text::shorten(&model.run.name(), SHORT_NAME),
            x => across(sizes.size_axis.place(model.parameters as f64)),
            gap => down(model.gap),
            low => low,
            high => high,
            mark => mark(model.family),
        }
    });
    let families = sizes.families.iter().enumerate();
    let gap_ticks = sizes.gap_axis.ticks().into_iter();
    let size_ticks = sizes.size_axis.ticks().into_iter();
    context! {
        models => models.collect::<Vec<_>>(),
        families => families.map(|(place, family)| context! { name => text::name(family), mark => mark(place) }).collect::<Vec<_>>(),
        gap_ticks => gap_ticks.map(|t| context! { y => down(t.value), label => typeset(&t.label), zero => t.zero }).collect::<Vec<_>>(),
        size_ticks => size_ticks.map(|t| context! { x => across(sizes.size_axis.place(t.value)), label => t.label }).collect::<Vec<_>>(),
    }
}

/// The numbers of each category, a table for each run.
pub(super) fn categories(shown: &[&Row<'_>]) -> Vec<Value> {
    let table = |row: &&Row<'_>| {
        let rows = row.estimates.categories.iter().map(|(category, numbers)| {
            let cells = [
                numbers.requests.to_string(),
                words::percent(numbers.rate_free),
                words::percent(numbers.rate_paid),
                typeset(&words::points(numbers.gap)),
            ];
            context! { label => text::name(category), cells => cells }
        });
        context! { name => row.name.as_str(), detail => row.detail.as_str(), rows => rows.collect::<Vec<_>>() }
    };
    shown.iter().map(table).collect()
}
