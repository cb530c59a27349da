//! What is said on stderr: notes, errors, a progress bar where somebody watches.

use std::borrow::Cow;
use std::fmt;
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::cli::interrupt;
use crate::cli::screen::terminal::{fitted, is_ascii, showable};
use crate::error::{Error, Result};
use crate::events::{Events, StepEvents, TrialEvents, visible, visible_json};
use crate::model::hub;

/// The voice of a command, and whether it may speak to the network.
pub(in crate::cli) struct Talk {
    quiet: bool,
    offline: bool,
}

impl Talk {
    pub(in crate::cli) fn new(quiet: bool, offline: bool) -> Self {
        Self { quiet, offline }
    }

    /// What another process is started with so that it does as this one was told.
    pub(in crate::cli) fn flags(&self) -> impl Iterator<Item = &'static str> {
        let flags = [("--quiet", self.quiet), ("--offline", self.offline)];
        flags.into_iter().filter_map(|(flag, is_set)| is_set.then_some(flag))
    }

    /// Says a line unless told to be quiet. A closed stderr is no reason to stop working.
    pub(in crate::cli) fn say(&self, line: impl std::fmt::Display) {
        if !self.quiet {
            let _ = writeln!(std::io::stderr(), "{}", showable(&line.to_string()));
        }
    }

    /// A progress bar for runs of so many trials in all.
    pub(in crate::cli) fn trial_bar(&self, trials: usize) -> TrialBar {
        let bar = self.bar("{prefix:16!} {bar:16} {pos}/{len} trials  {msg}", "");
        bar.set_length(trials as u64);
        let now = Instant::now();
        let plain = (!self.quiet && bar.is_hidden()).then_some(now);
        TrialBar { bar, done_before: 0, first: None, started: now, plain }
    }

    /// A progress bar for so many answers.
    pub(in crate::cli) fn answers(&self, name: &str, count: usize) -> ProgressBar {
        let bar = self.bar("{prefix:18!} {bar:24} {pos}/{len} answers  {left}", name);
        bar.set_length(count as u64);
        bar
    }

    fn bar(&self, template: &str, name: &str) -> ProgressBar {
        let watched = !self.quiet && std::io::stderr().is_terminal();
        let target =
            if watched { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let style = style.with_key("left", left);
        let style = if is_ascii() { style.progress_chars("#>-") } else { style };
        ProgressBar::with_draw_target(None, target).with_style(style).with_prefix(visible(name))
    }
}

impl Events for Talk {
    fn line(&self, line: &str) {
        self.say(line);
    }

    /// Says an error with its hint, quiet or not.
    fn error(&self, error: &Error) {
        let mut text = format!("error: {error}\n");
        if let Some(hint) = error.hint_text() {
            text += &format!("\nhint: {hint}\n");
        }
        let _ = std::io::stderr().write_all(showable(&visible(&text)).as_bytes());
    }

    fn offline(&self) -> bool {
        self.offline
    }

    fn stop(&self) -> Result<&AtomicBool> {
        interrupt::flag()
    }

    fn trials(&self, trials: usize) -> Box<dyn TrialEvents> {
        Box::new(self.trial_bar(trials))
    }

    fn steps(&self, name: &str, steps: usize) -> Box<dyn StepEvents> {
        let bar = self.bar("{prefix:18!} {bar:24} {pos}/{len} steps  {msg}  {left}", name);
        bar.set_length(steps as u64);
        Box::new(StepBar(bar))
    }

    fn downloads(&self) -> Box<dyn hub::TransferProgress + '_> {
        Box::new(Downloads { talk: self, current: None })
    }
}

/// The time left, as soon as there is something to reckon it from.
fn left(state: &ProgressState, text: &mut dyn fmt::Write) {
    let known = !state.eta().is_zero() || state.len() == Some(state.pos());
    // A bar that cannot be drawn has nobody who would be told.
    _ = match known {
        true => write!(text, "{:#} left", HumanDuration(state.eta())),
        false => Ok(()),
    };
}

/// Trials done, tokens per second, time left.
pub(in crate::cli) struct TrialBar {
    bar: ProgressBar,
    /// Trials of runs that are not among those that are being made.
    done_before: usize,
    /// Trials that were there when the first were made; none before that.
    first: Option<usize>,
    started: Instant,
    /// Where nobody watches a bar: when a plain line was said last.
    plain: Option<Instant>,
}

/// Replies that are taken to be under way at once.
const UNDER_WAY: usize = 64;
/// How often a line says how far things are, where there is no bar.
const PLAIN_EVERY: Duration = Duration::from_secs(30);

/// Seconds until so many further replies are there, by tokens: `tokens` were drawn in `seconds` for `finished` replies
/// and those under way, which are taken to be half done. None before the first token.
fn seconds_left(finished: usize, remaining: usize, tokens: usize, seconds: f64) -> Option<f64> {
    if tokens == 0 {
        return None;
    }
    let begun = finished as f64 + remaining.min(UNDER_WAY) as f64 / 2.0;
    let per_reply = tokens as f64 / begun.max(0.5);
    let all = per_reply * (finished + remaining) as f64;
    Some((all - tokens as f64).max(0.0) * seconds / tokens as f64)
}

impl TrialBar {
    /// So many trials of the runs that are being made are there.
    pub(in crate::cli) fn trials_done(&mut self, trials: usize) {
        self.bar.set_position((self.done_before + trials) as u64);
    }

    /// Passes on what another process says, line by line, until it has said all.
    pub(in crate::cli) fn pass_on(&self, said: impl Read + Send + 'static) -> JoinHandle<()> {
        let bar = self.bar.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(said).split(b'\n').map_while(std::io::Result::ok) {
                let line = [&line[..], b"\n"].concat();
                // A closed stderr is no reason to stop reading: the other process would wait for ever.
                bar.suspend(|| _ = std::io::stderr().write_all(&line));
            }
        })
    }

    /// Does something that may say a line: the bar makes room for it.
    pub(in crate::cli) fn suspend<T>(&self, say: impl FnOnce() -> T) -> T {
        self.bar.suspend(say)
    }
}

impl TrialEvents for TrialBar {
    fn begin(&mut self, model: &str, done_before: usize) {
        self.bar.set_prefix(visible(model));
        self.done_before = done_before;
        self.first = None;
        self.started = Instant::now();
    }

    fn made(&mut self, trials: usize, tokens: usize) {
        self.trials_done(trials);
        // Trials of an earlier try are there at once: the time left is reckoned without them.
        let first = *self.first.get_or_insert(trials);
        let seconds = self.started.elapsed().as_secs_f64().max(1e-9);
        let all = self.bar.length().unwrap_or(0);
        let remaining = usize::try_from(all).unwrap_or(usize::MAX);
        let remaining = remaining.saturating_sub(self.done_before + trials);
        let left = seconds_left(trials.saturating_sub(first), remaining, tokens, seconds);
        let left = left.filter(|_| remaining > 0).map(|left| {
            format!(", about {:#} left", HumanDuration(Duration::from_secs_f64(left.min(1e9))))
        });
        let rate = tokens as f64 / seconds;
        let said = format!("{rate:.0} tok/s{}", left.unwrap_or_default());
        if let Some(last) = self.plain.as_mut().filter(|last| last.elapsed() >= PLAIN_EVERY) {
            *last = Instant::now();
            let (model, done) = (self.bar.prefix(), self.done_before + trials);
            let line = format!("{model}: {done} of {all} trials, {said}");
            _ = writeln!(std::io::stderr(), "{}", showable(&line));
        }
        self.bar.set_message(said);
    }

    fn pause(&self, say: &mut dyn FnMut()) {
        self.bar.suspend(say);
    }
}

impl Drop for TrialBar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// The file that is being fetched: bytes, bytes per second, time left.
struct Downloads<'a> {
    talk: &'a Talk,
    current: Option<(String, ProgressBar)>,
}

/// Steps done and time left.
struct StepBar(ProgressBar);

impl StepEvents for StepBar {
    fn done(&mut self, steps: usize) {
        self.0.set_position(steps as u64);
    }

    fn remark(&mut self, text: &str) {
        self.0.set_message(visible(text));
    }

    fn is_watched(&self) -> bool {
        !self.0.is_hidden()
    }
}

impl Drop for StepBar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

impl Drop for Downloads<'_> {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Downloads<'_> {
    fn clear(&mut self) {
        if let Some((_, bar)) = self.current.take() {
            bar.finish_and_clear();
        }
    }
}

impl hub::TransferProgress for Downloads<'_> {
    fn bytes(&mut self, file: &str, done: u64, total: Option<u64>) {
        if let Some((current, bar)) = &self.current
            && current == file
        {
            bar.set_position(done);
            return;
        }
        self.clear();
        let template = match total {
            Some(_) => "{prefix} {bar:24} {bytes}/{total_bytes}  {bytes_per_sec}  {left}",
            None => "{prefix} {bytes}  {bytes_per_sec}",
        };
        let bar = self.talk.bar(template, file);
        if let Some(total) = total {
            bar.set_length(total);
        }
        // What an earlier try left is there at once: the time left is reckoned without it.
        bar.set_position(done);
        bar.reset_eta();
        self.current = Some((file.to_owned(), bar));
    }

    fn note(&mut self, text: &str) {
        let line = visible(&format!("note: {text}"));
        match &self.current {
            Some((_, bar)) => bar.suspend(|| self.talk.say(line)),
            None => self.talk.say(line),
        }
    }
}

/// Prints text for people on stdout, in letters that their terminal can show.
pub(in crate::cli) fn show(text: &str) -> Result<()> {
    print(&fitted(&showable(text)))
}

/// Prints data on stdout. A reader that has gone away is no error.
pub(in crate::cli) fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    // What goes into a file or a pipe stays as it is.
    let is_json = || serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    let text = match out.is_terminal() && text.starts_with(['{', '[']) && is_json() {
        true => Cow::Owned(visible_json(text)),
        false => Cow::Borrowed(text),
    };
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::failed(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_reckoned_by_tokens() {
        assert_eq!(seconds_left(0, 24, 0, 1.0), None);
        // Nothing has finished: those under way are taken to be half done.
        assert_eq!(seconds_left(0, 24, 240, 10.0), Some(10.0));
        // A hundred replies of 50 tokens in 10 seconds, and a hundred left of which none is begun.
        let left = seconds_left(100, 100, 5000, 10.0).unwrap();
        assert!((4.0..10.0).contains(&left), "{left}");
        assert_eq!(seconds_left(10, 0, 500, 10.0), Some(0.0));
    }
}
