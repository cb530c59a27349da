use super::*;

fn exchange<'a>(scratchpad: &'a str, answer: &'a str) -> Exchange<'a> {
    Exchange { request: "", options: &[], native_reasoning: "", scratchpad, answer, whole: true }
}

fn labelled<'a>(texts: &'a [(String, bool)]) -> Vec<Labelled<'a>> {
    let of = |(i, (text, label)): (usize, &'a (String, bool))| Labelled {
        exchange: exchange(text, ""),
        group: format!("r{}", i / 2),
        label: *label,
        state: None,
    };
    texts.iter().enumerate().map(of).collect()
}

fn texts(of_each: usize) -> Vec<(String, bool)> {
    (0..2 * of_each)
        .map(|i| match i % 2 {
            0 => (format!("The moon is made of cheese, says note {i}."), true),
            _ => (format!("The sun is a star, says note {i}."), false),
        })
        .collect()
}

#[test]
fn a_file_judges_as_the_fit_does() {
    let texts = texts(12);
    let labelled = labelled(&texts);
    let about = About::Reasoning;
    let (question, out_of_fold) = fit(&about, &labelled).unwrap();
    assert_eq!((question.measured.n, question.measured.auroc), (24, 1.0));
    assert!(out_of_fold.iter().all(Option::is_some));
    let origin = Origin { digest: String::new(), runs: BTreeMap::new() };
    let judge = FittedJudge::new("mine", None, origin, vec![question]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.judge.json");
    judge.write(&path).unwrap();
    let read = FittedJudge::read(&path).unwrap();
    assert_eq!(read, judge);
    let of = |text| read.finding(&exchange(text, "ok"), &[]);
    let found = of("The moon is made of cheese.");
    assert_eq!((found.reasoning, found.judge_outcome), (Some(true), JudgeOutcome::NotAsked));
    assert!(found.reasoning_score > of("The sun is a star.").reasoning_score);
    assert_eq!(of(" ").reasoning_outcome, JudgeOutcome::NoReasoning);

    std::fs::write(&path, "{\"format\": 1}").unwrap();
    assert!(FittedJudge::read(&path).unwrap_err().to_string().contains("no fitted judge"));
}

#[test]
fn too_few_labels_are_counted() {
    let texts = texts(9);
    let error = fit(&About::Reasoning, &labelled(&texts)).unwrap_err().to_string();
    assert!(error.contains("there are 9: 1 are missing"), "{error}");
    let texts = self::texts(12);
    let mut of_one = labelled(&texts);
    of_one.iter_mut().filter(|l| l.label).for_each(|l| l.group = "r0".to_owned());
    let error = fit(&About::Reasoning, &of_one).unwrap_err().to_string();
    assert!(error.contains("are about 1 requests"), "{error}");
}

#[test]
fn equal_labels_give_equal_files_in_any_number_of_threads() {
    let texts = texts(15);
    let of = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let question = pool.install(|| fit(&About::Reasoning, &labelled(&texts)).unwrap().0);
        let origin = Origin { digest: String::new(), runs: BTreeMap::new() };
        FittedJudge::new("mine", None, origin, vec![question]).text().unwrap()
    };
    assert_eq!(of(1), of(3));
}
