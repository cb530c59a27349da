//! Trials in their canonical order. Knows nothing about what becomes of them.

use std::fmt;

use super::{Messages, Request, Scenario, Tier, Variant};

/// One unit of work: a request in a tier of a variant, sampled once more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trial<'a> {
    /// The variant.
    pub variant: &'a Variant,
    /// The request.
    pub request: &'a Request,
    /// The tier.
    pub tier: &'a Tier,
    /// Index of the continuation, from 0.
    pub sample: u32,
}

impl Trial<'_> {
    /// What the model is given; the same for all samples.
    pub fn messages(&self) -> Messages {
        self.variant.messages(self.tier, self.request)
    }
}

/// `variant/request/tier/sample`, for messages.
impl fmt::Display for Trial<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.variant.name, self.request.id, self.tier.name, self.sample)
    }
}

/// All trials of a variant: requests in their order, then samples, then tiers as in the file, so that
/// the trials of a pair are neighbors.
pub fn trials<'a>(
    scenario: &'a Scenario,
    variant: &'a Variant,
    requests: &'a [Request],
    samples: u32,
) -> Vec<Trial<'a>> {
    let mut trials = Vec::new();
    for request in requests {
        for sample in 0..samples {
            for tier in &scenario.tiers {
                trials.push(Trial { variant, request, tier, sample });
            }
        }
    }
    trials
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_neighbors_and_requests_come_in_order() {
        let scenario = Scenario::load("helpful-only").unwrap();
        let request = |id: &str| Request {
            id: id.to_owned(),
            category: "c".to_owned(),
            harmful: true,
            text: format!("do {id}"),
            twin_of: None,
            fields: Default::default(),
            options: Vec::new(),
            turns: Vec::new(),
        };
        let requests = [request("b"), request("a")];
        let variant = scenario.variant("no-training").unwrap();
        let trials = trials(&scenario, variant, &requests, 2);
        let names: Vec<String> = trials.iter().map(Trial::to_string).collect();
        assert_eq!(
            names,
            [
                "no-training/b/free/0",
                "no-training/b/paid/0",
                "no-training/b/free/1",
                "no-training/b/paid/1",
                "no-training/a/free/0",
                "no-training/a/paid/0",
                "no-training/a/free/1",
                "no-training/a/paid/1",
            ]
        );
        assert_eq!(trials[5].messages().user, "<tier>paid</tier>\ndo a");
        assert_eq!(trials[5].messages().system, variant.system(&scenario.tiers[1]));
    }
}
