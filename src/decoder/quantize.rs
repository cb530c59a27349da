//! Into which blocks a dense model's matrices go when it is quantised while it is loaded.
//! Knows nothing about the blocks themselves.

use std::fmt;
use std::str::FromStr;

use candle_core::quantized::GgmlDType;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::model::{LayerPart, Part, Projection};

/// What the user asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Quantize {
    /// Every matrix in blocks of one type.
    Uniform(GgmlDType),
    /// The mixture that llama.cpp calls Q4_K_M: Q4_K; Q6_K for the output matrix and, in some layers, for the
    /// value and the down projection.
    Q4KM,
}

/// What a matrix does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Turns the last layer's result into logits.
    Output,
    /// Value projection of a layer.
    Value {
        layer: usize,
    },
    /// Last projection of a layer's MLP.
    Down {
        layer: usize,
    },
    /// Scores of experts and rates of decay, which decide rather than add: never quantised.
    Router,
    Other,
}

impl Role {
    /// What a part does; the embedding may be the output matrix too.
    pub(crate) fn of(part: Part, tied: bool) -> Self {
        match part {
            Part::Output => Self::Output,
            Part::Embedding if tied => Self::Output,
            Part::Layer(layer, LayerPart::Value) => Self::Value { layer },
            Part::Layer(
                layer,
                LayerPart::Mlp(Projection::Down)
                | LayerPart::Expert(_, Projection::Down)
                | LayerPart::SharedExpert(Projection::Down),
            ) => Self::Down { layer },
            Part::Layer(
                _,
                LayerPart::Router
                | LayerPart::SharedExpertGate
                | LayerPart::DeltaDecay
                | LayerPart::DeltaStrength,
            ) => Self::Router,
            _ => Self::Other,
        }
    }
}

const NAMES: [(&str, Quantize); 11] = [
    ("q4_0", Quantize::Uniform(GgmlDType::Q4_0)),
    ("q4_1", Quantize::Uniform(GgmlDType::Q4_1)),
    ("q5_0", Quantize::Uniform(GgmlDType::Q5_0)),
    ("q5_1", Quantize::Uniform(GgmlDType::Q5_1)),
    ("q8_0", Quantize::Uniform(GgmlDType::Q8_0)),
    ("q2_k", Quantize::Uniform(GgmlDType::Q2K)),
    ("q3_k", Quantize::Uniform(GgmlDType::Q3K)),
    ("q4_k", Quantize::Uniform(GgmlDType::Q4K)),
    ("q5_k", Quantize::Uniform(GgmlDType::Q5K)),
    ("q6_k", Quantize::Uniform(GgmlDType::Q6K)),
    ("q4_k_m", Quantize::Q4KM),
];

impl Quantize {
    /// How many bits a weight takes, about: the mixture depends on the model's shape.
    pub fn bits_per_weight(self) -> f64 {
        match self {
            Self::Uniform(dtype) => 8.0 * dtype.type_size() as f64 / dtype.block_size() as f64,
            // Mostly Q4_K (4.5), some of it Q6_K (6.6).
            Self::Q4KM => 5.0,
        }
    }

    /// The type of blocks for a matrix whose rows have `inputs` weights. K-quants need whole super-blocks of
    /// 256; where rows are none, the type of llama.cpp's choice with blocks of 32 stands in. Rows that are no
    /// whole number of these either stay dense.
    pub(crate) fn dtype(self, role: Role, layers: usize, inputs: usize) -> Option<GgmlDType> {
        // llama.cpp gives more bits to the first and last eighth of the layers and to every third between.
        let more_bits = |layer: usize| {
            layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2
        };
        let dtype = match (self, role) {
            (_, Role::Router) => return None,
            (Self::Uniform(dtype), _) => dtype,
            (Self::Q4KM, Role::Output) => GgmlDType::Q6K,
            (Self::Q4KM, Role::Value { layer } | Role::Down { layer }) if more_bits(layer) => {
                GgmlDType::Q6K
            }
            (Self::Q4KM, _) => GgmlDType::Q4K,
        };
        let dtype = match dtype {
            _ if inputs.is_multiple_of(dtype.block_size()) => dtype,
            GgmlDType::Q2K | GgmlDType::Q3K => GgmlDType::Q4_0,
            GgmlDType::Q4K => GgmlDType::Q5_0,
            GgmlDType::Q5K => GgmlDType::Q5_1,
            GgmlDType::Q6K => GgmlDType::Q8_0,
            _ => dtype,
        };
        inputs.is_multiple_of(dtype.block_size()).then_some(dtype)
    }
}

impl fmt::Display for Quantize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(_, value)| value == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}

impl From<Quantize> for String {
    fn from(quantize: Quantize) -> Self {
        quantize.to_string()
    }
}

impl TryFrom<String> for Quantize {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl FromStr for Quantize {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let known = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        known.map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
            Error::input(format!("there is no quantisation `{text}`"))
                .hint(format!("known: {}", names.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for (name, value) in NAMES {
            assert_eq!(value.to_string(), name);
            assert_eq!(name.to_uppercase().parse::<Quantize>().unwrap(), value);
        }
        assert!("q9".parse::<Quantize>().unwrap_err().hint_text().unwrap().contains("q8_0"));
    }

    #[test]
    fn the_mixture_is_that_of_llama_cpp() {
        let dtype = |role, inputs| Quantize::Q4KM.dtype(role, 28, inputs).unwrap();
        assert_eq!(Quantize::Q4KM.dtype(Role::Other, 28, 48), None);
        assert_eq!(dtype(Role::Output, 1024), GgmlDType::Q6K);
        assert_eq!(dtype(Role::Output, 576), GgmlDType::Q8_0);
        assert_eq!(dtype(Role::Other, 1024), GgmlDType::Q4K);
        assert_eq!(dtype(Role::Other, 576), GgmlDType::Q5_0);
        let more: Vec<usize> =
            (0..28).filter(|&layer| dtype(Role::Down { layer }, 3072) == GgmlDType::Q6K).collect();
        // As `llama-quantize` did it with a model of 28 layers.
        assert_eq!(more, [0, 1, 2, 5, 8, 11, 14, 17, 20, 23, 24, 25, 26, 27]);
    }
}
