//! The page about all runs of a folder.

use std::path::Path;

use crate::error::Result;
use crate::events::{Events, shown};
use crate::report::{self, RunView};
use crate::run::write_whole;

/// Writes the page about all runs of a folder, unless it is there already.
pub(crate) fn write_page(views: &[RunView], out: &Path, talk: &dyn Events) -> Result<()> {
    let page = out.join("report.html");
    let html = report::html(views)?;
    if std::fs::read(&page).ok().as_deref() != Some(html.as_bytes()) {
        write_whole(&page, html.as_bytes())?;
    }
    talk.say(format!("report: {}", shown(&page)));
    Ok(())
}
