//! What the cells of a sweep gain from being made together: a sweep in one process, and the same cells one by one in
//! processes of their own. Asserts that the transcripts are the same bytes. `cargo bench --bench together`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench may stop where it stands, and prints what it found"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

const ROUNDS: usize = 3;
const VARIANTS: [&str; 2] = ["default", "no-training"];

fn main() {
    for (seeds, requests) in [(6, 24), (3, 144)] {
        let place = tempfile::tempdir().unwrap();
        let list: Vec<usize> = (0..seeds).collect();
        let file = format!(
            "variants = {VARIANTS:?}\nseeds = {list:?}\n[settings]\nlimit = {requests}\nmax_tokens = 256\n\
             [[models]]\nname = \"organism:faker\"\n"
        );
        std::fs::write(place.path().join("sweep.toml"), file).unwrap();
        let cells: Vec<PathBuf> = VARIANTS
            .iter()
            .flat_map(|variant| {
                list.iter().map(move |seed| format!("{variant}/default/seed-{seed}"))
            })
            .map(|cell| Path::new("faker/helpful-only").join(cell))
            .collect();
        println!("{} cells of {} trials, the best of {ROUNDS} rounds:", cells.len(), 2 * requests);
        let (mut together, mut alone) = (Took::MOST, Took::MOST);
        for round in 0..ROUNDS {
            let [one, many] = ["one", "many"].map(|name| format!("{name}-{round}"));
            sweep(place.path(), &one, &[]);
            for i in 1..=cells.len() {
                let part = format!("{i}/{}", cells.len());
                sweep(place.path(), &many, &["--only", "faker", "--cells", &part]);
            }
            let [one, many] = [one, many].map(|name| place.path().join(name));
            for cell in &cells {
                let read = |run: &Path| std::fs::read(run.join(cell).join("transcripts.jsonl"));
                assert!(read(&one).unwrap() == read(&many).unwrap(), "{}", cell.display());
            }
            let each = |run: &Path| -> Vec<Took> {
                cells.iter().map(|cell| Took::read(&run.join(cell))).collect()
            };
            // The record of a cell that was made with others is about all that were made up to its end.
            let last =
                each(&one).into_iter().max_by(|a, b| a.seconds.total_cmp(&b.seconds)).unwrap();
            together = together.better(last);
            alone = alone.better(each(&many).into_iter().fold(Took::NOTHING, Took::and));
        }
        for (name, took) in [("one by one", &alone), ("together", &together)] {
            println!("  {name:10}  {:5.2} s  {:>6} prompt tokens", took.seconds, took.prefilled);
        }
        println!("  ratio       {:5.2}", alone.seconds / together.seconds);
        assert!(together.prefilled < alone.prefilled);
    }
}

fn sweep(place: &Path, out: &str, more: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_candor"));
    command.args(["sweep", "sweep.toml", "--quiet", "--out", out]).args(more).current_dir(place);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What making trials took.
#[derive(Clone, Copy)]
struct Took {
    seconds: f64,
    /// Prompt tokens that were computed.
    prefilled: u64,
}

impl Took {
    const NOTHING: Self = Self { seconds: 0.0, prefilled: 0 };
    const MOST: Self = Self { seconds: f64::INFINITY, prefilled: u64::MAX };

    fn read(run: &Path) -> Self {
        let text = std::fs::read_to_string(run.join("performance.json")).unwrap();
        let record: serde_json::Value = serde_json::from_str(&text).unwrap();
        let made = &record["tries"][0];
        Self {
            seconds: made["seconds"].as_f64().unwrap(),
            prefilled: made["tokens_prefilled"].as_u64().unwrap(),
        }
    }

    fn and(self, other: Self) -> Self {
        Self { seconds: self.seconds + other.seconds, prefilled: self.prefilled + other.prefilled }
    }

    fn better(self, other: Self) -> Self {
        if other.seconds < self.seconds { other } else { self }
    }
}
