//! What the processor can do at most, measured: multiply-adds of f32, products of eight bits summed as the kernels of
//! blocks do it, bytes read from memory. All threads at once. Knows nothing about models.

use std::time::Instant;

use rayon::prelude::*;

use super::simd::{Kernel, Level, Simd, dispatch};

/// What all threads together do in a second, the best of several rounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peaks {
    /// Fused multiply-adds of f32.
    pub(crate) f32_multiply_adds: f64,
    /// Products of an unsigned and a signed byte, added up.
    pub(crate) int8_multiply_adds: f64,
    /// Bytes read from a buffer that no cache holds.
    pub(crate) memory_bytes: f64,
}

/// Independent sums: enough to hide how long a multiply-add takes, few enough to stay in registers.
const SUMS: usize = 12;

/// Vectors of bytes that lie in the first-level cache; their products cannot be made ahead.
const CACHED: usize = 16;

const BYTES: usize = CACHED * 64;

/// How long a round takes at least: shorter ones are mostly the threads' beginning and end.
const ENOUGH: f64 = 0.04;

/// Rounds of which the best counts; the first may still find the processor at a lower clock.
const ROUNDS: usize = 4;

/// Measures for about a second; `buffer` bytes are read for the memory's part.
pub(crate) fn peaks(buffer: usize) -> Peaks {
    peaks_at(Level::best(), buffer)
}

fn peaks_at(level: Level, buffer: usize) -> Peaks {
    let buffer = vec![1f32; (buffer / size_of::<f32>()).max(1)];
    let data = [3u8; BYTES];
    Peaks {
        f32_multiply_adds: best(|times| {
            spread(|_| {
                let mut kept = 0.0;
                // SAFETY: the kernel has no pointers but to lanes of its own.
                unsafe { dispatch(level, MultiplyAdds { times, kept: &mut kept }) };
                (kept, (times * SUMS * lanes(level)) as f64)
            })
        }),
        int8_multiply_adds: best(|times| {
            spread(|_| {
                let mut kept = 0.0;
                // SAFETY: the kernel reads within `data`.
                unsafe { dispatch(level, Dots { times, data: &data, kept: &mut kept }) };
                (kept, (times * SUMS * 4 * lanes(level)) as f64)
            })
        }),
        memory_bytes: best(|times| {
            let part = buffer.len() / rayon::current_num_threads();
            spread(|thread| {
                let data = &buffer[thread * part..][..part];
                let mut kept = 0.0;
                for _ in 0..times {
                    // SAFETY: the kernel reads within `data`.
                    unsafe { dispatch(level, Reads { data, kept: &mut kept }) };
                }
                (kept, (times * part * size_of::<f32>()) as f64)
            })
        }),
    }
}

/// The best rate of work that is done so many times over that it takes long enough; `work` gives units and seconds.
fn best(work: impl Fn(usize) -> (f64, f64)) -> f64 {
    let mut times = 1;
    while work(times).1 < ENOUGH {
        times *= 2;
    }
    let rates = (0..ROUNDS).map(|_| work(times)).map(|(units, seconds)| units / seconds);
    rates.fold(0.0, f64::max)
}

/// Work on every thread at once: what all did together, and the seconds it took.
fn spread(work: impl Fn(usize) -> (f32, f64) + Sync) -> (f64, f64) {
    let started = Instant::now();
    let threads = 0..rayon::current_num_threads();
    let done = threads.into_par_iter().with_max_len(1).map(|thread| {
        let (kept, units) = work(thread);
        std::hint::black_box(kept);
        units
    });
    let units = done.sum();
    (units, started.elapsed().as_secs_f64())
}

fn lanes(level: Level) -> usize {
    struct Lanes<'a>(&'a mut usize);
    impl Kernel for Lanes<'_> {
        #[inline(always)]
        unsafe fn run<S: Simd>(self) {
            *self.0 = S::LANES;
        }
    }
    let mut lanes = 0;
    // SAFETY: the kernel has no pointer.
    unsafe { dispatch(level, Lanes(&mut lanes)) };
    lanes
}

struct MultiplyAdds<'a> {
    times: usize,
    kept: &'a mut f32,
}

impl Kernel for MultiplyAdds<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: the caller has the instruction set; the only pointer is to lanes of our own.
        unsafe {
            let (a, b) =
                (S::splat(std::hint::black_box(0.999)), S::splat(std::hint::black_box(0.001)));
            let mut sums = [b; SUMS];
            for _ in 0..self.times {
                for sum in &mut sums {
                    *sum = S::fma(*sum, a, b);
                }
            }
            *self.kept = added::<S>(&sums);
        }
    }
}

struct Dots<'a> {
    times: usize,
    data: &'a [u8; BYTES],
    kept: &'a mut f32,
}

impl Kernel for Dots<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: as above; a vector is at most 64 bytes, and the last of them is below CACHED.
        unsafe {
            let mut sums = [S::splat_i32(0); SUMS];
            for round in 0..self.times {
                let vector =
                    |i: usize| S::bytes(self.data.as_ptr().add(64 * (round % (CACHED - 7) + i)));
                let codes = [vector(0), vector(1), vector(2)];
                for i in 0..SUMS / 3 {
                    let bytes = vector(3 + i);
                    for (j, codes) in codes.into_iter().enumerate() {
                        sums[3 * i + j] = S::dot(sums[3 * i + j], codes, bytes);
                    }
                }
            }
            *self.kept = added::<S>(&sums.map(|sum| S::to_f32(sum)));
        }
    }
}

struct Reads<'a> {
    data: &'a [f32],
    kept: &'a mut f32,
}

impl Kernel for Reads<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: every piece has as many elements as are loaded from it.
        unsafe {
            let one = S::splat(1.0);
            let mut sums = [S::splat(0.0); 8];
            for piece in self.data.chunks_exact(8 * S::LANES) {
                for (i, sum) in sums.iter_mut().enumerate() {
                    *sum = S::fma(S::load(piece.as_ptr().add(i * S::LANES)), one, *sum);
                }
            }
            *self.kept = added::<S>(&sums);
        }
    }
}

/// The first lane of the sum of some vectors, so that none of them is left out as unused.
///
/// # Safety
/// The processor has the instruction set.
#[inline(always)]
unsafe fn added<S: Simd>(vectors: &[S::F]) -> f32 {
    let mut lanes = [0f32; 16];
    // SAFETY: as the caller says; no set has more than sixteen lanes.
    unsafe {
        let one = S::splat(1.0);
        let sum = vectors.iter().fold(S::splat(0.0), |sum, vector| S::fma(*vector, one, sum));
        S::store(lanes.as_mut_ptr(), sum);
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_set_gives_numbers() {
        for level in Level::available() {
            let Peaks { f32_multiply_adds, int8_multiply_adds, memory_bytes } =
                peaks_at(level, 1 << 20);
            for peak in [f32_multiply_adds, int8_multiply_adds, memory_bytes] {
                assert!(peak.is_finite() && peak > 0.0, "{level:?}: {peak}");
            }
        }
    }
}
