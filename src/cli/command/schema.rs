//! `candor schema`: JSON Schemas of what candor prints and writes, for those who read it with programs.

use crate::cli::args::SchemaArgs;
use crate::cli::screen::talk::print;
use crate::error::{Error, Result};

/// By name: what the schema is of, and its text. Made by `schemas/make.py`.
const SCHEMAS: [(&str, &str, &str); 13] = [
    ("report", "candor report --json", include_str!("../schemas/report.json")),
    ("summary", "summary.json", include_str!("../schemas/summary.json")),
    ("manifest", "manifest.json", include_str!("../schemas/manifest.json")),
    ("transcript", "a line of transcripts.jsonl", include_str!("../schemas/transcript.json")),
    ("verdict", "a line of verdicts/JUDGE.jsonl", include_str!("../schemas/verdict.json")),
    ("judge-card", "verdicts/JUDGE.json", include_str!("../schemas/judge-card.json")),
    ("seal", "seal.json", include_str!("../schemas/seal.json")),
    ("performance", "performance.json", include_str!("../schemas/performance.json")),
    ("ls", "candor ls --json", include_str!("../schemas/ls.json")),
    ("diff", "candor diff --json", include_str!("../schemas/diff.json")),
    ("show", "an entry of candor show --trial ID --json", include_str!("../schemas/show.json")),
    ("verify", "candor verify --json", include_str!("../schemas/verify.json")),
    ("plan", "candor plan --json", include_str!("../schemas/plan.json")),
];

pub(in crate::cli) fn schema(args: &SchemaArgs) -> Result<()> {
    let Some(name) = &args.name else {
        let list = SCHEMAS.iter().map(|(name, what, _)| format!("{name:12} {what}\n"));
        return print(&list.collect::<String>());
    };
    match SCHEMAS.iter().find(|(known, ..)| known == name) {
        Some((_, _, text)) => print(text),
        None => {
            let known: Vec<&str> = SCHEMAS.iter().map(|(known, ..)| *known).collect();
            Err(Error::input(format!("there is no schema `{name}`"))
                .hint(format!("known are {}", known.join(", "))))
        }
    }
}
