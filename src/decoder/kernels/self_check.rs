//! A small product of every kind, computed with each instruction set that the processor has and compared, bit
//! by bit, with the definition. Takes a few milliseconds. Knows nothing about models.

use super::blocks::definition;
use super::gemm::{COLUMN_STEP, Element, gemm_at};
use super::simd::Level;
use super::stripe::Stripe;
use half::{bf16, f16};

/// Rows, inputs and columns: more than a tile of every set, and remainders in all of them.
const SIZES: [usize; 3] = [13, 67, 5 * COLUMN_STEP];

/// The name of every instruction set of this processor, best first, and whether its products have the bits of
/// the definition.
pub(crate) fn self_check() -> Vec<(&'static str, bool)> {
    let agrees = |level| {
        product_agrees::<f32>(level)
            && product_agrees::<bf16>(level)
            && product_agrees::<f16>(level)
            && definition::agrees(level)
    };
    Level::available().into_iter().map(|level| (level.name(), agrees(level))).collect()
}

fn product_agrees<B: Element>(level: Level) -> bool {
    let [m, k, n] = SIZES;
    let a = numbers(m * k, 1);
    let mut b = vec![B::default(); k * n];
    B::narrow(&numbers(k * n, 7), &mut b);
    let start = numbers(m * n, 11);
    let mut chain = start.clone();
    for (at, sum) in chain.iter_mut().enumerate() {
        let (i, j) = (at / n, at % n);
        for e in 0..k {
            *sum = a[i * k + e].mul_add(b[e * n + j].widen(), *sum);
        }
    }
    let mut c = start;
    gemm_at(level, &a, k, &b, n, k, &mut Stripe::new(&mut c, m, n, n));
    c.iter().zip(&chain).all(|(c, sum)| c.to_bits() == sum.to_bits())
}

/// Numbers with full mantissas of either sign, so that another order of addition shows.
fn numbers(count: usize, salt: u32) -> Vec<f32> {
    (0..count as u32)
        .map(|i| {
            let word = i.wrapping_mul(2_654_435_761).wrapping_add(salt.wrapping_mul(40_503));
            (word >> 8) as f32 / 8_388_607.0 - 1.0
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_set_agrees_here() {
        let checked = self_check();
        assert_eq!(checked.last(), Some(&("portable", true)));
        assert!(checked.iter().all(|(_, agrees)| *agrees), "{checked:?}");
    }

    /// The numbers are such that the sum backwards is another one: the check can fail.
    #[test]
    fn another_order_of_addition_would_show() {
        let [m, k, n] = SIZES;
        let (a, b) = (numbers(m * k, 1), numbers(k * n, 7));
        let chain = |order: &mut dyn Iterator<Item = usize>| {
            order.fold(0f32, |sum, e| a[e].mul_add(b[e * n], sum)).to_bits()
        };
        assert_ne!(chain(&mut (0..k)), chain(&mut (0..k).rev()));
    }
}
