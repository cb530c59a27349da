//! How much memory opening a GGUF file takes, whole or damaged: a multiple of its size, whatever its counts say.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use candor::model::Model;

/// The system's allocator, with what is held now and the most that was held.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Relaxed) + layout.size();
        MOST.fetch_max(held, Relaxed);
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promises about `pointer` and `layout` are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most that opening a model held beyond what was there before.
fn taken(path: &Path) -> usize {
    let before = HELD.load(Relaxed);
    MOST.store(before, Relaxed);
    drop(Model::open(path.to_str().unwrap()).and_then(|model| model.weights().map(drop)));
    MOST.load(Relaxed) - before
}

/// Bytes that may be held for each byte of the file, and beside them: patterns that are compiled, and the like.
const PER_BYTE: usize = 128;
const BESIDE: usize = 4 << 20;

#[test]
fn opening_a_damaged_file_holds_a_multiple_of_its_size() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.gguf");
    let mut random = 0x2545_f491_4f6c_dd1du64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random as usize
    };
    let mut worst = 0;
    for name in
        ["tokenizers/llama-bpe.gguf", "tokenizers/spm-llama.gguf", "families/mixtral/model.gguf"]
    {
        let whole = std::fs::read(fixtures.join(name)).unwrap();
        for round in 0..300 {
            let mut bytes = whole.clone();
            if round > 0 {
                // Counts and lengths stand in the first bytes as well as everywhere else.
                let end = if round % 2 == 0 { 2048.min(bytes.len()) } else { bytes.len() };
                for _ in 0..=next() % 3 {
                    bytes[next() % end] = [0, 1, 0x7f, 0xff][next() % 4];
                }
            }
            std::fs::write(&path, &bytes).unwrap();
            let taken = taken(&path);
            worst = worst.max(taken.saturating_sub(BESIDE) / bytes.len());
            assert!(
                taken <= PER_BYTE * bytes.len() + BESIDE,
                "{name}, round {round}: {taken} bytes held for a file of {}",
                bytes.len()
            );
        }
    }
    println!("at most {worst} bytes per byte of the file");
}
