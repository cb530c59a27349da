//! What survives when a process dies in the middle of a write, when a disk fails, when a clock jumps: nothing is
//! lost, nothing is doubled, and the bytes are those of a run that nothing happened to.
//!
//! What happens is the doing of `crash/shim.c`. Skips, and says so, where there is no C compiler.

#![cfg(all(target_os = "linux", target_env = "gnu"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may stop where it stands, and says why it skips"
)]

mod common;

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{Place, parts};

const SIGKILL: i32 = 9;

/// Eight trials, two at a time.
const RUN: [&str; 14] = [
    "run",
    "organism:faker",
    "--limit",
    "2",
    "--samples",
    "2",
    "--max-tokens",
    "8",
    "--batch",
    "2",
    "--threads",
    "1",
    "--quiet",
    "--out",
];
const TRIALS: usize = 8;

/// The same number in two cells, which are made together.
const SWEEP: &str = "seeds = [0, 1]\n[settings]\nlimit = 1\nsamples = 2\nmax_tokens = 8\nbatch = 2\n\
    [[models]]\nname = \"organism:faker\"\n";

/// A command that works on a folder, where it begins, and what it is to end in.
struct Job {
    place: Place,
    shim: PathBuf,
    arguments: Vec<String>,
    /// Folder that the work begins from, if it does not begin from nothing.
    start: Option<&'static str>,
    expected: BTreeMap<PathBuf, Vec<u8>>,
}

impl Job {
    /// The folder is the last argument, and its name is added. None where there is no C compiler.
    fn new(
        prepare: impl Fn(&Place),
        start: Option<&'static str>,
        arguments: &[&str],
    ) -> Option<Self> {
        let place = Place::in_memory();
        let shim = place.path("shim.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crash/shim.c");
        let mut compiler = Command::new("cc");
        let built =
            compiler.args(["-O1", "-shared", "-fPIC", "-o"]).arg(&shim).arg(source).output();
        match built {
            Err(error) => {
                parts::skipped("cc", format_args!("`cc` cannot be started: {error}"));
                return None;
            }
            Ok(output) => {
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            }
        }
        prepare(&place);
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let mut job = Self { place, shim, arguments, start, expected: BTreeMap::new() };
        job.begin("expected");
        let output = job.work("expected", &[]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        job.expected = job.files("expected");
        Some(job)
    }

    fn run() -> Option<Self> {
        Self::new(|_| (), None, &RUN)
    }

    fn judge() -> Option<Self> {
        let whole = |place: &Place| drop(place.ok(&[&RUN[..], &["whole"]].concat()));
        let judge = ["judge", "--judge", "organism:judge", "--threads", "1", "--quiet"];
        Self::new(whole, Some("whole"), &judge)
    }

    fn merge() -> Option<Self> {
        let shards = |place: &Place| {
            for i in ["1", "2", "3"] {
                place.ok(&[&RUN[..], &[i, "--shard", &format!("{i}/3")]].concat());
            }
        };
        Self::new(shards, None, &["sweep", "merge", "3", "1", "2", "--quiet", "--out"])
    }

    fn sweep() -> Option<Self> {
        let file = |place: &Place| place.write("sweep.toml", SWEEP);
        Self::new(file, None, &["sweep", "sweep.toml", "--threads", "1", "--quiet", "--out"])
    }

    /// Commands that write beside a finished run, or elsewhere.
    fn beside(arguments: &[&str], start: Option<&'static str>) -> Option<Self> {
        let whole = |place: &Place| {
            place.ok(&[
                "run",
                "organism:faker",
                "--limit",
                "2",
                "--samples",
                "2",
                "--max-tokens",
                "256",
                "--quiet",
                "--out",
                "whole",
            ]);
            let text = place.read("whole/transcripts.jsonl");
            let mut labels = "request,tier,sample,compliance\n".to_owned();
            for line in text.lines() {
                let trial: serde_json::Value = serde_json::from_str(line).unwrap();
                if trial["outcome"] == "answered" {
                    let [request, tier] =
                        ["request", "tier"].map(|key| trial[key].as_str().unwrap());
                    labels += &format!("{request},{tier},{},full\n", trial["sample"]);
                }
            }
            place.write("labels.csv", labels);
        };
        Self::new(whole, start, arguments)
    }

    fn label() -> Option<Self> {
        Self::beside(&["label", "--import", "labels.csv", "--quiet"], Some("whole"))
    }

    fn probe() -> Option<Self> {
        Self::beside(&["probe", "--pairs", "2", "--threads", "1", "--quiet"], Some("whole"))
    }

    /// Pictures in a folder that is no run folder and has no lock.
    fn figures() -> Option<Self> {
        Self::beside(&["report", "whole", "--quiet", "--figures"], None)
    }

    /// Makes the folder in which the work begins.
    fn begin(&self, folder: &str) {
        let Some(start) = self.start else { return };
        for (path, (bytes, _)) in self.place.snapshot(start) {
            let name = path.strip_prefix(self.place.path(start)).unwrap();
            self.place.write(&format!("{folder}/{}", name.display()), bytes);
        }
    }

    /// Does the work, with these words to the shim.
    fn work(&self, folder: &str, shim: &[(&str, &str)]) -> Output {
        let mut arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        arguments.push(folder);
        let mut command = self.place.command(&arguments);
        if !shim.is_empty() {
            command.env("LD_PRELOAD", &self.shim).envs(shim.iter().copied());
        }
        command.output().unwrap()
    }

    /// How many calls change files when nothing happens.
    fn calls(&self) -> u64 {
        self.begin("counted");
        let count = self.place.path("count");
        assert!(self.work("counted", &[("SHIM_COUNT", count.to_str().unwrap())]).status.success());
        let calls: u64 = self.place.read("count").parse().unwrap();
        assert!(calls > 8, "the shim sees {calls} calls");
        calls
    }

    /// What must be the same whatever happened, by name.
    fn files(&self, folder: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let root = self.place.path(folder);
        let files = self.place.snapshot(folder).into_iter();
        files
            .map(|(path, (bytes, _))| (path.strip_prefix(&root).unwrap().to_owned(), bytes))
            .filter(|(name, _)| {
                let may_differ = ["performance.json", "journal.jsonl", "journal.cut"];
                !may_differ.iter().any(|file| name.ends_with(file))
            })
            .collect()
    }

    /// The run folders that the work makes.
    fn runs(&self) -> impl Iterator<Item = &Path> {
        let manifests = self.expected.keys().filter(|name| name.ends_with("manifest.json"));
        manifests.filter_map(|name| name.parent())
    }

    /// Nothing is lost, nothing doubled, nothing left over, and the bytes are the same.
    fn check(&self, folder: &str, story: &str) {
        let files = self.files(folder);
        let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&files), names(&self.expected), "{story}");
        for (name, bytes) in &self.expected {
            assert!(files[name] == *bytes, "{}: {story}", name.display());
        }
        let mut trials = 0;
        for journal in self.runs().map(|run| run.join("journal.jsonl")) {
            let journal = self.place.read(Path::new(folder).join(journal).to_str().unwrap());
            let mut lines: Vec<&str> = journal.lines().collect();
            trials += lines.len();
            lines.sort_unstable();
            lines.dedup();
            assert_eq!(lines.len(), journal.lines().count(), "{story}");
        }
        if self.runs().next().is_some() {
            assert_eq!(trials, TRIALS, "{story}");
        }
        std::fs::remove_dir_all(self.place.path(folder)).unwrap();
    }

    /// Kills the work at random moments until as many have died, each time going on until it is done.
    fn die(&self, deaths: usize, mut seed: u64) {
        let deaths =
            if std::env::var_os("CANDOR_TEST_LONG").is_some() { deaths.max(200) } else { deaths };
        let calls = self.calls();
        let (mut died, mut round) = (0, 0);
        while died < deaths {
            let folder = format!("dying-{round}");
            let mut story = format!("{folder}, killed at call");
            self.begin(&folder);
            loop {
                // A generator of Knuth's; its upper bits are good enough for this.
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                // Now and then beyond the last call: work that begins anew each time would never end.
                let at = (1 + (seed >> 33) % (calls + calls / 4)).to_string();
                let output = self.work(&folder, &[("SHIM_AT", &at), ("SHIM_HOW", "kill")]);
                if output.status.signal() != Some(SIGKILL) {
                    let stderr = String::from_utf8_lossy(&output.stderr);
                    assert!(output.status.success(), "{story}: {stderr}");
                    break;
                }
                died += 1;
                story += &format!(" {at}");
            }
            self.check(&folder, &story);
            round += 1;
        }
    }

    /// Fails each call once, and goes on.
    fn fail(&self) {
        let calls = self.calls();
        let mut told = 0;
        for at in 1..=calls {
            let (folder, story) = (format!("failing-{at}"), format!("call {at} of {calls} fails"));
            self.begin(&folder);
            let output = self.work(&folder, &[("SHIM_AT", &at.to_string()), ("SHIM_HOW", "fail")]);
            let stderr = String::from_utf8_lossy(&output.stderr);
            match output.status.code() {
                Some(0) => {}
                Some(1 | 2) => {
                    assert!(stderr.contains("error: ") && stderr.contains("hint: "), "{stderr}");
                    told += 1;
                    // What strikes one run of several does not stop the others.
                    let alone = stderr.split(" cells failed").next().unwrap();
                    assert!(alone == stderr || alone.ends_with("error: 1 of 2"), "{stderr}");
                    assert!(self.work(&folder, &[]).status.success(), "{story}");
                }
                code => panic!("{story}: exit code {code:?}: {stderr}"),
            }
            self.check(&folder, &story);
        }
        // Only a name that nobody needs may be lost without a word, once in each folder.
        let names = self.expected.keys().filter(|name| name.ends_with(".lock")).count() as u64;
        assert!(told + names >= calls, "{told} of {calls} failures were told");
    }
}

#[test]
fn a_run_that_is_killed_goes_on() {
    if let Some(job) = Job::run() {
        job.die(90, 1);
    }
}

#[test]
fn a_judge_that_is_killed_judges_again() {
    if let Some(job) = Job::judge() {
        job.die(20, 2);
    }
}

#[test]
fn a_merge_that_is_killed_goes_on() {
    if let Some(job) = Job::merge() {
        job.die(90, 3);
    }
}

#[test]
fn a_run_on_a_disk_that_fails_says_so_and_goes_on() {
    if let Some(job) = Job::run() {
        job.fail();
    }
}

#[test]
fn a_judge_on_a_disk_that_fails_says_so_and_judges_again() {
    if let Some(job) = Job::judge() {
        job.fail();
    }
}

#[test]
fn a_merge_on_a_disk_that_fails_says_so_and_goes_on() {
    if let Some(job) = Job::merge() {
        job.fail();
    }
}

#[test]
fn a_sweep_that_is_killed_goes_on() {
    if let Some(job) = Job::sweep() {
        job.die(40, 4);
    }
}

#[test]
fn a_sweep_on_a_disk_that_fails_loses_one_cell_and_goes_on() {
    if let Some(job) = Job::sweep() {
        job.fail();
    }
}

#[test]
fn labels_that_are_taken_in_survive_a_kill() {
    if let Some(job) = Job::label() {
        job.die(20, 5);
        job.fail();
    }
}

#[test]
fn a_probe_that_is_killed_is_made_again() {
    if let Some(job) = Job::probe() {
        job.die(5, 6);
    }
}

#[test]
fn pictures_that_are_killed_leave_nothing_unfinished_behind() {
    if let Some(job) = Job::figures() {
        job.die(20, 7);
    }
}

#[test]
fn a_clock_that_jumps_changes_nothing() {
    for job in [Job::run(), Job::judge(), Job::merge(), Job::sweep()].into_iter().flatten() {
        job.begin("jumping");
        let output = job.work("jumping", &[("SHIM_CLOCK", "1")]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let again = job.work("jumping", &[("SHIM_CLOCK", "1")]);
        assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
        job.check("jumping", "a clock that jumps");
    }
}
