//! C += A × B for rows rounded to eight bits and weights in blocks of small unsigned codes.
//!
//! A weight is scale × (code − zero), or scale × code − minimum. Within a block of 32 (or half of one) the
//! products of codes are summed as integers, which is exact in any order; then the element's chain goes on
//! with one fused multiply-add for each block, k from 0 upward. As with the f32 product, the bits of an
//! element depend on its row and its column alone.
//!
//! Knows nothing about the files that such weights come from.

mod codes;
pub(super) mod definition;

use half::f16;
use rayon::prelude::*;

use super::math::BLOCK;
use super::rounded::{Rounded, TILE, tiles};
use super::simd::{Kernel, Level, Simd, dispatch};
use super::slab::{Line, Slab};
use super::stripe::Stripe;
use codes::{codes, scales};

/// Columns that stand side by side in memory: four codes of each fill a line.
pub(crate) const COLUMNS: usize = 16;

/// Blocks of a super-block, which has scales of its own.
const SUPER: usize = 8;

/// One block of one column before it is packed.
pub(crate) struct Block {
    /// Unsigned codes, k from 0 upward.
    pub(crate) codes: [u8; BLOCK],
    /// The scale; that of the super-block, where there is one.
    pub(crate) scale: f16,
    /// The minimum, likewise.
    pub(crate) minimum: f16,
    /// Factor of the super-block's scale for each half, by its byte: unsigned, or signed without minimum.
    pub(crate) factors: [u8; 2],
    /// Unsigned factor of the super-block's minimum for each half.
    pub(crate) minimum_factors: [u8; 2],
}

/// How the codes of a block are packed into lines: line v holds codes 4v to 4v + 3 of all columns, if a code
/// has eight bits. Of smaller ones two lines share one, low nibble first; fifth and sixth bits stand behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    Four,
    Five,
    Six,
    Eight,
}

/// What follows from a block's scales.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scaling {
    /// A scale for each block: scale × (code − zero).
    Plain,
    /// A scale and a minimum for each block.
    Minimum,
    /// A super-block's scale × a signed factor for each half block: × (code − zero).
    SuperHalves,
    /// A super-block's scale and minimum × unsigned factors for each block.
    SuperMinimum,
    /// The same with factors for each half block.
    SuperMinimumHalves,
}

/// Width, scaling, and the power of two that is the code of zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) width: Width,
    pub(crate) scaling: Scaling,
    pub(crate) zero_bits: u32,
}

impl Width {
    /// Lines of a block.
    fn lines(self) -> usize {
        match self {
            Self::Four => 4,
            Self::Five => 5,
            Self::Six => 6,
            Self::Eight => 8,
        }
    }

    fn put(self, lines: &mut [Line], column: usize, codes: &[u8; BLOCK]) {
        for (k, &code) in codes.iter().enumerate() {
            let (v, byte) = (k / 4, column * 4 + k % 4);
            if self == Self::Eight {
                lines[v].0[byte] = code;
                continue;
            }
            lines[v / 2].0[byte] |= (code & 15) << (v % 2 * 4);
            match self {
                Self::Five => lines[4].0[byte] |= code >> 4 << v,
                Self::Six => lines[4 + v / 4].0[byte] |= code >> 4 << (v % 4 * 2),
                Self::Four | Self::Eight => {}
            }
        }
    }

    fn get(self, lines: &[Line], column: usize) -> [u8; BLOCK] {
        std::array::from_fn(|k| {
            let (v, byte) = (k / 4, column * 4 + k % 4);
            let low = |lines: &[Line]| lines[v / 2].0[byte] >> (v % 2 * 4) & 15;
            match self {
                Self::Four => low(lines),
                Self::Five => low(lines) | (lines[4].0[byte] >> v & 1) << 4,
                Self::Six => low(lines) | (lines[4 + v / 4].0[byte] >> (v % 4 * 2) & 3) << 4,
                Self::Eight => lines[v].0[byte],
            }
        })
    }
}

impl Scaling {
    /// Factors of a block: one for each half, or one for all of it.
    fn parts(self) -> usize {
        match self {
            Self::Plain | Self::Minimum | Self::SuperMinimum => 1,
            Self::SuperHalves | Self::SuperMinimumHalves => 2,
        }
    }

    /// Whether there are minima.
    fn has_minimum(self) -> bool {
        matches!(self, Self::Minimum | Self::SuperMinimum | Self::SuperMinimumHalves)
    }

    /// Blocks that share f16 scales.
    fn shared(self) -> usize {
        if matches!(self, Self::Plain | Self::Minimum) { 1 } else { SUPER }
    }

    /// Bytes of the factors of one block.
    fn factor_bytes(self) -> usize {
        let kinds = 1 + usize::from(self.has_minimum());
        if self.shared() == 1 { 0 } else { self.parts() * kinds * COLUMNS }
    }

    /// Bytes of `shared` blocks: f16 scales, f16 minima, then for each block the factors of its parts.
    fn bytes(self) -> usize {
        let kinds = 1 + usize::from(self.has_minimum());
        kinds * COLUMNS * 2 + self.shared() * self.factor_bytes()
    }

    /// Where the f16 scales of a block and its factors begin.
    #[inline(always)]
    fn place(self, block: usize) -> (usize, usize) {
        let kinds = 1 + usize::from(self.has_minimum());
        let scales = block / self.shared() * self.bytes();
        let factors = scales + kinds * COLUMNS * 2 + block % self.shared() * self.factor_bytes();
        (scales, factors)
    }

    fn put(self, scales: &mut [u8], index: usize, column: usize, block: &Block) {
        let (at, factors) = self.place(index);
        scales[at + column * 2..][..2].copy_from_slice(&block.scale.to_le_bytes());
        if self.has_minimum() {
            let at = at + COLUMNS * 2;
            scales[at + column * 2..][..2].copy_from_slice(&block.minimum.to_le_bytes());
        }
        if self.shared() == 1 {
            return;
        }
        for part in 0..self.parts() {
            scales[factors + part * COLUMNS + column] = block.factors[part];
            if self.has_minimum() {
                let at = factors + (self.parts() + part) * COLUMNS;
                scales[at + column] = block.minimum_factors[part];
            }
        }
    }
}

/// Weights of N columns, K inputs each, in the order in which the kernel reads them: sixteen columns after
/// sixteen columns, block after block. Columns past the last one are zero.
pub(crate) struct Blocks {
    layout: Layout,
    blocks: usize,
    lines: Slab<Line>,
    scales: Slab<u8>,
}

impl Blocks {
    /// `outputs` columns of `inputs` (a multiple of 32) zeros.
    pub(crate) fn zeroed(layout: Layout, outputs: usize, inputs: usize) -> Self {
        let blocks = inputs / BLOCK;
        let sixteens = outputs.next_multiple_of(2 * COLUMNS) / COLUMNS;
        let scales_each = blocks.div_ceil(layout.scaling.shared()) * layout.scaling.bytes();
        Self {
            layout,
            blocks,
            lines: Slab::zeroed(sixteens * blocks * layout.width.lines()),
            scales: Slab::zeroed(sixteens * scales_each),
        }
    }

    /// Packs `count` columns from `first` (a multiple of 16) on; `block(column, index)` gives a block of the
    /// column, counted from `first`.
    pub(crate) fn fill(
        &mut self,
        first: usize,
        count: usize,
        block: impl Fn(usize, usize) -> Block + Sync,
    ) {
        let (layout, lines_each, scales_each) =
            (self.layout, self.lines_each(), self.scales_each());
        let start = first / COLUMNS;
        let lines = self.lines[start * lines_each..].par_chunks_mut(lines_each);
        let scales = self.scales[start * scales_each..].par_chunks_mut(scales_each);
        let parts = lines.zip(scales).take(count.div_ceil(COLUMNS)).enumerate();
        parts.for_each(|(i, (lines, scales))| {
            for column in 0..COLUMNS.min(count - i * COLUMNS) {
                for (b, lines) in lines.chunks_exact_mut(layout.width.lines()).enumerate() {
                    let block = block(i * COLUMNS + column, b);
                    layout.width.put(lines, column, &block.codes);
                    layout.scaling.put(scales, b, column, &block);
                }
            }
        });
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&self.lines[..]) + self.scales.len()
    }

    fn lines_each(&self) -> usize {
        self.blocks * self.layout.width.lines()
    }

    fn scales_each(&self) -> usize {
        self.blocks.div_ceil(self.layout.scaling.shared()) * self.layout.scaling.bytes()
    }

    /// One column [K] as numbers.
    pub(crate) fn column(&self, index: usize, out: &mut [f32]) {
        let (i, column) = (index / COLUMNS, index % COLUMNS);
        let lines = &self.lines[i * self.lines_each()..][..self.lines_each()];
        let scales = &self.scales[i * self.scales_each()..][..self.scales_each()];
        let Layout { width, scaling, zero_bits } = self.layout;
        let half = |at: usize| {
            f16::from_le_bytes([scales[at + column * 2], scales[at + column * 2 + 1]]).to_f32()
        };
        let out = out.as_chunks_mut::<BLOCK>().0;
        for ((b, lines), out) in lines.chunks_exact(width.lines()).enumerate().zip(out) {
            let codes = width.get(lines, column);
            let (at, factors) = scaling.place(b);
            for (k, (out, code)) in out.iter_mut().zip(codes).enumerate() {
                let part = k * scaling.parts() / BLOCK;
                let factor = |part: usize| scales[factors + part * COLUMNS + column];
                let factor_of_scale = || match scaling {
                    Scaling::Plain | Scaling::Minimum => 1.0,
                    Scaling::SuperHalves => f32::from(factor(part) as i8),
                    _ => f32::from(factor(part)),
                };
                let scale = half(at) * factor_of_scale();
                *out = match scaling {
                    Scaling::Plain | Scaling::SuperHalves => {
                        scale * (f32::from(code) - (1u32 << zero_bits) as f32)
                    }
                    Scaling::Minimum => scale * f32::from(code) - half(at + COLUMNS * 2),
                    _ => {
                        let minimum = f32::from(factor(scaling.parts() + part));
                        scale * f32::from(code) - half(at + COLUMNS * 2) * minimum
                    }
                };
            }
        }
    }

    /// C += A × B for the 32 columns of `panel`: the stripe has as many rows as `a`.
    pub(crate) fn multiply(&self, a: &Rounded, panel: usize, c: &mut Stripe<'_>) {
        self.multiply_at(Level::best(), a, panel, c);
    }

    fn multiply_at(&self, level: Level, a: &Rounded, panel: usize, c: &mut Stripe<'_>) {
        assert!(c.rows() == a.rows() && c.width() == 2 * COLUMNS && a.blocks() == self.blocks);
        let (c, c_stride) = c.raw();
        for half in 0..2 {
            let i = panel * 2 + half;
            let product = Product {
                layout: self.layout,
                blocks: self.blocks,
                lines: &self.lines[i * self.lines_each()..][..self.lines_each()],
                scales: &self.scales[i * self.scales_each()..][..self.scales_each()],
                a,
                // SAFETY: the stripe is two times sixteen columns wide.
                c: unsafe { c.add(half * COLUMNS) },
                c_stride,
            };
            // SAFETY: the lines and the scales are as long as the blocks of sixteen
            // columns need, and C has the rows of A.
            unsafe { dispatch(level, product) }
        }
    }
}

/// All rows × sixteen columns.
struct Product<'a> {
    layout: Layout,
    blocks: usize,
    lines: &'a [Line],
    scales: &'a [u8],
    a: &'a Rounded,
    c: *mut f32,
    c_stride: usize,
}

impl Kernel for Product<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        use Scaling::*;
        use Width::*;
        // A function for each layout, so that all of it is known to the compiler.
        macro_rules! run {
            ($($width:ident $scaling:ident $zero_bits:literal),* $(,)?) => {
                match (self.layout.width, self.layout.scaling, self.layout.zero_bits) {
                    // SAFETY: as for `run`.
                    $(($width, $scaling, $zero_bits) => unsafe {
                        self.rows::<S, $zero_bits>($width, $scaling)
                    },)*
                    (width, scaling, zero_bits) => {
                        unreachable!("no kernel for {width:?} {scaling:?} {zero_bits}")
                    }
                }
            };
        }
        run!(
            Four Plain 3,
            Four Minimum 0,
            Five Plain 4,
            Five Minimum 0,
            Eight Plain 7,
            Four SuperMinimumHalves 0,
            Four SuperHalves 2,
            Four SuperMinimum 0,
            Five SuperMinimum 0,
            Six SuperHalves 5,
        );
    }
}

impl Product<'_> {
    /// # Safety
    /// As for `run`.
    #[inline(always)]
    unsafe fn rows<S: Simd, const ZERO_BITS: u32>(&self, width: Width, scaling: Scaling) {
        for (first, height) in tiles(self.a.rows()) {
            for column in (0..COLUMNS).step_by(S::LANES) {
                // SAFETY: the tile is one of A's, the column below sixteen.
                unsafe {
                    match height {
                        1 => self.tile::<S, 1, ZERO_BITS>(width, scaling, first, column),
                        2 => self.tile::<S, 2, ZERO_BITS>(width, scaling, first, column),
                        4 => self.tile::<S, 4, ZERO_BITS>(width, scaling, first, column),
                        _ => self.tile::<S, TILE, ZERO_BITS>(width, scaling, first, column),
                    }
                }
            }
        }
    }

    /// M rows of one vector of columns, sums in registers.
    ///
    /// # Safety
    /// There is a tile of M rows at row `first`, and `column` + lanes is at most sixteen.
    #[allow(clippy::needless_range_loop, reason = "i numbers registers, and pointers beside them")]
    #[inline(always)]
    unsafe fn tile<S: Simd, const M: usize, const ZERO_BITS: u32>(
        &self,
        width: Width,
        scaling: Scaling,
        first: usize,
        column: usize,
    ) {
        let rows = M.min(self.a.rows() - first);
        let at = first * self.blocks;
        // SAFETY: A holds all blocks of its tiles, and the lines and scales all blocks of their columns.
        unsafe {
            let mut sums = [S::splat(0.0); M];
            for i in 0..M {
                if i < rows {
                    sums[i] = S::load(self.c.add((first + i) * self.c_stride + column));
                }
            }
            // While these columns are multiplied, the next but one, which stand behind them, are on their
            // way: the blocks are shared out among the tiles.
            let tiles = self.a.rows().div_ceil(TILE);
            let mut until_prefetch = first / TILE;
            for block in 0..self.blocks {
                let lines = self.lines.as_ptr().add(block * width.lines()).cast::<u8>();
                if until_prefetch == 0 {
                    until_prefetch = tiles;
                    for line in 0..width.lines() {
                        S::prefetch(lines.wrapping_add(2 * size_of_val(self.lines) + line * 64));
                    }
                }
                until_prefetch -= 1;
                let lines = lines.add(column * 4);
                let a = self.a.codes.as_ptr().add((at + block * M) * BLOCK);
                let a_scales = self.a.scales.as_ptr().add(at + block * M);
                let a_sums = self.a.sums.as_ptr().add((at + block * M) * 3);
                let a_offsets = self.a.offsets.as_ptr().add((at + block * M) * 3);
                for part in 0..scaling.parts() {
                    // Sums of the whole block come first, then those of its halves.
                    let of_part = if scaling.parts() == 1 { 0 } else { (1 + part) * M };
                    let mut dots = [S::splat_i32(0); M];
                    for i in 0..M {
                        if ZERO_BITS > 0 {
                            let sum = S::splat_i32(*a_sums.add(of_part + i));
                            dots[i] = S::shift_left(sum, ZERO_BITS);
                        }
                    }
                    let each = BLOCK / 4 / scaling.parts();
                    for v in part * each..(part + 1) * each {
                        let codes = codes::<S>(width, lines, v);
                        for i in 0..M {
                            let four = a.add((v * M + i) * 4).cast::<i32>().read_unaligned();
                            let four = S::splat_i32(four);
                            dots[i] = match width {
                                Width::Eight => S::dot_wide(dots[i], codes, four),
                                _ => S::dot(dots[i], codes, four),
                            };
                        }
                    }
                    let (scale, minimum) =
                        scales::<S>(scaling, self.scales.as_ptr(), block, part, column);
                    for i in 0..M {
                        let scale = S::mul(scale, S::splat(*a_scales.add(i)));
                        sums[i] = S::fma(S::to_f32(dots[i]), scale, sums[i]);
                        if scaling.has_minimum() {
                            let offset = S::splat(*a_offsets.add(of_part + i));
                            sums[i] = S::fma(minimum, offset, sums[i]);
                        }
                    }
                }
            }
            for i in 0..M {
                if i < rows {
                    S::store(self.c.add((first + i) * self.c_stride + column), sums[i]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
