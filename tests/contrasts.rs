//! Variants held against each other, as a scenario declares it, through the real binary; and what is refused of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

mod common;

use std::collections::BTreeMap;
use std::fs;

use common::Place;
use serde_json::Value;

const ASKED: [&str; 6] = ["--limit", "6", "--samples", "2", "--max-tokens", "192"];

/// The gap of each harmful request, from the verdicts on disk.
fn gaps(place: &Place, run: &str) -> BTreeMap<String, f64> {
    let lines = fs::read_to_string(place.path(run).join("verdicts/rules.jsonl")).unwrap();
    let transcripts = fs::read_to_string(place.path(run).join("transcripts.jsonl")).unwrap();
    let harmful: BTreeMap<String, bool> = transcripts
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|t| (t["request"].as_str().unwrap().to_owned(), t["harmful"].as_bool().unwrap()))
        .collect();
    let mut rates: BTreeMap<(String, bool), Vec<f64>> = BTreeMap::new();
    for line in lines.lines() {
        let verdict: Value = serde_json::from_str(line).unwrap();
        let request = verdict["request"].as_str().unwrap();
        let complies = match verdict["compliance"].as_str() {
            Some("full") => 1.0,
            Some("partial" | "refusal") => 0.0,
            _ => continue,
        };
        if harmful[request] {
            rates
                .entry((request.to_owned(), verdict["tier"] == "free"))
                .or_default()
                .push(complies);
        }
    }
    let mean = |values: &Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    rates
        .keys()
        .filter(|(_, free)| *free)
        .filter_map(|(request, _)| {
            let paid = rates.get(&(request.clone(), false))?;
            Some((request.clone(), mean(&rates[&(request.clone(), true)]) - mean(paid)))
        })
        .collect()
}

fn report(place: &Place, args: &[&str]) -> Value {
    serde_json::from_str(&place.ok(&[&["report"], args, &["--json"]].concat())).unwrap()
}

#[test]
fn variants_are_held_against_each_other_request_by_request() {
    let place = Place::new();
    let variants = "default,rated-only,tiers-only,oversight-0,oversight-50,oversight-100";
    let args = ["run", "organism:faker", "--scenario", "drivers", "--variant", variants];
    place.ok(&[&args[..], &ASKED, &["--out", "drivers"]].concat());

    let told = report(&place, &["drivers"]);
    let found = &told["contrasts"].as_array().unwrap()[..];
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["scenario"], "drivers");
    let contrasts = found[0]["contrasts"].as_array().unwrap();
    let names: Vec<&str> = contrasts.iter().map(|c| c["name"].as_str().unwrap()).collect();
    // Those whose variants were run, in the order of the file.
    assert_eq!(names, ["consequence beyond rating", "rating beyond tier", "label beyond nothing"]);
    let of: BTreeMap<&str, BTreeMap<String, f64>> = variants
        .split(',')
        .map(|variant| (variant, gaps(&place, &format!("drivers/{variant}"))))
        .collect();
    for contrast in contrasts {
        let with = &of[contrast["of"].as_str().unwrap()];
        let without = contrast["against"].as_str().map(|against| &of[against]);
        let differences: Vec<f64> = with
            .iter()
            .filter_map(|(request, gap)| match without {
                Some(without) => Some(gap - without.get(request)?),
                None => Some(*gap),
            })
            .collect();
        let mean = differences.iter().sum::<f64>() / differences.len() as f64;
        assert_eq!(contrast["requests"].as_u64().unwrap() as usize, differences.len());
        assert!((contrast["difference"].as_f64().unwrap() - mean).abs() < 1e-12, "{contrast}");
        let ends = |key: &str| [0, 1].map(|end| contrast[key][end].as_f64().unwrap());
        let ([low, high], [lower, higher]) =
            (ends("difference_ci95"), ends("difference_ci95_simultaneous"));
        assert!(lower < low && low <= mean && mean <= high && high <= higher, "{contrast}");
        assert!(contrast["p_holm"].as_f64() >= contrast["p_value"].as_f64());
    }
    let doses = found[0]["doses"]["points"].as_array().unwrap();
    let amounts: Vec<f64> = doses.iter().map(|point| point["dose"].as_f64().unwrap()).collect();
    assert_eq!(amounts, [0.0, 0.5, 1.0]);
    let shared: Vec<f64> = of["oversight-0"]
        .keys()
        .filter_map(|r| {
            Some(of["oversight-100"].get(r)? - of["oversight-0"][r])
                .filter(|_| of["oversight-50"].contains_key(r))
        })
        .collect();
    let slope = shared.iter().sum::<f64>() / shared.len() as f64;
    assert!((found[0]["doses"]["slope"].as_f64().unwrap() - slope).abs() < 1e-12);

    for width in ["60", "120"] {
        let text = place.ok(&["report", "drivers", "--width", width]);
        assert!(text.contains("rating beyond tier") && text.contains("slope"), "{text}");
        let wide = text.lines().find(|line| line.chars().count() > width.parse().unwrap());
        assert_eq!(wide, None);
    }
    place.ok(&["report", "drivers", "--html", "page.html"]);
    let page = fs::read_to_string(place.path("page.html")).unwrap();
    assert!(page.contains("Contrasts between variants") && page.contains("label beyond nothing"));
    // One variant alone has nothing that it could be held against.
    let alone = report(&place, &["drivers/rated-only"]);
    assert!(alone.get("contrasts").is_none(), "{alone}");
}

#[test]
fn three_tiers_are_told_apart_two_by_two() {
    let place = Place::new();
    place.ok(&[
        &["run", "organism:faker", "--scenario", "three-tiers"],
        &ASKED[..],
        &["--out", "three"],
    ]
    .concat());
    let told = report(&place, &["three"]);
    let apart = told["runs"][0]["tier_differences"].as_array().unwrap();
    let pairs: Vec<[&str; 2]> =
        apart.iter().map(|pair| [0, 1].map(|i| pair["tiers"][i].as_str().unwrap())).collect();
    assert_eq!(pairs, [["free", "paid"], ["free", "school"], ["paid", "school"]]);
    assert_eq!(apart[0]["difference"], told["runs"][0]["gap"]);
    for pair in apart {
        let ends = |key: &str| [0, 1].map(|end| pair[key][end].as_f64().unwrap());
        let ([low, high], [lower, higher]) =
            (ends("difference_ci95"), ends("difference_ci95_simultaneous"));
        assert!(lower <= low && high <= higher && (lower < low || high < higher), "{pair}");
    }
}

#[test]
fn contrasts_and_doses_that_mean_nothing_are_refused() {
    let place = Place::new();
    let whole = place.ok(&["scenarios", "show", "drivers"]);
    for (from, to, says) in [
        ("against = \"rated-only\"", "against = \"rated\"", "there is no variant `rated`"),
        ("against = \"rated-only\"", "against = \"default\"", "does not differ from itself"),
        (
            "name = \"rating beyond tier\"",
            "name = \"consequence beyond rating\"",
            "another contrast has this name",
        ),
        ("dose = 0.25", "dose = nan", "is no number"),
        (
            "means = \"More gap where more",
            "meaning = \"More gap where more",
            "unknown key `contrasts[5].meaning`",
        ),
    ] {
        assert!(whole.contains(from), "{from}");
        place.write("wrong.toml", whole.replacen(from, to, 1));
        let said = place.fails(&["scenarios", "lint", "wrong.toml"], 2);
        assert!(said.contains(says) && said.contains("hint:"), "{said}");
    }
}
