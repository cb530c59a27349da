//! A matrix of rows whose columns are handed out in stripes, so that several threads can fill one matrix.
//! Knows nothing about what is written.

use std::marker::PhantomData;

/// Some columns of every row of a matrix, borrowed for writing.
pub(crate) struct Stripe<'a> {
    first: *mut f32,
    rows: usize,
    stride: usize,
    width: usize,
    matrix: PhantomData<&'a mut [f32]>,
}

// SAFETY: stripes of one matrix do not overlap, so each is as good as a `&mut [f32]` of its own.
unsafe impl Send for Stripe<'_> {}

impl<'a> Stripe<'a> {
    /// The first `width` columns of `rows` rows that are `stride` elements apart.
    pub(crate) fn new(matrix: &'a mut [f32], rows: usize, stride: usize, width: usize) -> Self {
        assert!(width <= stride && (rows == 0 || matrix.len() >= (rows - 1) * stride + width));
        Self { first: matrix.as_mut_ptr(), rows, stride, width, matrix: PhantomData }
    }

    /// All columns in stripes of `width`; rows are `stride` elements apart, a multiple of `width`.
    pub(crate) fn all(matrix: &'a mut [f32], stride: usize, width: usize) -> Vec<Self> {
        assert!(stride.is_multiple_of(width) && matrix.len().is_multiple_of(stride));
        let rows = matrix.len() / stride;
        let first = matrix.as_mut_ptr();
        (0..if rows == 0 { 0 } else { stride / width })
            .map(|i| Self {
                // SAFETY: column i · width is below the stride, so it lies in the first row.
                first: unsafe { first.add(i * width) },
                rows,
                stride,
                width,
                matrix: PhantomData,
            })
            .collect()
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// First element and the distance between rows, for kernels that keep to `rows` and `width`.
    pub(crate) fn raw(&mut self) -> (*mut f32, usize) {
        (self.first, self.stride)
    }
}
