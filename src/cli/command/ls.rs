//! `candor ls`: the runs of a folder, at a glance.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::cli::args::LsArgs;
use crate::cli::given::folders::{Want, tell, within};
use crate::cli::screen::show;
use crate::cli::screen::talk::{Talk, show as print};
use crate::error::{Error, Result};
use crate::events::{shown, visible};
use crate::report::{points, points_interval};
use crate::run::{Skipped, State, Telling};
use crate::study::listing::{Listed, look};

pub(in crate::cli) fn ls(args: &LsArgs, talk: &Talk) -> Result<()> {
    let mut rows = Vec::new();
    let mut skipped = Vec::new();
    for root in &args.folders {
        let (runs, passed_over) = within(root, Want::Any)?;
        skipped.extend(passed_over);
        for path in runs {
            match look(&path) {
                Ok(listed) => rows.push((path, listed)),
                Err(error) => skipped.push(Skipped { path, why: error.to_string() }),
            }
        }
    }
    if rows.is_empty() && skipped.is_empty() {
        let named: Vec<String> =
            args.folders.iter().map(|root| format!("`{}`", shown(root))).collect();
        return Err(Error::input(format!("there is no run in {}", named.join(", ")))
            .hint("name a folder that holds run folders, such as the one given with `--out`"));
    }
    if args.json {
        return show::json(&json!({
            "runs": rows.iter().map(|(path, listed)| as_json(path, listed)).collect::<Vec<_>>(),
            "skipped": skipped
                .iter()
                .map(|skipped| json!({ "path": shown(&skipped.path), "why": skipped.why }))
                .collect::<Vec<_>>(),
        }));
    }
    tell(&skipped, talk);
    print(&table(&rows, SystemTime::now()))
}

fn as_json(path: &std::path::Path, listed: &Listed) -> Value {
    let changed = listed.changed.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let told = listed.conditions.iter().filter(|c| c.telling != Telling::LastResort);
    json!({
        "path": shown(path),
        "state": state(listed),
        "model": listed.model,
        "settings": told.map(|c| (c.name.to_owned(), c.value.clone().into())).collect::<serde_json::Map<String, Value>>(),
        "trials_done": listed.trials_done,
        "trials": listed.trials,
        "gap": listed.gap,
        "gap_ci95": listed.gap_ci95,
        "n": listed.requests,
        "judges": listed.judges,
        "changed": changed.map(|at| at.as_secs()),
    })
}

fn state(listed: &Listed) -> &'static str {
    match listed.state {
        State::Sealed => "finished",
        State::Begun => "begun",
    }
}

/// One line for each run: how far it is, what it found, how old it is, and where it lies.
fn table(rows: &[(PathBuf, Listed)], now: SystemTime) -> String {
    let cells = rows.iter().map(|(path, listed)| {
        let far = match (listed.state, listed.trials) {
            (State::Begun, Some(trials)) => format!("{} of {trials}", listed.trials_done),
            _ => "finished".to_owned(),
        };
        let gap = match listed.gap {
            Some(gap) => format!("{} {}", points(Some(gap)), points_interval(listed.gap_ci95)),
            None => "–".to_owned(),
        };
        vec![
            shown(path),
            visible(&listed.model),
            far,
            gap,
            listed.requests.map_or_else(|| "–".to_owned(), |n| n.to_string()),
            listed.changed.map_or_else(|| "–".to_owned(), |at| age(at, now)),
        ]
    });
    let heads = ["run", "model", "trials", "gap [95 %], points", "n", "age"];
    show::table(&heads, &[4, 5], cells.collect::<Vec<_>>())
}

/// How long ago something was, in one unit.
fn age(at: SystemTime, now: SystemTime) -> String {
    let seconds = now.duration_since(at).map_or(0, |since| since.as_secs());
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn ages_have_one_unit_and_a_clock_that_was_set_back_is_no_error() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let ago = |seconds| age(now - Duration::from_secs(seconds), now);
        assert_eq!([0, 59, 61, 7199, 90_000].map(ago), ["0 s", "59 s", "1 min", "1 h", "1 d"]);
        assert_eq!(age(now + Duration::from_secs(5), now), "0 s");
    }
}
