//! Which decoder computes, and on what: the CPU's own, or the one of tensor operations on a GPU.

use candle_core::quantized::GgmlDType;
use candle_core::{DType, Device};

use super::decoder::Decoder;
use super::memory;
use crate::decoder::tensor::{Identity, PASS_WIDTH, PASS_WIDTH_MAX};
use crate::decoder::{
    CpuDecoder, DeviceChoice, LanguageModel, Quantize, Steering, TensorDecoder, parse_dtype,
};
use crate::error::{Error, Result};
use crate::events::Events;
use crate::model::{Model, Weights};

/// A device that is open, and how to use it.
pub(crate) struct Compute {
    device: Device,
    /// None: as most of the weights are stored.
    dtype: Option<DType>,
    /// Tokens of a pass on a GPU.
    width: usize,
    /// On the CPU: into which blocks dense weights go.
    quantize: Option<Quantize>,
    /// What is done to the residual stream.
    steering: Option<Steering>,
    /// The user left the choice to us.
    automatic: bool,
}

impl Compute {
    pub(crate) const CPU: Self = Self {
        device: Device::Cpu,
        dtype: None,
        width: PASS_WIDTH,
        quantize: None,
        steering: None,
        automatic: false,
    };

    /// What `--device`, `--dtype`, `--pass-width` and `--quantize` ask for.
    ///
    /// # Errors
    /// One of them cannot be used, or not on this device; the device is not there.
    pub(crate) fn open(
        device: &str,
        dtype: Option<&str>,
        width: Option<usize>,
        quantize: Option<Quantize>,
    ) -> Result<Self> {
        let choice = DeviceChoice::parse(device)?;
        let dtype = dtype.map(parse_dtype).transpose()?;
        let device = choice.open()?;
        if let (Device::Cpu, Some(dtype)) = (&device, dtype) {
            return Err(Error::input(format!("`--dtype {}` needs a GPU", dtype.as_str()))
                .hint("on the CPU weights are used as they are stored: leave it out"));
        }
        if let Some(width) = width {
            if !(1..=PASS_WIDTH_MAX).contains(&width) {
                return Err(Error::input(format!("`--pass-width {width}` cannot be used")).hint(
                    format!("`--pass-width` takes a whole number from 1 to {PASS_WIDTH_MAX}"),
                ));
            }
            if device.is_cpu() {
                return Err(Error::input(format!("`--pass-width {width}` needs a GPU"))
                    .hint("on the CPU no result depends on it: leave it out"));
            }
        }
        if let (false, Some(quantize)) = (device.is_cpu(), quantize) {
            return Err(Error::input(format!("`--quantize {quantize}` works on the CPU only"))
                .hint("leave it out, or set `--device cpu`"));
        }
        Ok(Self {
            device,
            dtype,
            width: width.unwrap_or(PASS_WIDTH),
            quantize,
            steering: None,
            automatic: choice == DeviceChoice::Auto,
        })
    }

    /// What a run of these numerics was made with, or the CPU where that is not to be had.
    pub(crate) fn of_numerics(numerics: &str, quantize: Option<Quantize>) -> Self {
        let made_with = Identity::parse(numerics).and_then(|identity| {
            let device = DeviceChoice::parse(identity.kind()).and_then(DeviceChoice::open).ok()?;
            let (dtype, width) = (Some(identity.dtype()), identity.width());
            Some(Self { device, dtype, width, quantize: None, steering: None, automatic: false })
        });
        made_with.unwrap_or(Self { quantize, ..Self::CPU })
    }

    /// The same with the residual stream steered.
    pub(crate) fn steered(self, steering: Option<Steering>) -> Self {
        Self { steering, ..self }
    }

    /// Bytes that a run can have; none where nobody tells, as on GPUs.
    pub(crate) fn available_bytes(&self) -> Option<usize> {
        if self.device.is_cpu() { memory::available_bytes() } else { None }
    }

    /// Refuses weights that this machine has no room for, before any of them is read. How much they take is
    /// reckoned from the file: panels and what is widened make it a little more.
    pub(crate) fn check_room(&self, weights: &Weights) -> Result<()> {
        let Some(available) = self.available_bytes() else { return Ok(()) };
        let needed = weights.bytes(self.quantize.map(Quantize::bits_per_weight));
        if needed <= available {
            return Ok(());
        }
        let with = |quantize: Quantize| weights.bytes(Some(quantize.bits_per_weight()));
        let smaller = [Quantize::Uniform(GgmlDType::Q8_0), Quantize::Q4KM]
            .map(|quantize| (quantize, with(quantize)));
        let hint = match smaller.iter().find(|(_, bytes)| *bytes < available.min(needed)) {
            Some((quantize, bytes)) => {
                format!("`--quantize {quantize}` makes it about {:.1} GB", *bytes as f64 / 1e9)
            }
            None => "use a smaller model, or a machine with more memory".to_owned(),
        };
        Err(Error::input(format!(
            "the weights take about {:.1} GB of memory, and {:.1} GB are available",
            needed as f64 / 1e9,
            available as f64 / 1e9
        ))
        .hint(hint))
    }

    /// Reads the weights of `model`, for which there is room.
    pub(crate) fn load(
        &self,
        model: &Model,
        weights: &Weights,
        talk: &dyn Events,
    ) -> Result<Decoder> {
        if self.device.is_cpu() {
            if self.automatic && cfg!(any(feature = "cuda", feature = "metal")) {
                talk.say("device: cpu (no GPU was found)");
            }
            let decoder = CpuDecoder::load(&model.spec, weights, self.quantize)?
                .steered(self.steering.clone())?;
            return Ok(Decoder::Cpu(Box::new(decoder)));
        }
        let dtype = self.dtype.unwrap_or_else(|| weights.dtype());
        let decoder = TensorDecoder::load(&model.spec, weights, &self.device, dtype, self.width)?
            .steered(self.steering.clone())?;
        let info = decoder.info();
        talk.say(format!("device: {} ({})", info.instruction_set, dtype.as_str()));
        talk.say(format!("promise: {}", info.promise));
        Ok(Decoder::Tensor(Box::new(decoder)))
    }
}
