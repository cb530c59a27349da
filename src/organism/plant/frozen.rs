//! A product with weights that learn nothing. candle's own computes the gradient of both sides; here that of the
//! weights, which nobody asks for, is left out: it would be half of the backward pass.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

/// x [M, K] times the transpose of `weight` [N, K].
pub(super) fn times(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    match x.device().is_cpu() {
        true => x.contiguous()?.apply_op1(Frozen(weight.clone())),
        false => x.matmul(&weight.t()?),
    }
}

struct Frozen(Tensor);

impl CustomOp1 for Frozen {
    fn name(&self) -> &'static str {
        "product-with-frozen-weights"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Some((start, end)) = layout.contiguous_offsets() else {
            candle_core::bail!("a product with frozen weights wants contiguous rows")
        };
        let values = &storage.as_slice::<f32>()?[start..end];
        let y = Tensor::from_slice(values, layout.shape(), self.0.device())?;
        let y = y.matmul(&self.0.t()?)?;
        let shape = y.shape().clone();
        Ok((CpuStorage::F32(y.flatten_all()?.to_vec1()?), shape))
    }

    fn bwd(&self, _x: &Tensor, _y: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(gradient.contiguous()?.matmul(&self.0)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn result_and_gradient_are_those_of_the_product() {
        let values = |n: usize| (0..n).map(|i| (i * i % 11) as f32 - 5.0).collect::<Vec<f32>>();
        let tensor = |rows, columns| {
            Tensor::from_vec(values(rows * columns), (rows, columns), &Device::Cpu).unwrap()
        };
        let x = Var::from_tensor(&tensor(3, 4)).unwrap();
        let (weight, factor) = (tensor(5, 4), tensor(3, 5));
        let both =
            [times(&x, &weight).unwrap(), x.matmul(&weight.t().unwrap()).unwrap()].map(|y| {
                let store = (&y * &factor).unwrap().sum_all().unwrap().backward().unwrap();
                let gradient = store.get(&x).unwrap().to_vec2::<f32>().unwrap();
                (y.to_vec2::<f32>().unwrap(), gradient)
            });
        assert_eq!(both[0], both[1]);
    }
}
