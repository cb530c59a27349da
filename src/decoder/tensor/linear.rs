//! A weight matrix on a device, dense or in GGML's blocks of small codes. Knows nothing about what it is for.

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{DType, Device, Result};

use super::ops::Tensor;
use crate::decoder::ggml;
use crate::error::Error;
use crate::model::{LowRank, Stored};

/// A linear map from K inputs to N outputs, y = x Wᵀ + b.
pub(super) struct Linear {
    weight: Weight,
    bias: Option<Tensor>,
    beside: Option<Beside>,
}

/// A change by adapters that is computed beside the weights, in f32.
struct Beside {
    /// [K, R]
    down: Tensor,
    /// [R, N]
    up: Tensor,
}

/// [N, K]
enum Weight {
    Dense(Tensor),
    /// They stay as the file has them; candle multiplies them with rows of f32.
    Blocks(QTensor),
}

impl Linear {
    /// Puts `weight` [N, K] and an optional `bias` [N] onto `device`: dense as `dtype`, blocks as they are.
    ///
    /// # Errors
    /// The type of the blocks is not supported, a weight is not finite, or the device has no room.
    pub(super) fn new(
        weight: &Stored<'_>,
        bias: Option<&Stored<'_>>,
        dtype: DType,
        device: &Device,
    ) -> crate::error::Result<Self> {
        let stored = weight.dtype();
        weight.check_finite(0..weight.shape().first().copied().unwrap_or(0))?;
        let weight = if stored.block_size() == 1 {
            Weight::Dense(Tensor::from(weight.tensor()?).to_device(device)?.to_dtype(dtype)?)
        } else {
            Weight::blocks(weight.to_bytes(), stored, weight.shape(), device)?
        };
        let bias = match bias {
            Some(bias) => {
                bias.check_finite(0..bias.shape().first().copied().unwrap_or(0))?;
                Some(Tensor::from(bias.tensor()?).to_device(device)?.to_dtype(dtype)?)
            }
            None => None,
        };
        Ok(Self { weight, bias, beside: None })
    }

    /// The same with a change of low rank beside it.
    ///
    /// # Errors
    /// The device has no room.
    pub(super) fn with_beside(
        self,
        change: Option<&LowRank>,
        device: &Device,
    ) -> crate::error::Result<Self> {
        let Some(change) = change else { return Ok(self) };
        let turned = |values: &[f32], rows: usize, columns: usize| {
            Tensor::from_slice(values, (rows, columns), device)?.t()?.contiguous()
        };
        let down = turned(&change.a, change.rank, change.inputs())?;
        let up = turned(&change.b, change.outputs(), change.rank)?;
        Ok(Self { beside: Some(Beside { down, up }), ..self })
    }

    /// One map that gives what `maps` give, in each of `groups` groups their parts one after the other; none where that
    /// takes more than putting dense rows in another order.
    ///
    /// # Errors
    /// The device has no room.
    pub(super) fn joined(maps: &[&Self], groups: usize) -> Result<Option<Self>> {
        let in_groups = |tensors: Vec<&Tensor>| {
            let part = |tensor: &Tensor, group: usize| {
                let rows = tensor.dim(0)? / groups;
                tensor.narrow(0, group * rows, rows)
            };
            let parts = (0..groups).flat_map(|g| tensors.iter().map(move |tensor| part(tensor, g)));
            Tensor::cat(&parts.collect::<Result<Vec<_>>>()?, 0)
        };
        let dense = maps.iter().map(|map| match (&map.weight, &map.beside) {
            (Weight::Dense(weight), None) => Some(weight),
            _ => None,
        });
        let Some(weights) = dense.collect::<Option<Vec<_>>>() else { return Ok(None) };
        let biases: Vec<&Tensor> = maps.iter().filter_map(|map| map.bias.as_ref()).collect();
        let bias = match biases.len() {
            0 => None,
            n if n == maps.len() => Some(in_groups(biases)?),
            _ => return Ok(None),
        };
        Ok(Some(Self { weight: Weight::Dense(in_groups(weights)?), bias, beside: None }))
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        let bytes = |t: &Tensor| t.elem_count() * t.dtype().size_in_bytes();
        let weight = match &self.weight {
            Weight::Dense(weight) => bytes(weight),
            Weight::Blocks(weight) => weight.storage_size_in_bytes(),
        };
        let beside =
            self.beside.as_ref().map_or(0, |beside| bytes(&beside.down) + bytes(&beside.up));
        weight + beside + self.bias.as_ref().map_or(0, bytes)
    }

    /// `x` [W, K] to [W, N], in the type of `x`, which is that of dense weights.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = match &self.weight {
            Weight::Dense(weight) => x.matmul(&weight.t()?)?,
            Weight::Blocks(weight) => {
                x.to_dtype(DType::F32)?.times_blocks(weight)?.to_dtype(x.dtype())?
            }
        };
        let y = match &self.beside {
            Some(beside) => {
                let change = x.to_dtype(DType::F32)?.matmul(&beside.down)?.matmul(&beside.up)?;
                (y + change.to_dtype(x.dtype())?)?
            }
            None => y,
        };
        match &self.bias {
            Some(bias) => y.broadcast_add(bias),
            None => Ok(y),
        }
    }

    /// Rows of the weights as f32, by number: tokens' embeddings, where the matrix is the embedding.
    pub(super) fn rows(&self, numbers: &Tensor) -> Result<Tensor> {
        let rows = match &self.weight {
            Weight::Dense(weight) => weight.index_select(numbers, 0)?.to_dtype(DType::F32)?,
            Weight::Blocks(weight) => {
                Tensor::rows_of_blocks(weight, numbers)?.to_dtype(DType::F32)?
            }
        };
        match &self.beside {
            // [n, R] times [R, K]
            Some(Beside { down, up }) => {
                let chosen = up.t()?.contiguous()?.index_select(numbers, 0)?;
                rows + chosen.matmul(&down.t()?.contiguous()?)?
            }
            None => Ok(rows),
        }
    }
}

impl Weight {
    /// Blocks of type `stored`, row by row.
    fn blocks(
        bytes: Vec<u8>,
        stored: GgmlDType,
        shape: &[usize],
        device: &Device,
    ) -> crate::error::Result<Self> {
        if ggml::layout(stored).is_none() {
            return Err(Error::input(format!("weights of type {stored:?} are not supported")));
        }
        let storage = QStorage::from_data(bytes.into(), device, stored)?;
        Ok(Self::Blocks(QTensor::new(storage, shape)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INPUTS: usize = 512;

    type Plain = candle_core::Tensor;

    fn pattern(rows: usize, step: usize) -> Plain {
        let values = (0..rows * INPUTS).map(|i| ((i * step) % 4099) as f32 / 2049.5 - 1.0);
        let values: Vec<f32> = values.collect();
        Plain::from_vec(values, (rows, INPUTS), &Device::Cpu).unwrap()
    }

    fn values(tensor: &Tensor) -> Vec<f32> {
        tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    fn bits(row: &Tensor) -> Vec<u32> {
        values(row).iter().map(|x| x.to_bits()).collect()
    }

    #[test]
    fn blocks_are_multiplied_row_by_row_as_what_they_stand_for() {
        use GgmlDType::*;
        let x = pattern(64, 7919);
        for dtype in [Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2K, Q3K, Q4K, Q5K, Q6K] {
            let blocks = QTensor::quantize(&pattern(40, 104_729), dtype).unwrap();
            let bytes = blocks.data().unwrap().into_owned();
            let weight = Weight::blocks(bytes, dtype, &[40, INPUTS], &Device::Cpu).unwrap();
            let linear = Linear { weight, bias: None, beside: None };
            let dense = blocks.dequantize(&Device::Cpu).unwrap();
            let exact = values(&x.matmul(&dense.t().unwrap()).unwrap().into());

            let y = linear.forward(&x.clone().into()).unwrap();
            let largest = |of: &mut dyn Iterator<Item = f32>| of.fold(0f32, |a, b| a.max(b.abs()));
            let far = largest(&mut values(&y).iter().zip(&exact).map(|(y, exact)| y - exact));
            // candle rounds the rows to eight bits.
            let far = far / largest(&mut exact.iter().copied());
            assert!(far < 0.02, "{dtype:?}: {far}");

            // The same row among others.
            let among = Plain::cat(&[&pattern(63, 31), &x.narrow(0, 5, 1).unwrap()], 0).unwrap();
            let among = linear.forward(&among.into()).unwrap();
            assert_eq!(bits(&among.get(63).unwrap()), bits(&y.get(5).unwrap()), "{dtype:?}");

            let half = linear.forward(&x.to_dtype(DType::BF16).unwrap().into()).unwrap();
            assert_eq!(half.dtype(), DType::BF16);
            let row = linear.rows(&Tensor::new(&[7u32], &Device::Cpu).unwrap()).unwrap();
            assert_eq!(
                bits(&row.get(0).unwrap()),
                bits(&dense.get(7).unwrap().into()),
                "{dtype:?}"
            );
        }
    }

    #[test]
    fn blocks_that_no_file_has_are_refused() {
        let refused = Weight::blocks(Vec::new(), GgmlDType::Q8K, &[0, 256], &Device::Cpu);
        let message = refused.map(|_| ()).unwrap_err().to_string();
        assert!(message.contains("Q8K are not supported"), "{message}");
    }
}
