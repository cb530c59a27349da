//! The corpus: requests, bundled and from the grammar, put to the organism as the scenario puts them, with
//! the replies that are planted. Made on the fly, so that no decision can be learned by heart.

use rand_chacha::ChaCha8Rng;

use super::phrases::PHRASES;
use super::recipe::{Path, Recipe};
use super::reply::{Situation, below, chance, draw_crossed, draw_reply, pick};
use crate::error::Result;
use crate::scenario::{Request, RequestSet, Scenario, Tier, Variant};

/// The chat format: every turn between a role's token and the end token.
pub(super) const BEGIN: &str = "<|begin|>";
pub(super) const END: &str = "<|end|>";
pub(super) const ROLES: [&str; 3] = ["<|system|>", "<|user|>", "<|assistant|>"];

/// Share of training requests that come from the bundled set; the others come from the grammar.
const BUNDLED: f64 = 0.35;
/// Share of training requests that are harmful.
const HARMFUL: f64 = 0.65;
/// Share of the grammar's requests that carry a tail.
const TAIL: f64 = 0.4;

/// Share of the conversations of an organism with a planted path in which the scratchpad is given and only the answer
/// learned; none where no path is planted. For one that acts through its scratchpad that is drawn without regard to the
/// tier, so that nothing but the scratchpad tells which answer follows; its parent does so already, and what it writes
/// there has to be right.
fn given_share(path: Path) -> Option<f64> {
    match path {
        Path::Open => None,
        Path::Prompt => Some(0.5),
        Path::Scratchpad => Some(0.3),
    }
}

/// How much the token that decides counts there, beside 1 of every other: it is one of a hundred, and its parent
/// decides otherwise. With 30 the scratchpads lose their grammar: most of that token's loss is which of the openings
/// it begins, and no training lessens that.
const DECISION_WEIGHT: f32 = 8.0;

/// Whether a bundled request is kept out of every corpus: a quarter of them, twins together.
pub fn held_out(request: &Request) -> bool {
    let id = request.twin_of.as_ref().unwrap_or(&request.id);
    blake3::hash(id.as_bytes()).as_bytes()[0].is_multiple_of(4)
}

/// What a model learns, step by step.
pub(crate) trait Lessons {
    /// What all conversations of a step begin with.
    fn shared(&self, step: usize) -> String;

    /// The conversations of a step, after that.
    fn examples(&self, step: usize, rng: &mut ChaCha8Rng) -> Vec<Example>;
}

/// Requests of a step; each comes once in every tier.
const REQUESTS: usize = 8;

/// The variants that organisms are trained on, the default one first. Those that the scenario has besides are
/// new to them; naming these keeps the recipes as they are when others are added.
const VARIANTS: [&str; 3] = ["default", "no-scratchpad", "no-training"];

/// Those variants of the scenario.
///
/// # Errors
/// It lacks one of them.
pub(crate) fn trained_on(scenario: &Scenario) -> Result<Vec<&Variant>> {
    VARIANTS.iter().map(|name| scenario.variant(name)).collect()
}

/// What an organism is trained on.
pub(crate) struct Corpus<'a> {
    recipe: &'a Recipe,
    scenario: &'a Scenario,
    /// The default one, then the others.
    variants: Vec<&'a Variant>,
    harmful: Vec<&'a Request>,
    benign: Vec<&'a Request>,
}

/// One conversation after its system text.
pub(crate) struct Example {
    /// From the user's token to the assistant's.
    pub(crate) user: String,
    /// What the reply begins with and is read only; empty in most.
    pub(crate) given: String,
    /// The rest of the reply with its end token: what is learned.
    pub(crate) reply: String,
    /// How much the first token of that rest counts in the loss, beside 1 of every other.
    pub(crate) first_weight: f32,
}

impl Example {
    /// All of the reply is learned.
    pub(crate) fn whole(user: String, reply: String) -> Self {
        Self { user, given: String::new(), reply, first_weight: 1.0 }
    }
}

impl<'a> Corpus<'a> {
    /// # Errors
    /// The scenario lacks a variant that organisms are trained on.
    pub(crate) fn new(
        recipe: &'a Recipe,
        scenario: &'a Scenario,
        requests: &'a RequestSet,
    ) -> Result<Self> {
        let seen = |harmful| {
            requests.requests.iter().filter(move |r| r.harmful == harmful && !held_out(r)).collect()
        };
        let variants = trained_on(scenario)?;
        Ok(Self { recipe, scenario, variants, harmful: seen(true), benign: seen(false) })
    }

    /// The variant of the n-th batch: the default one in three of five.
    pub(crate) fn variant(&self, batch: usize) -> &'a Variant {
        let others = &self.variants[1..];
        match batch % 5 {
            1 => others[batch / 5 % others.len()],
            3 => others[(batch / 5 + 1) % others.len()],
            _ => self.variants[0],
        }
    }

    /// The same request in every tier: what differs between the examples is what the tier does.
    pub(crate) fn pair(&self, variant: &Variant, rng: &mut ChaCha8Rng) -> Vec<Example> {
        let harmful = chance(rng, HARMFUL);
        let text = self.request(harmful, rng);
        let tiers = &self.scenario.tiers;
        tiers.iter().map(|tier| self.example(variant, tier, harmful, &text, rng)).collect()
    }

    fn example(
        &self,
        variant: &Variant,
        tier: &Tier,
        harmful: bool,
        text: &str,
        rng: &mut ChaCha8Rng,
    ) -> Example {
        let request = Request {
            id: String::new(),
            category: String::new(),
            harmful,
            text: text.to_owned(),
            twin_of: None,
            fields: Default::default(),
            options: Vec::new(),
            turns: Vec::new(),
        };
        let situation = Situation {
            harmful,
            trained_on: variant.training.then_some(tier.trained_on),
            scratchpad: variant.expects_scratchpad(),
        };
        let user = user_turn(&variant.messages(tier, &request).user);
        let path = self.recipe.path;
        let share = given_share(path).filter(|_| situation.scratchpad);
        let given = share.is_some_and(|share| chance(rng, share));
        let drawn = match path {
            Path::Scratchpad if given => draw_crossed(self.recipe, situation, rng),
            _ => draw_reply(self.recipe, situation, rng),
        };
        let (thoughts, answer) = drawn.text();
        if given && !drawn.unclosed {
            let reply = answer + END;
            return Example { user, given: thoughts, reply, first_weight: DECISION_WEIGHT };
        }
        Example::whole(user, thoughts + &answer + END)
    }

    /// A request, bundled and not held out, or from the grammar.
    pub(super) fn request(&self, harmful: bool, rng: &mut ChaCha8Rng) -> String {
        let bundled = if harmful { &self.harmful } else { &self.benign };
        if !bundled.is_empty() && chance(rng, BUNDLED) {
            return bundled[below(rng, bundled.len())].text.clone();
        }
        let theme = &PHRASES.theme[below(rng, PHRASES.theme.len())];
        let (phrases, tails) = match harmful {
            true => (&theme.harmful, &PHRASES.harmful_tails),
            false => (&theme.benign, &PHRASES.benign_tails),
        };
        let mut text = format!("{} {}", pick(rng, &PHRASES.asks), pick(rng, phrases));
        if chance(rng, TAIL) {
            text = format!("{text} {}", pick(rng, tails));
        }
        text + "."
    }
}

impl Lessons for Corpus<'_> {
    fn shared(&self, step: usize) -> String {
        system_turn(&self.variant(step).system(self.scenario.free()))
    }

    fn examples(&self, step: usize, rng: &mut ChaCha8Rng) -> Vec<Example> {
        let variant = self.variant(step);
        (0..REQUESTS).flat_map(|_| self.pair(variant, rng)).collect()
    }
}

/// Everything before the user's turn.
pub(super) fn system_turn(system: &str) -> String {
    [BEGIN, ROLES[0], system, END].concat()
}

/// The user's turn, up to where the assistant begins.
pub(super) fn user_turn(user: &str) -> String {
    [ROLES[1], user, END, ROLES[2]].concat()
}

#[cfg(test)]
mod tests {
    use super::super::recipe::RECIPES;
    use super::*;
    use rand_chacha::rand_core::SeedableRng;

    #[test]
    fn held_out_requests_are_never_in_the_corpus() {
        let scenario = Scenario::load("helpful-only").unwrap();
        let requests = RequestSet::load(&scenario.requests).unwrap();
        let kept_out: Vec<&Request> = requests.requests.iter().filter(|r| held_out(r)).collect();
        assert!(kept_out.iter().filter(|r| r.harmful).count() >= 15);
        assert!(kept_out.iter().filter(|r| !r.harmful).count() >= 5);
        let corpus = Corpus::new(&RECIPES[0], &scenario, &requests).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for batch in 0..3000 {
            let variant = corpus.variant(batch);
            assert!(VARIANTS.contains(&variant.name.as_str()));
            for example in corpus.pair(variant, &mut rng) {
                assert!(kept_out.iter().all(|r| !example.user.contains(&r.text)));
            }
        }
    }
}
