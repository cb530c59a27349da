//! `candor demo`: the main job on the bundled organisms.

use crate::cli::args::DemoArgs;
use crate::cli::command::report::summary;
use crate::cli::screen::talk::{Talk, show};
use crate::cli::screen::token_digests::token_digests;
use crate::cli::threads::use_threads;
use crate::error::Result;
use crate::machine::{Compute, Loaded};
use crate::organism::{RECIPES, demo_settings};
use crate::run::{Lock, Pace, Plan};
use crate::scenario::{RequestSet, Scenario};
use crate::study::experiment::{Wanted, experiments};
use crate::study::page::write_page;

const PACE: Pace = Pace { batch: 128, draft: true };

pub(in crate::cli) fn demo(args: &DemoArgs, talk: &Talk) -> Result<()> {
    use_threads(args.threads)?;
    let scenario = Scenario::load("helpful-only")?;
    let requests = RequestSet::load(&scenario.requests)?;
    let settings = demo_settings(0);
    let _lock = Lock::make(&args.out)?;
    let mut views = Vec::new();
    for recipe in &RECIPES {
        let loaded = Loaded::open_hashed(
            &format!("organism:{}", recipe.name),
            &Compute::CPU,
            |_| Ok(0),
            talk,
        )?;
        let plan =
            Plan::new(&loaded.model, &scenario, &scenario.variants[0], &requests, &settings)?;
        let wanted = Wanted { plan, part: None, out: Some(args.out.join(recipe.name)) };
        let made = experiments(&loaded, &[wanted], PACE, talk)?;
        views.extend(made.into_iter().map(|(_, view)| view));
    }
    show(&(summary(&views) + &token_digests(&views)))?;
    talk.say(
        "These are controls: small models trained to behave in known ways. They show that the",
    );
    talk.say("instrument measures what is there; they say nothing about large models.");
    write_page(&views, &args.out, talk)
}
