//! A model that reads texts and hands out the states that a fitted judge weighs. Knows nothing about labels or weights.

use std::collections::BTreeMap;

use super::model_judge::longest;
use crate::decoder::HiddenStates;
use crate::engine::{StateQuery, states};
use crate::error::{Error, Result};
use crate::events::Events;
use crate::judge::JudgeModel;
use crate::judge::fitted::StateModel;
use crate::machine::{Compute, Loaded, with_decoder};

/// States that are averaged of a text at most: of its last token, and of others evenly spread before it.
const PLACES_MAX: usize = 64;

/// A model with its weights in memory, and the depth at which its residual stream is read.
pub(crate) struct StateReader {
    loaded: Loaded,
    depth: usize,
}

impl StateReader {
    /// Reads the weights of a model. Without a depth its stream is read after two thirds of the layers.
    ///
    /// # Errors
    /// Those of loading a model; it has no layer of this depth.
    pub(crate) fn open(
        name: &str,
        depth: Option<usize>,
        compute: &Compute,
        talk: &dyn Events,
    ) -> Result<Self> {
        let loaded = Loaded::open_hashed(name, compute, |model| Ok(longest(model)), talk)?;
        let layers = with_decoder!(&loaded.decoder, it => it.stream().layers);
        let depth = depth.unwrap_or(2 * layers / 3);
        if depth > layers {
            return Err(Error::input(format!(
                "the judge reads model `{name}` after {depth} layers, and it has {layers}"
            )));
        }
        Ok(Self { loaded, depth })
    }

    /// The model as a judge's file names it.
    pub(crate) fn record(&self) -> StateModel {
        let info = self.loaded.decoder.info();
        StateModel {
            name: self.loaded.name.clone(),
            model: JudgeModel {
                label: self.loaded.model.label.clone(),
                files: self.loaded.model.digests().clone(),
                quantize: info.quantize.map(|quantize| quantize.to_string()),
                numerics: info.numerics.clone(),
            },
            depth: self.depth,
        }
    }

    /// The mean state [D] of each text, over at most 64 of its tokens; none of a text that is not there or longer than
    /// the model's context. What the texts say of the model's own marks is only said, as for judges that are asked.
    ///
    /// # Errors
    /// Those of the model; the user interrupted it.
    pub(crate) fn read(
        &self,
        texts: &[Option<String>],
        talk: &dyn Events,
    ) -> Result<Vec<Option<Vec<f32>>>> {
        let model = &self.loaded.model;
        let bos = model.tokenizer.special_tokens().get("bos_token");
        let mut prompts: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        for (place, text) in texts.iter().enumerate() {
            let Some(text) = text else { continue };
            let text = model.tokenizer.defuse(text);
            let ids = model.prompt_ids(&match bos {
                Some(bos) => format!("{bos}{text}"),
                None => text.into_owned(),
            })?;
            if !ids.is_empty() && ids.len() <= longest(model) {
                prompts.insert(place, ids);
            }
        }
        let readings: Vec<StateQuery<'_>> = prompts
            .values()
            .map(|ids| StateQuery {
                prompt: &ids[..1],
                path: &ids[1..],
                at: spread(ids.len(), PLACES_MAX),
            })
            .collect();
        let places: Vec<usize> = prompts.keys().copied().collect();
        let mut found = vec![None; texts.len()];
        let (mut bar, mut done) = (talk.steps("states", readings.len()), 0);
        let mut keep = |reading: usize, states: Vec<f32>| {
            found[places[reading]] = Some(mean(&states, readings[reading].at.len()));
            done += 1;
            bar.done(done);
            Ok(())
        };
        let (stop, depths) = (talk.stop()?, [self.depth]);
        with_decoder!(&self.loaded.decoder, it => states(it, &readings, &depths, stop, &mut keep))?;
        drop(bar);
        Ok(found)
    }
}

/// At most so many of the places 0 … n − 1, evenly spread, the last among them.
fn spread(n: usize, most: usize) -> Vec<usize> {
    let count = n.min(most);
    (1..=count).map(|k| k * n / count - 1).collect()
}

/// The mean of `count` rows that stand one behind the other.
fn mean(states: &[f32], count: usize) -> Vec<f32> {
    let width = states.len() / count.max(1);
    let mut sum = vec![0.0_f64; width];
    for row in states.chunks_exact(width.max(1)) {
        sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
    }
    sum.into_iter().map(|sum| (sum / count.max(1) as f64) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_spread_and_end_at_the_last() {
        assert_eq!(spread(3, 64), [0, 1, 2]);
        assert_eq!(spread(10, 4), [1, 4, 6, 9]);
        for n in 1..300 {
            let found = spread(n, 64);
            assert_eq!(found.last(), Some(&(n - 1)));
            assert!(found.windows(2).all(|two| two[0] < two[1]) && found.len() <= 64);
        }
        assert_eq!(mean(&[1.0, 2.0, 3.0, 6.0], 2), [2.0, 4.0]);
    }
}
