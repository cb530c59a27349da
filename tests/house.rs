//! The order of the house, read off the sources: no circles of imports between files, and nothing in the command
//! line's room that belongs into others. Uses nothing of the library.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop where it stands"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Lines that a file has at most.
const LINES_MAX: usize = 500;

/// A module's path below the crate, such as `["run", "plan"]`.
type Module = Vec<String>;

/// What one file imports.
#[derive(Default)]
struct Imports {
    /// Every path that the file names, as it is written.
    paths: Vec<Vec<String>>,
    /// What the file passes on under a name of its own.
    passed_on: BTreeMap<String, Vec<String>>,
}

/// The sources below `src`, without those of tests, by their path below it.
fn sources() -> BTreeMap<PathBuf, String> {
    fn collect(root: &Path, folder: &Path, found: &mut BTreeMap<PathBuf, String>) {
        for entry in fs::read_dir(folder).expect("the folder can be read") {
            let path = entry.expect("the folder can be read").path();
            let place = path.strip_prefix(root).expect("it lies below").to_owned();
            if path.is_dir() {
                collect(root, &path, found);
            } else if path.extension().is_some_and(|kind| kind == "rs")
                && !place.components().any(|part| {
                    ["tests", "tests.rs"].contains(&part.as_os_str().to_str().unwrap_or_default())
                })
            {
                found.insert(place, fs::read_to_string(&path).expect("it is UTF-8"));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeMap::new();
    collect(&root, &root, &mut found);
    found
}

/// The module that a file holds.
fn module(place: &Path) -> Module {
    let mut parts: Module =
        place.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if parts.last().is_some_and(|last| ["mod", "lib"].contains(&&**last)) {
        parts.pop();
    }
    parts
}

/// The text without comments and without its module of tests, which stands at the end of a file.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// `a::{b, c::d}` as `a::b` and `a::c::d`.
fn expanded(text: &str) -> Vec<String> {
    let text = text.trim();
    let Some((head, rest)) = text.split_once('{') else { return vec![text.to_owned()] };
    let inner = rest.trim_end().strip_suffix('}').unwrap_or(rest);
    let (mut depth, mut part, mut parts) = (0, String::new(), Vec::new());
    for c in inner.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            _ => {}
        }
        part.push(c);
    }
    parts.push(part);
    let parts = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty());
    parts.flat_map(|part| expanded(&format!("{head}{part}"))).collect()
}

fn imports(text: &str) -> Imports {
    let code = code(text);
    let mut found = Imports::default();
    for statement in code.split(';') {
        // An attribute or the end of what stands before may come first.
        let Some(at) = statement.rfind("use ").filter(|&at| {
            statement[..at].chars().next_back().is_none_or(|before| before.is_whitespace())
        }) else {
            continue;
        };
        let before = statement[..at].lines().next_back().unwrap_or_default();
        for path in expanded(&statement[at + 4..]) {
            let (path, name) = match path.split_once(" as ") {
                Some((path, name)) => (path.to_owned(), Some(name.trim().to_owned())),
                None => (path, None),
            };
            let mut parts: Vec<String> =
                path.split("::").map(|part| part.trim().to_owned()).collect();
            if parts.last().is_some_and(|last| last == "self") {
                parts.pop();
            }
            if before.trim_start().starts_with("pub")
                && let Some(last) = parts.last()
            {
                found.passed_on.insert(name.unwrap_or_else(|| last.clone()), parts.clone());
            }
            found.paths.push(parts);
        }
    }
    // Paths that are written out where they are used.
    for start in ["crate::", "super::"] {
        for (at, _) in code.match_indices(start) {
            // The second half of `super::super::…` is no path of its own.
            if code[..at].ends_with("::") {
                continue;
            }
            let path: String = code[at..]
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_' || *c == ':')
                .collect();
            let parts = path.split("::").filter(|part| !part.is_empty()).map(str::to_owned);
            found.paths.push(parts.collect());
        }
    }
    found
}

/// The module in which the thing lies that `path` means in `here`.
fn resolved(
    files: &BTreeMap<Module, Imports>,
    here: &Module,
    path: &[String],
    depth: usize,
) -> Option<Module> {
    let mut at = here.clone();
    let mut rest = path;
    match path.first()?.as_str() {
        "crate" => {
            at.clear();
            rest = &path[1..];
        }
        "super" | "self" => {
            while let Some(first) = rest.first().filter(|p| ["super", "self"].contains(&&***p)) {
                if first == "super" {
                    at.pop();
                }
                rest = &rest[1..];
            }
        }
        first => {
            let child: Module = at.iter().cloned().chain([first.to_owned()]).collect();
            files.get(&child)?;
        }
    }
    while let Some(first) = rest.first() {
        let child: Module = at.iter().cloned().chain([first.clone()]).collect();
        if files.contains_key(&child) {
            at = child;
            rest = &rest[1..];
            continue;
        }
        let passed_on = files.get(&at).and_then(|imports| imports.passed_on.get(first));
        if let (Some(to), true) = (passed_on, depth < 8) {
            return resolved(files, &at, to, depth + 1);
        }
        break;
    }
    (!at.is_empty()).then_some(at)
}

/// Which file imports from which, by modules. A parent and what lies below it do not count.
fn edges(sources: &BTreeMap<PathBuf, String>) -> BTreeMap<Module, BTreeSet<Module>> {
    let files: BTreeMap<Module, Imports> =
        sources.iter().map(|(place, text)| (module(place), imports(text))).collect();
    let mut edges: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for (here, imports) in files.iter().filter(|(here, _)| !here.is_empty()) {
        for path in &imports.paths {
            if let Some(there) = resolved(&files, here, path, 0)
                && !there.starts_with(here)
                && !here.starts_with(&there)
            {
                edges.entry(here.clone()).or_default().insert(there);
            }
        }
    }
    edges
}

/// Everything that can be reached from a module along imports.
fn reached(edges: &BTreeMap<Module, BTreeSet<Module>>, from: &Module) -> BTreeSet<Module> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<&Module> = vec![from];
    while let Some(at) = open.pop() {
        for next in edges.get(at).into_iter().flatten() {
            if seen.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    seen
}

/// The files that import each other in a circle, one set for each knot.
fn knots(edges: &BTreeMap<Module, BTreeSet<Module>>) -> BTreeSet<BTreeSet<Module>> {
    let reach: BTreeMap<&Module, BTreeSet<Module>> =
        edges.keys().map(|module| (module, reached(edges, module))).collect();
    let knot = |module: &Module| -> BTreeSet<Module> {
        let there = &reach[module];
        there.iter().filter(|m| reach.get(m).is_some_and(|r| r.contains(module))).cloned().collect()
    };
    edges.keys().map(knot).filter(|knot| knot.len() > 1).collect()
}

#[test]
fn no_circle_of_imports_comes_back() {
    let knots = knots(&edges(&sources()));
    let shown: Vec<Vec<String>> =
        knots.iter().map(|knot| knot.iter().map(|module| module.join("::")).collect()).collect();
    assert!(shown.is_empty(), "circles of imports: {shown:?}");
}

#[test]
fn circles_are_found() {
    let files = [
        ("a/mod.rs", "mod b;\nmod c;\npub use b::{B, self as other};\n"),
        ("a/b.rs", "use super::c::C;\npub struct B;\n"),
        ("a/c.rs", "use crate::d::{D, e::E};\n"),
        ("d/mod.rs", "pub mod e;\npub struct D;\n"),
        ("d/e.rs", "/// `use crate::nothing` in words.\nfn f(b: crate::a::B) {}\n"),
    ];
    let sources: BTreeMap<PathBuf, String> =
        files.iter().map(|(place, text)| (PathBuf::from(place), (*text).to_owned())).collect();
    let knots = knots(&edges(&sources));
    let shown: Vec<Vec<String>> =
        knots.iter().map(|knot| knot.iter().map(|m| m.join("::")).collect()).collect();
    assert_eq!(shown, [["a::b", "a::c", "d::e"]]);
}

#[test]
fn files_are_short() {
    for (place, text) in sources() {
        let (lines, place) = (text.lines().count(), place.to_string_lossy().replace('\\', "/"));
        assert!(lines <= LINES_MAX, "{place} has {lines} lines, and {LINES_MAX} are many");
    }
}

#[test]
fn the_rooms_below_know_no_terminal() {
    for (place, text) in sources() {
        let module = module(&place);
        if module.first().is_none_or(|room| ["cli", "main"].contains(&&**room)) {
            continue;
        }
        let code = code(&text);
        for word in
            ["clap::", "indicatif::", "ctrlc::", "crate::cli", "print!(", "println!(", "stdout()"]
        {
            assert!(!code.contains(word), "{} names `{word}`", place.display());
        }
    }
}
