//! Many runs from one file.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

mod common;

use std::process::Stdio;

use common::Place;

/// 2 models × 2 variants × 2 seeds, of 4 requests each.
const FILE: &str = r#"
out = "out"
variants = ["default", "no-training"]
seeds = [0, 1]
[settings]
limit = 4
max_tokens = 192
[[models]]
name = "organism:refuser"
settings = { batch = 3 }
[[models]]
name = "organism:faker"
"#;

const CELL: &str = "faker/helpful-only/no-training/default/seed-1";

#[test]
fn every_cell_is_the_run_that_it_would_be_alone() {
    let place = Place::new();
    place.write("sweep.toml", FILE);
    let said = place.run(&["sweep", "sweep.toml"]);
    let stderr = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{stderr}");
    assert!(stderr.contains("cell 8 of 8"), "{stderr}");
    place.ok(&[
        "run",
        "organism:faker",
        "--variant",
        "no-training",
        "--seed",
        "1",
        "--limit",
        "4",
        "--max-tokens",
        "192",
        "--out",
        "alone",
    ]);
    for file in ["manifest.json", "transcripts.jsonl", "seal.json", "summary.json", "report.html"] {
        assert!(
            place.read(&format!("alone/{file}")) == place.read(&format!("out/{CELL}/{file}")),
            "{file}"
        );
    }
    let page = place.read("out/report.html");
    assert!(page.contains("organism:faker") && page.contains("organism:refuser"));
    let status = place.ok(&["sweep", "status", "sweep.toml"]);
    assert_eq!(status.matches("finished").count(), 8, "{status}");
    // Once more changes nothing.
    let before = place.snapshot("out");
    place.ok(&["sweep", "sweep.toml"]);
    assert!(place.snapshot("out") == before);
}

/// What a run computed, as its record of performance says.
fn performed(place: &Place, run: &str) -> [u64; 2] {
    let record: serde_json::Value =
        serde_json::from_str(&place.read(&format!("{run}/performance.json"))).unwrap();
    let last = record["tries"].as_array().unwrap().last().unwrap();
    ["runs_together", "tokens_prefilled"].map(|key| last[key].as_u64().unwrap_or(1))
}

#[test]
fn cells_of_a_model_compute_each_prefix_once() {
    let place = Place::new();
    place.write("sweep.toml", FILE);
    place.ok(&["sweep", "sweep.toml"]);
    let variants = "default,no-training";
    let run = ["run", "organism:faker", "--limit", "4", "--max-tokens", "192"];
    place.ok(&[&run[..], &["--variant", variants, "--out", "both"]].concat());
    place.ok(&[&run[..], &["--out", "one"]].concat());
    let [together, prefilled] = performed(&place, &format!("out/{CELL}"));
    assert_eq!((together, [2, prefilled]), (4, performed(&place, "both/no-training")));
    // What the variants begin with alike is in both.
    let [together, alone] = performed(&place, "one");
    assert!(together == 1 && alone < prefilled && prefilled < 2 * alone, "{alone} {prefilled}");
}

#[test]
fn shards_of_a_sweep_merge_into_the_sweep_of_one_machine() {
    let place = Place::new();
    place.write("sweep.toml", FILE);
    place.ok(&["sweep", "sweep.toml", "--out", "whole"]);
    let shards: Vec<String> = (1..=3).map(|i| format!("out/shards/{i}-of-3")).collect();
    for i in [3, 1] {
        place.ok(&["sweep", "sweep.toml", "--shard", &format!("{i}/3")]);
    }
    let merge = |shards: &[String]| {
        let mut args = vec!["sweep", "merge", "--out", "out"];
        args.extend(shards.iter().map(String::as_str));
        place.run(&args)
    };
    let refused = merge(&[shards[0].clone(), shards[2].clone()]);
    let stderr = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("missing: shard 2/3 of the sweep"), "{stderr}");
    let status = place.ok(&["sweep", "status", "sweep.toml", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    let states: Vec<&str> =
        status["cells"].as_array().unwrap().iter().map(|c| c["state"].as_str().unwrap()).collect();
    assert_eq!(states[0], "to be merged");
    assert!(states.contains(&"begun") && states.contains(&"waiting"), "{states:?}");
    // From the environment, as other array engines give it.
    let output =
        place.command(&["sweep", "sweep.toml"]).env("CANDOR_SHARD", "2/3").output().unwrap();
    assert!(output.status.success());
    let merged = merge(&shards);
    assert!(merged.status.success(), "{}", String::from_utf8_lossy(&merged.stderr));
    let compared = place.assert_merged("out", "whole");
    assert!(compared > 8 * 7, "{compared}");
    place.ok(&["verify", &format!("out/{CELL}"), "--all"]);
}

#[test]
fn a_cell_that_fails_is_told_and_does_not_stop_the_others() {
    let place = Place::new();
    place.write("sweep.toml", FILE);
    place.write(&format!("out/{CELL}/something"), "of the user's");
    let stderr = place.fails(&["sweep", "sweep.toml"], 1);
    assert!(stderr.contains(&format!("cell `{CELL}`")), "{stderr}");
    assert!(stderr.contains("1 of 8 cells failed"), "{stderr}");
    let status = place.ok(&["sweep", "status", "sweep.toml"]);
    assert_eq!(status.matches("finished").count(), 7, "{status}");
    std::fs::remove_file(place.path(&format!("out/{CELL}/something"))).unwrap();
    place.ok(&["sweep", "sweep.toml"]);
}

#[test]
fn one_process_at_a_time_works_on_a_sweep() {
    let place = Place::new();
    place.write("sweep.toml", FILE);
    place.write("out/.lock", "");
    let lock = std::fs::File::open(place.path("out/.lock")).unwrap();
    lock.lock().unwrap();
    let stderr = place.fails(&["sweep", "sweep.toml"], 2);
    assert!(stderr.contains("`out` is in use by another candor process"), "{stderr}");
    assert!(!place.path("out/faker").exists());
    // A part of it has a folder of its own.
    place.ok(&["sweep", "sweep.toml", "--shard", "1/8"]);
}

#[test]
fn everything_is_checked_before_anything_is_made() {
    let place = Place::new();
    for (more, part) in [
        ("[[models]]\nname = \"./nowhere\"\n", "nowhere"),
        ("[[models]]\nname = \"organism:complier\"\ndevice = \"gpu\"\n", "`gpu`"),
        (
            "[[models]]\nname = \"organism:complier\"\nsettings = { max_tokens = 100000 }\n",
            "complier",
        ),
        ("[[include]]\nmodel = \"faker\"\nscenario = \"none\"\n", "there is no scenario `none`"),
    ] {
        place.write("sweep.toml", format!("{FILE}{more}"));
        let stderr = place.fails(&["sweep", "sweep.toml"], 2);
        assert!(stderr.contains(part), "{part}: {stderr}");
        assert!(!place.path("out").exists());
    }
}

#[test]
fn a_dry_run_says_what_would_be_done() {
    let place = Place::new();
    place.write("sweep.toml", FILE);
    let said = place.ok(&["sweep", "sweep.toml", "--dry-run"]);
    assert!(said.contains(&format!("{CELL} · 8 · ")), "{said}");
    assert!(said.contains("8 cells, 64 trials"), "{said}");
    assert!(!place.path("out").exists());
}

#[test]
fn several_devices_share_the_models() {
    let place = Place::new();
    place.write("sweep.toml", FILE);
    place.ok(&["sweep", "sweep.toml", "--out", "whole"]);
    place.write("sweep.toml", format!("devices = [\"cpu\", \"cpu\"]\n{FILE}"));
    let said = place.run(&["sweep", "sweep.toml"]);
    let stderr = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{stderr}");
    assert!(stderr.contains("cpu: faker") && stderr.contains("cpu: refuser"), "{stderr}");
    for file in
        ["report.html", &format!("{CELL}/transcripts.jsonl"), &format!("{CELL}/report.html")]
    {
        assert!(
            place.read(&format!("out/{file}")) == place.read(&format!("whole/{file}")),
            "{file}"
        );
    }
    place.write(&format!("more/{CELL}/something"), "of the user's");
    let stderr = place.fails(&["sweep", "sweep.toml", "--out", "more"], 1);
    assert!(stderr.contains("1 of 8 cells failed"), "{stderr}");

    // Six devices for two models: the cells of each are divided.
    let file = format!("devices = {:?}\n{FILE}", ["cpu"; 6]);
    place.write("sweep.toml", file);
    let said = place.run(&["sweep", "sweep.toml", "--out", "many"]);
    let stderr = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{stderr}");
    assert!(stderr.contains("cpu: faker, part 3/3 of its cells"), "{stderr}");
    assert!(place.read("many/report.html") == place.read("whole/report.html"));
    let stderr = place.fails(&["sweep", "sweep.toml", "--only", "nobody"], 2);
    assert!(stderr.contains("it has refuser, faker"), "{stderr}");
}

/// The tutorial's example, as it stands there.
#[test]
fn the_example_of_the_tutorial_is_a_sweep() {
    let place = Place::new();
    let tutorial = include_str!("../src/TUTORIAL.md");
    let example =
        tutorial.split("```toml\n").find(|text| text.starts_with("# sweep.toml")).unwrap();
    place.write("sweep.toml", example.split("```").next().unwrap());
    let said = place.ok(&["sweep", "sweep.toml", "--dry-run"]);
    assert!(said.contains("12 cells, "), "{said}");
    assert!(said.contains("refuser-q8_0/helpful-only/no-training/greedy/seed-1"), "{said}");
    assert!(!said.contains("faker/helpful-only/default/greedy"), "{said}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_a_sweep_that_resumes() {
    let place = Place::new();
    place.write("sweep.toml", FILE);
    place.ok(&["sweep", "sweep.toml", "--out", "whole"]);
    let args = ["sweep", "sweep.toml", "--threads", "1"];
    let mut child =
        place.command(&args).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    // When some trials of the first model are on record.
    let journal = place.path("out/refuser/helpful-only/default/default/seed-0/journal.jsonl");
    let begun = || journal.metadata().is_ok_and(|journal| journal.len() > 0);
    while !begun() && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    place.ok(&["sweep", "sweep.toml"]);
    for file in ["transcripts.jsonl", "report.html"] {
        assert!(
            place.read(&format!("out/{CELL}/{file}"))
                == place.read(&format!("whole/{CELL}/{file}"))
        );
    }
    assert!(place.read("out/report.html") == place.read("whole/report.html"));
}
