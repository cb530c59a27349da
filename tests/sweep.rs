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
fn performed<const N: usize>(place: &Place, run: &str, keys: [&str; N]) -> [u64; N] {
    let record: serde_json::Value =
        serde_json::from_str(&place.read(&format!("{run}/performance.json"))).unwrap();
    let last = record["tries"].as_array().unwrap().last().unwrap();
    keys.map(|key| last[key].as_u64().unwrap_or(1))
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
    let keys = ["runs_together", "tokens_prefilled"];
    let [together, prefilled] = performed(&place, &format!("out/{CELL}"), keys);
    assert_eq!((together, [2, prefilled]), (4, performed(&place, "both/no-training", keys)));
    // What the variants begin with alike is in both.
    let [together, alone] = performed(&place, "one", keys);
    assert!(together == 1 && alone < prefilled && prefilled < 2 * alone, "{alone} {prefilled}");
}

/// An organism whose layers are filled up with zeros, which changes no product, to this many megabytes.
#[cfg(target_os = "linux")]
fn wide(place: &Place, name: &str, megabytes: usize) {
    use candle_core::{DType, Device, Tensor};

    let organism = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/organisms/faker");
    for file in ["tokenizer.json", "tokenizer_config.json", "generation_config.json"] {
        place.write(&format!("{name}/{file}"), std::fs::read(organism.join(file)).unwrap());
    }
    let config = std::fs::read(organism.join("config.json")).unwrap();
    let mut config: serde_json::Value = serde_json::from_slice(&config).unwrap();
    let number = |key: &str| config[key].as_u64().unwrap() as usize;
    let layers = number("num_hidden_layers");
    let (hidden, narrow) = (number("hidden_size"), number("intermediate_size"));
    let width = megabytes * 1_000_000 / (layers * 3 * hidden * size_of::<f32>());
    config["intermediate_size"] = width.into();
    place.write(&format!("{name}/config.json"), config.to_string());
    let read = candle_core::safetensors::load(organism.join("model.safetensors"), &Device::Cpu);
    let filled = read.unwrap().into_iter().map(|(part, tensor)| {
        let tensor = tensor.to_dtype(DType::F32).unwrap();
        let filled = match part.rsplit('.').nth(1) {
            Some("gate_proj" | "up_proj") => tensor.pad_with_zeros(0, 0, width - narrow),
            Some("down_proj") => tensor.pad_with_zeros(1, 0, width - narrow),
            _ => Ok(tensor),
        };
        (part, filled.unwrap())
    });
    let tensors: std::collections::HashMap<String, Tensor> = filled.collect();
    let file = place.path(&format!("{name}/model.safetensors"));
    candle_core::safetensors::save(&tensors, file).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn the_largest_model_is_the_peak_of_memory() {
    const MEGABYTES: usize = 100;
    let place = Place::new();
    let models = |names: &[&str]| {
        let mut file = "seeds = [0, 1]\n[settings]\nlimit = 1\nmax_tokens = 2\n".to_owned();
        names.iter().for_each(|name| file += &format!("[[models]]\nname = \"./{name}\"\n"));
        file
    };
    let names = ["one", "another", "third"];
    names.iter().for_each(|name| wide(&place, name, MEGABYTES));
    place.write("one.toml", models(&names[..1]));
    place.write("all.toml", models(&names));
    let peak = |sweep: &str, model: &str| {
        place.ok(&["sweep", &format!("{sweep}.toml"), "--out", sweep]);
        let [bytes] = performed(
            &place,
            &format!("{sweep}/{model}/helpful-only/default/default/seed-1"),
            ["memory_peak_bytes"],
        );
        bytes as usize
    };
    let (one, all) = (peak("one", names[0]), peak("all", names[2]));
    let half = MEGABYTES * 500_000;
    assert!(one > 2 * half && all < one + half, "{one} bytes for one, {all} for three");
    // Zeros change nothing.
    place.write("faker.toml", models(&["one"]).replace("./one", "organism:faker"));
    place.ok(&["sweep", "faker.toml", "--out", "narrow"]);
    let cell = "helpful-only/default/default/seed-1/transcripts.jsonl";
    let ids = |run: &str| {
        let text = place.read(&format!("{run}/{cell}"));
        let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        line["token_ids"].clone()
    };
    assert_eq!(ids("narrow/faker"), ids("all/third"));
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
fn processes_on_devices_do_not_outlive_the_one_that_started_them() {
    let place = Place::new();
    let file = "devices = [\"cpu\", \"cpu\"]\nseeds = [0, 1]\n[settings]\nsamples = 4\nmax_tokens = 256\n\
        [[models]]\nname = \"organism:faker\"\n";
    place.write("sweep.toml", file);
    let args = ["sweep", "sweep.toml", "--out", "out"];
    let mut parent =
        place.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let cells = [0, 1].map(|seed| format!("out/faker/helpful-only/default/default/seed-{seed}"));
    for cell in &cells {
        place.wait_for_lines(&format!("{cell}/journal.jsonl"), 1, &mut parent);
    }
    parent.kill().unwrap();
    parent.wait().unwrap();
    for cell in cells.map(|cell| place.path(&cell)) {
        // Waits until the process that works there has ended.
        std::fs::File::open(cell.join(".lock")).unwrap().lock().unwrap();
        assert!(!cell.join("seal.json").exists(), "{}", cell.display());
    }
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
    let journal = "out/refuser/helpful-only/default/default/seed-0/journal.jsonl";
    place.wait_for_lines(journal, 1, &mut child);
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
