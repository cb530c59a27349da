//! C += A × B for f32 rows, with one order of addition: k from 0 upward, one fused multiply-add each.
//!
//! Every element of C is its own chain of fused multiply-adds, so its bits depend on its row of A, its
//! column of B and what C held before, and on nothing else: not on how many rows there are, how the work
//! is cut into tiles or threads, or which instruction set ran (a fused multiply-add rounds once, by IEEE
//! 754, wherever it runs). That is what makes a transcript the same at every batch size.
//!
//! Knows nothing about models: linear layers and attention both come here.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

use super::simd::{Kernel, Level, Simd, dispatch};
use super::slab::Plain;
use super::stripe::Stripe;

/// Columns are handled in whole vectors: every width of a stripe is a multiple of this.
pub(crate) const COLUMN_STEP: usize = 16;

/// An element of B, which widens to f32 without rounding.
pub(crate) trait Element: Plain + Default {
    /// The nearest elements; f32 beyond the range becomes the largest one.
    fn narrow(x: &[f32], out: &mut [Self]);
    /// The same number as f32.
    fn widen(self) -> f32;
    /// As many of them as there are lanes, widened.
    ///
    /// # Safety
    /// As for [`Simd`].
    unsafe fn load<S: Simd>(p: *const Self) -> S::F;
}

impl Element for f32 {
    fn narrow(x: &[f32], out: &mut [Self]) {
        out.copy_from_slice(x);
    }
    fn widen(self) -> f32 {
        self
    }
    #[inline(always)]
    unsafe fn load<S: Simd>(p: *const Self) -> S::F {
        // SAFETY: the caller's.
        unsafe { S::load(p) }
    }
}

impl Element for bf16 {
    fn narrow(x: &[f32], out: &mut [Self]) {
        out.convert_from_f32_slice(x);
    }
    fn widen(self) -> f32 {
        self.to_f32()
    }
    #[inline(always)]
    unsafe fn load<S: Simd>(p: *const Self) -> S::F {
        // SAFETY: the caller's.
        unsafe { S::load_bf16(p) }
    }
}

impl Element for f16 {
    fn narrow(x: &[f32], out: &mut [Self]) {
        let range = Self::MIN.to_f32()..=Self::MAX.to_f32();
        let x: Vec<f32> = x.iter().map(|x| x.clamp(*range.start(), *range.end())).collect();
        out.convert_from_f32_slice(&x);
    }
    fn widen(self) -> f32 {
        self.to_f32()
    }
    #[inline(always)]
    unsafe fn load<S: Simd>(p: *const Self) -> S::F {
        // SAFETY: the caller's.
        unsafe { S::load_f16(p) }
    }
}

/// C += A × B: C has the stripe's rows and columns, A as many rows `a_stride` apart with `k` elements each,
/// B has `k` rows `b_stride` apart. Panics when a slice is too short: the kernels rely on it.
pub(crate) fn gemm<B: Element>(
    a: &[f32],
    a_stride: usize,
    b: &[B],
    b_stride: usize,
    k: usize,
    c: &mut Stripe<'_>,
) {
    gemm_at(Level::best(), a, a_stride, b, b_stride, k, c);
}

/// The same with the given instruction set.
pub(super) fn gemm_at<B: Element>(
    level: Level,
    a: &[f32],
    a_stride: usize,
    b: &[B],
    b_stride: usize,
    k: usize,
    c: &mut Stripe<'_>,
) {
    let (m, n) = (c.rows(), c.width());
    if m == 0 || k == 0 || n == 0 {
        return;
    }
    assert!(n.is_multiple_of(COLUMN_STEP));
    assert!(a.len() >= (m - 1) * a_stride + k);
    assert!(b.len() >= (k - 1) * b_stride + n);
    let (c, c_stride) = c.raw();
    let product =
        Product { a: a.as_ptr(), b: b.as_ptr(), c, m, k, n, a_stride, b_stride, c_stride };
    // SAFETY: the lengths were checked.
    unsafe { dispatch(level, product) }
}

#[derive(Clone, Copy)]
struct Product<B> {
    a: *const f32,
    b: *const B,
    c: *mut f32,
    m: usize,
    k: usize,
    n: usize,
    a_stride: usize,
    b_stride: usize,
    c_stride: usize,
}

impl<B: Element> Kernel for Product<B> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let mut j = 0;
        while j < self.n {
            // SAFETY: column `j` is below n, and a part is at most the columns that are left.
            unsafe {
                let part = Self { b: self.b.add(j), c: self.c.add(j), ..self };
                j += match self.n - j >= 2 * S::LANES {
                    true => part.columns::<S, 2>(),
                    false => part.columns::<S, 1>(),
                };
            }
        }
    }
}

impl<B: Element> Product<B> {
    /// All rows of V vectors of columns; returns the columns.
    ///
    /// # Safety
    /// There are as many columns.
    #[inline(always)]
    unsafe fn columns<S: Simd, const V: usize>(self) -> usize {
        let mut i = 0;
        while i < self.m {
            // SAFETY: `i` is a row below m, and each tile is at most the rows that are left.
            unsafe {
                let part = Self {
                    a: self.a.add(i * self.a_stride),
                    c: self.c.add(i * self.c_stride),
                    ..self
                };
                i += match self.m - i {
                    8.. if S::ROWS == 8 => part.tile::<S, 8, V>(),
                    6.. if S::ROWS == 6 => part.tile::<S, 6, V>(),
                    4.. => part.tile::<S, 4, V>(),
                    3 => part.tile::<S, 3, V>(),
                    2 => part.tile::<S, 2, V>(),
                    _ => part.tile::<S, 1, V>(),
                };
            }
        }
        V * S::LANES
    }

    /// M rows of V vectors, their sums in registers; returns M.
    ///
    /// # Safety
    /// There are as many rows and columns.
    #[allow(
        clippy::needless_range_loop,
        reason = "i and v number registers, and pointers beside them"
    )]
    #[inline(always)]
    unsafe fn tile<S: Simd, const M: usize, const V: usize>(self) -> usize {
        // SAFETY: rows below M and columns below V · lanes are inside the slices.
        unsafe {
            let mut sums = [[S::splat(0.0); V]; M];
            for i in 0..M {
                for v in 0..V {
                    sums[i][v] = S::load(self.c.add(i * self.c_stride + v * S::LANES));
                }
            }
            for k in 0..self.k {
                let mut columns = [S::splat(0.0); V];
                for v in 0..V {
                    columns[v] = B::load::<S>(self.b.add(k * self.b_stride + v * S::LANES));
                }
                for i in 0..M {
                    let x = S::splat(*self.a.add(i * self.a_stride + k));
                    for v in 0..V {
                        sums[i][v] = S::fma(x, columns[v], sums[i][v]);
                    }
                }
            }
            for i in 0..M {
                for v in 0..V {
                    S::store(self.c.add(i * self.c_stride + v * S::LANES), sums[i][v]);
                }
            }
        }
        M
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Numbers with full mantissas of either sign, so that another order of addition would show.
    fn numbers(n: usize, salt: usize) -> Vec<f32> {
        (0..n)
            .map(|i| (((i * 2_654_435_761 + salt) % 16_777_213) as f32 / 8_388_607.0 - 1.0) * 1.37)
            .collect()
    }

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|v| v.to_bits()).collect()
    }

    proptest! {
        #[test]
        fn every_instruction_set_gives_the_chain_of_the_definition(
            m in 1usize..20, k in 1usize..70, columns in 1usize..6, salt in 0usize..1000,
        ) {
            fn check<B: Element>(m: usize, k: usize, n: usize, salt: usize) {
                let (a_stride, b_stride, c_stride) = (k + 3, n + 5, n + 1);
                let a = numbers(m * a_stride, salt);
                let mut b = vec![B::default(); k * b_stride];
                B::narrow(&numbers(k * b_stride, salt + 7), &mut b);
                let start = numbers(m * c_stride, salt + 11);
                let mut chain = start.clone();
                for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
                    let sum = &mut chain[i * c_stride + j];
                    for e in 0..k {
                        *sum = a[i * a_stride + e].mul_add(b[e * b_stride + j].widen(), *sum);
                    }
                }
                for level in Level::available() {
                    let mut c = start.clone();
                    gemm_at(level, &a, a_stride, &b, b_stride, k, &mut Stripe::new(&mut c, m, c_stride, n));
                    assert_eq!(bits(&c), bits(&chain), "{level:?}");
                }
            }
            let n = columns * COLUMN_STEP;
            check::<f32>(m, k, n, salt);
            check::<bf16>(m, k, n, salt);
            check::<f16>(m, k, n, salt);
        }
    }
}
