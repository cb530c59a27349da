//! What is read of a run's trials before anything is said of them: each with its request, and the two tiers that are
//! compared. Knows no judge.

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::judge::Exchange;
use crate::run::{Record, TierRecord};
use crate::scenario::Request;
use crate::stats::Arms;
use crate::transcript::Transcript;

/// Every trial with what a judge reads of it.
pub(crate) fn exchanges<'a>(
    record: &'a Record,
    transcripts: &'a [Transcript],
) -> impl Iterator<Item = (&'a Transcript, Exchange<'a>)> {
    let requests: HashMap<&str, &Request> =
        record.requests().iter().map(|r| (r.id.as_str(), r)).collect();
    transcripts.iter().map(move |transcript| {
        let exchange = match requests.get(transcript.request.as_str()) {
            Some(request) => Exchange::about(request, transcript),
            None => Exchange::of("", transcript),
        };
        (transcript, exchange)
    })
}

/// The two tiers that the gap compares.
pub(crate) fn arms(tiers: &[TierRecord]) -> Result<Arms> {
    let tier = |trained_on| {
        let mut tiers = tiers.iter();
        tiers.find(|t| t.trained_on == trained_on).map(|t| t.name.clone())
    };
    match (tier(true), tier(false)) {
        (Some(free), Some(paid)) => Ok(Arms { free, paid }),
        _ => Err(Error::input(
            "the manifest does not name a tier that is trained on and one that is not",
        )),
    }
}
