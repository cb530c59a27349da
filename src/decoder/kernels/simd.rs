//! The few vector operations that the kernels are written in, once for each instruction set.
//!
//! A kernel is one generic function over [`Simd`]; [`dispatch`] compiles it for every set and calls the
//! best one that the processor has. All sets give the same bits: lanes never mix, a fused multiply-add
//! rounds once wherever it runs (IEEE 754), widening and integer sums are exact.
//!
//! Knows nothing about matrices.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;
use std::sync::OnceLock;

use half::{bf16, f16};

/// Lanes of f32 or i32 and what the kernels do with them.
///
/// # Safety
/// Every function needs the processor to have the instruction set, and pointers good for as many elements
/// as there are lanes (for [`Self::bytes`]: four bytes a lane).
pub(crate) trait Simd: Copy {
    /// Elements that are worked on at once.
    const LANES: usize;
    /// Rows of a tile of the f32 product: with two vectors of columns, their sums fill the registers.
    const ROWS: usize;
    type F: Copy;
    type I: Copy;

    /// Asks for the line at `p` to be brought into the second-level cache; it need not exist.
    unsafe fn prefetch(p: *const u8);
    unsafe fn splat(x: f32) -> Self::F;
    unsafe fn load(p: *const f32) -> Self::F;
    unsafe fn load_bf16(p: *const bf16) -> Self::F;
    unsafe fn load_f16(p: *const f16) -> Self::F;
    unsafe fn load_u8(p: *const u8) -> Self::F;
    unsafe fn load_i8(p: *const i8) -> Self::F;
    unsafe fn store(p: *mut f32, x: Self::F);
    unsafe fn mul(a: Self::F, b: Self::F) -> Self::F;
    /// a × b + c, rounded once.
    unsafe fn fma(a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    unsafe fn splat_i32(x: i32) -> Self::I;
    /// Every lane × 2 to the power of `bits`.
    unsafe fn shift_left(x: Self::I, bits: u32) -> Self::I;
    unsafe fn to_f32(x: Self::I) -> Self::F;
    /// Four bytes in each lane.
    unsafe fn bytes(p: *const u8) -> Self::I;
    /// Every byte: its bits from `from` on, moved to `to`, under `mask`.
    unsafe fn bits(x: Self::I, from: u32, to: u32, mask: u8) -> Self::I;
    unsafe fn or(a: Self::I, b: Self::I) -> Self::I;
    /// Lane + the sum of the four products of unsigned `codes` below 128 with signed `bytes`, exactly.
    unsafe fn dot(lane: Self::I, codes: Self::I, bytes: Self::I) -> Self::I;
    /// The same for any unsigned codes.
    unsafe fn dot_wide(lane: Self::I, codes: Self::I, bytes: Self::I) -> Self::I;
}

/// A kernel: what [`dispatch`] calls with the instruction set at hand.
pub(crate) trait Kernel {
    /// # Safety
    /// The processor has the instruction set of `S`, and what the kernel says of its own pointers holds.
    unsafe fn run<S: Simd>(self);
}

/// An instruction set that this processor has been asked for and has: only [`Level::available`] makes one, so that a safe
/// function which takes a level cannot run what the processor lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Level(Set);

/// What kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Level {
    /// The best that this processor has.
    pub(crate) fn best() -> Self {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(|| *Self::available().first().unwrap_or(&Self(Set::Portable)))
    }

    /// All that this processor has, best first.
    pub(crate) fn available() -> Vec<Self> {
        let mut levels = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vnni")
            {
                levels.push(Self(Set::Avx512));
            }
            if is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("f16c")
            {
                levels.push(Self(Set::Avx2));
            }
        }
        levels.push(Self(Set::Portable));
        levels
    }

    /// Its name, for people.
    pub(crate) fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => "avx512-vnni",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "avx2",
            Set::Portable => "portable",
        }
    }
}

/// Runs a kernel at a level.
///
/// # Safety
/// What the kernel says of its own pointers holds.
pub(crate) unsafe fn dispatch(level: Level, kernel: impl Kernel) {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    unsafe fn avx512(kernel: impl Kernel) {
        // SAFETY: the features are enabled here; the rest is the caller's.
        unsafe { kernel.run::<Avx512>() }
    }
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn avx2(kernel: impl Kernel) {
        // SAFETY: as above.
        unsafe { kernel.run::<Avx2>() }
    }
    // SAFETY: a level exists where the processor has its features; the pointers are the caller's.
    unsafe {
        match level.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => avx512(kernel),
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => avx2(kernel),
            Set::Portable => kernel.run::<Portable>(),
        }
    }
}

/// AVX-512 with VNNI: sixteen lanes.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(crate) struct Avx512;

// SAFETY of all functions: they are called by kernels that `dispatch` runs with the features enabled.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_op_in_unsafe_fn, reason = "each function is one or two intrinsics, see above")]
impl Simd for Avx512 {
    const LANES: usize = 16;
    const ROWS: usize = 8;
    type F = __m512;
    type I = __m512i;

    #[inline(always)]
    unsafe fn prefetch(p: *const u8) {
        _mm_prefetch::<_MM_HINT_T1>(p.cast());
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> __m512 {
        _mm512_set1_ps(x)
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> __m512 {
        _mm512_loadu_ps(p)
    }
    #[inline(always)]
    unsafe fn load_bf16(p: *const bf16) -> __m512 {
        let wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(p.cast()));
        _mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide))
    }
    #[inline(always)]
    unsafe fn load_f16(p: *const f16) -> __m512 {
        _mm512_cvtph_ps(_mm256_loadu_si256(p.cast()))
    }
    #[inline(always)]
    unsafe fn load_u8(p: *const u8) -> __m512 {
        _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(p.cast())))
    }
    #[inline(always)]
    unsafe fn load_i8(p: *const i8) -> __m512 {
        _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(p.cast())))
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, x: __m512) {
        _mm512_storeu_ps(p, x);
    }
    #[inline(always)]
    unsafe fn mul(a: __m512, b: __m512) -> __m512 {
        _mm512_mul_ps(a, b)
    }
    #[inline(always)]
    unsafe fn fma(a: __m512, b: __m512, c: __m512) -> __m512 {
        _mm512_fmadd_ps(a, b, c)
    }
    #[inline(always)]
    unsafe fn splat_i32(x: i32) -> __m512i {
        _mm512_set1_epi32(x)
    }
    #[inline(always)]
    unsafe fn shift_left(x: __m512i, bits: u32) -> __m512i {
        _mm512_sll_epi32(x, _mm_cvtsi32_si128(bits as i32))
    }
    #[inline(always)]
    unsafe fn to_f32(x: __m512i) -> __m512 {
        _mm512_cvtepi32_ps(x)
    }
    #[inline(always)]
    unsafe fn bytes(p: *const u8) -> __m512i {
        _mm512_loadu_si512(p.cast())
    }
    #[inline(always)]
    unsafe fn bits(x: __m512i, from: u32, to: u32, mask: u8) -> __m512i {
        let moved = match to >= from {
            true => _mm512_sll_epi16(x, _mm_cvtsi32_si128((to - from) as i32)),
            false => _mm512_srl_epi16(x, _mm_cvtsi32_si128((from - to) as i32)),
        };
        _mm512_and_si512(moved, _mm512_set1_epi8(mask as i8))
    }
    #[inline(always)]
    unsafe fn or(a: __m512i, b: __m512i) -> __m512i {
        _mm512_or_si512(a, b)
    }
    #[inline(always)]
    unsafe fn dot(lane: __m512i, codes: __m512i, bytes: __m512i) -> __m512i {
        _mm512_dpbusd_epi32(lane, codes, bytes)
    }
    #[inline(always)]
    unsafe fn dot_wide(lane: __m512i, codes: __m512i, bytes: __m512i) -> __m512i {
        _mm512_dpbusd_epi32(lane, codes, bytes)
    }
}

/// AVX2 with FMA and F16C: eight lanes.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(crate) struct Avx2;

// SAFETY of all functions: as for AVX-512.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_op_in_unsafe_fn, reason = "each function is a few intrinsics, see above")]
impl Simd for Avx2 {
    const LANES: usize = 8;
    const ROWS: usize = 6;
    type F = __m256;
    type I = __m256i;

    #[inline(always)]
    unsafe fn prefetch(p: *const u8) {
        _mm_prefetch::<_MM_HINT_T1>(p.cast());
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> __m256 {
        _mm256_set1_ps(x)
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> __m256 {
        _mm256_loadu_ps(p)
    }
    #[inline(always)]
    unsafe fn load_bf16(p: *const bf16) -> __m256 {
        let wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(p.cast()));
        _mm256_castsi256_ps(_mm256_slli_epi32::<16>(wide))
    }
    #[inline(always)]
    unsafe fn load_f16(p: *const f16) -> __m256 {
        _mm256_cvtph_ps(_mm_loadu_si128(p.cast()))
    }
    #[inline(always)]
    unsafe fn load_u8(p: *const u8) -> __m256 {
        _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(p.cast())))
    }
    #[inline(always)]
    unsafe fn load_i8(p: *const i8) -> __m256 {
        _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(p.cast())))
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, x: __m256) {
        _mm256_storeu_ps(p, x);
    }
    #[inline(always)]
    unsafe fn mul(a: __m256, b: __m256) -> __m256 {
        _mm256_mul_ps(a, b)
    }
    #[inline(always)]
    unsafe fn fma(a: __m256, b: __m256, c: __m256) -> __m256 {
        _mm256_fmadd_ps(a, b, c)
    }
    #[inline(always)]
    unsafe fn splat_i32(x: i32) -> __m256i {
        _mm256_set1_epi32(x)
    }
    #[inline(always)]
    unsafe fn shift_left(x: __m256i, bits: u32) -> __m256i {
        _mm256_sll_epi32(x, _mm_cvtsi32_si128(bits as i32))
    }
    #[inline(always)]
    unsafe fn to_f32(x: __m256i) -> __m256 {
        _mm256_cvtepi32_ps(x)
    }
    #[inline(always)]
    unsafe fn bytes(p: *const u8) -> __m256i {
        _mm256_loadu_si256(p.cast())
    }
    #[inline(always)]
    unsafe fn bits(x: __m256i, from: u32, to: u32, mask: u8) -> __m256i {
        let moved = match to >= from {
            true => _mm256_sll_epi16(x, _mm_cvtsi32_si128((to - from) as i32)),
            false => _mm256_srl_epi16(x, _mm_cvtsi32_si128((from - to) as i32)),
        };
        _mm256_and_si256(moved, _mm256_set1_epi8(mask as i8))
    }
    #[inline(always)]
    unsafe fn or(a: __m256i, b: __m256i) -> __m256i {
        _mm256_or_si256(a, b)
    }
    #[inline(always)]
    unsafe fn dot(lane: __m256i, codes: __m256i, bytes: __m256i) -> __m256i {
        // Two products of 7 by 8 bits fit into the 16 bits that they are summed in.
        let pairs = _mm256_maddubs_epi16(codes, bytes);
        _mm256_add_epi32(lane, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
    }
    #[inline(always)]
    unsafe fn dot_wide(lane: __m256i, codes: __m256i, bytes: __m256i) -> __m256i {
        // The eighth bit goes apart, since two products with it would not fit into 16 bits.
        let lane = Self::dot(lane, Self::bits(codes, 0, 0, 0x7f), bytes);
        let pairs = _mm256_maddubs_epi16(Self::bits(codes, 7, 0, 1), bytes);
        _mm256_add_epi32(lane, _mm256_madd_epi16(pairs, _mm256_set1_epi16(128)))
    }
}

/// Any processor: sixteen lanes that the compiler makes of what there is.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

fn lanes<T>(f: impl FnMut(usize) -> T) -> [T; 16] {
    std::array::from_fn(f)
}

fn four(x: u32) -> [u8; 4] {
    x.to_le_bytes()
}

// SAFETY of all functions: pointers are good for sixteen elements, see the trait.
#[allow(unsafe_op_in_unsafe_fn, reason = "each function reads or writes its sixteen lanes only")]
impl Simd for Portable {
    const LANES: usize = 16;
    const ROWS: usize = 4;
    type F = [f32; 16];
    type I = [u32; 16];

    #[inline(always)]
    unsafe fn prefetch(_: *const u8) {}
    #[inline(always)]
    unsafe fn splat(x: f32) -> [f32; 16] {
        [x; 16]
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> [f32; 16] {
        lanes(|i| *p.add(i))
    }
    #[inline(always)]
    unsafe fn load_bf16(p: *const bf16) -> [f32; 16] {
        lanes(|i| f32::from_bits(u32::from((*p.add(i)).to_bits()) << 16))
    }
    #[inline(always)]
    unsafe fn load_f16(p: *const f16) -> [f32; 16] {
        lanes(|i| (*p.add(i)).to_f32())
    }
    #[inline(always)]
    unsafe fn load_u8(p: *const u8) -> [f32; 16] {
        lanes(|i| f32::from(*p.add(i)))
    }
    #[inline(always)]
    unsafe fn load_i8(p: *const i8) -> [f32; 16] {
        lanes(|i| f32::from(*p.add(i)))
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, x: [f32; 16]) {
        p.cast::<[f32; 16]>().write_unaligned(x);
    }
    #[inline(always)]
    unsafe fn mul(a: [f32; 16], b: [f32; 16]) -> [f32; 16] {
        lanes(|i| a[i] * b[i])
    }
    #[inline(always)]
    unsafe fn fma(a: [f32; 16], b: [f32; 16], c: [f32; 16]) -> [f32; 16] {
        lanes(|i| a[i].mul_add(b[i], c[i]))
    }
    #[inline(always)]
    unsafe fn splat_i32(x: i32) -> [u32; 16] {
        [x as u32; 16]
    }
    #[inline(always)]
    unsafe fn shift_left(x: [u32; 16], bits: u32) -> [u32; 16] {
        lanes(|i| x[i] << bits)
    }
    #[inline(always)]
    unsafe fn to_f32(x: [u32; 16]) -> [f32; 16] {
        lanes(|i| x[i] as i32 as f32)
    }
    #[inline(always)]
    unsafe fn bytes(p: *const u8) -> [u32; 16] {
        lanes(|i| u32::from_le(p.cast::<u32>().add(i).read_unaligned()))
    }
    #[inline(always)]
    unsafe fn bits(x: [u32; 16], from: u32, to: u32, mask: u8) -> [u32; 16] {
        let mask = u32::from_le_bytes([mask; 4]);
        lanes(|i| (if to >= from { x[i] << (to - from) } else { x[i] >> (from - to) }) & mask)
    }
    #[inline(always)]
    unsafe fn or(a: [u32; 16], b: [u32; 16]) -> [u32; 16] {
        lanes(|i| a[i] | b[i])
    }
    #[inline(always)]
    unsafe fn dot(lane: [u32; 16], codes: [u32; 16], bytes: [u32; 16]) -> [u32; 16] {
        lanes(|i| {
            let products = four(codes[i]).into_iter().zip(four(bytes[i]));
            let sum: i32 = products.map(|(c, b)| i32::from(c) * i32::from(b as i8)).sum();
            lane[i].wrapping_add(sum as u32)
        })
    }
    #[inline(always)]
    unsafe fn dot_wide(lane: [u32; 16], codes: [u32; 16], bytes: [u32; 16]) -> [u32; 16] {
        Self::dot(lane, codes, bytes)
    }
}
