//! What a tensor decoder's bits depend on, as the manifest records it:
//! `tensor-cuda-bf16/3:pass=64:NVIDIA H100 80GB HBM3`. Knows nothing about weights.

use std::fmt;

use candle_core::{DType, Device};

/// Raised whenever a change to the arithmetic changes a bit of any logit.
const VERSION: u32 = 3;

/// A kind of device, a type and a width of pass, on one model of machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    kind: String,
    dtype: DType,
    width: usize,
    device: String,
}

impl Identity {
    /// The identity of a decoder whose passes are `width` tokens wide.
    pub(super) fn of(device: &Device, dtype: DType, width: usize) -> Self {
        let kind = match device {
            Device::Cpu => "cpu",
            Device::Cuda(_) => "cuda",
            Device::Metal(_) => "metal",
        };
        Self { kind: kind.into(), dtype, width, device: name(device) }
    }

    /// Reads what [`fmt::Display`] wrote; none if it is the identity of something else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ':');
        let (head, pass, device) = (parts.next()?, parts.next()?, parts.next()?);
        let (kind, dtype) = head.strip_prefix("tensor-")?.split_once('/')?.0.rsplit_once('-')?;
        Some(Self {
            kind: kind.to_owned(),
            dtype: dtype.parse().ok()?,
            width: pass.strip_prefix("pass=")?.parse().ok()?,
            device: device.to_owned(),
        })
    }

    /// `cpu`, `cuda` or `metal`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Type of the weights, keys and values.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Tokens of a pass.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The device's own name.
    pub fn device(&self) -> &str {
        &self.device
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, dtype, width, device } = self;
        write!(f, "tensor-{kind}-{}/{VERSION}:pass={width}:{device}", dtype.as_str())
    }
}

/// The name that the driver gives the device: another model of GPU computes other bits.
pub(crate) fn name(device: &Device) -> String {
    match device {
        #[cfg(feature = "cuda")]
        Device::Cuda(cuda) => {
            cuda.cuda_stream().context().name().unwrap_or_else(|_| "unknown GPU".into())
        }
        #[cfg(feature = "metal")]
        Device::Metal(metal) => metal.device().architecture_name(),
        // Without its feature a device of that kind cannot be made.
        _ => std::env::consts::ARCH.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let written = "tensor-cuda-bf16/3:pass=64:NVIDIA H100 80GB HBM3";
        let identity = Identity::parse(written).unwrap();
        assert_eq!(identity.to_string(), written);
        assert_eq!(
            (identity.kind(), identity.dtype(), identity.width()),
            ("cuda", DType::BF16, 64)
        );
        assert_eq!(identity.device(), "NVIDIA H100 80GB HBM3");
        let here = Identity::of(&Device::Cpu, DType::F32, 128);
        assert_eq!(Identity::parse(&here.to_string()), Some(here));
        for other in ["cpu-f32-fma-chain/1", "tensor-cuda-bf16/2", "tensor-cuda-x/1:pass=64:a"] {
            assert_eq!(Identity::parse(other), None);
        }
    }
}
