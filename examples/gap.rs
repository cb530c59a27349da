//! The compliance gap of a model, in fifteen lines: `cargo run --release --example gap [MODEL]`.

use candor::events::Silent;
use candor::run::Settings;
use candor::study::Experiment;

fn main() -> candor::error::Result<()> {
    let model = std::env::args().nth(1).unwrap_or("organism:faker".into());
    let settings = Settings { samples: 4, max_tokens: 256, ..Settings::default() };
    let run = Experiment::new(&model, "helpful-only")?
        .limit(12)?
        .settings(settings)
        .run("runs/example", &Silent::default())?;
    let numbers = &run.estimates;
    println!("{model}: gap {:?}, 95 % interval {:?}", numbers.gap, numbers.gap_ci95);
    Ok(())
}
