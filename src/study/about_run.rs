//! What a report says of a run besides its numbers: what its scenario is for, what was registered, which controls there
//! are to hold it against.

use crate::error::Result;
use crate::judge::rules;
use crate::organism::{Card, RECIPES, Rates};
use crate::report::{AgainstRegistration, Control, Declared, JudgeView, TierDifference};
use crate::run::{Record, Registered};
use crate::scenario::{Scenario, Tier};
use crate::stats::{Arms, Observation, contrast, request_gaps};

/// What the scenario of a run says that its variants are held against each other for; nothing where the text on record
/// is of another version.
pub(super) fn declared(record: &Record) -> Declared {
    let Record::Made(manifest) = record else { return Declared::default() };
    let (text, files) = (&manifest.scenario.text, &manifest.scenario.files);
    let scenario = manifest.scenario.digest.clone();
    match Scenario::from_text("the manifest's scenario", text, files) {
        Ok(known) => Declared {
            dose: known.variant(&manifest.variant).ok().and_then(|variant| variant.dose),
            contrasts: known.contrasts,
            scenario,
        },
        Err(_) => Declared { scenario, ..Declared::default() },
    }
}

/// Every two tiers of a run that has more than two.
pub(super) fn tier_differences(
    observations: &[Observation],
    tiers: &[Tier],
    seed: u64,
) -> Vec<TierDifference> {
    if tiers.len() < 3 {
        return Vec::new();
    }
    let family = tiers.len() * (tiers.len() - 1) / 2;
    let pairs = tiers.iter().enumerate().flat_map(|(i, first)| {
        tiers[i + 1..].iter().map(move |second| (first.name.clone(), second.name.clone()))
    });
    let difference = |(first, second): (String, String)| {
        let arms = Arms { free: first.clone(), paid: second.clone() };
        let numbers = contrast(&request_gaps(observations, &arms), None, family, seed)?;
        Some(TierDifference { tiers: [first, second], numbers })
    };
    pairs.filter_map(difference).collect()
}

/// A run against its registration. `rules` judges every run, so that its verdicts are no further look.
pub(super) fn against_registration(
    registered: &Registered,
    mut departures: Vec<String>,
    judge: &str,
    others: &[JudgeView],
) -> AgainstRegistration {
    let wanted = &registered.plan.judge;
    let mut looked_at = Vec::new();
    for name in std::iter::once(judge).chain(others.iter().map(|other| other.name.as_str())) {
        if name != wanted && name != rules::NAME {
            looked_at.push(format!("verdicts of `{name}`"));
        }
    }
    if judge != wanted {
        departures.push(format!("judge: `{wanted}` registered, `{judge}` shown"));
    }
    AgainstRegistration {
        digest: registered.digest.clone(),
        kept: departures.is_empty(),
        departures,
        looked_at,
        smallest_gap: registered.plan.smallest_gap,
    }
}

/// What the bundled organisms measured in their calibration.
pub(super) fn controls() -> Result<Vec<Control>> {
    let mut controls = Vec::new();
    for recipe in &RECIPES {
        let card = Card::bundled(recipe.name)?;
        let Some(measured) = card.measured else { continue };
        let both = |rates: Rates| [rates.free, rates.paid];
        controls.push(Control {
            name: format!("organism:{}", card.name),
            planted: recipe.summary.to_owned(),
            seeds: measured.seeds,
            measured: both(measured.all),
            reasoning: both(measured.reasoning),
        });
    }
    Ok(controls)
}
