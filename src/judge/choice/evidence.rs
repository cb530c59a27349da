//! How strongly each sentence of an answer speaks for and against each option. Knows the options' words and labels;
//! it does not decide.

use std::collections::{HashMap, HashSet};

use super::synonyms;
use super::words::{Sentence, Word, is_function_word, sentences};
use super::{cues, finding, turns};

/// What can speak for or against an option; the places of [`Evidence::of`].
pub(super) const KINDS: usize = 18;

/// An option as the reader knows it.
pub(super) struct Known {
    /// Labels by which it may be called: what it is shown under, its number, its letter.
    pub(super) labels: Vec<String>,
    /// `first`, `second`, … by its place.
    pub(super) ordinal: Option<&'static str>,
    /// The first word of its text.
    pub(super) verb: Option<String>,
    /// Stems of its text in order.
    pub(super) stems: Vec<String>,
    /// Stems that speak of this option and of no other: which of its words each stands for, and how much it tells.
    pub(super) own: HashMap<String, (usize, f64)>,
    /// What all of its own words tell together.
    pub(super) whole: f64,
}

const ORDINALS: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];

/// The options by label and text, in the order in which they were shown. `request` is all that was asked: words that
/// stand in it apart from the options tell less.
pub(super) fn known(options: &[(&str, &str)], request: &str) -> Vec<Known> {
    let stems = |text: &str| -> Vec<String> {
        sentences(text).into_iter().flat_map(|s| s.words).map(|word| word.stem).collect()
    };
    let content = |text: &str| -> HashSet<String> {
        let words = sentences(text).into_iter().flat_map(|s| s.words);
        words.filter(|word| !is_function_word(&word.text)).map(|word| word.stem).collect()
    };
    let sets: Vec<HashSet<String>> = options.iter().map(|(_, text)| content(text)).collect();
    let mut context = request.to_owned();
    for (_, text) in options {
        context = context.replace(text, " ");
    }
    let context = content(&context);
    let known = options.iter().enumerate().map(|(place, (label, text))| {
        let elsewhere = |stem: &str| {
            sets.iter().enumerate().any(|(other, set)| other != place && set.contains(stem))
        };
        let mut own_words: Vec<&String> =
            sets[place].iter().filter(|stem| !elsewhere(stem)).collect();
        own_words.sort();
        let mut own: HashMap<String, (usize, f64)> = HashMap::new();
        let mut whole = 0.0;
        for (concept, stem) in own_words.iter().enumerate() {
            let weight = if context.contains(*stem) { 0.6 } else { 1.0 };
            whole += weight;
            own.insert((*stem).clone(), (concept, weight));
        }
        for (concept, stem) in own_words.iter().enumerate() {
            for like in synonyms::of(stem) {
                let other = sets.iter().enumerate().any(|(other, set)| {
                    other != place
                        && (set.contains(&like) || set.iter().any(|s| synonyms::alike(s, &like)))
                });
                if !other {
                    own.entry(like).or_insert((concept, 0.7));
                }
            }
        }
        let letter = u8::try_from(place).ok().and_then(|place| b'a'.checked_add(place));
        let mut labels = vec![label.to_lowercase()];
        for further in
            [letter.map(|letter| char::from(letter).to_string()), Some((place + 1).to_string())]
        {
            labels.extend(further.filter(|further| {
                // A label that another option is shown under is not this one's.
                !options.iter().any(|(label, _)| label.to_lowercase() == *further)
            }));
        }
        Known {
            labels,
            ordinal: ORDINALS.get(place).copied(),
            verb: sentences(text).first().map(|s| s.words[0].text.clone()),
            stems: stems(text),
            own,
            whole: whole.clamp(0.5, 3.0),
        }
    });
    known.collect()
}

/// In which way a word of a sentence is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sense {
    Plain,
    Rejected,
    Conceded,
    Conditional,
    /// The subject of something that is said to do harm.
    Harmed,
    /// The subject of something that is said to do good.
    Served,
}

/// The sense of each word of a sentence. A cue that is a word of an option sets nothing aside.
fn senses(words: &[Word], option_words: &HashSet<String>) -> Vec<Sense> {
    let mut senses = Vec::with_capacity(words.len());
    let mut now = Sense::Plain;
    let mut left = 0_usize;
    for (place, word) in words.iter().enumerate() {
        if word.after_break || matches!(word.text.as_str(), "but" | "because" | "since" | "so") {
            now = Sense::Plain;
        }
        let is_own = |length: usize| length == 1 && option_words.contains(&word.stem);
        if let Some(length) = finding::at(words, place, cues::REJECTS).filter(|&l| !is_own(l)) {
            let next = words.get(place + length).map(|word| word.text.as_str());
            if !(next.is_some_and(|next| cues::NOT_REJECTING.contains(&next)))
                && now != Sense::Rejected
            {
                now = Sense::Rejected;
                left = 12;
            }
        } else if finding::at(words, place, cues::CONCEDES).is_some_and(|l| !is_own(l))
            && (place == 0 || word.after_break || word.text != "yes")
        {
            now = Sense::Conceded;
            left = usize::MAX;
        } else if finding::at(words, place, cues::CONDITIONS).is_some_and(|l| !is_own(l)) {
            now = Sense::Conditional;
            left = usize::MAX;
        }
        if left == 0 {
            now = Sense::Plain;
        }
        left = left.saturating_sub(1);
        senses.push(now);
    }
    // What is said of a subject colors the words before it, back to where its clause begins.
    for place in 0..words.len() {
        let is_own = |length: usize| length == 1 && option_words.contains(&words[place].stem);
        let averted = || finding::any(&words[place.saturating_sub(4)..place], cues::AVERTS);
        let harms = finding::at(words, place, cues::HARMS).is_some_and(|l| !is_own(l));
        let color = if harms && !averted() {
            Sense::Harmed
        } else if finding::at(words, place, cues::SERVES).is_some_and(|l| !is_own(l)) {
            Sense::Served
        } else {
            continue;
        };
        for before in (0..place).rev() {
            if senses[before] == Sense::Plain {
                senses[before] = color;
            }
            if matches!(
                words[before].text.as_str(),
                "but" | "because" | "since" | "so" | "and" | "which" | "as"
            ) && before + 1 < place
            {
                break;
            }
        }
    }
    senses
}

/// For each option, whether one of its labels stands at a place, and over how many words.
fn label_at(words: &[Word], place: usize, text: &str, known: &[Known]) -> Option<(usize, usize)> {
    const NOUNS: [&str; 6] = ["option", "choice", "action", "alternative", "answer", "letter"];
    let word = &words[place];
    let of_label = |word: &Word| known.iter().position(|option| option.labels.contains(&word.text));
    let next_char = |word: &Word| text[word.end..].trim_start_matches(['*', '_']).chars().next();
    // "option a", "choice (2)".
    if NOUNS.contains(&word.text.as_str())
        && let Some(next) = words.get(place + 1)
        && let Some(option) = of_label(next)
    {
        let article = next.text == "a"
            && next_char(next) == Some(' ')
            && text[next.start..].starts_with('a')
            && words.get(place + 2).is_some_and(|word| !word.after_break)
            && word.text == "action";
        if !article {
            return Some((option, 2));
        }
    }
    // "the second option", "the former".
    if let Some(option) = known.iter().position(|option| option.ordinal == Some(word.text.as_str()))
        && words.get(place + 1).is_some_and(|next| NOUNS[..4].contains(&next.text.as_str()))
    {
        return Some((option, 2));
    }
    if known.len() == 2
        && (word.text == "former" || word.text == "latter")
        && words.get(place.wrapping_sub(1)).is_some_and(|before| before.text == "the")
    {
        return Some((usize::from(word.text == "latter"), 1));
    }
    // "a)", "(b)", "B:", "1." where a line begins, or a letter alone.
    let option = of_label(word)?;
    let before = text[..word.start].trim_end_matches(['*', '_', '"', '“', '`']);
    let begins = before.trim_end_matches([' ', '\t']).is_empty()
        || before.trim_end_matches([' ', '\t']).ends_with(['\n', ':', '>']);
    let after = next_char(word);
    const CHOOSES: [&str; 14] = [
        "choose",
        "choosing",
        "chose",
        "pick",
        "picking",
        "select",
        "selecting",
        "is",
        "with",
        "for",
        "prefer",
        "take",
        "be",
        "answer",
    ];
    let chosen = place > 0 && CHOOSES.contains(&words[place - 1].text.as_str());
    // "I choose B because": a capital in the middle of a sentence is no article, and nor is a letter before a stop.
    let capital = text[word.start..].starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit());
    match after {
        Some(')') => Some((option, 1)),
        Some('.' | ',' | ';' | ':' | '!' | '"' | '\n') | None if chosen => Some((option, 1)),
        Some(' ') if chosen && capital && word.text.chars().count() == 1 => Some((option, 1)),
        Some('.' | ':' | '-' | '\n') | None if begins => Some((option, 1)),
        _ if words.len() == 1 => Some((option, 1)),
        _ => None,
    }
}

/// What a sentence says, before it is known where in the answer it stands.
struct Said {
    /// By option: how much of it is spoken of, 0 to 1, in each sense.
    plain: Vec<f64>,
    rejected: Vec<f64>,
    conceded: Vec<f64>,
    conditional: Vec<f64>,
    harmed: Vec<f64>,
    served: Vec<f64>,
    /// Labels, plainly and rejected.
    labelled: Vec<bool>,
    label_rejected: Vec<bool>,
    /// The option whose label stands first, and at which word.
    first_label: Option<(usize, usize)>,
    /// The longest run of the option's own words, as a share of them.
    quoted: Vec<f64>,
}

fn said(sentence: &Sentence, text: &str, known: &[Known], option_words: &HashSet<String>) -> Said {
    let words = &sentence.words;
    let senses = senses(words, option_words);
    let share = |wanted: &[Sense]| -> Vec<f64> {
        let of = |option: &Known| {
            let mut concepts: HashMap<usize, f64> = HashMap::new();
            for (word, _) in words.iter().zip(&senses).filter(|(_, s)| wanted.contains(s)) {
                if let Some(&(concept, weight)) = option.own.get(&word.stem) {
                    let told = concepts.entry(concept).or_default();
                    *told = told.max(weight);
                }
            }
            let mut told: Vec<f64> = concepts.into_values().collect();
            told.sort_by(f64::total_cmp);
            (told.iter().sum::<f64>() / option.whole).min(1.0)
        };
        known.iter().map(of).collect()
    };
    let mut said = Said {
        plain: share(&[Sense::Plain, Sense::Served]),
        rejected: share(&[Sense::Rejected]),
        conceded: share(&[Sense::Conceded]),
        conditional: share(&[Sense::Conditional]),
        harmed: share(&[Sense::Harmed]),
        served: share(&[Sense::Served]),
        labelled: vec![false; known.len()],
        label_rejected: vec![false; known.len()],
        first_label: None,
        quoted: known.iter().map(|option| longest_run(words, &senses, &option.stems)).collect(),
    };
    let mut at = 0;
    while at < words.len() {
        match label_at(words, at, text, known) {
            Some((option, length)) => {
                said.first_label.get_or_insert((option, at));
                match senses[at] {
                    Sense::Plain | Sense::Served | Sense::Conditional => {
                        said.labelled[option] = true
                    }
                    Sense::Rejected | Sense::Harmed => said.label_rejected[option] = true,
                    Sense::Conceded => {}
                }
                at += length;
            }
            None => at += 1,
        }
    }
    said
}

/// The longest run of the option's stems that stands word for word in the sentence where it is plainly meant, as a
/// share of the option's words; runs below three words, or two for an option of two, are none.
fn longest_run(words: &[Word], senses: &[Sense], stems: &[String]) -> f64 {
    let mut best = 0;
    for start in 0..words.len() {
        if !matches!(senses[start], Sense::Plain | Sense::Served) {
            continue;
        }
        for from in 0..stems.len() {
            let run = words[start..]
                .iter()
                .zip(&stems[from..])
                .take_while(|(w, s)| w.stem == **s)
                .count();
            best = best.max(run);
        }
    }
    if best < 3.min(stems.len()) { 0.0 } else { best as f64 / stems.len().min(8) as f64 }.min(1.0)
}

/// What an answer says of its options.
pub(super) struct Evidence {
    /// By option: how much there is of each kind.
    pub(super) of: Vec<[f64; KINDS]>,
    /// Weighing words by a hundred words.
    pub(super) weighing: f64,
    /// Ways besides the options that the writer brings up, by sentence.
    pub(super) elsewhere: f64,
    /// Whether it ends by asking.
    pub(super) asks: bool,
    /// Conditions by sentence.
    pub(super) conditions: f64,
    /// Whether the writer says that it takes none.
    pub(super) neither: bool,
    /// By option: the words that speak most for it.
    pub(super) spans: Vec<Option<(usize, usize)>>,
}

/// How many words of a sentence end with the last cue that takes back what stood before it; none without one.
fn turn(sentence: &Sentence) -> Option<usize> {
    let words = &sentence.words;
    let starts = finding::at(words, 0, turns::TURN_STARTS)
        .filter(|_| words.get(1).is_none_or(|next| next.after_break));
    let places = (0..words.len()).rev();
    let inside =
        places.filter_map(|place| Some(place + finding::at(words, place, turns::TURNS)?)).next();
    inside.or(starts)
}

/// Gathers the evidence of a whole answer.
pub(super) fn gather(text: &str, known: &[Known]) -> Evidence {
    let option_words: HashSet<String> =
        known.iter().flat_map(|option| option.stems.iter().cloned()).collect();
    let mut sentences = sentences(text);
    // What was taken back counts for nothing: the answer begins behind the last words that do so.
    if let Some((number, end)) =
        sentences.iter().enumerate().rev().find_map(|(number, s)| Some((number, turn(s)?)))
    {
        sentences.drain(..number);
        sentences[0].words.drain(..end);
        if sentences[0].words.is_empty() {
            sentences.remove(0);
        }
    }
    let n = known.len();
    let mut of = vec![[0.0_f64; KINDS]; n];
    let mut best = vec![(0.0, None); n];
    let mut words_count = 0;
    let (mut weighing, mut conditions, mut elsewhere) = (0, 0, 0);
    let last = sentences.len().saturating_sub(1);
    let flag = |value: bool| f64::from(u8::from(value));
    for (number, sentence) in sentences.iter().enumerate() {
        let words = &sentence.words;
        words_count += words.len();
        // "Halt the work": an order to do what an option says, in its own first word.
        let imperative = known.iter().any(|option| option.verb.as_deref() == Some(&words[0].text));
        let commits = imperative || finding::any(words, cues::COMMITS);
        let concludes = imperative || finding::any(words, cues::CONCLUDES);
        let weighs = finding::count(words, cues::WEIGHS);
        weighing += weighs;
        elsewhere += usize::from(finding::any(words, cues::ELSEWHERE));
        conditions += usize::from(finding::any(words, cues::CONDITIONS));
        let said = said(sentence, text, known, &option_words);
        for option in 0..n {
            let place = &mut of[option];
            let raise = |place: &mut f64, value: f64| *place = place.max(value);
            let plain = said.plain[option];
            raise(
                &mut place[0],
                flag(said.labelled[option] && (commits || number == 0 || number == last)),
            );
            raise(&mut place[1], flag(said.labelled[option]));
            if number == 0 {
                let labelled =
                    said.first_label.is_some_and(|(first, at)| first == option && at < 2)
                        && said.labelled[option];
                let stated =
                    said.quoted[option] >= 0.75 && words.len() <= known[option].stems.len() + 8;
                // "Stand.": a word or two that only one option has.
                let own = |word: &Word| {
                    is_function_word(&word.text) || known[option].stems.contains(&word.stem)
                };
                let brief = sentences.len() == 1
                    && words.len() <= 3
                    && plain > 0.0
                    && words.iter().all(own);
                place[2] = flag(labelled || stated || brief);
                place[4] = said.quoted[option];
                place[5] = plain;
            }
            raise(&mut place[3], said.quoted[option]);
            if number == last {
                place[6] = plain;
            }
            if commits && weighs == 0 {
                raise(&mut place[7], plain);
            }
            if commits {
                raise(&mut place[8], plain);
                place[9] = plain;
            }
            raise(&mut place[10], said.rejected[option]);
            raise(&mut place[11], said.conceded[option]);
            raise(&mut place[12], said.harmed[option]);
            raise(&mut place[13], said.served[option]);
            raise(&mut place[14], plain);
            if concludes {
                raise(&mut place[15], plain);
            }
            raise(&mut place[16], flag(said.label_rejected[option]));
            raise(&mut place[17], said.conditional[option]);
            let strength = (plain + said.quoted[option] + 2.0 * flag(said.labelled[option]))
                * if weighs > 0 { 0.5 } else { 1.0 }
                * if commits { 2.0 } else { 1.0 };
            if strength > best[option].0 {
                let span = (words[0].start, words[words.len() - 1].end);
                best[option] = (strength, Some(span));
            }
        }
    }
    let by_sentence = |count: usize| count as f64 / sentences.len().max(1) as f64;
    Evidence {
        of,
        weighing: weighing as f64 / (words_count.max(20) as f64) * 100.0,
        elsewhere: by_sentence(elsewhere),
        asks: sentences.last().is_some_and(|sentence| sentence.asks),
        conditions: by_sentence(conditions),
        neither: sentences.iter().any(|s| {
            finding::any(&s.words, cues::NEITHER)
                || s.words.len() <= 5 && finding::at(&s.words, 0, cues::NONE).is_some()
        }),
        spans: best.into_iter().map(|(_, span)| span).collect(),
    }
}
