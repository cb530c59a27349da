//! Making the controls: the behaviour that is planted, the corpus, the training, the card, the calibration.
//!
//! An organism validates the instrument: its behaviour is known, so a run on it must find it. It is no
//! claim about large models.

mod attention;
mod calibrate;
mod card;
mod corpus;
mod decision;
mod graph;
mod judge;
mod phrases;
mod plant;
mod recipe;
mod reply;
mod tokenizer;
mod train;

/// Name of the file in an organism's folder.
pub const CARD: &str = "card.toml";

pub use calibrate::{Calibration, Measured, calibrate, demo_settings, draw};
pub use card::{Card, CardRates, JudgeOrganismCard, MeasuredCriterion, Rates, Training};
pub use corpus::held_out;
pub use decision::DecisionTokens;
pub use judge::{KnownExchange, held_out_exchanges};
pub use plant::{
    Measuring, PLANT_CARD, Plant, PlantCard, PlantMeasured, PlantProgress, PlantRates,
    PlantTraining, Planting, SeedGap, measure, plant,
};
pub use recipe::{BASE, Course, JUDGE, Motive, PATHS, Path, Planted, RECIPES, Recipe};
pub use reply::{Truth, truth_of};
pub use train::{Trained, TrainingProgress, train, train_judge};
