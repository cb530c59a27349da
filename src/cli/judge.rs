//! `candor judge`: verdicts for stored transcripts.

use super::args::JudgeArgs;
use super::report::color;
use super::talk::{Talk, print};
use super::verdicts::settle;
use crate::error::Result;
use crate::report;

pub(super) fn judge(args: &JudgeArgs, talk: &Talk) -> Result<()> {
    let mut views = Vec::new();
    for run in &args.runs {
        views.push(settle(run)?);
        talk.say(format!("judged by {}: {}", args.judge, super::run::shown(run)));
    }
    print(&report::table(&views, color()))
}
