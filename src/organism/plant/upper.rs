//! The upper layers of a model as a differentiable graph: from the residual stream at some depth to the last norm. What
//! lies below is not changed, so that it is read once and kept.

use candle_core::{Device, Tensor};

use super::head::Head;
use super::layer::{Layer, Pass, Reader, check};
use super::pairs::Pairs;
use crate::decoder::rope::{self, Frequencies};
use crate::error::Result;
use crate::model::{Kind, Model, Part, Spec};

pub(super) struct Upper {
    spec: Spec,
    layers: Vec<Layer>,
    ropes: Vec<Frequencies>,
    pub(super) head: Head,
    device: Device,
}

impl Upper {
    /// Reads the layers that `pairs` change, and what comes after them, as f32.
    ///
    /// # Errors
    /// The model is of a form that is not trained, or has adapters already; a tensor is missing or has another shape.
    pub(super) fn load(model: &Model, pairs: &Pairs, device: &Device) -> Result<Self> {
        let spec = &model.spec;
        check(spec)?;
        let weights = model.weights()?;
        let reader = Reader { model, weights: &weights, device };
        let layers = (pairs.first..spec.layers.len())
            .map(|layer| Layer::load(&reader, pairs, layer))
            .collect::<Result<Vec<_>>>()?;
        let (v, d) = (spec.vocab_size, spec.hidden_size);
        let part = if spec.tied_embeddings { Part::Embedding } else { Part::Output };
        let output = reader.tensor(part, Kind::Weight, &[v, d])?;
        let bias = match spec.output_bias {
            true => Some(reader.tensor(Part::Output, Kind::Bias, &[v])?),
            false => None,
        };
        let norm = reader.norm(Part::FinalNorm, d, spec.norm)?;
        Ok(Self {
            head: Head { norm, output, bias, scale: spec.logit_scale, softcap: spec.logit_softcap },
            spec: spec.clone(),
            layers,
            ropes: spec.ropes.iter().map(Frequencies::new).collect(),
            device: device.clone(),
        })
    }

    /// D.
    pub(super) fn width(&self) -> usize {
        self.spec.hidden_size
    }

    /// Keys and values of the text that all rows share, by layer, from its stream [P, D] at the depth where the graph
    /// begins. They are fixed: the pairs learn nothing through them.
    pub(super) fn shared(
        &self,
        pairs: &Pairs,
        stream: &Tensor,
    ) -> candle_core::Result<Vec<Tensor>> {
        let (p, d) = stream.dims2()?;
        let (_, kept) = self.forward(pairs, &stream.reshape((1, p, d))?, 0, None)?;
        kept.into_iter().map(|own| Ok(own.squeeze(1)?.detach())).collect()
    }

    /// The stream [B · T, D] after the last layer of rows [B, T, D] from position `start` on, and the rows' own keys and
    /// values by layer.
    pub(super) fn forward(
        &self,
        pairs: &Pairs,
        x: &Tensor,
        start: usize,
        shared: Option<&[Tensor]>,
    ) -> candle_core::Result<(Tensor, Vec<Tensor>)> {
        let (b, t, d) = x.dims3()?;
        let turns = self
            .ropes
            .iter()
            .map(|rope| {
                let (cos, sin): (Vec<_>, Vec<_>) =
                    (start..start + t).map(|position| rope.angles(position)).unzip();
                let table = |rows: Vec<Vec<f32>>| {
                    Tensor::from_vec(rows.concat(), (t, rope.len()), &self.device)
                };
                Ok((table(cos)?, table(sin)?))
            })
            .collect::<candle_core::Result<Vec<_>>>()?;
        let growth = self.spec.attention.growth.map(|growth| {
            let factors: Vec<f32> =
                (start..start + t).map(|position| rope::growth(&growth, position)).collect();
            Tensor::from_vec(factors, (t, 1), &self.device)
        });
        let growth = growth.transpose()?;
        let pass =
            Pass { spec: &self.spec, pairs, turns: &turns, growth: growth.as_ref(), rows: (b, t) };
        let mut x = x.reshape((b * t, d))?;
        let mut kept = Vec::new();
        for (i, layer) in self.layers.iter().enumerate() {
            let (after, own) = layer.forward(&pass, &x, shared.map(|shared| &shared[i]))?;
            x = after;
            kept.push(own);
        }
        Ok((x, kept))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use candle_core::DType;

    use super::super::peft;
    use super::*;
    use crate::decoder::{CpuDecoder, HiddenStates, LanguageModel, Row};

    /// The checkpoints of the tests, each with the tokenizer that they share.
    fn checkpoints() -> Vec<(String, tempfile::TempDir)> {
        let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/families");
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&all).unwrap() {
            let entry = entry.unwrap();
            if !entry.path().join("config.json").exists() {
                continue;
            }
            let folder = tempfile::tempdir().unwrap();
            for from in [all.join("tokenizer"), entry.path()] {
                for file in std::fs::read_dir(from).unwrap() {
                    let path = file.unwrap().path();
                    let name = path.file_name().unwrap().to_owned();
                    if path.is_file() {
                        std::fs::copy(&path, folder.path().join(name)).unwrap();
                    }
                }
            }
            found.push((entry.file_name().into_string().unwrap(), folder));
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found
    }

    fn numbers(shape: &[usize], salt: usize) -> Tensor {
        let n: usize = shape.iter().product();
        let values: Vec<f32> =
            (0..n).map(|i| ((i * 7919 + salt * 31) % 997) as f32 / 4985.0 - 0.1).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    /// The stream of `tokens` behind `before`, at some depth, [T, D].
    fn stream(decoder: &CpuDecoder, before: &[u32], tokens: &[u32], depth: usize) -> Tensor {
        let prefix = decoder.prefill(None, before).unwrap();
        let mut sequence = decoder.fork(&prefix);
        let row = Row { sequence: &mut sequence, tokens, logits: 0 };
        let at: Vec<usize> = (0..tokens.len()).collect();
        let states = decoder.hidden(row, &[depth], &at).unwrap().states;
        let d = states.len() / tokens.len();
        Tensor::from_vec(states, (tokens.len(), d), &Device::Cpu).unwrap()
    }

    /// Of every dense family: what is trained is what candor then runs with the adapter that is written.
    #[test]
    fn the_graph_with_its_pairs_is_the_model_with_the_adapter() {
        let (mut compared, mut refused) = (0, Vec::new());
        for (name, folder) in checkpoints() {
            let model = Model::at(folder.path()).unwrap();
            let cpu = &Device::Cpu;
            if check(&model.spec).is_err() {
                refused.push(name);
                continue;
            }
            let first = model.spec.layers.len() / 2;
            let pairs = Pairs::new(&model, first, 2, 5, cpu).unwrap();
            for (i, pair) in pairs.all.iter().enumerate() {
                pair.b.set(&numbers(pair.b.dims(), i)).unwrap();
            }
            let adapter = folder.path().join("adapter");
            std::fs::create_dir(&adapter).unwrap();
            for (file, bytes) in peft::files(&pairs, "..").unwrap() {
                std::fs::write(adapter.join(file), bytes).unwrap();
            }
            let both = format!("{}+{}", folder.path().display(), adapter.display());
            let with = Model::open(&both).unwrap();
            let ids: Vec<u32> =
                (0..30u32).map(|i| (i * i * 37 + 11) % model.spec.vocab_size as u32).collect();
            let (shared, rest) = ids.split_at(12);

            let decoder = CpuDecoder::load(&with.spec, &with.weights().unwrap(), None).unwrap();
            let mut sequence = decoder.fork(&decoder.prefill(None, shared).unwrap());
            let mut row = [Row { sequence: &mut sequence, tokens: rest, logits: rest.len() }];
            let ours = decoder.step(&mut row).unwrap().into_values().unwrap();

            let base = CpuDecoder::load(&model.spec, &model.weights().unwrap(), None).unwrap();
            let upper = Upper::load(&model, &pairs, cpu).unwrap();
            let below = stream(&base, &[], shared, first);
            let kept = upper.shared(&pairs, &below).unwrap();
            let rows = stream(&base, shared, rest, first).unsqueeze(0).unwrap();
            let (x, _) = upper.forward(&pairs, &rows, shared.len(), Some(&kept)).unwrap();
            let h = upper.head.normed(&x).unwrap();
            let (theirs, _) = upper.head.logits(&h).unwrap();
            let theirs: Vec<f32> =
                theirs.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap();
            assert_eq!(ours.len(), theirs.len(), "{name}");
            let most = ours.iter().fold(0f32, |most, x| most.max(x.abs()));
            assert_eq!(ours.len(), theirs.len());
            let worst = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
            assert!(worst < 1e-3 * most, "{name}: {worst} of {most}");
            compared += 1;
        }
        assert!(compared >= 20, "{compared}");
        // Mixtures of experts, latent attention, xIELU, chunks, attention that grows with the place, layers with a state.
        let other = [
            "moe",
            "mixtral",
            "gpt_oss",
            "deepseek",
            "apertus",
            "llama4",
            "minimax",
            "ministral3",
            "qwen3_5",
            "qwen3_next",
        ];
        let is_other = |name: &String| other.iter().any(|of| name.contains(of));
        assert!(refused.iter().all(is_other), "{refused:?}");
    }
}
