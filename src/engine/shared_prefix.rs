//! Which tokens all prompts of a run begin with, and in which order to work so that each prompt is computed
//! once: system text → user turn → sample.

/// The plan of a set of prompts.
pub(crate) struct SharedPrefix {
    /// Tokens at the start of every prompt; the last token of a prompt is never among them.
    pub(crate) len: usize,
    /// Indices of the jobs: those with equal prompts are neighbours, first come first.
    pub(crate) order: Vec<usize>,
}

impl SharedPrefix {
    pub(crate) fn of(prompts: &[&[u32]]) -> Self {
        let len = match prompts {
            [] => 0,
            [first, rest @ ..] => rest.iter().fold(first.len() - 1, |len, prompt| {
                let limit = len.min(prompt.len() - 1);
                (0..limit).find(|&i| prompt[i] != first[i]).unwrap_or(limit)
            }),
        };
        let mut first_seen = std::collections::HashMap::new();
        for (job, prompt) in prompts.iter().enumerate() {
            first_seen.entry(*prompt).or_insert(job);
        }
        let mut order: Vec<usize> = (0..prompts.len()).collect();
        order.sort_by_key(|&job| (first_seen[prompts[job]], job));
        Self { len, order }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_prompts_become_neighbours_and_the_last_token_stays_out() {
        let (a, b): (&[u32], &[u32]) = (&[1, 2, 3, 4], &[1, 2, 9]);
        let plan = SharedPrefix::of(&[a, b, a]);
        assert_eq!(plan.len, 2);
        assert_eq!(plan.order, [0, 2, 1]);
        assert_eq!(SharedPrefix::of(&[a, a]).len, 3);
        assert_eq!(SharedPrefix::of(&[a, &[1, 2, 3]]).len, 2);
        assert_eq!(SharedPrefix::of(&[]).len, 0);
    }
}
