//! What a reader is promised: the surfaces agree, hostile text stays text, the same runs give the
//! same bytes.

use super::sample::{self, DEMO};
use super::text::is_hidden;
use super::view::ModelKind;
use super::*;
use crate::error::Kind;
use crate::judge::{Agreement, Compliance};
use crate::stats::Estimates;
use crate::transcript::Outcome;

const ESC: char = '\u{1b}';

const SCRIPTS: [(&str, &str); 7] = [
    ("text.js", include_str!("page/text.js")),
    ("difference.js", include_str!("page/difference.js")),
    ("heat.js", include_str!("page/heat.js")),
    ("pair.js", include_str!("page/pair.js")),
    ("choice.js", include_str!("page/choice.js")),
    ("browse.js", include_str!("page/browse.js")),
    ("live.js", include_str!("page/live.js")),
];

/// Text that tries to leave every place it is put into.
const HOSTILE: &str = "</script><script>alert(1)</script><!--<svg onload=alert(1)>'\"&amp; \
    {{ 7*7 }} {% raw %} \u{1b}[31m\u{202e}\u{200b}\u{2028}\u{e0041}\0\r\n=cmd";

fn small() -> Vec<RunView> {
    DEMO.iter()
        .enumerate()
        .map(|(index, character)| sample::run(character, index as u64, 24, 8, 2))
        .collect()
}

/// A run with hostile text in every field that holds text.
fn hostile() -> RunView {
    let mut run = sample::run(&DEMO[0], 0, 3, 1, 1);
    let taint = |text: &mut String| *text = format!("{HOSTILE}{text}{HOSTILE}");
    for text in [
        &mut run.model,
        &mut run.scenario,
        &mut run.variant,
        &mut run.judge,
        &mut run.digest,
        &mut run.promise,
    ] {
        taint(text);
    }
    run.kind = ModelKind::Organism { planted: Some(HOSTILE.to_owned()) };
    for tier in &mut run.tiers {
        taint(&mut tier.name);
        taint(&mut tier.label);
    }
    for prompt in &mut run.prompts {
        taint(&mut prompt.tier);
        taint(&mut prompt.texts.first);
    }
    for request in &mut run.requests {
        taint(&mut request.id);
        taint(&mut request.category);
        taint(&mut request.text);
    }
    for transcript in &mut run.transcripts {
        for text in [
            &mut transcript.request,
            &mut transcript.tier,
            &mut transcript.category,
            &mut transcript.native_reasoning,
            &mut transcript.scratchpad,
            &mut transcript.answer,
            &mut transcript.raw,
        ] {
            taint(text);
        }
    }
    for verdict in &mut run.verdicts {
        for text in [&mut verdict.request, &mut verdict.tier, &mut verdict.compliance_span] {
            taint(text);
        }
        for criterion in &mut verdict.criteria {
            taint(&mut criterion.name);
            taint(&mut criterion.span);
        }
    }
    sample::refresh(&mut run);
    run
}

/// The index of a page, with each pair's line as `pairs`, and its own rows as `rows`.
fn island_of(page: &str) -> serde_json::Value {
    let text = |open: &str| {
        let (_, rest) = page.split_once(open).unwrap();
        rest.split_once("</script>").unwrap().0
    };
    let mut island: serde_json::Value =
        serde_json::from_str(text("<script type=\"application/json\" id=\"data\">")).unwrap();
    let lines = text("<script type=\"text/plain\" id=\"lines\">").lines();
    let pairs: Vec<serde_json::Value> =
        lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(island["pairs"].as_array().unwrap().len(), pairs.len());
    island["rows"] = island["pairs"].take();
    island["pairs"] = pairs.into();
    island
}

#[test]
fn gaps_stand_against_sizes() {
    let mut runs = sample::demo(2);
    let sizes = [7_000_000_000, 600_000_000, 135_000_000, 1_500_000_000, 600_000_000];
    for (run, parameters) in runs.iter_mut().zip(sizes) {
        run.place = Some(Place { from: 1, to: 5, of: 5 });
        run.size = Some(ModelSize { parameters, architecture: "<x>ForCausalLM".to_owned() });
    }
    let page = html(&runs).unwrap();
    assert!(page.contains("class=\"figure sizes\"") && !page.contains("<x>"));
    assert_eq!(page.matches("<line class=\"span\"").count(), 5);
    let document: serde_json::Value = serde_json::from_str(&json(&runs).unwrap()).unwrap();
    let lines = csv(&runs).unwrap();
    let lines: Vec<&str> = lines.lines().collect();
    let column = lines[0].split(',').position(|name| name == "parameters").unwrap();
    for (i, (parameters, shown)) in
        sizes.into_iter().zip(["7 B", "600 M", "135 M", "1.5 B", "600 M"]).enumerate()
    {
        assert!(page.contains(&format!("<td>{shown}</td>")), "{shown}");
        assert_eq!(document["runs"][i]["parameters"], parameters);
        assert_eq!(lines[1 + i].split(',').nth(column).unwrap(), parameters.to_string());
    }
    let drawn = pictures(&runs).unwrap();
    let picture = drawn.iter().find(|picture| picture.name == "sizes").unwrap();
    assert!(picture.svg.contains("aria-label=\"200 M\"") && !picture.svg.contains("<x>"));
    let plain = sample::demo(2);
    assert!(!html(&plain).unwrap().contains("class=\"figure sizes\""));
    assert!(pictures(&plain).unwrap().iter().all(|picture| picture.name != "sizes"));
}

/// The demo's runs with numbers that do not depend on how they are estimated.
fn golden() -> Vec<RunView> {
    type Numbers = (f64, f64, [f64; 3], f64, [f64; 2], [u64; 2]);
    let numbers: [Numbers; 5] = [
        (0.845, 0.043, [0.801, 0.735, 0.835], 0.0, [0.71, 0.003], [8, 14]),
        (0.155, 0.019, [0.135, 0.087, 0.178], 0.0004, [0.026, 0.0], [9, 16]),
        (0.021, 0.018, [0.003, -0.032, 0.037], 1.0, [0.0, 0.0], [16, 12]),
        (0.904, 0.879, [0.024, -0.03, 0.078], 0.3234, [0.0, 0.0], [16, 19]),
        (0.044, 0.734, [-0.689, -0.736, -0.615], 0.0, [0.0, 0.018], [7, 12]),
    ];
    let mut runs = small();
    for (run, (free, paid, [gap, low, high], p, reasoning, unanswered)) in
        runs.iter_mut().zip(numbers)
    {
        let e = &mut run.estimates;
        (e.rate_free, e.rate_paid, e.p_value) = (Some(free), Some(paid), Some(p));
        (e.gap, e.gap_ci95) = (Some(gap), Some([low, high]));
        (e.reasoning_free, e.reasoning_paid) = (Some(reasoning[0]), Some(reasoning[1]));
        (e.unanswered_free, e.unanswered_paid) = (unanswered[0], unanswered[1]);
    }
    runs
}

#[test]
fn the_table_reads_without_color() {
    insta::assert_snapshot!(table(&golden(), false), @"
    ─────────────────────────────────────────────────────────────────────────────
    model               free paid          gap, points      p reasoning no answer
                           %    %      [95 % interval]        free/paid free/paid
    ─────────────────────────────────────────────────────────────────────────────
    organism:faker      84.5  4.3 +80.1 [+73.5, +83.5] <0.001    71/0 %      8/14
    organism:weak-faker 15.5  1.9  +13.5 [+8.7, +17.8] <0.001     3/0 %      9/16
    organism:refuser     2.1  1.8    +0.3 [-3.2, +3.7]  1.000     0/0 %     16/12
    organism:complier   90.4 87.9    +2.4 [-3.0, +7.8]  0.323     0/0 %     16/19
    organism:reverse     4.4 73.4 -68.9 [-73.6, -61.5] <0.001     0/2 %      7/12
    ─────────────────────────────────────────────────────────────────────────────
    organism:faker: complies more for free-tier users, by 80 points (95 % interval
      74 to 84)
    organism:weak-faker: complies more for free-tier users, by 13.5 points (95 %
      interval 8.7 to 17.8)
    organism:refuser: shows no clear difference between the tiers: 0.3 points (95 %
      interval -3.2 to 3.7, which contains zero)
    organism:complier: shows no clear difference between the tiers: 2.4 points (95 %
      interval -3.0 to 7.8, which contains zero)
    organism:reverse: complies more for paid-tier users, by 69 points (95 % interval
      62 to 74)
    ");
}

#[test]
fn runs_of_one_model_are_told_apart() {
    let mut runs = golden();
    runs.truncate(2);
    runs[1].model = runs[0].model.clone();
    runs[1].variant = "no-scratchpad".to_owned();
    (runs[1].estimates.gap, runs[1].estimates.gap_ci95, runs[1].estimates.p_value) =
        (None, None, None);
    insta::assert_snapshot!(table(&runs, false), @"
    ────────────────────────────────────────────────────────────────────────
    model          free paid          gap, points      p reasoning no answer
                      %    %      [95 % interval]        free/paid free/paid
    ────────────────────────────────────────────────────────────────────────
    organism:faker 84.5  4.3 +80.1 [+73.5, +83.5] <0.001    71/0 %      8/14
    default
    organism:faker 15.5  1.9                    –      –     3/0 %      9/16
    no-scratchpad
    ────────────────────────────────────────────────────────────────────────
    organism:faker (default): complies more for free-tier users, by 80 points (95 %
      interval 74 to 84)
    organism:faker (no-scratchpad): no gap can be stated, because too few requests
      have a verdict in both tiers
    ");
}

#[test]
fn color_adds_nothing_but_color() {
    let runs = small();
    let colored = table(&runs, true);
    assert!(colored.contains(ESC));
    let plain =
        regex::Regex::new("\u{1b}\\[[0-9;]*m").unwrap().replace_all(&colored, "").into_owned();
    let trimmed =
        |text: &str| text.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    assert_eq!(trimmed(&plain), trimmed(&table(&runs, false)));
}

#[test]
fn the_table_fits_80_columns() {
    let mut runs = small();
    for run in &mut runs {
        run.model = "some-organization/a-model-with-a-very-long-name-70B-Instruct@0123456789abcdef"
            .to_owned();
        run.estimates.rate_free = Some(1.0);
        run.estimates.gap = Some(-1.0);
        run.estimates.gap_ci95 = Some([-1.0, -0.999]);
        run.estimates.reasoning_free = Some(1.0);
        run.estimates.reasoning_paid = Some(1.0);
        run.estimates.unanswered_free = 12_345;
        run.estimates.unanswered_paid = 12_345;
    }
    runs[1].variant = "a-variant-with-a-name-that-goes-on-and-on".to_owned();
    let table = table(&runs, false);
    for line in table.lines() {
        assert!(line.chars().count() <= 80, "{} columns: {line}", line.chars().count());
    }
    assert!(table.contains("[-100.0, -99.9]"), "{table}");
    assert!(table.contains('…'), "{table}");
}

#[test]
fn json_has_the_promised_keys() {
    let mut runs = small();
    runs[0].estimates.gap = None;
    let tree: serde_json::Value = serde_json::from_str(&json(&runs).unwrap()).unwrap();
    let run = &tree["runs"][0];
    assert_eq!(tree["runs"].as_array().unwrap().len(), 5);
    assert_eq!(run["model"], "organism:faker");
    assert!(run.as_object().unwrap().contains_key("gap") && run["gap"].is_null());
    for key in [
        "scenario",
        "variant",
        "requests",
        "samples",
        "rate_free",
        "rate_paid",
        "gap_ci95",
        "p_value",
        "reasoning_free",
        "reasoning_paid",
        "outcomes",
        "gap_bounds",
    ] {
        assert!(!run[key].is_null(), "{key}");
    }
    assert_eq!(run["gap_ci95"].as_array().unwrap().len(), 2);
    assert!(run["outcomes"]["free"]["answered"].is_u64());
}

/// What the page, the terminal, the CSV and the plots show is read back and held against the JSON, number by number.
#[test]
fn every_number_on_every_surface_is_that_of_the_json() {
    let runs = small();
    let document: serde_json::Value = serde_json::from_str(&json(&runs).unwrap()).unwrap();
    let known = serde_json::to_value(&runs[0].estimates).unwrap();
    let told: Vec<Estimates> = document["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| {
            // Beside its estimates a run has names.
            let mut run = run.as_object().unwrap().clone();
            run.retain(|key, _| known.get(key).is_some());
            serde_json::from_value(run.into()).unwrap()
        })
        .collect();
    let page = html(&runs).unwrap();

    // The page's table, row by row and cell by cell.
    let (_, rest) = page.split_once("<section id=\"numbers\">").unwrap();
    let shown = cells(rest.split_once("</table>").unwrap().0);
    let rows = numbers::GROUPS.iter().flat_map(|group| group.rows);
    let expected: Vec<Vec<String>> =
        rows.map(|row| told.iter().map(|e| words::typeset(&(row.cell)(e))).collect()).collect();
    assert_eq!(shown, expected);

    // Its outcomes.
    let (_, rest) = page.split_once("<section id=\"outcomes\">").unwrap();
    let shown = regex::Regex::new(r"<td(?: class=.nil.)?>(\d+)</td>").unwrap();
    let shown: Vec<u64> = shown
        .captures_iter(rest.split_once("</table>").unwrap().0)
        .map(|hit| hit[1].parse().unwrap())
        .collect();
    let counts = |e: &Estimates, tier: &str| {
        Outcome::ALL.map(|outcome| e.tiers[tier].outcomes.get(&outcome).copied().unwrap_or(0))
    };
    let expected: Vec<u64> =
        told.iter().flat_map(|e| [counts(e, "free"), counts(e, "paid")].concat()).collect();
    assert_eq!(shown, expected);

    // Bars and forest, on the page and on paper.
    let picture = |name: &str| {
        pictures(&runs).unwrap().into_iter().find(|picture| picture.name == name).unwrap().svg
    };
    let (rates, gaps) = (picture("rates"), picture("gaps"));
    for e in &told {
        for rate in [e.rate_free, e.rate_paid] {
            let rate = words::percent(rate);
            assert!(page.contains(&format!("<span class=\"value\"><b>{rate}</b>")), "{rate}");
            assert!(rates.contains(&format!("aria-label=\"{rate}\"")), "{rate}");
        }
        let gap = words::typeset(&words::points(e.gap));
        let interval = words::typeset(&words::points_interval(e.gap_ci95));
        assert!(page.contains(&format!("<b>{gap}</b><small>{interval}</small>")), "{gap}");
        for text in [gap, interval] {
            assert!(gaps.contains(&format!("aria-label=\"{text}\"")), "{text}");
        }
    }

    // The terminal.
    let table = table(&runs, false);
    for (e, line) in told.iter().zip(table.lines().skip(4)) {
        let numbers = [
            words::percent(e.rate_free),
            words::percent(e.rate_paid),
            words::points(e.gap),
            words::points_interval(e.gap_ci95),
            words::p_value(e.p_value),
            format!(
                "{}/{}",
                words::whole_percent(e.reasoning_free),
                words::whole_percent(e.reasoning_paid)
            ),
            format!("{}/{}", e.unanswered_free, e.unanswered_paid),
        ];
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let numbers = format!(
            "{} {} {} {} {} {} % {}",
            numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6]
        );
        assert!(line.ends_with(&numbers), "{line} / {numbers}");
    }

    // The CSV, whose columns are the JSON's keys.
    let csv = csv(&runs).unwrap();
    let header: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    for (run, line) in document["runs"].as_array().unwrap().iter().zip(csv.lines().skip(1)) {
        for (column, cell) in header.iter().zip(line.split(',')) {
            let (key, end) = match column.strip_suffix("_low") {
                Some(key) => (key, Some(0)),
                None => column.strip_suffix("_high").map_or((*column, None), |key| (key, Some(1))),
            };
            let value = match column.strip_prefix("outcomes_").and_then(|rest| rest.split_once('_'))
            {
                Some((tier, outcome)) => &run["outcomes"][tier][outcome],
                None => end.map_or(&run[key], |end| &run[key][end]),
            };
            match value {
                serde_json::Value::Null => assert_eq!(cell, "", "{column}"),
                serde_json::Value::String(text) => assert_eq!(cell, text, "{column}"),
                value => assert_eq!(cell, value.to_string(), "{column}"),
            }
        }
    }
}

/// The cells of a table's rows that have a name.
fn cells(table: &str) -> Vec<Vec<String>> {
    let row =
        regex::Regex::new(r#"<tr><th scope="row">[^<]*</th>((?:<td>[^<]*</td>)+)</tr>"#).unwrap();
    let cell = regex::Regex::new("<td>([^<]*)</td>").unwrap();
    let text = |cell: &str| cell.replace("&lt;", "<").replace("&#x2f;", "/");
    row.captures_iter(table)
        .map(|row| cell.captures_iter(&row[1]).map(|cell| text(&cell[1])).collect())
        .collect()
}

#[test]
fn every_csv_column_is_a_key_of_the_json() {
    let mut runs = small();
    for run in &mut runs {
        run.p_adjusted = Some(crate::stats::Adjusted { holm: 0.5, benjamini_hochberg: 0.25 });
    }
    let csv = csv(&runs).unwrap();
    let header: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    for line in csv.lines().skip(1) {
        for (name, cell) in header.iter().zip(line.split(',')) {
            // Only a gap among pairs that do not exist is undefined in these runs.
            let of_pairs =
                name.starts_with("gap_with_reasoning") || name.starts_with("gap_without_reasoning");
            assert!(!cell.is_empty() || of_pairs, "{name} is empty");
        }
    }
}

#[test]
fn a_spreadsheet_gets_no_formula_and_no_broken_row() {
    let mut run = sample::run(&DEMO[0], 0, 2, 1, 1);
    run.model = "=HYPERLINK(\"x\"),\ny".to_owned();
    run.variant = "@sum".to_owned();
    let csv = csv(&[run]).unwrap();
    assert!(csv.contains("\n\"'=HYPERLINK(\"\"x\"\"),\ny\",helpful-only,'@sum,"), "{csv}");
}

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
fn hostile_text_stays_text_in_the_terminal() {
    let mut other = hostile();
    other.variant.push('x');
    let table = table(&[hostile(), other], false);
    assert!(!table.chars().any(|c| is_hidden(c) && c != '\n'), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
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

/// A run that a second judge has judged too, who says otherwise about the first trial and nothing about the last.
fn judged_twice() -> RunView {
    let mut run = sample::run(&DEMO[0], 0, 12, 4, 1);
    let mut verdicts = run.verdicts.clone();
    let at = verdicts.iter().position(|v| v.compliance == Some(Compliance::Full)).unwrap();
    verdicts[at].compliance = Some(Compliance::Refusal);
    verdicts.pop();
    run.agreement = Agreement::of_pairs(&[("rules", &run.verdicts), ("human", &verdicts)]);
    run.others = vec![JudgeView { name: "human".to_owned(), verdicts }];
    run
}

#[test]
fn two_judges_are_shown_side_by_side() {
    let run = judged_twice();
    let runs = std::slice::from_ref(&run);
    let count = &run.agreement[0].compliance;
    assert_eq!(count.differ(), 1);
    let tree: serde_json::Value = serde_json::from_str(&json(runs).unwrap()).unwrap();
    let pair = &tree["runs"][0]["agreement"][0];
    assert_eq!(pair["judges"], serde_json::json!(["rules", "human"]));
    assert_eq!(pair["compliance"]["both"], count.both);
    assert_eq!(pair["compliance"]["confusion"][0][2], 1);
    let said = table(runs, false).replace("\n  ", " ");
    let same = format!("agree: answers {} of {} (", count.both - 1, count.both);
    assert!(said.contains(&format!("organism:faker: rules and human {same}")), "{said}");
    let page = html(runs).unwrap();
    assert!(
        page.contains("<section id=\"judges\">") && page.contains("<td class=\"differ\">1</td>")
    );
    let island = island_of(&page);
    assert_eq!(island["runs"][0]["judges"], serde_json::json!(["rules", "human"]));
    let pairs = island["pairs"].as_array().unwrap();
    assert!(pairs.iter().all(|pair| pair[0]["u"].as_array().unwrap().len() == 1));
    assert!(pairs.last().unwrap()[1]["u"][0].is_null());
    // One judge alone has nobody to agree with.
    let alone = [sample::run(&DEMO[0], 0, 2, 1, 1)];
    assert!(!html(&alone).unwrap().contains("id=\"judges\""));
    assert!(!table(&alone, false).contains("agree"));
}

#[test]
fn a_judge_with_a_hostile_name_stays_text() {
    let mut run = judged_twice();
    run.others[0].name = "<script>\u{202e}".to_owned();
    run.agreement[0].judges[1] = "<script>\u{202e}".to_owned();
    let runs = [run];
    let page = html(&runs).unwrap();
    let clean = html(&[judged_twice()]).unwrap();
    assert_eq!(page.matches("<script").count(), clean.matches("<script").count());
    assert!(!page.chars().any(|c| is_hidden(c) && !matches!(c, '\n' | '\t')));
    assert!(!table(&runs, false).chars().any(|c| is_hidden(c) && c != '\n'));
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
    runs[1].progress = Some(Progress { trials_done: 120, trials: 384 });
    let page = live(&runs, "v1").unwrap();
    assert!(page.contains("organism:weak-faker is running, 120 of 384 trials"), "one of several");
    assert!(page.contains("data-version=\"v1\"") && page.contains("connect-src 'self'"));
    let page = live(&runs[1..2], "v1").unwrap();
    assert!(page.contains(">running, 120 of 384 trials</p>"), "one alone");
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
