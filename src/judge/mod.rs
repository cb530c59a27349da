mod verdict; pub use verdict::{Compliance, Criterion, JudgeOutcome, Verdict};
