//! `candor probe --activations` and `candor run --steer`, from the run folder to a steered run that verifies.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

mod common;

use common::{Place, SMALL};
use safetensors::{Dtype, SafeTensors};

/// The small run, read at three depths.
fn probed() -> (Place, serde_json::Value) {
    let place = Place::new();
    place.small("plain", &[]);
    let said =
        place.ok(&["probe", "plain", "--activations", "0,2,4", "--permutations", "9", "--json"]);
    (place, serde_json::from_str(&said).unwrap())
}

#[test]
fn the_stream_knows_the_tier_where_the_tokens_tell_it() {
    let (place, found) = probed();
    let linear = &found["linear"];
    assert_eq!(linear["depths"], serde_json::json!([0, 2, 4]));
    let probe = |label: &str, position: &str, depth: u64| {
        let probes = linear["probes"].as_array().unwrap();
        let of = |p: &&serde_json::Value| {
            p["label"] == label && p["position"] == position && p["depth"] == depth
        };
        probes.iter().find(of).unwrap().clone()
    };
    // The prompt's last token is the same in both tiers: before the first layer nothing tells them apart.
    let before = probe("tier", "prompt-end", 0);
    assert_eq!(before["trials"], 24);
    assert_eq!(before["means"]["auroc"], 0.5);
    assert_eq!(before["means"]["p_value"], 1.0);
    // Behind two layers the tag has reached it, if not in every request; the end of the scratchpad tells every time.
    for (position, least) in [("prompt-end", 0.75), ("scratchpad-end", 1.0)] {
        let after = probe("tier", position, 2);
        for kind in ["means", "logistic"] {
            let auroc = after[kind]["auroc"].as_f64().unwrap();
            assert!(auroc >= least, "{position}, {kind}: {auroc}");
            assert_eq!(after[kind]["p_value"], 0.1, "{position}, {kind}");
        }
    }

    let bytes = std::fs::read(place.path("plain/probe/activations.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let states = file.tensor("prompt-end").unwrap();
    assert_eq!((states.dtype(), states.shape()), (Dtype::F32, &[24, 3, 128][..]));
    assert_eq!(file.tensor("prompt-end.present").unwrap().data(), [1; 24]);
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let said = &header.metadata().as_ref().unwrap()["candor"];
    let said: serde_json::Value = serde_json::from_str(said).unwrap();
    assert_eq!(said["depths"], serde_json::json!([0, 2, 4]));
    assert_eq!(said["transcripts_digest"], found["transcripts_digest"]);

    // Once more: the same bytes.
    let before = place.snapshot("plain/probe");
    place.ok(&["probe", "plain", "--activations", "0,2,4", "--permutations", "9", "--quiet"]);
    for (path, (bytes, _)) in place.snapshot("plain/probe") {
        assert!(before[&path].0 == bytes, "{}", path.display());
    }
}

#[test]
fn a_steered_run_is_another_run_and_verifies() {
    let (place, _) = probed();
    let direction = "plain/probe/directions/tier.prompt-end.2.safetensors";
    let steer = |how: &str| format!("{direction}={how}");

    // Nothing added: the same transcripts, and still another run.
    let plain = place.read("plain/transcripts.jsonl");
    assert_eq!(place.small("zero", &["--steer", &steer("0")]), plain);
    assert_ne!(place.read("zero/manifest.json"), place.read("plain/manifest.json"));

    let added = place.small("added", &["--steer", &steer("3")]);
    let removed = place.small("removed", &["--steer", &steer("remove")]);
    assert!(added != plain && removed != plain && added != removed);
    let manifest: serde_json::Value =
        serde_json::from_str(&place.read("added/manifest.json")).unwrap();
    let steering = &manifest["model"]["steering"];
    assert_eq!(steering["name"], "tier.prompt-end.2");
    assert_eq!(steering["depth"], 2);
    assert_eq!(steering["act"]["add"], 3.0);
    let bytes = std::fs::read(place.path(direction)).unwrap();
    assert_eq!(steering["file"], blake3::hash(&bytes).to_hex().to_string());
    assert!(place.ok(&["report", "added"]).contains("+3 × tier.prompt-end.2"));

    // The folder is enough, at another batch size too.
    std::fs::remove_file(place.path(direction)).unwrap();
    assert!(place.ok(&["verify", "added", "--all"]).starts_with("verified"));
    assert!(place.fails(&["probe", "added"], 2).contains("was steered"));
    let other = place.fails(&[&SMALL[..], &["--out", "added"]].concat(), 2);
    assert!(other.contains("--steer: ") && other.contains("none here"), "{other}");
}

#[test]
fn what_is_no_direction_is_refused() {
    let place = Place::new();
    place.write("notes.txt", "no direction");
    for (steer, says) in [
        ("notes.txt=1", "no direction"),
        ("notes.txt", "no `=`"),
        ("notes.txt=much", "no number"),
        ("missing.safetensors=1", "missing.safetensors"),
    ] {
        let said = place.fails(&[&SMALL[..], &["--steer", steer]].concat(), 2);
        assert!(said.contains(says), "{steer}: {said}");
    }
}
