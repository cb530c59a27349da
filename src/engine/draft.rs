//! Exact drafts: what one reply drew is the guess at what another reply with the same random numbers draws.
//!
//! Two replies with one [`super::Address`] draw the same token wherever their distributions are close, and do so
//! again after they have differed. Guesses are fed together with the token before them, each position is then
//! drawn in the ordinary way, and the first draw that differs from its guess throws the later ones away. A row's
//! logits depend on its own tokens alone, so what is accepted is what decoding one by one would have drawn.
//! Knows nothing about models and sampling.

use std::collections::HashMap;

use super::active::Active;
use super::job::{Job, Limits};
use crate::decoder::ModelInfo;

/// [`Partner::reach`] of a row that has seen no token of its partner yet: two guesses.
const REACH_START: usize = 4;

/// What is known of the replies to come.
pub(super) struct Drafts<'a> {
    limits: &'a Limits<'a>,
    /// By job; none at all when nothing is to be guessed.
    partners: Vec<Partner>,
    /// By address: at each position the token that was drawn there last, stop tokens left out. Last, because replies
    /// that stand near each other in the order of work answer prompts that are alike: a run's tiers, and then another's.
    known: Vec<Vec<u32>>,
    /// By address: the jobs that have not ended, to which what is known may still be of use.
    open: Vec<usize>,
    /// Tokens of a step, guesses included.
    width: usize,
    /// Positions that a sequence can have.
    context: usize,
}

/// How a job looks at the other replies of its address.
struct Partner {
    /// Index into [`Drafts::known`].
    address: usize,
    /// Twice the tokens worth guessing at once: one more for each drawn token that was known, half after each
    /// that was something else, so that it settles near the usual run of equal tokens. It is learnt from every
    /// token, guessed or not: finding back costs nothing.
    reach: usize,
}

impl<'a> Drafts<'a> {
    /// What is known before the first token is drawn.
    pub(super) fn new(jobs: &[Job<'_>], limits: &'a Limits<'a>, info: &ModelInfo) -> Self {
        let mut drafts = Self {
            limits,
            partners: Vec::new(),
            known: Vec::new(),
            open: Vec::new(),
            width: info.draft_width,
            context: info.context,
        };
        if !limits.draft || drafts.width <= 1 {
            return drafts;
        }
        let mut addresses = HashMap::new();
        for job in jobs {
            let address = *addresses.entry(&job.address).or_insert(drafts.known.len());
            if address == drafts.known.len() {
                drafts.known.push(Vec::new());
                drafts.open.push(0);
            }
            drafts.open[address] += 1;
            if job.guess.len() > drafts.known[address].len() {
                let usable =
                    |id: &u32| (*id as usize) < info.vocab_size && !limits.stop_ids.contains(id);
                drafts.known[address] = job.guess.iter().copied().take_while(usable).collect();
            }
            drafts.partners.push(Partner { address, reach: REACH_START });
        }
        drafts
    }

    /// Puts guesses behind the tokens that are fed next, as far as the step has room for them, and tells how
    /// many. Rows take turns: a row's first guess is worth more than another one's second.
    pub(super) fn guess<S>(&self, active: &mut [Active<S>], jobs: &[Job<'_>]) -> usize {
        if self.partners.is_empty() {
            return 0;
        }
        let room = self.width.saturating_sub(active.len());
        let mut given = 0;
        for nth in 0..room {
            let before = given;
            for row in active.iter_mut() {
                if given < room
                    && let Some(id) = self.nth_guess(row, &jobs[row.job], nth)
                {
                    row.tokens.push(id);
                    given += 1;
                }
            }
            if given == before {
                break;
            }
        }
        given
    }

    /// The guess at the token after the next `nth + 1`, where it is worth it and there is room for what it brings.
    fn nth_guess<S>(&self, row: &Active<S>, job: &Job<'_>, nth: usize) -> Option<u32> {
        let partner = &self.partners[row.job];
        let position = row.token_ids.len() + nth;
        let fits = job.begun as usize + position + 1 < job.max_tokens
            && job.prompt.len() + position < self.context;
        if nth >= partner.reach / 2 || !fits {
            return None;
        }
        self.known[partner.address].get(position).copied()
    }

    /// Forgets what is known of an address when its last job ends: of a large run, the replies of all trials would be
    /// kept otherwise.
    pub(super) fn end(&mut self, job: usize) {
        let Some(Partner { address, .. }) = self.partners.get(job) else { return };
        self.open[*address] -= 1;
        if self.open[*address] == 0 {
            self.known[*address] = Vec::new();
        }
    }

    /// Takes note of the last `new` tokens of a job's reply.
    pub(super) fn learn(&mut self, job: usize, token_ids: &[u32], new: usize) {
        let Some(partner) = self.partners.get_mut(job) else { return };
        let known = &mut self.known[partner.address];
        for (position, id) in token_ids.iter().enumerate().skip(token_ids.len() - new) {
            let stops = self.limits.stop_ids.contains(id);
            match known.get_mut(position) {
                Some(guess) if guess == id => {
                    partner.reach = (partner.reach + 1).min(2 * self.width);
                }
                Some(guess) => {
                    partner.reach /= 2;
                    if !stops {
                        *guess = *id;
                    }
                }
                // Every earlier position is known, from this reply if from no other.
                None if !stops => known.push(*id),
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Address, Sampling};

    #[test]
    fn nothing_is_kept_for_jobs_that_have_ended() {
        let job = |request: &str| Job {
            prompt: vec![1].into(),
            begun: 0,
            address: Address::new(0, request, 0, None),
            sampling: &Sampling::PLAIN,
            max_tokens: 4,
            guess: Vec::new(),
        };
        let jobs = ["a", "a", "b"].map(job);
        let info = crate::engine::memory_plan::tests::info();
        let limits = Limits { stop_ids: &[], batch: 1, draft: true };
        let mut drafts = Drafts::new(&jobs, &limits, &info);
        for (job, kept) in [(0, vec![5, 6]), (1, vec![]), (2, vec![])] {
            drafts.learn(job, &[5, 6], 2);
            drafts.end(job);
            assert_eq!(drafts.known[drafts.partners[job].address], kept, "job {job}");
        }
    }
}
