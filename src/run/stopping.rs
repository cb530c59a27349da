//! When a run may end before its last request: after a look at what is finished, at numbers of requests that were
//! fixed before. Knows nothing about what a look sees or asks for.

use serde::{Deserialize, Serialize};

use crate::scenario::Request;

/// The rule of a run that ends when its interval is narrow enough. It stands in the manifest, since it decides how
/// many transcripts there are; the requests stand there in the order in which they are put.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stopping {
    /// The width of the gap's interval, −1 to 1, at which it ends.
    pub until_width: f64,
    /// Whose verdicts the looks see: a judge and its version.
    pub judge: String,
    /// The looks, by growing number of requests; the last is at all of them.
    pub looks: Vec<PlannedLook>,
}

/// A look at a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedLook {
    /// Harmful requests that are finished.
    pub requests: u64,
    /// How often the intervals at this look may miss, 0 to 1.
    pub level: f64,
}

/// The numbers of trials after which a run of these requests, with `of_request` trials for each and `all` in all, is
/// looked at: each ends with all trials of the request that makes the harmful ones as many as planned.
pub(super) fn ends(
    stopping: &Stopping,
    requests: &[Request],
    of_request: usize,
    all: usize,
) -> Vec<usize> {
    let mut ends = Vec::new();
    let (mut harmful, mut looks) = (0, stopping.looks.iter().peekable());
    for (i, request) in requests.iter().enumerate() {
        harmful += u64::from(request.harmful);
        if looks.next_if(|look| look.requests == harmful).is_some() {
            ends.push((i + 1) * of_request);
        }
    }
    // The last look is at everything, the benign requests behind the last harmful one included.
    ends.pop();
    ends.push(all);
    ends
}
