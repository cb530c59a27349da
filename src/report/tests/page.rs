//! The page.

use super::*;

#[test]
fn hostile_text_stays_text_in_the_page() {
    let run = hostile();
    let page = html(std::slice::from_ref(&run)).unwrap();
    let clean = html(&[sample::run(&DEMO[0], 0, 3, 1, 1)]).unwrap();
    let lower = page.to_lowercase();
    for tag in ["<script", "</script", "<svg", "<!--", "onload=alert(1)>"] {
        assert_eq!(lower.matches(tag).count(), clean.to_lowercase().matches(tag).count(), "{tag}");
    }
    assert!(!page.chars().any(|c| is_hidden(c) && !matches!(c, '\n' | '\t')));
    assert!(page.contains("{{ 7*7 }}"), "text is no template");
    let island = island_of(&page);
    assert_eq!(island["requests"][0]["text"], run.requests[0].text.as_str());
    assert_eq!(island["runs"][0]["model"], run.model.as_str());
    assert_eq!(island["pairs"][0][0]["p"], run.transcripts[0].scratchpad.as_str());
}

#[test]
fn the_page_holds_every_pair_once_and_no_token_ids() {
    let runs = small();
    let page = html(&runs).unwrap();
    let island = island_of(&page);
    let pairs = island["pairs"].as_array().unwrap();
    assert_eq!(pairs.len(), 5 * 32 * 2);
    assert_eq!(island["requests"].as_array().unwrap().len(), 32, "shared by the five runs");
    assert!(
        pairs.iter().all(|pair| pair.as_array().unwrap().iter().all(serde_json::Value::is_object))
    );
    assert!(!page.contains("token_ids") && !page.contains("-0.25"));
}

#[test]
fn a_trial_that_is_missing_leaves_its_place_empty() {
    let mut run = sample::run(&DEMO[0], 0, 2, 0, 1);
    run.transcripts.remove(1);
    run.verdicts.remove(1);
    let island = island_of(&html(&[run]).unwrap());
    assert!(island["pairs"][0][1].is_null());
    assert!(island["pairs"][1][1].is_object());
}

#[test]
fn a_transcript_of_an_unknown_tier_is_an_error() {
    let mut run = sample::run(&DEMO[0], 0, 2, 0, 1);
    run.tiers.pop();
    let error = html(&[run]).unwrap_err();
    assert_eq!(error.kind(), Kind::Failed);
    assert!(error.to_string().contains("tier `paid`"), "{error}");
}

#[test]
fn the_page_is_self_contained_and_deterministic() {
    let runs = small();
    let page = html(&runs).unwrap();
    assert_eq!(page, html(&runs).unwrap());
    assert!(page.contains("default-src 'none'"));
    for outside in ["http://", "https://", "url(", "@import", "src="] {
        assert!(!page.contains(outside), "{outside}");
    }
    for (name, script) in SCRIPTS {
        assert!(!script.contains("innerHTML"), "{name}");
    }
    assert!(page.contains("img-src data:; base-uri") && !page.contains("connect-src"));
}

#[test]
fn undefined_numbers_have_a_page_too() {
    let mut run = sample::run(&DEMO[0], 0, 2, 1, 1);
    run.transcripts.clear();
    run.verdicts.clear();
    run.prompts.clear();
    run.kind = ModelKind::Model;
    sample::refresh(&mut run);
    let runs = [run];
    assert!(html(&runs).unwrap().contains("no gap can be stated"));
    assert!(html(&[]).is_ok());
    assert!(table(&runs, false).contains('–'));
    assert!(json(&runs).unwrap().contains("\"gap\": null"));
}

#[test]
fn a_demo_stays_below_six_megabytes() {
    let page = html(&sample::demo(4)).unwrap();
    assert!(page.len() < 6_000_000, "{} bytes", page.len());
}

/// Writes pages to be looked at in a browser into the folder that `CANDOR_REPORT_SAMPLES` names.
#[test]
fn sample_pages_can_be_looked_at() {
    let Some(folder) = std::env::var_os("CANDOR_REPORT_SAMPLES") else { return };
    let folder = std::path::PathBuf::from(folder);
    let mut hostile = hostile();
    hostile.transcripts[0].answer = "x".repeat(200_000);
    let pages =
        [("demo", sample::demo(4)), ("hostile", vec![hostile]), ("judges", vec![judged_twice()])];
    for (name, runs) in pages {
        std::fs::write(folder.join(format!("{name}.html")), html(&runs).unwrap()).unwrap();
    }
}

#[test]
fn heat_is_shown_under_the_reply_that_it_belongs_to() {
    let mut run = sample::run(&DEMO[0], 0, 2, 0, 1);
    assert!(island_of(&html(std::slice::from_ref(&run)).unwrap())["pairs"][0][0]["h"].is_null());
    let token = |text: &str, divergence_nats| HeatToken { text: text.to_owned(), divergence_nats };
    let about = run.transcripts[1].clone();
    run.heat = vec![Heat {
        request: about.request,
        tier: about.tier,
        sample: about.sample,
        tokens: vec![token("I", 0.0), token("</script>\u{202e}", 1.5)],
    }];
    let page = html(&[run]).unwrap();
    let island = island_of(&page);
    assert_eq!(
        island["pairs"][0][1]["h"],
        serde_json::json!([["I", 0.0], ["</script>\u{202e}", 1.5]])
    );
    assert!(island["pairs"][0][0]["h"].is_null() && island["pairs"][1][1]["h"].is_null());
    assert_eq!(island["runs"][0]["heat"], 1.5);
    assert_eq!(island["rows"][0][3][1][5], 1.5);
    assert!(!page.contains('\u{202e}'));
}

#[test]
fn a_run_under_way_says_how_far_it_is() {
    let mut runs = small();
    assert!(!html(&runs).unwrap().contains("running"));
    runs[1].progress = Some(TrialProgress { trials_done: 120, trials: 384 });
    let page = live(&runs, "v1").unwrap();
    assert!(page.contains("organism:weak-faker is running, 120 of 384 trials"), "one of several");
    assert!(page.contains("data-version=\"v1\"") && page.contains("connect-src 'self'"));
    let page = live(&runs[1..2], "v1").unwrap();
    assert!(page.contains(">running, 120 of 384 trials</p>"), "one alone");
}

#[test]
fn what_lies_beyond_the_axis_is_an_arrow_and_no_point() {
    let mut run = sample::run(&DEMO[0], 0, 2, 1, 1);
    run.kind = ModelKind::Model;
    run.estimates.gap = Some(0.01);
    run.estimates.gap_ci95 = Some([-0.02, 0.04]);
    let control = |name: &str, measured| Control {
        name: name.to_owned(),
        planted: String::new(),
        seeds: 20,
        measured,
        reasoning: [0.0, 0.0],
    };
    run.controls = vec![
        control("near", [0.15, 0.1]),
        control("far", [0.9, 0.05]),
        control("under", [0.05, 0.9]),
    ];
    let page = html(&[run]).unwrap();
    // The axis ends at ±10 points, and two of the three controls lie beyond it, one on each side.
    assert_eq!(page.matches("class=\"point beyond\"").count(), 2);
    for (at, path) in [("100.00", "M-9-5 0 0-9 5z"), ("0.00", "M9-5 0 0 9 5z")] {
        let arrow =
            format!("<svg class=\"point beyond\" x=\"{at}%\" y=\"32\"><path d=\"{path}\"/>");
        assert!(page.contains(&arrow), "{arrow}");
        assert!(!page.contains(&format!("<svg class=\"point around\" x=\"{at}%\"")));
    }
    assert!(
        page.contains("<svg class=\"point around\" x=\"75.00%\""),
        "the near one has its place"
    );
    assert!(page.contains("beyond this axis"));
}

#[test]
fn what_was_not_measured_comes_before_the_claim() {
    let mut run = sample::run(&DEMO[0], 0, 2, 1, 1);
    assert!(!run.estimates.measured.ok, "two requests are too few");
    let page = html(std::slice::from_ref(&run)).unwrap();
    let heading = page.split_once("<h1>").unwrap().1.split_once("</h1>").unwrap().0;
    assert_eq!(heading, "organism:faker was not measured as it should be");
    let warning = page.find("Not measured as it should be.").unwrap();
    assert!(warning < page.find("As far as it goes").unwrap());
    run.estimates.measured = Default::default();
    run.estimates.measured.ok = true;
    let page = html(&[run]).unwrap();
    assert!(
        !page.contains("not measured as it should be"),
        "a run that was measured says what it found"
    );
}

#[test]
fn a_reason_is_said_once_for_all_runs_that_it_stands_against() {
    let runs: Vec<_> = (0..3).map(|i| sample::run(&DEMO[i], i as u64, 2, 1, 1)).collect();
    let page = html(&runs).unwrap();
    assert_eq!(page.matches("Not measured as it should be.").count(), 1);
    let warning = page.split_once("Not measured as it should be.").unwrap().1;
    let warning = warning.split_once("</p>").unwrap().0;
    for run in &runs {
        assert!(warning.contains(&run.model), "{warning}");
    }
}

#[test]
fn a_models_page_shows_the_controls_and_a_controls_page_itself() {
    let mut run = sample::run(&DEMO[0], 0, 2, 1, 1);
    run.controls = vec![Control {
        name: "organism:known".to_owned(),
        planted: "complies in free only".to_owned(),
        seeds: 20,
        measured: [0.75, 0.05],
        reasoning: [0.7, 0.01],
    }];
    assert!(!html(std::slice::from_ref(&run)).unwrap().contains("organism:known"));
    run.kind = ModelKind::Model;
    let page = html(&[run]).unwrap();
    for part in ["organism:known", "over 20 seeds", "complies in free only", "<b>75.0</b>", "+70.0"]
    {
        assert!(page.contains(part), "{part}");
    }
}
