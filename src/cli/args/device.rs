//! What the user can type about the device on which a model computes.

use clap::Args;

use crate::decoder::Quantize;
use crate::error::Result;
use crate::machine::Compute;

/// Where a model computes.
#[derive(Debug, Args)]
pub(in crate::cli) struct DeviceArgs {
    /// Where to compute: auto, cpu, cuda, cuda:N or metal
    #[arg(long, value_name = "DEVICE", default_value = "auto", env = "CANDOR_DEVICE")]
    pub(in crate::cli) device: String,
    /// Type of the weights on a GPU: f32, bf16 or f16; as stored unless given
    #[arg(long, value_name = "D", env = "CANDOR_DTYPE")]
    pub(in crate::cli) dtype: Option<String>,
    /// Tokens that go through the layers at once on a GPU, 64 unless given; part of what decides a result there
    #[arg(long, value_name = "N", env = "CANDOR_PASS_WIDTH")]
    pub(in crate::cli) pass_width: Option<usize>,
}

impl DeviceArgs {
    /// Opens the device for weights that are held like that.
    ///
    /// # Errors
    /// Those of [`Compute::open`].
    pub(in crate::cli) fn open(&self, quantize: Option<Quantize>) -> Result<Compute> {
        Compute::open(&self.device, self.dtype.as_deref(), self.pass_width, quantize)
    }
}
