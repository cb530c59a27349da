//! A run folder that was damaged or changed, a disk that is full or read-only, many processes on one folder: what is
//! said, and that nothing gets lost.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may stop where it stands, and says why it skips"
)]

mod common;

use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::{Place, SMALL, parts};

#[path = "damage/edits.rs"]
mod edits;
#[path = "damage/versions.rs"]
mod versions;

fn again(place: &Place, out: &str) -> std::process::Output {
    place.run(&[&SMALL[..], &["--out", out]].concat())
}

#[test]
fn a_torn_line_of_the_journal_is_set_aside_and_made_again() {
    let place = Place::new();
    let transcripts = place.small("run", &[]);
    let journal = place.read("run/journal.jsonl");
    for file in ["seal.json", "transcripts.jsonl"] {
        std::fs::remove_file(place.path("run").join(file)).unwrap();
    }
    // The last line is torn, and one in the middle says something else than its checksum.
    place.write("run/journal.jsonl", &journal[..journal.len() - 40]);
    let stderr = String::from_utf8(again(&place, "run").stderr).unwrap();
    assert!(stderr.contains("journal.cut"), "{stderr}");
    assert!(place.read("run/transcripts.jsonl") == transcripts);
    for file in ["seal.json", "transcripts.jsonl"] {
        std::fs::remove_file(place.path("run").join(file)).unwrap();
    }
    let middle = journal.len() / 2;
    let mut bytes = journal.clone().into_bytes();
    bytes[middle] ^= 1;
    place.write("run/journal.jsonl", bytes);
    assert!(again(&place, "run").status.success());
    assert!(place.read("run/transcripts.jsonl") == transcripts);
}

#[test]
fn what_was_changed_after_the_seal_is_neither_judged_nor_repaired_in_silence() {
    let place = Place::new();
    let transcripts = place.small("run", &[]);
    let lines: Vec<&str> = transcripts.lines().collect();
    place.write("run/transcripts.jsonl", lines[..lines.len() - 3].join("\n") + "\n");
    let before = place.snapshot("run");
    let refused = |command: &[&str]| {
        let output = place.run(command);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{command:?}: {stderr}");
        assert!(stderr.contains("transcripts"), "{stderr}");
        stderr
    };
    let stderr = refused(&[&SMALL[..], &["--out", "run"]].concat());
    assert!(stderr.contains("`transcripts.jsonl` in `run` is not as it was sealed"), "{stderr}");
    refused(&["judge", "run"]);
    refused(&["report", "run"]);
    let said = place.run(&["verify", "run"]);
    assert_eq!(said.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&said.stdout).contains("24 lines"), "{said:?}");
    let after = place.snapshot("run");
    for (path, (bytes, _)) in &before {
        assert!(path.ends_with(".lock") || after[path].0 == *bytes, "{}", path.display());
    }
    // As the hint says.
    for file in ["seal.json", "transcripts.jsonl"] {
        std::fs::remove_file(place.path("run").join(file)).unwrap();
    }
    assert!(again(&place, "run").status.success());
    assert!(place.read("run/transcripts.jsonl") == transcripts);

    let manifest = place.read("run/manifest.json");
    for (from, to, part) in [
        ("\"seed\": 0", "\"seed\": 1", "--seed: 1 there, 0 here"),
        ("{\n", "{ \n", "`manifest.json` in `run` is not as it was sealed"),
        ("\"candor\"", "\"candid\"", "manifest.json"),
    ] {
        place.write("run/manifest.json", manifest.replacen(from, to, 1));
        let output = again(&place, "run");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(part), "{stderr}");
    }
}

#[test]
fn of_eight_processes_on_one_folder_one_works_and_seven_say_who() {
    let place = Place::new();
    // Longer than the others take to see that it is taken; nobody waits for its end.
    let command = ["run", "organism:faker", "--samples", "64", "--threads", "1", "--out", "run"];
    let start = || {
        let mut command = place.command(&command);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut children: Vec<Child> = (0..8).map(|_| start()).collect();
    let mut refused = Vec::new();
    while children.len() > 1 {
        let ended = children.iter_mut().position(|child| child.try_wait().unwrap().is_some());
        match ended {
            Some(i) => refused.push(children.swap_remove(i).wait_with_output().unwrap()),
            None => std::thread::yield_now(),
        }
    }
    let worker = children.pop().unwrap();
    let id = worker.id().to_string();
    for output in refused {
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(&format!("in use by candor process {id} on `")), "{stderr}");
    }
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let output = worker.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!place.path("run/.holder").exists());
}

/// A file system of its own in memory.
struct Disk<'a>(&'a Path);

impl<'a> Disk<'a> {
    /// None, with a word on stderr, where it cannot be mounted.
    fn mount(at: &'a Path, options: &str) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let mut mount = Command::new("mount");
        let output = mount.args(["-t", "tmpfs", "-o", options, "candor-test"]).arg(at).output();
        match output {
            Ok(output) if output.status.success() => Some(Self(at)),
            Ok(output) => {
                parts::skipped("mount", String::from_utf8_lossy(&output.stderr).trim());
                None
            }
            Err(error) => {
                parts::skipped("mount", format_args!("`mount` cannot be started: {error}"));
                None
            }
        }
    }

    fn remount(&self, options: &str) {
        let mut mount = Command::new("mount");
        let options = format!("remount,{options}");
        assert!(mount.args(["-o", &options]).arg(self.0).status().unwrap().success());
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

#[test]
fn a_full_disk_is_told_and_leaves_a_folder_that_goes_on() {
    let place = Place::new();
    let transcripts = place.small("whole", &[]);
    let at = place.path("disk");
    // Too small for the manifest, the journal, the transcripts, the page.
    for kib in [16, 48, 80, 112, 144] {
        let Some(disk) = Disk::mount(&at, &format!("size={kib}k")) else { return };
        let output = again(&place, "disk/run");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{kib}: {stderr}");
        assert!(stderr.contains("No space left") && stderr.contains("hint: free"), "{stderr}");
        disk.remount("size=8m");
        assert!(again(&place, "disk/run").status.success());
        assert!(place.read("disk/run/transcripts.jsonl") == transcripts);
        assert!(place.read("disk/run/report.html") == place.read("whole/report.html"));
    }
}

#[test]
fn what_cannot_be_written_can_be_read() {
    let place = Place::new();
    let at = place.path("disk");
    let Some(disk) = Disk::mount(&at, "size=8m") else { return };
    place.small("disk/run", &[]);
    disk.remount("ro");
    assert!(place.ok(&["report", "disk/run"]).contains("faker"));
    assert!(place.ok(&["verify", "disk/run", "--all"]).contains("24 of 24 trials"));
    for command in [&[&SMALL[..], &["--out", "disk/run"]].concat()[..], &["judge", "disk/run"]] {
        let stderr = place.fails(command, 2);
        assert!(stderr.contains("cannot write to `disk/run`: Read-only"), "{stderr}");
    }
    let stderr = place.fails(&[&SMALL[..], &["--out", "disk/new"]].concat(), 2);
    assert!(stderr.contains("cannot write to `disk/new`"), "{stderr}");
}
