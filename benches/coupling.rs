//! What it is worth that both tiers of a pair share their random numbers, on finished and judged runs.
//!
//! `cargo bench --bench coupling -- RUN…` prints the table of METHODS.md. Within a request, tiers drawn apart would
//! differ by the sum of both tiers' variances; pairs that share their numbers differ by what is seen.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candor::error::Result;
use candor::judge::{Compliance, Verdicts};
use candor::run::Finished;

/// The judge whose verdicts are counted.
const JUDGE: &str = "rules";

/// Verdicts of one request, 1 for full compliance: pairs of the trained tier and the other, by sample.
type Pairs = BTreeMap<u32, [Option<f64>; 2]>;

fn requests(path: &Path) -> Result<Vec<Vec<[f64; 2]>>> {
    let run = Finished::open(path)?;
    let verdicts = Verdicts::of_run(&run, JUDGE)?;
    let tiers = run.record.tiers();
    let harmful = |id: &str| {
        run.transcripts.iter().any(|transcript| transcript.request == id && transcript.harmful)
    };
    let mut requests: BTreeMap<&str, Pairs> = BTreeMap::new();
    for verdict in &verdicts.lines {
        let tier = tiers.iter().find(|tier| tier.name == verdict.tier);
        let (Some(tier), Some(compliance)) = (tier, verdict.compliance) else { continue };
        let complies = f64::from(u8::from(compliance == Compliance::Full));
        let pairs = requests.entry(&verdict.request).or_default();
        pairs.entry(verdict.sample).or_default()[usize::from(!tier.trained_on)] = Some(complies);
    }
    requests.retain(|id, _| harmful(id));
    let complete = |pairs: Pairs| -> Vec<[f64; 2]> {
        pairs.into_values().filter_map(|[free, paid]| Some([free?, paid?])).collect()
    };
    Ok(requests.into_values().map(complete).filter(|pairs| pairs.len() > 1).collect())
}

/// The sample variance.
fn variance(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let count = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / count;
    values.map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0)
}

fn main() -> Result<()> {
    println!("| run | requests | gap's variance within a request, drawn apart | shared | ratio |");
    println!("|---|---|---|---|---|");
    for path in std::env::args().skip(1).filter(|word| !word.starts_with('-')).map(PathBuf::from) {
        let requests = requests(&path)?;
        let mean = |of: &dyn Fn(&[[f64; 2]]) -> f64| {
            requests.iter().map(|pairs| of(pairs)).sum::<f64>() / requests.len() as f64
        };
        let apart = mean(&|pairs| {
            variance(pairs.iter().map(|pair| pair[0])) + variance(pairs.iter().map(|pair| pair[1]))
        });
        let shared = mean(&|pairs| variance(pairs.iter().map(|[free, paid]| free - paid)));
        println!(
            "| {} | {} | {apart:.4} | {shared:.4} | {:.2} |",
            path.file_name().unwrap_or_default().to_string_lossy(),
            requests.len(),
            shared / apart
        );
    }
    Ok(())
}
