//! What happens while work is done, for whoever watches: notes, errors, how far things are, and the wish to stop.
//! The rooms that do the work tell it to [`Events`] and know no terminal; the command line draws bars from it, and a
//! program that uses the library can be [`Silent`] or draw what it likes.

use std::fmt::Display;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::error::{Error, Result};
use crate::model::hub;

/// Who is told what happens, and who says whether work may go on.
pub trait Events {
    /// Takes a line for people, without its line break.
    fn line(&self, line: &str);

    /// Takes an error that does not end the work, such as that of one cell of a sweep.
    fn error(&self, error: &Error);

    /// Whether network requests are forbidden.
    fn offline(&self) -> bool;

    /// The flag that asks the work to stop after the step at hand, once it is set.
    ///
    /// # Errors
    /// What would set the flag cannot be watched.
    fn stop(&self) -> Result<&AtomicBool>;

    /// Begins to follow runs of so many trials in all.
    fn trials(&self, trials: usize) -> Box<dyn TrialEvents>;

    /// Begins to follow so many steps of work with this name.
    fn steps(&self, name: &str, steps: usize) -> Box<dyn StepEvents>;

    /// Begins to follow the files that are fetched, one after the other.
    fn downloads(&self) -> Box<dyn hub::TransferProgress + '_>;
}

impl dyn Events + '_ {
    /// Says a line for people.
    pub fn say(&self, line: impl Display) {
        self.line(&line.to_string());
    }
}

/// How far the trials of some runs are.
pub trait TrialEvents {
    /// The runs of a model are made next; so many trials were there to be made before them.
    fn begin(&mut self, model: &str, done_before: usize);

    /// So many trials of the runs that are being made are there, for which so many tokens were drawn.
    fn made(&mut self, trials: usize, tokens: usize);

    /// Does something that may say a line while the runs are followed: a bar makes room for it.
    fn pause(&self, say: &mut dyn FnMut());
}

impl dyn TrialEvents + '_ {
    /// The same as [`TrialEvents::pause`], for something that gives a value.
    #[expect(
        clippy::unwrap_used,
        reason = "the value is there once the closure was called, which is made sure of"
    )]
    pub fn suspend<T>(&self, say: impl FnOnce() -> T) -> T {
        let (mut say, mut value) = (Some(say), None);
        let mut once = || {
            if let Some(say) = say.take() {
                value = Some(say());
            }
        };
        self.pause(&mut once);
        // An implementation that does not call what it is given would lose work: it is done here then.
        once();
        value.unwrap()
    }
}

/// How far some steps of work are.
pub trait StepEvents {
    /// So many steps are done by now.
    fn done(&mut self, steps: usize);

    /// A word on how the work goes, such as the loss of a training.
    fn remark(&mut self, text: &str);

    /// Whether somebody sees this move; lines are a substitute where nobody does.
    fn is_watched(&self) -> bool;
}

/// Nobody watches: nothing is said, nothing stops the work. Network requests are forbidden.
#[derive(Debug, Default)]
pub struct Silent {
    stop: AtomicBool,
}

impl Events for Silent {
    fn line(&self, _line: &str) {}

    fn error(&self, _error: &Error) {}

    fn offline(&self) -> bool {
        true
    }

    fn stop(&self) -> Result<&AtomicBool> {
        Ok(&self.stop)
    }

    fn trials(&self, _trials: usize) -> Box<dyn TrialEvents> {
        Box::new(Unwatched)
    }

    fn steps(&self, _name: &str, _steps: usize) -> Box<dyn StepEvents> {
        Box::new(Unwatched)
    }

    fn downloads(&self) -> Box<dyn hub::TransferProgress + '_> {
        Box::new(Unwatched)
    }
}

/// What follows nothing.
struct Unwatched;

impl TrialEvents for Unwatched {
    fn begin(&mut self, _model: &str, _done_before: usize) {}

    fn made(&mut self, _trials: usize, _tokens: usize) {}

    fn pause(&self, say: &mut dyn FnMut()) {
        say();
    }
}

impl StepEvents for Unwatched {
    fn done(&mut self, _steps: usize) {}

    fn remark(&mut self, _text: &str) {}

    fn is_watched(&self) -> bool {
        false
    }
}

impl hub::TransferProgress for Unwatched {
    fn bytes(&mut self, _file: &str, _done: u64, _total: Option<u64>) {}

    fn note(&mut self, _text: &str) {}
}

/// Text with what a terminal would obey or hide spelled out, line breaks apart: what a terminal may be shown.
pub fn visible(text: &str) -> String {
    text.chars()
        .flat_map(|c| match c {
            '\n' => vec![c],
            c if c.is_control() => c.escape_default().collect(),
            c if turns_text(c) => c.escape_unicode().collect(),
            c => vec![c],
        })
        .collect()
}

/// JSON that says the same, with nothing in it that a terminal would obey. Outside of strings there is nothing such.
pub fn visible_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if (c.is_control() && c != '\n') || turns_text(c) {
            out += &format!("\\u{:04x}", c as u32);
        } else {
            out.push(c);
        }
    }
    out
}

/// Whether a character turns the direction of others, or breaks a line where none is seen.
fn turns_text(c: char) -> bool {
    matches!(
        c,
        '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
    )
}

/// A path for people, with nothing in it that a terminal would obey.
pub fn shown(path: &Path) -> String {
    visible(&path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\u{1b}[31m\u{9b}2J\u{202e}b\u{2066}\u{200f}\u{2028}\u{feff}\r\n ä";

    #[test]
    fn nothing_is_left_that_a_terminal_obeys() {
        let shown = visible(HOSTILE);
        assert!(shown.chars().all(|c| c == '\n' || !(c.is_control() || turns_text(c))), "{shown}");
        assert_eq!(
            shown,
            "a\\u{1b}[31m\\u{9b}2J\\u{202e}b\\u{2066}\\u{200f}\\u{2028}\\u{feff}\\r\n ä"
        );
    }

    #[test]
    fn json_for_a_terminal_is_the_same_json() {
        let value = serde_json::json!({ HOSTILE: [HOSTILE, 1.5] });
        let plain = serde_json::to_string_pretty(&value).unwrap();
        let shown = visible_json(&plain);
        assert!(shown.chars().all(|c| c == '\n' || !(c.is_control() || turns_text(c))), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }
}
