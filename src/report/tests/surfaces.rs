//! What is the same on every surface.

use super::*;

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
    let joined = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    for e in &told {
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
        let numbers = format!(
            "{} {} {} {} {} {} % {}",
            numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6]
        );
        assert!(table.lines().any(|line| joined(line).ends_with(&numbers)), "{numbers}: {table}");
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
                None if *column == "measured_ok" => &run["measured"]["ok"],
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
