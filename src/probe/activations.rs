//! `probe/activations.safetensors`: the residual stream of every stored reply, read at named places.
//!
//! Wire format: for each place two tensors over the n trials in the order of `transcripts.jsonl`, `PLACE` (f32
//! [n, depths, D]) and `PLACE.present` (u8 [n], 1 where the reply has the place; the others are zeros). The
//! header's metadata has one key, `candor`, with a JSON object: `transcripts_digest`, `model`, `numerics` and
//! `depths`; depth d is the stream after d layers, before any norm. Deterministic bytes.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use safetensors::tensor::{Dtype, TensorView};
use serde::Serialize;

use super::position::Position;
use super::stored::{Stored, prompt};
use crate::decoder::{HiddenStates, Stream};
use crate::engine::{StateQuery, states};
use crate::error::{Error, Result};
use crate::run::{Plan, write_whole};
use crate::transcript::Transcript;

/// Name of the file.
const FILE: &str = "activations.safetensors";

/// The states of a run's replies.
pub struct Activations {
    /// Depths that were read.
    pub depths: Vec<usize>,
    /// D.
    pub width: usize,
    /// Of each reply in the order of the transcripts, of each place [depths, D]; none where it lacks the place.
    pub replies: Vec<[Option<Vec<f32>>; Position::ALL.len()]>,
}

/// What the file says of itself.
#[derive(Serialize)]
pub struct Origin<'a> {
    /// BLAKE3 of the `transcripts.jsonl` that it is about.
    pub transcripts_digest: &'a str,
    /// Name of the model.
    pub model: &'a str,
    /// What computed.
    pub numerics: &'a str,
}

/// Reads `all` or depths with commas between them.
///
/// # Errors
/// No numbers, or a depth that the model lacks.
pub fn parse_depths(text: &str, stream: Stream) -> Result<Vec<usize>> {
    let refused = |why: String| {
        Error::input(format!("`--activations {text}` cannot be used: {why}")).hint(format!(
            "give `all`, or numbers of layers from 0 (the embedding) to {} with commas between them",
            stream.layers
        ))
    };
    if text == "all" {
        return Ok((0..=stream.layers).collect());
    }
    let mut depths = Vec::new();
    for part in text.split(',') {
        let depth: usize =
            part.trim().parse().map_err(|_| refused(format!("`{part}` is no number")))?;
        if depth > stream.layers {
            return Err(refused(format!("the model has {} layers", stream.layers)));
        }
        depths.push(depth);
    }
    depths.sort_unstable();
    depths.dedup();
    Ok(depths)
}

impl Activations {
    /// Puts every stored reply through the model behind its own prompt.
    ///
    /// # Errors
    /// Those of the model; a reply that cannot be decoded; `stop` set from outside.
    pub fn read<M: HiddenStates>(
        plan: &Plan<'_>,
        model: &M,
        transcripts: &[Transcript],
        depths: &[usize],
        stop: &AtomicBool,
    ) -> Result<Self> {
        let width = model.stream().width;
        let mut readings = Vec::with_capacity(transcripts.len());
        let mut places = Vec::with_capacity(transcripts.len());
        for (trial, transcript) in plan.trials.iter().zip(transcripts) {
            let reply = Stored::of(plan, *trial, transcript)?;
            let found = Position::ALL.map(|position| position.of(&reply));
            readings.push(StateQuery {
                prompt: prompt(plan, &trial.request.id, &trial.tier.name)?,
                path: &transcript.token_ids,
                at: found.iter().flatten().copied().collect(),
            });
            places.push(found);
        }
        let mut replies = vec![[const { None }; Position::ALL.len()]; transcripts.len()];
        states(model, &readings, depths, stop, |i, states| {
            let count = readings[i].at.len();
            let mut next = 0..count;
            for (state, place) in replies[i].iter_mut().zip(&places[i]) {
                let Some(at) = place.and_then(|_| next.next()) else { continue };
                let of_depth = |depth| &states[(depth * count + at) * width..][..width];
                *state = Some((0..depths.len()).flat_map(of_depth).copied().collect());
            }
            Ok(())
        })?;
        Ok(Self { depths: depths.to_vec(), width, replies })
    }

    /// The state [D] of a reply at a place, at the depth of this index.
    pub(super) fn state(&self, reply: usize, position: usize, depth: usize) -> Option<&[f32]> {
        self.replies[reply][position].as_ref().map(|all| &all[depth * self.width..][..self.width])
    }

    /// Writes the file into `probe/` of the run folder.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn write(&self, run: &Path, origin: &Origin<'_>) -> Result<()> {
        #[derive(Serialize)]
        struct Said<'a> {
            #[serde(flatten)]
            origin: &'a Origin<'a>,
            depths: &'a [usize],
        }
        let (n, row) = (self.replies.len(), self.depths.len() * self.width);
        let mut tensors = Vec::new();
        for (place, position) in Position::ALL.iter().enumerate() {
            let (mut values, mut present) = (Vec::with_capacity(4 * n * row), Vec::new());
            for reply in &self.replies {
                present.push(u8::from(reply[place].is_some()));
                match &reply[place] {
                    Some(states) => states.iter().for_each(|s| values.extend(s.to_le_bytes())),
                    None => values.resize(values.len() + 4 * row, 0),
                }
            }
            let name = position.name();
            let shape = vec![n, self.depths.len(), self.width];
            tensors.push((name.to_owned(), Dtype::F32, shape, values));
            tensors.push((format!("{name}.present"), Dtype::U8, vec![n], present));
        }
        let said = Said { origin, depths: &self.depths };
        write_tensors(&run.join(super::FOLDER).join(FILE), &tensors, &said)
    }
}

/// A tensor by name: type, shape, bytes.
pub(super) type Named = (String, Dtype, Vec<usize>, Vec<u8>);

/// Writes a safetensors file whose metadata is one JSON object under `candor`, so that equal contents are equal bytes.
pub(super) fn write_tensors(path: &Path, tensors: &[Named], said: &impl Serialize) -> Result<()> {
    let unwritable = |error: &dyn std::fmt::Display| {
        Error::failed(format!("`{}` cannot be written: {error}", path.display()))
    };
    let said = serde_json::to_string(said).map_err(|error| unwritable(&error))?;
    let mut views = Vec::new();
    for (name, dtype, shape, bytes) in tensors {
        let view = TensorView::new(*dtype, shape.clone(), bytes).map_err(|e| unwritable(&e))?;
        views.push((name, view));
    }
    let metadata = HashMap::from([(METADATA.to_owned(), said)]);
    let bytes =
        safetensors::serialize(views, Some(metadata)).map_err(|error| unwritable(&error))?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| Error::write(folder, &error))?;
    }
    write_whole(path, &bytes)
}

/// The key of the metadata.
pub(super) const METADATA: &str = "candor";
