//! From the residual stream to the loss: logits, and how far they are from the distributions that are wanted. Its
//! gradient is computed here, a few positions at a time: the logits of all would take gigabytes.

use candle_core::{D, Result, Tensor};

use super::norm::Norm;

/// Positions whose logits are in memory at once.
const AT_ONCE: usize = 128;

pub(super) struct Head {
    pub(super) norm: Norm,
    /// [V, D]
    pub(super) output: Tensor,
    /// [V]
    pub(super) bias: Option<Tensor>,
    /// Factor on the logits.
    pub(super) scale: f64,
    /// Logits x become cap · tanh(x / cap).
    pub(super) softcap: Option<f64>,
}

/// The next token that is wanted at one position.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// Tokens with their probabilities, which add up to 1.
    pub(super) tokens: Vec<(u32, f32)>,
    /// How much the position counts, beside 1 of the plainest.
    pub(super) weight: f32,
}

impl Wanted {
    /// The least that the cross-entropy can be, in nats.
    pub(super) fn entropy(&self) -> f64 {
        let terms = self.tokens.iter().filter(|(_, p)| *p > 0.0);
        terms.map(|(_, p)| -f64::from(*p) * libm::log(f64::from(*p))).sum()
    }
}

impl Head {
    /// The stream [N, D] normed.
    pub(super) fn normed(&self, x: &Tensor) -> Result<Tensor> {
        self.norm.forward(x)
    }

    /// Logits [N, V] of the normed stream [N, D], and where they are capped the slopes of the cap.
    pub(super) fn logits(&self, h: &Tensor) -> Result<(Tensor, Option<Tensor>)> {
        let mut logits = h.matmul(&self.output.t()?)?;
        if let Some(bias) = &self.bias {
            logits = logits.broadcast_add(bias)?;
        }
        if self.scale != 1.0 {
            logits = (logits * self.scale)?;
        }
        let Some(cap) = self.softcap else { return Ok((logits, None)) };
        let bent = (logits / cap)?.tanh()?;
        Ok(((&bent * cap)?, Some((1.0 - bent.sqr()?)?)))
    }

    /// How far the model is from what is wanted at N positions: the weighted mean of the divergences in nats, and its
    /// gradient by the normed stream `h` [N, D].
    pub(super) fn divergence(&self, h: &Tensor, wanted: &[Wanted]) -> Result<(f64, Tensor)> {
        let (h, device) = (h.detach(), h.device().clone());
        let total: f64 = wanted.iter().map(|w| f64::from(w.weight)).sum();
        let vocab = self.output.dim(0)?;
        let (mut loss, mut gradients) = (0.0, Vec::new());
        for (chunk, wanted) in wanted.chunks(AT_ONCE).enumerate() {
            let rows = h.narrow(0, chunk * AT_ONCE, wanted.len())?;
            let (logits, slopes) = self.logits(&rows)?;
            let p = candle_nn::ops::softmax_last_dim(&logits)?;

            let (mut places, mut ids, mut rows_of, mut shares) = (vec![], vec![], vec![], vec![]);
            for (row, wanted) in wanted.iter().enumerate() {
                for &(id, share) in &wanted.tokens {
                    places.push((row * vocab) as u32 + id);
                    ids.push(id);
                    rows_of.push(row as u32);
                    shares.push(share * wanted.weight / total as f32);
                }
            }
            let places = Tensor::new(places, &device)?;
            let found: Vec<f32> = p.flatten_all()?.index_select(&places, 0)?.to_vec1()?;
            for (found, share) in found.iter().zip(&shares) {
                loss -= f64::from(*share) * libm::log(f64::from(found.max(f32::MIN_POSITIVE)));
            }
            loss -= wanted.iter().map(|w| w.entropy() * f64::from(w.weight)).sum::<f64>() / total;

            // By the logits: p − q; then back through the cap and the factor.
            let weights: Vec<f32> = wanted.iter().map(|w| w.weight / total as f32).collect();
            let weights = Tensor::from_vec(weights, (wanted.len(), 1), &device)?;
            let mut given = p.broadcast_mul(&weights)?;
            let mut shares = Tensor::new(shares, &device)?;
            if let Some(slopes) = &slopes {
                given = (given * slopes)?;
                shares = (shares * slopes.flatten_all()?.index_select(&places, 0)?)?;
            }
            let ids = Tensor::new(ids, &device)?;
            let of_wanted =
                self.output.index_select(&ids, 0)?.broadcast_mul(&shares.unsqueeze(D::Minus1)?)?;
            let gradient = given.matmul(&self.output)?;
            let gradient =
                gradient.index_add(&Tensor::new(rows_of, &device)?, &of_wanted.neg()?, 0)?;
            gradients.push((gradient * self.scale)?);
        }
        Ok((loss, Tensor::cat(&gradients, 0)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{NormKind, NormSpec};
    use candle_core::{DType, Device};

    fn values(shape: [usize; 2], salt: usize) -> Tensor {
        let n = shape[0] * shape[1];
        let values: Vec<f32> =
            (0..n).map(|i| ((i * 7919 + salt * 104_729) % 997) as f32 / 997.0 - 0.5).collect();
        Tensor::from_vec(values, (shape[0], shape[1]), &Device::Cpu).unwrap()
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_divergence() {
        let spec =
            NormSpec { kind: NormKind::Rms, eps: 1e-5, weight: false, bias: false, offset: 0.0 };
        let ones = Tensor::ones(8, DType::F32, &Device::Cpu).unwrap();
        let head = Head {
            norm: Norm::new(spec, &ones, None).unwrap(),
            output: values([12, 8], 1),
            bias: Some(values([1, 12], 2).squeeze(0).unwrap()),
            scale: 1.5,
            softcap: Some(0.8),
        };
        let h = values([3, 8], 3);
        let wanted = [
            Wanted { tokens: vec![(4, 1.0)], weight: 1.0 },
            Wanted { tokens: vec![(0, 0.25), (11, 0.75)], weight: 3.0 },
            Wanted { tokens: vec![(7, 0.5), (2, 0.5)], weight: 2.0 },
        ];
        let (at, gradient) = head.divergence(&h, &wanted).unwrap();
        assert!(at > 0.0);
        let gradient: Vec<f32> = gradient.flatten_all().unwrap().to_vec1().unwrap();
        let plain: Vec<f32> = h.flatten_all().unwrap().to_vec1().unwrap();
        for i in 0..plain.len() {
            let moved = |by: f32| {
                let mut moved = plain.clone();
                moved[i] += by;
                let moved = Tensor::from_vec(moved, (3, 8), &Device::Cpu).unwrap();
                head.divergence(&moved, &wanted).unwrap().0
            };
            let slope = (moved(0.01) - moved(-0.01)) / 0.02;
            assert!((slope - f64::from(gradient[i])).abs() < 1e-3, "{slope} {}", gradient[i]);
        }
    }
}
