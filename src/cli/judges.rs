//! The judge that a user names, ready to judge: `rules`, or a model.

use crate::error::Result;
use crate::judge::{Exchange, Finding, JudgeCard, rules};

/// A judge that is ready.
pub(super) enum Judge {
    Rules,
}

impl Judge {
    /// What the judge is and how it does.
    pub(super) fn card(&self) -> Result<JudgeCard> {
        match self {
            Self::Rules => rules::card(),
        }
    }

    /// One finding for each exchange, in their order.
    pub(super) fn judge(&self, exchanges: &[Exchange<'_>]) -> Result<Vec<Finding>> {
        match self {
            Self::Rules => Ok(exchanges.iter().map(rules::judge).collect()),
        }
    }
}
