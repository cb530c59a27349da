//! The residual stream between the layers: read out at chosen depths, and steered along a direction.
//!
//! Depth n is the stream after n layers, before any norm: depth 0 is what the embedding gives, the largest depth
//! is what the final norm is given. Knows nothing about what a direction means.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{LanguageModel, Logits, Row};
use crate::error::{Error, Result};

/// A model that shows its residual stream.
pub trait HiddenStates: LanguageModel {
    /// Width of the stream, D, and number of layers.
    fn stream(&self) -> Stream;

    /// Does what [`LanguageModel::step`] does with one row, to the same bits, and reads the stream of the
    /// row's tokens `at` (indices into them) at these `depths`.
    ///
    /// # Errors
    /// As for [`LanguageModel::step`].
    fn hidden(
        &self,
        row: Row<'_, Self::Sequence>,
        depths: &[usize],
        at: &[usize],
    ) -> Result<Hidden>;
}

/// Shape of a residual stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// D.
    pub width: usize,
    /// Layers: depths go from 0 to this.
    pub layers: usize,
}

/// What [`HiddenStates::hidden`] read.
pub struct Hidden {
    /// [depths, tokens asked for, D].
    pub states: Vec<f32>,
    /// Of the positions that the row asks for.
    pub logits: Logits,
}

/// A change to the residual stream at one depth, made wherever a token of a reply is drawn from it: at the
/// prompt's last token and at every token of the reply. The rest of the prompt is read as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Steering {
    /// What the direction is called.
    pub name: String,
    /// BLAKE3 of the file that it was read from.
    pub file: String,
    /// Layers before it acts.
    pub depth: usize,
    /// What is done with the direction.
    pub act: Act,
    /// `[D]`
    pub direction: Vec<f32>,
}

/// What is done with a direction v and the stream x.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// x + alpha · v
    Add(f64),
    /// x − (x · v / v · v) v
    Remove,
}

impl Steering {
    /// Refuses what does not fit a model's residual stream.
    ///
    /// # Errors
    /// Another width, a depth that is not there, numbers that are none, a direction of no length.
    pub fn check(&self, stream: Stream) -> Result<()> {
        let refused = |why: String| {
            Err(Error::input(format!("direction `{}` cannot steer this model: {why}", self.name))
                .hint("use a direction that `candor probe` read from a run of the same model"))
        };
        if self.direction.len() != stream.width {
            let (has, width) = (self.direction.len(), stream.width);
            return refused(format!("it has {has} numbers, the residual stream {width}"));
        }
        if self.depth > stream.layers {
            let (depth, layers) = (self.depth, stream.layers);
            return refused(format!("it was read after {depth} layers, the model has {layers}"));
        }
        let finite = matches!(self.act, Act::Remove)
            || matches!(self.act, Act::Add(alpha) if alpha.is_finite());
        if !finite || self.direction.iter().any(|v| !v.is_finite()) {
            return refused("it is not made of finite numbers".into());
        }
        if self.act == Act::Remove && self.square() == 0.0 {
            return refused("it has no length, so it has no component to remove".into());
        }
        Ok(())
    }

    /// Steers the stream [tokens, D] at this depth. Nothing is touched elsewhere, or with an alpha of 0.
    pub(super) fn apply(&self, depth: usize, x: &mut [f32]) {
        if !self.acts_at(depth) {
            return;
        }
        let v = &self.direction;
        for x in x.chunks_exact_mut(v.len()) {
            let scale = match self.act {
                Act::Add(alpha) => alpha,
                Act::Remove => -dot(x, v) / self.square(),
            };
            for (x, &v) in x.iter_mut().zip(v) {
                *x += (scale * f64::from(v)) as f32;
            }
        }
    }

    /// Whether anything is to be done at this depth.
    pub(super) fn acts_at(&self, depth: usize) -> bool {
        depth == self.depth && self.act != Act::Add(0.0)
    }

    /// v · v
    pub(super) fn square(&self) -> f64 {
        dot(&self.direction, &self.direction)
    }
}

/// The sum of products in f64, first to last.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

impl fmt::Display for Steering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.act {
            Act::Add(alpha) => write!(f, "{alpha:+} × {}", self.name),
            Act::Remove => write!(f, "without {}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn steering(act: Act, direction: Vec<f32>) -> Steering {
        Steering { name: "v".into(), file: String::new(), depth: 1, act, direction }
    }

    #[test]
    fn only_what_fits_may_steer() {
        let stream = Stream { width: 2, layers: 3 };
        assert!(steering(Act::Remove, vec![1.0, 0.0]).check(stream).is_ok());
        assert!(steering(Act::Add(0.0), vec![0.0; 2]).check(stream).is_ok());
        for (bad, says) in [
            (steering(Act::Remove, vec![1.0]), "1 numbers"),
            (steering(Act::Remove, vec![0.0; 2]), "no length"),
            (steering(Act::Add(f64::NAN), vec![1.0; 2]), "finite"),
            (steering(Act::Add(1.0), vec![f32::INFINITY; 2]), "finite"),
            (Steering { depth: 4, ..steering(Act::Remove, vec![1.0; 2]) }, "4 layers"),
        ] {
            let error = bad.check(stream).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_removed_is_gone_and_what_is_added_is_there(
            x in proptest::collection::vec(-10f32..10.0, 8),
            v in proptest::collection::vec(-2f32..2.0, 8).prop_filter("long enough", |v| dot(v, v) > 0.1),
            alpha in -3f64..3.0,
        ) {
            let mut without = x.clone();
            steering(Act::Remove, v.clone()).apply(1, &mut without);
            prop_assert!(dot(&without, &v).abs() < 1e-4 * (1.0 + dot(&x, &v).abs()));
            let mut added = x.clone();
            steering(Act::Add(alpha), v.clone()).apply(1, &mut added);
            let grown = dot(&added, &v) - dot(&x, &v);
            prop_assert!((grown - alpha * dot(&v, &v)).abs() < 1e-3);
            let mut elsewhere = x.clone();
            steering(Act::Add(alpha), v).apply(2, &mut elsewhere);
            prop_assert_eq!(elsewhere, x);
        }
    }

    #[test]
    fn an_alpha_of_zero_changes_no_bit() {
        let mut x = [-0.0f32, 1.5];
        steering(Act::Add(0.0), vec![1.0; 2]).apply(1, &mut x);
        assert_eq!(x.map(f32::to_bits), [-0.0f32, 1.5].map(f32::to_bits));
    }
}
