//! A model with its weights in memory.

use super::compute::Compute;
use super::decoder::Decoder;
use super::open::open_model;
use crate::error::Result;
use crate::events::Events;
use crate::model::Model;

/// A model with its weights in memory.
pub(crate) struct Loaded {
    /// As the user named it.
    pub(crate) name: String,
    pub(crate) model: Model,
    pub(crate) decoder: Decoder,
    /// Bytes that were available before the weights were read; none where the system does not say.
    pub(crate) available: Option<usize>,
}

impl Loaded {
    /// Opens a model; `longest` says how many tokens the longest text will have.
    pub(crate) fn open(
        name: &str,
        compute: &Compute,
        longest: impl FnOnce(&Model) -> Result<usize>,
        talk: &dyn Events,
    ) -> Result<Self> {
        Self::open_while(name, compute, longest, talk, |_| ())
    }

    /// The same where a record will name the digests of all files, as a manifest does: the weights are hashed while they
    /// are read, so that the disk gives them once.
    pub(crate) fn open_hashed(
        name: &str,
        compute: &Compute,
        longest: impl FnOnce(&Model) -> Result<usize>,
        talk: &dyn Events,
    ) -> Result<Self> {
        Self::open_while(name, compute, longest, talk, |model| _ = model.digests())
    }

    fn open_while(
        name: &str,
        compute: &Compute,
        longest: impl FnOnce(&Model) -> Result<usize>,
        talk: &dyn Events,
        besides: impl FnOnce(&Model) + Send,
    ) -> Result<Self> {
        let mut model = open_model(name, talk)?;
        model.set_longest_text(longest(&model)?);
        for note in model.notes.iter().chain(&model.asides) {
            talk.say(format!("note: {note}"));
        }
        let available = compute.available_bytes();
        let load = || {
            // Before anything is read for which there is no room.
            let weights = model.weights()?;
            for note in weights.notes() {
                talk.say(format!("note: {note}"));
            }
            compute.check_room(&weights)?;
            std::thread::scope(|scope| {
                scope.spawn(|| besides(&model));
                compute.load(&model, &weights, talk)
            })
        };
        let decoder = load().map_err(|error| error.within(format!("model `{name}`")))?;
        Ok(Self { name: name.to_owned(), model, decoder, available })
    }
}
