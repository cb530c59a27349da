//! How many threads compute.

use crate::cli::args::bounds;
use crate::error::{Error, Result};

/// Sets how many threads compute. Must come before anything computes.
pub(in crate::cli) fn use_threads(threads: Option<usize>) -> Result<()> {
    let Some(threads) = threads else { return Ok(()) };
    bounds::check_count("threads", threads as u64, bounds::threads_max())?;
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .map_err(|error| Error::failed(format!("{threads} threads cannot be started: {error}")))
}
