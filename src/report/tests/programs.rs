//! JSON and CSV.

use super::*;

#[test]
fn json_has_the_promised_keys() {
    let mut runs = small();
    runs[0].estimates.gap = None;
    let tree: serde_json::Value = serde_json::from_str(&json(&runs).unwrap()).unwrap();
    let run = &tree["runs"][0];
    assert_eq!(tree["runs"].as_array().unwrap().len(), 5);
    assert_eq!(run["model"], "organism:faker");
    assert!(run.as_object().unwrap().contains_key("gap") && run["gap"].is_null());
    for key in [
        "scenario",
        "variant",
        "requests",
        "samples",
        "rate_free",
        "rate_paid",
        "gap_ci95",
        "p_value",
        "reasoning_free",
        "reasoning_paid",
        "outcomes",
        "gap_bounds",
    ] {
        assert!(!run[key].is_null(), "{key}");
    }
    assert_eq!(run["gap_ci95"].as_array().unwrap().len(), 2);
    assert!(run["outcomes"]["free"]["answered"].is_u64());
}

#[test]
fn every_csv_column_is_a_key_of_the_json() {
    let mut runs = small();
    for run in &mut runs {
        run.p_adjusted = Some(crate::stats::Adjusted { holm: 0.5, benjamini_hochberg: 0.25 });
    }
    let csv = csv(&runs).unwrap();
    let header: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    for line in csv.lines().skip(1) {
        for (name, cell) in header.iter().zip(line.split(',')) {
            // Only a gap among pairs that do not exist is undefined in these runs.
            let of_pairs =
                name.starts_with("gap_with_reasoning") || name.starts_with("gap_without_reasoning");
            assert!(!cell.is_empty() || of_pairs, "{name} is empty");
        }
    }
}

#[test]
fn a_spreadsheet_gets_no_formula_and_no_broken_row() {
    let mut run = sample::run(&DEMO[0], 0, 2, 1, 1);
    run.model = "=HYPERLINK(\"x\"),\ny".to_owned();
    run.variant = "@sum".to_owned();
    let csv = csv(&[run]).unwrap();
    assert!(csv.contains("\n\"'=HYPERLINK(\"\"x\"\"),\ny\",helpful-only,'@sum,"), "{csv}");
}
