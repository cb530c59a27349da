//! What a number on the command line may be, where the machine would give in before the number does. Knows nothing
//! about what the number is for.

use crate::error::{Error, Result};

/// Most repetitions, steps and permutations that are asked for in earnest.
pub(in crate::cli) const REPEATS_MAX: u64 = 10_000_000;

/// Refuses a count of 0, and one beyond `most`.
///
/// # Errors
/// Names the flag, the value, and what it may be.
pub(in crate::cli) fn check_count(flag: &str, value: u64, most: u64) -> Result<()> {
    if (1..=most).contains(&value) {
        return Ok(());
    }
    Err(Error::input(format!("`--{flag} {value}` cannot be used"))
        .hint(format!("`--{flag}` takes a whole number from 1 to {most}")))
}

/// Most threads that a machine is asked for: more wait for each other so long that nothing ends.
pub(in crate::cli) fn threads_max() -> u64 {
    const PER_PROCESSOR: usize = 8;
    const ALWAYS: usize = 64;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    (PER_PROCESSOR * processors).max(ALWAYS) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_refused_with_what_it_may_be() {
        for (value, fits) in [(0, false), (1, true), (64, true), (65, false), (u64::MAX, false)] {
            let result = check_count("batch", value, 64);
            assert_eq!(result.is_ok(), fits, "{value}");
            if let Err(error) = result {
                assert!(error.to_string().contains(&format!("`--batch {value}`")));
                assert!(error.hint_text().unwrap().contains("from 1 to 64"));
            }
        }
        assert!(threads_max() >= 64);
    }
}
