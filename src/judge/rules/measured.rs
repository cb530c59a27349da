//! What `tests/judge_xstest.rs` measured of this judge, compiled in. The file is written by that test and
//! never by hand; the test fails when the file and the judge disagree.

use crate::error::{Error, Result};
use crate::judge::{JudgeCard, Measured};

const MEASURED: &str = include_str!("measured.json");

/// How the judge does on labelled answers, one entry for each part of a labelled set.
///
/// # Errors
/// When the compiled-in file does not parse, which a test rules out.
pub fn measured() -> Result<Vec<Measured>> {
    serde_json::from_str(MEASURED).map_err(|error| {
        Error::failed(format!("the judge's `measured.json` does not parse: {error}"))
    })
}

/// The judge's card.
///
/// # Errors
/// Those of [`measured`].
pub fn card() -> Result<JudgeCard> {
    Ok(JudgeCard { measured: measured()?, ..JudgeCard::new(super::NAME, super::VERSION) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_card_carries_what_was_measured() {
        let card = card().unwrap();
        assert_eq!((card.judge.as_str(), card.version), ("rules", super::super::VERSION));
        assert!(!card.measured.is_empty());
        for measured in &card.measured {
            let counted: u32 = measured.confusion.iter().flatten().sum();
            assert_eq!(counted, measured.answers);
        }
    }
}
