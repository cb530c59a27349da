//! C += A × B for f32 rows, with one order of addition: k from 0 upward, one fused multiply-add each.
//!
//! Every element of C is its own chain of fused multiply-adds, so its bits depend on its row of A, its
//! column of B and what C held before, and on nothing else: not on how many rows there are, how the work
//! is cut into tiles or threads, or which instruction set ran (a fused multiply-add rounds once, by IEEE
//! 754, wherever it runs). That is what makes a transcript the same at every batch size.
//!
//! Knows nothing about models: linear layers and attention both come here.

/// Columns are handled in whole vectors: every `n` is a multiple of this.
pub(crate) const COLUMN_STEP: usize = 16;

/// An element of B: f32, or bf16 by its bits, which widens to f32 without rounding.
pub(crate) trait Element: Copy + Send + Sync + 'static {
    /// The same number as f32.
    fn widen(self) -> f32;
    /// The kernel for this element on the instruction set at hand.
    fn gemm(a: &[f32], b: &[Self], c: &mut [f32], shape: Shape);
}

/// Sizes and row strides, in elements, of one product C [m, n] += A [m, k] × B [k, n].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) m: usize,
    pub(crate) k: usize,
    /// A multiple of [`COLUMN_STEP`].
    pub(crate) n: usize,
    pub(crate) a_stride: usize,
    pub(crate) b_stride: usize,
    pub(crate) c_stride: usize,
}

/// C += A × B. Panics when a slice is too short for the shape: the kernels below rely on it.
pub(crate) fn gemm<B: Element>(a: &[f32], b: &[B], c: &mut [f32], shape: Shape) {
    let Shape { m, k, n, a_stride, b_stride, c_stride } = shape;
    if m == 0 || k == 0 || n == 0 {
        return;
    }
    assert!(n.is_multiple_of(COLUMN_STEP));
    assert!(a.len() >= (m - 1) * a_stride + k);
    assert!(b.len() >= (k - 1) * b_stride + n);
    assert!(c.len() >= (m - 1) * c_stride + n && c_stride >= n);
    B::gemm(a, b, c, shape);
}

/// The instruction set that [`gemm`] uses on this processor, for the manifest. The bits do not depend on it.
pub(crate) fn instruction_set() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if has_avx512() {
            return "avx512";
        }
        if has_avx2() {
            return "avx2";
        }
    }
    "portable"
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

/// Any processor: `mul_add` is one rounding everywhere, in hardware or in software.
fn portable<B: Element>(a: &[f32], b: &[B], c: &mut [f32], s: Shape) {
    for i in 0..s.m {
        let row = &a[i * s.a_stride..i * s.a_stride + s.k];
        let sums = &mut c[i * s.c_stride..i * s.c_stride + s.n];
        for (k, &x) in row.iter().enumerate() {
            let column = &b[k * s.b_stride..k * s.b_stride + s.n];
            for (sum, &y) in sums.iter_mut().zip(column) {
                *sum = x.mul_add(y.widen(), *sum);
            }
        }
    }
}

/// Writes a kernel whose sums stay in registers: `$tall` rows × two vectors of `$lanes` columns.
#[cfg(target_arch = "x86_64")]
macro_rules! kernel {
    ($name:ident, $feature:literal, $element:ty, $vector:ty, $lanes:literal, $tall:literal,
     $zero:ident, $load:ident, $store:ident, $splat:ident, $fma:ident, $load_b:expr) => {
        mod $name {
            use super::Shape;
            use std::arch::x86_64::*;

            /// # Safety
            /// The pointers reach as far as [`super::gemm`] has checked, and the processor has the features.
            #[target_feature(enable = $feature)]
            #[inline]
            unsafe fn tile<const M: usize, const V: usize>(
                a: *const f32,
                b: *const $element,
                c: *mut f32,
                s: Shape,
            ) {
                // SAFETY: rows below M and columns below V × lanes lie inside the slices (see above).
                unsafe {
                    let mut sums = [[$zero(); V]; M];
                    for i in 0..M {
                        for v in 0..V {
                            sums[i][v] = $load(c.add(i * s.c_stride + v * $lanes));
                        }
                    }
                    for k in 0..s.k {
                        let mut columns = [$zero(); V];
                        for v in 0..V {
                            columns[v] = $load_b(b.add(k * s.b_stride + v * $lanes));
                        }
                        for i in 0..M {
                            let x = $splat(*a.add(i * s.a_stride + k));
                            for v in 0..V {
                                sums[i][v] = $fma(x, columns[v], sums[i][v]);
                            }
                        }
                    }
                    for i in 0..M {
                        for v in 0..V {
                            $store(c.add(i * s.c_stride + v * $lanes), sums[i][v]);
                        }
                    }
                }
            }

            /// # Safety
            /// As for `tile`.
            #[target_feature(enable = $feature)]
            #[inline]
            unsafe fn stripe<const V: usize>(
                a: *const f32,
                b: *const $element,
                c: *mut f32,
                s: Shape,
            ) {
                let mut i = 0;
                while i < s.m {
                    // SAFETY: `i` is a row below m, and each tile is at most the rows that are left.
                    unsafe {
                        let (a, c) = (a.add(i * s.a_stride), c.add(i * s.c_stride));
                        i += match s.m - i {
                            left if left >= $tall => {
                                tile::<$tall, V>(a, b, c, s);
                                $tall
                            }
                            left if left >= 4 => {
                                tile::<4, V>(a, b, c, s);
                                4
                            }
                            3 => {
                                tile::<3, V>(a, b, c, s);
                                3
                            }
                            2 => {
                                tile::<2, V>(a, b, c, s);
                                2
                            }
                            _ => {
                                tile::<1, V>(a, b, c, s);
                                1
                            }
                        };
                    }
                }
            }

            /// # Safety
            /// The processor has the features, and the slices reach as far as [`super::gemm`] has checked.
            #[target_feature(enable = $feature)]
            pub(super) unsafe fn run(a: &[f32], b: &[$element], c: &mut [f32], s: Shape) {
                let mut j = 0;
                while j < s.n {
                    // SAFETY: column `j` is below n, and a stripe is at most the columns that are left.
                    unsafe {
                        let (b, c) = (b.as_ptr().add(j), c.as_mut_ptr().add(j));
                        j += if s.n - j >= 2 * $lanes {
                            stripe::<2>(a.as_ptr(), b, c, s);
                            2 * $lanes
                        } else {
                            stripe::<1>(a.as_ptr(), b, c, s);
                            $lanes
                        };
                    }
                }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
kernel!(
    avx512_f32,
    "avx512f",
    f32,
    __m512,
    16,
    8,
    _mm512_setzero_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_set1_ps,
    _mm512_fmadd_ps,
    _mm512_loadu_ps
);
#[cfg(target_arch = "x86_64")]
kernel!(
    avx512_bf16,
    "avx512f",
    u16,
    __m512,
    16,
    8,
    _mm512_setzero_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_set1_ps,
    _mm512_fmadd_ps,
    |p: *const u16| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(
        _mm256_loadu_si256(p.cast())
    )))
);
#[cfg(target_arch = "x86_64")]
kernel!(
    avx2_f32,
    "avx2,fma",
    f32,
    __m256,
    8,
    6,
    _mm256_setzero_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_set1_ps,
    _mm256_fmadd_ps,
    _mm256_loadu_ps
);
#[cfg(target_arch = "x86_64")]
kernel!(
    avx2_bf16,
    "avx2,fma",
    u16,
    __m256,
    8,
    6,
    _mm256_setzero_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_set1_ps,
    _mm256_fmadd_ps,
    |p: *const u16| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(
        _mm_loadu_si128(p.cast())
    )))
);

macro_rules! element {
    ($element:ty, $avx512:ident, $avx2:ident, $widen:expr) => {
        impl Element for $element {
            #[inline(always)]
            fn widen(self) -> f32 {
                $widen(self)
            }

            fn gemm(a: &[f32], b: &[Self], c: &mut [f32], shape: Shape) {
                #[cfg(target_arch = "x86_64")]
                {
                    if has_avx512() {
                        // SAFETY: the processor was asked, and the caller has checked the lengths.
                        return unsafe { $avx512::run(a, b, c, shape) };
                    }
                    if has_avx2() {
                        // SAFETY: as above.
                        return unsafe { $avx2::run(a, b, c, shape) };
                    }
                }
                portable(a, b, c, shape);
            }
        }
    };
}

element!(f32, avx512_f32, avx2_f32, |x| x);
element!(u16, avx512_bf16, avx2_bf16, |x| f32::from_bits(u32::from(x) << 16));

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
        fn every_instruction_set_gives_the_same_bits(
            m in 1usize..20, k in 1usize..70, columns in 1usize..6, salt in 0usize..1000,
        ) {
            let n = columns * COLUMN_STEP;
            let shape = Shape { m, k, n, a_stride: k + 3, b_stride: n + 5, c_stride: n + 1 };
            let a = numbers(m * shape.a_stride, salt);
            let wide = numbers(k * shape.b_stride, salt + 7);
            let half: Vec<u16> = wide.iter().map(|v| (v.to_bits() >> 16) as u16).collect();
            let start = numbers(m * shape.c_stride, salt + 11);
            let run = |product: &dyn Fn(&mut [f32])| {
                let mut c = start.clone();
                product(&mut c);
                bits(&c)
            };
            let (plain, plain_half) =
                (run(&|c| portable(&a, &wide, c, shape)), run(&|c| portable(&a, &half, c, shape)));
            prop_assert_eq!(&run(&|c| gemm(&a, &wide, c, shape)), &plain);
            prop_assert_eq!(&run(&|c| gemm(&a, &half, c, shape)), &plain_half);
            #[cfg(target_arch = "x86_64")]
            if has_avx2() {
                // SAFETY: the processor was asked, and the slices are as long as the shape says.
                prop_assert_eq!(&run(&|c| unsafe { avx2_f32::run(&a, &wide, c, shape) }), &plain);
                // SAFETY: as above.
                prop_assert_eq!(&run(&|c| unsafe { avx2_bf16::run(&a, &half, c, shape) }), &plain_half);
            }
        }

        #[test]
        fn products_are_right(m in 1usize..5, k in 1usize..40, salt in 0usize..1000) {
            let n = COLUMN_STEP;
            let shape = Shape { m, k, n, a_stride: k, b_stride: n, c_stride: n };
            let (a, b) = (numbers(m * k, salt), numbers(k * n, salt + 5));
            let mut c = vec![0.0; m * n];
            gemm(&a, &b, &mut c, shape);
            for i in 0..m {
                for j in 0..n {
                    let exact: f64 = (0..k).map(|e| f64::from(a[i * k + e]) * f64::from(b[e * n + j])).sum();
                    prop_assert!((f64::from(c[i * n + j]) - exact).abs() < 1e-4);
                }
            }
        }
    }
}
