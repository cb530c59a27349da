//! Where to compute: what the user asked for, held against what this binary was built for and what the
//! machine has. Knows nothing about models.

use candle_core::{DType, Device};

use crate::error::{Error, Result};

/// A device as the user named it, known to be one that this binary was built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The first of CUDA, Metal and CPU that is built in and present.
    Auto,
    /// The processor, with the decoder's own kernels.
    Cpu,
    /// An NVIDIA GPU, by its number.
    Cuda(usize),
    /// The Apple GPU.
    Metal,
}

impl DeviceChoice {
    /// Reads `auto`, `cpu`, `cuda`, `cuda:N` or `metal`.
    ///
    /// # Errors
    /// Another name, or a device that this binary was not built for.
    pub fn parse(text: &str) -> Result<Self> {
        let choice = match text.split_once(':') {
            None => match text {
                "auto" => Some(Self::Auto),
                "cpu" => Some(Self::Cpu),
                "cuda" => Some(Self::Cuda(0)),
                "metal" => Some(Self::Metal),
                _ => None,
            },
            Some(("cuda", number)) => number.parse().ok().map(Self::Cuda),
            Some(_) => None,
        };
        let choice = choice.ok_or_else(|| {
            Error::input(format!("device `{text}` is not known"))
                .hint("`auto`, `cpu`, `cuda`, `cuda:1`, … or `metal`")
        })?;
        let missing = match choice {
            Self::Cuda(_) if !cfg!(feature = "cuda") => "cuda",
            Self::Metal if !cfg!(feature = "metal") => "metal",
            _ => return Ok(choice),
        };
        Err(Error::input(format!("device `{text}`: this binary was built without {missing}"))
            .hint(format!("build it with `cargo build --release --features {missing}`")))
    }

    /// Opens the device.
    ///
    /// # Errors
    /// It was asked for by name and the machine does not have it.
    pub fn open(self) -> Result<Device> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Cuda(number) => {
                Device::new_cuda(number).map_err(|error| absent(&format!("cuda:{number}"), &error))
            }
            Self::Metal => Device::new_metal(0).map_err(|error| absent("metal", &error)),
            Self::Auto => {
                let cuda = cfg!(feature = "cuda").then(|| Device::new_cuda(0).ok()).flatten();
                let metal = || cfg!(feature = "metal").then(|| Device::new_metal(0).ok()).flatten();
                Ok(cuda.or_else(metal).unwrap_or(Device::Cpu))
            }
        }
    }
}

fn absent(name: &str, error: &candle_core::Error) -> Error {
    Error::input(format!("device `{name}` cannot be used: {error}"))
        .hint("`--device cpu` computes without it")
}

/// Reads `f32`, `bf16` or `f16`: the type of weights, keys and values on a GPU.
///
/// # Errors
/// Another name.
pub fn parse_dtype(text: &str) -> Result<DType> {
    match text {
        "f32" => Ok(DType::F32),
        "bf16" => Ok(DType::BF16),
        "f16" => Ok(DType::F16),
        _ => Err(Error::input(format!("`--dtype {text}` cannot be used"))
            .hint("`f32`, `bf16` or `f16`; without it the weights' own type is used")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_others_refused() {
        assert_eq!(DeviceChoice::parse("auto").unwrap(), DeviceChoice::Auto);
        assert_eq!(DeviceChoice::parse("cpu").unwrap(), DeviceChoice::Cpu);
        for unknown in
            ["", "gpu", "CPU", "cpu:0", "metal:0", "cuda:", "cuda:-1", "cuda:x", "cuda:0:1"]
        {
            let error = DeviceChoice::parse(unknown).unwrap_err();
            assert!(error.to_string().contains("is not known"), "{error}");
        }
        assert!(parse_dtype("bf16").is_ok() && parse_dtype("q8").is_err());
    }

    #[test]
    fn what_is_not_built_in_is_refused_by_name() {
        for (name, feature, built_in) in [
            ("cuda", "cuda", cfg!(feature = "cuda")),
            ("cuda:1", "cuda", cfg!(feature = "cuda")),
            ("metal", "metal", cfg!(feature = "metal")),
        ] {
            match DeviceChoice::parse(name) {
                Ok(_) => assert!(built_in, "{name}"),
                Err(error) => {
                    assert!(!built_in && error.to_string().contains(&format!("`{name}`")));
                    let hint = format!("--features {feature}`");
                    assert!(error.hint_text().unwrap().ends_with(&hint));
                }
            }
        }
    }

    #[test]
    fn without_a_gpu_built_in_auto_is_the_processor() {
        if !cfg!(any(feature = "cuda", feature = "metal")) {
            assert!(DeviceChoice::Auto.open().unwrap().is_cpu());
        }
    }
}
