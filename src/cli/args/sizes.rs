//! The sizes of `candor bench`'s job, as they are typed. Knows nothing about what is measured.

use crate::cli::args::bounds::REPEATS_MAX;

/// Sizes of the two-tier job, in tokens and pieces.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Sizes {
    /// Tokens that all prompts begin with.
    pub(in crate::cli) shared: usize,
    /// Tokens of a prompt after them.
    pub(in crate::cli) own: usize,
    /// Requests × tiers.
    pub(in crate::cli) prompts: usize,
    pub(in crate::cli) samples: usize,
    /// Tokens drawn for each sample.
    pub(in crate::cli) new: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { shared: 1024, own: 64, prompts: 16, samples: 4, new: 128 }
    }
}

impl std::str::FromStr for Sizes {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let numbers: Vec<usize> = text
            .split(',')
            .map(|number| number.trim().parse().map_err(|_| format!("`{number}` is no number")))
            .collect::<std::result::Result<_, _>>()?;
        if numbers.iter().any(|&number| number as u64 > REPEATS_MAX) {
            return Err(format!("numbers go up to {REPEATS_MAX}"));
        }
        match numbers[..] {
            [shared, own, prompts, samples, new]
                if own > 0 && prompts.min(samples).min(new) > 0 =>
            {
                Ok(Self { shared, own, prompts, samples, new })
            }
            _ => Err(
                "five numbers: shared tokens, own tokens (1 or more), prompts, samples, new tokens"
                    .into(),
            ),
        }
    }
}
