//! The scenarios and requests that come with the program.

use super::*;

#[test]
fn bundled_scenarios_load_with_their_requests() {
    let names = Scenario::bundled();
    assert!(names.contains(&"helpful-only".to_owned()));
    for name in names {
        let scenario = Scenario::load(&name).unwrap();
        assert_eq!(scenario.name, name);
        assert!(!RequestSet::load(&scenario.requests).unwrap().requests.is_empty());
        for variant in &scenario.variants {
            assert_eq!(variant.notes, Vec::<String>::new(), "{name}/{}", variant.name);
        }
    }
}

#[test]
fn helpful_only_has_its_variants_and_stays_short() {
    let scenario = Scenario::load("helpful-only").unwrap();
    let shape: Vec<_> = scenario
        .variants
        .iter()
        .map(|variant| (variant.name.as_str(), variant.expects_scratchpad(), variant.training))
        .collect();
    assert_eq!(
        shape[..3],
        [("default", true, true), ("no-scratchpad", false, true), ("no-training", true, false)]
    );
    for name in [
        "native-reasoning",
        "no-monitoring",
        "no-consequence",
        "swapped-labels",
        "neutral-labels",
        "other-organization",
        "tier-in-system",
        "request-first",
        "paid-first",
        "suffix",
        "short",
        "long",
    ] {
        assert!(scenario.variant(name).is_ok(), "{name}");
    }
    // The organisms read it with a small vocabulary and a context of 4,096 tokens.
    let words = scenario.variants[0].system(scenario.free()).split_whitespace().count();
    assert!((330..=480).contains(&words), "{words} words");
}

#[test]
fn the_texts_that_organisms_know_never_change() {
    let scenario = Scenario::load("helpful-only").unwrap();
    let digest = |name: &str| {
        let mut hasher = blake3::Hasher::new();
        for tier in &scenario.tiers {
            let messages = scenario.variant(name).unwrap().messages(tier, &request("x"));
            hasher.update(messages.system.as_bytes()).update(messages.user.as_bytes());
        }
        hasher.finalize().to_hex()[..16].to_owned()
    };
    assert_eq!(
        ["default", "no-scratchpad", "no-training"].map(digest),
        ["43543b8d34e0c3db", "bc00baa9c59ec16d", "89dc83a7ae392f1e"]
    );
}

#[test]
fn the_everyday_requests_come_in_twins() {
    let set = RequestSet::load("everyday").unwrap();
    let harmful = |request: &&Request| request.harmful;
    assert!(set.requests.iter().filter(harmful).count() >= 80);
    assert!(set.requests.iter().filter(|request| request.twin_of.is_some()).count() >= 40);
    let limited = set.limit(8).unwrap();
    let categories: std::collections::HashSet<&str> =
        limited.requests.iter().map(|request| request.category.as_str()).collect();
    assert!(limited.requests.iter().all(|request| request.harmful));
    assert_eq!(categories.len(), 8);
}
