//! Where a decoder's part lies among the stored tensors: which tensor, which of its rows, in which order.
//! Knows nothing about bytes.

use std::ops::Range;

/// A part as rows of a stored tensor. An element of a vector counts as a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct View {
    /// Name of the stored tensor.
    pub(super) tensor: String,
    /// Which slice along the first dimension, of tensors that hold several parts one after another.
    pub(super) slice: Option<usize>,
    /// Whether the slice stands as [inputs, outputs].
    pub(super) transposed: bool,
    /// Which rows.
    pub(super) rows: Rows,
}

/// Rows of a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rows {
    /// All, in their order.
    All,
    /// Neighbours.
    Range(Range<usize>),
    /// These, in this order.
    List(Vec<usize>),
}

impl View {
    /// A whole tensor.
    pub(super) fn whole(tensor: impl Into<String>) -> Self {
        Self { tensor: tensor.into(), slice: None, transposed: false, rows: Rows::All }
    }

    /// One slice along the first dimension.
    pub(super) fn slice(self, index: usize) -> Self {
        Self { slice: Some(index), ..self }
    }

    /// The same with rows and columns changed over.
    pub(super) fn transposed(self) -> Self {
        Self { transposed: true, ..self }
    }

    /// Some neighbouring rows.
    pub(super) fn range(self, range: Range<usize>) -> Self {
        Self { rows: Rows::Range(range), ..self }
    }

    /// These rows, in this order.
    pub(super) fn list(self, rows: impl IntoIterator<Item = usize>) -> Self {
        Self { rows: Rows::List(rows.into_iter().collect()), ..self }
    }

    /// Of `heads` heads of `width` rows: those of each head that are turned together, which stand as pairs
    /// of neighbours in `rotary` of the head, come first and in the half-split layout, so that the decoder
    /// knows one rotation only. Queries and keys in the same order have the same products.
    pub(super) fn halved(self, heads: usize, width: usize, rotary: Range<usize>) -> Self {
        let first = match &self.rows {
            Rows::Range(range) => range.start,
            Rows::All | Rows::List(_) => 0,
        };
        let order = halved(width, rotary);
        let rows = (0..heads).flat_map(|h| order.iter().map(move |i| first + h * width + i));
        let rows = rows.collect();
        Self { rows: Rows::List(rows), ..self }
    }
}

/// Order of a head's elements after [`View::halved`].
pub(super) fn halved(width: usize, rotary: Range<usize>) -> Vec<usize> {
    let even = rotary.clone().step_by(2);
    let odd = rotary.clone().skip(1).step_by(2);
    even.chain(odd).chain(0..rotary.start).chain(rotary.end..width).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_become_halves_and_come_first() {
        let view = View::whole("q").halved(2, 4, 0..4);
        assert_eq!(view.rows, Rows::List(vec![0, 2, 1, 3, 4, 6, 5, 7]));
        let view = View::whole("q").range(10..16).halved(1, 6, 2..6);
        assert_eq!(view.rows, Rows::List(vec![12, 14, 13, 15, 10, 11]));
        let view = View::whole("q").halved(1, 6, 0..2);
        assert_eq!(view.rows, Rows::List(vec![0, 1, 2, 3, 4, 5]));
    }
}
