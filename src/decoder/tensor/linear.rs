//! A weight matrix on a device, dense or in GGML's blocks of small codes. Knows nothing about what it is for.

use candle_core::quantized::{QStorage, QTensor};
use candle_core::{DType, Device, Result, Tensor};

use crate::decoder::ggml;
use crate::error::Error;
use crate::model::Stored;

/// A linear map from K inputs to N outputs, y = x Wᵀ + b.
pub(super) struct Linear {
    weight: Weight,
    bias: Option<Tensor>,
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
    /// The type of the blocks is not supported, or the device has no room.
    pub(super) fn new(
        weight: &Stored<'_>,
        bias: Option<&Stored<'_>>,
        dtype: DType,
        device: &Device,
    ) -> crate::error::Result<Self> {
        let stored = weight.dtype();
        let weight = if stored.block_size() == 1 {
            Weight::Dense(weight.tensor()?.to_device(device)?.to_dtype(dtype)?)
        } else if ggml::layout(stored).is_some() {
            let storage = QStorage::from_data(weight.to_bytes().into(), device, stored)?;
            Weight::Blocks(QTensor::new(storage, weight.shape())?)
        } else {
            return Err(Error::input(format!("weights of type {stored:?} are not supported")));
        };
        let bias = match bias {
            Some(bias) => Some(bias.tensor()?.to_device(device)?.to_dtype(dtype)?),
            None => None,
        };
        Ok(Self { weight, bias })
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        let bytes = |t: &Tensor| t.elem_count() * t.dtype().size_in_bytes();
        let weight = match &self.weight {
            Weight::Dense(weight) => bytes(weight),
            Weight::Blocks(weight) => weight.storage_size_in_bytes(),
        };
        weight + self.bias.as_ref().map_or(0, bytes)
    }

    /// `x` [W, K] to [W, N], in the type of `x`, which is that of dense weights.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = match &self.weight {
            Weight::Dense(weight) => x.matmul(&weight.t()?)?,
            Weight::Blocks(weight) => {
                x.to_dtype(DType::F32)?.apply_op1_no_bwd(weight)?.to_dtype(x.dtype())?
            }
        };
        match &self.bias {
            Some(bias) => y.broadcast_add(bias),
            None => Ok(y),
        }
    }

    /// Rows of the weights as f32, by number: tokens' embeddings, where the matrix is the embedding.
    pub(super) fn rows(&self, numbers: &Tensor) -> Result<Tensor> {
        match &self.weight {
            Weight::Dense(weight) => weight.index_select(numbers, 0)?.to_dtype(DType::F32),
            Weight::Blocks(weight) => weight.embedding(numbers)?.to_dtype(DType::F32),
        }
    }
}
