//! A sweep as a job array on a real Slurm of three virtual nodes. Skips, and says so, where Slurm is not installed.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may stop where it stands, and says why it skips"
)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use common::{Place, parts};

/// 3 organisms × 2 variants × 2 seeds, over 6 shards.
const FILE: &str = r#"
out = "out"
variants = ["default", "no-training"]
seeds = [0, 1]
[settings]
limit = 6
samples = 2
max_tokens = 192
batch = 2
[[models]]
name = "organism:faker"
[[models]]
name = "organism:refuser"
[[models]]
name = "organism:complier"
[slurm]
shards = 6
time = "10"
cpus_per_task = 1
"#;

struct Slurm {
    state: PathBuf,
}

impl Slurm {
    /// None, with a word on stderr, where it cannot be started.
    fn up(state: PathBuf) -> Option<Self> {
        let output = script("up.sh", &state);
        if output.status.code() == Some(77) {
            parts::skipped("slurm", String::from_utf8_lossy(&output.stderr).trim());
            return None;
        }
        let slurm = Self { state };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(slurm)
    }

    fn conf(&self) -> PathBuf {
        self.state.join("slurm.conf")
    }

    fn run(&self, program: &str, args: &[&str]) -> String {
        let output = Command::new(program).args(args).env("SLURM_CONF", self.conf()).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        script("down.sh", &self.state);
    }
}

fn script(name: &str, state: &Path) -> std::process::Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slurm").join(name);
    Command::new(script).env("SLURM_STATE", state).output().unwrap()
}

/// Asks until the answer is yes; a Slurm that hangs ends the test.
fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(240), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn an_array_one_task_of_which_is_requeued_gives_the_bytes_of_one_machine() {
    let place = Place::new();
    let Some(slurm) = Slurm::up(place.path("slurm-state")) else { return };
    place.write("sweep.toml", FILE);
    place.ok(&["sweep", "sweep.toml", "--out", "whole"]);
    let output = place
        .command(&["sweep", "sweep.toml", "--launcher", "slurm"])
        .env("SLURM_CONF", slurm.conf())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let ids = String::from_utf8(output.stdout).unwrap();
    let array = ids.split_whitespace().next().unwrap();

    // What Slurm does ahead of the time limit, once the first task is at work.
    let folder = place.path("out/shards/1-of-6");
    wait("the first task's journal", || {
        let mut lines = 0;
        for seed in [0, 1] {
            let journal = format!("faker/helpful-only/default/default/seed-{seed}/journal.jsonl");
            lines +=
                std::fs::read_to_string(folder.join(journal)).unwrap_or_default().lines().count();
        }
        lines > 0
    });
    slurm.run("scancel", &["--batch", "--signal=USR1", &format!("{array}_1")]);
    let status = place
        .command(&["sweep", "status", "sweep.toml"])
        .env("SLURM_CONF", slurm.conf())
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&status.stdout).contains("job "), "{status:?}");
    // A second submission while the first is at work.
    let again = place
        .command(&["sweep", "sweep.toml", "--launcher", "slurm"])
        .env("SLURM_CONF", slurm.conf())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&again.stderr);
    assert_eq!(again.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("is not done"), "{stderr}");

    wait("all jobs", || slurm.run("squeue", &["--noheader"]).trim().is_empty());
    let logs: String = std::fs::read_dir(place.path("out/slurm"))
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    assert!(logs.contains("interrupted: "), "{logs}");
    let compared = place.assert_merged("out", "whole");
    assert!(compared > 12 * 7, "{compared}");
}
