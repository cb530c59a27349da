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
mod phrases;
mod recipe;
mod reply;
mod tokenizer;
mod train;

pub use calibrate::{Calibration, Measured, calibrate, demo_settings};
pub use card::{CARD, Card, CardRates, Rates, Training};
pub use corpus::held_out;
pub use decision::DecisionTokens;
pub use recipe::{BASE, Motive, Planted, RECIPES, Recipe};
pub use reply::{Truth, truth_of};
pub use train::{Progress, Trained, train};
