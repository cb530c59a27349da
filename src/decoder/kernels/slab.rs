//! Large zeroed memory for weights, keys and values, in huge pages where the system has them: they are read
//! from end to end again and again, and with small pages looking up addresses takes as long as reading.
//! Knows nothing about what is stored.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use half::{bf16, f16};
use memmap2::MmapMut;

/// Memory below this size is not worth pages of its own.
const MAPPED_FROM_BYTES: usize = 1 << 21;

/// A cache line of bytes.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(super) [u8; 64]);

impl Line {
    pub(super) const ZERO: Self = Self([0; 64]);
}

/// Elements for which any bytes are a value.
///
/// # Safety
/// That is so, they hold no pointers, and a page is aligned well enough for them.
pub(crate) unsafe trait Plain: Copy + Send + Sync + 'static {}

// SAFETY: numbers, and arrays of them.
unsafe impl Plain for u8 {}
// SAFETY: as above.
unsafe impl Plain for f32 {}
// SAFETY: as above.
unsafe impl Plain for f16 {}
// SAFETY: as above.
unsafe impl Plain for bf16 {}
// SAFETY: as above.
unsafe impl Plain for Line {}

/// A fixed number of elements, zero to begin with.
pub(crate) struct Slab<T> {
    memory: Memory,
    len: usize,
    elements: PhantomData<T>,
}

enum Memory {
    Mapped(MmapMut),
    /// Lines, so that any element is aligned.
    Heap(Vec<Line>),
}

impl<T: Plain> Slab<T> {
    /// `len` zeros.
    ///
    /// # Panics
    /// So many elements have more bytes than there are addresses. Whoever makes a slab has asked whether there is room.
    pub(crate) fn zeroed(len: usize) -> Self {
        let bytes = len.checked_mul(size_of::<T>());
        #[allow(
            clippy::expect_used,
            reason = "a slab of the wrong size would be read past its end"
        )]
        let bytes = bytes.expect("a slab has fewer bytes than there are addresses");
        let mapped = (bytes >= MAPPED_FROM_BYTES).then(|| MmapMut::map_anon(bytes));
        let memory = match mapped {
            Some(Ok(map)) => {
                // Without huge pages it is slower and nothing else.
                #[cfg(target_os = "linux")]
                let _ = map.advise(memmap2::Advice::HugePage);
                Memory::Mapped(map)
            }
            // A system that maps no memory may still have some.
            Some(Err(_)) | None => {
                Memory::Heap(vec![Line::ZERO; bytes.div_ceil(size_of::<Line>())])
            }
        };
        Self { memory, len, elements: PhantomData }
    }
}

impl<T: Plain> Deref for Slab<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        let first = match &self.memory {
            Memory::Mapped(map) => map.as_ptr(),
            Memory::Heap(lines) => lines.as_ptr().cast(),
        };
        // SAFETY: the memory holds `len` elements, aligned to a page or a line, and any bytes are a value.
        unsafe { std::slice::from_raw_parts(first.cast(), self.len) }
    }
}

impl<T: Plain> DerefMut for Slab<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        let first = match &mut self.memory {
            Memory::Mapped(map) => map.as_mut_ptr(),
            Memory::Heap(lines) => lines.as_mut_ptr().cast(),
        };
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(first.cast(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_memory_is_zero_and_aligned() {
        for len in [0, 1, 1000, MAPPED_FROM_BYTES / 4, MAPPED_FROM_BYTES] {
            let mut slab = Slab::<f32>::zeroed(len);
            assert_eq!(slab.len(), len);
            assert!(slab.iter().all(|x| *x == 0.0));
            assert_eq!(slab.as_ptr() as usize % 64, 0);
            slab.iter_mut().for_each(|x| *x = 1.0);
            assert_eq!(slab.iter().sum::<f32>() as usize, len);
        }
    }
}
