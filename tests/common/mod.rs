//! The real binary in a fresh folder.
#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod parts;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};

/// A fresh folder that commands run in.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

/// A small run of an organism: 6 requests × 2 tiers × 2 samples.
pub(crate) const SMALL: [&str; 8] =
    ["run", "organism:faker", "--limit", "6", "--samples", "2", "--max-tokens", "256"];

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// In memory where the system has a folder for that, for those who write so often that a disk would be slow.
    pub(crate) fn in_memory() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        Self { folder: folder.unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Waits until the journal has so many lines. The run that is watched makes progress or ends.
    pub(crate) fn wait_for_lines(&self, journal: &str, lines: usize, child: &mut Child) {
        loop {
            let text = std::fs::read(self.path(journal)).unwrap_or_default();
            if text.iter().filter(|&&b| b == b'\n').count() >= lines
                || child.try_wait().unwrap().is_some()
            {
                return;
            }
            std::thread::yield_now();
        }
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_candor"));
        command.args(args).current_dir(self.folder.path());
        clean(&mut command);
        command
    }

    /// A line for a shell, in this folder.
    #[cfg(unix)]
    pub(crate) fn shell(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(self.folder.path());
        clean(&mut command);
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs a command with 20 seconds of processor time and 4 GB of addresses, past which the system ends it.
    #[cfg(unix)]
    pub(crate) fn bounded(&self, args: &[&str]) -> Output {
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -v 4194304; ulimit -t 20; exec \"$0\" \"$@\""]);
        command.arg(env!("CARGO_BIN_EXE_candor")).args(args);
        clean(&mut command);
        command.current_dir(self.folder.path()).output().unwrap()
    }

    /// Runs a command that must succeed, and gives its stdout.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that must end with this exit code, and gives its stderr.
    pub(crate) fn fails(&self, args: &[&str], code: i32) -> String {
        let output = self.run(args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        stderr
    }

    /// The small run with further arguments, into `out`; its transcripts.
    pub(crate) fn small(&self, out: &str, more: &[&str]) -> String {
        self.ok(&[&SMALL[..], more, &["--out", out]].concat());
        self.read(&format!("{out}/transcripts.jsonl"))
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Every file below a folder with its bytes and the time of its last change.
    pub(crate) fn snapshot(
        &self,
        name: &str,
    ) -> BTreeMap<PathBuf, (Vec<u8>, std::time::SystemTime)> {
        let mut files = BTreeMap::new();
        collect(&self.path(name), &mut files);
        files
    }

    /// A folder that was merged has every file of the one that one machine made, byte for byte but for clocks, hosts
    /// and the order of journals. Gives their number.
    pub(crate) fn assert_merged(&self, merged: &str, whole: &str) -> usize {
        let mut files = self.snapshot(whole);
        files.retain(|path, _| {
            let name = path.file_name().unwrap();
            !["performance.json", "journal.jsonl"].iter().any(|other| name == *other)
        });
        for (path, (bytes, _)) in &files {
            let there = self.path(merged).join(path.strip_prefix(self.path(whole)).unwrap());
            assert!(
                std::fs::read(&there).is_ok_and(|bytes_there| bytes_there == *bytes),
                "{there:?}"
            );
        }
        files.len()
    }

    /// A copy of an organism's folder to spoil, with one file's text changed.
    pub(crate) fn spoiled(
        &self,
        name: &str,
        file: &str,
        change: impl Fn(Vec<u8>) -> Vec<u8>,
    ) -> String {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/organisms/faker");
        let target = self.path(name);
        std::fs::create_dir_all(&target).unwrap();
        for entry in std::fs::read_dir(source).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), target.join(entry.file_name())).unwrap();
        }
        let bytes = std::fs::read(target.join(file)).unwrap();
        std::fs::write(target.join(file), change(bytes)).unwrap();
        format!("./{name}")
    }
}

/// Takes settings of this program out of a command's environment.
fn clean(command: &mut Command) {
    command.env("NO_COLOR", "1");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CANDOR_")) {
        command.env_remove(name);
    }
}

/// Numbers that follow from a seed.
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `end`: SplitMix64.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }

    /// One of these.
    pub(crate) fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

fn collect(folder: &Path, files: &mut BTreeMap<PathBuf, (Vec<u8>, std::time::SystemTime)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            let changed = path.metadata().unwrap().modified().unwrap();
            files.insert(path.clone(), (std::fs::read(&path).unwrap(), changed));
        }
    }
}
