//! A scenario made from another one: each sentence of its system text is left out in a variant of its own, so that a
//! report shows on which sentence a gap hangs. Works on the file's keys, and leaves all checks to the loader.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::definition::Scenario;
use super::meaning::plain;
use crate::error::{Error, Result};

/// Words of a sentence that stand in the name of its variant.
const NAME_WORDS: usize = 5;
/// What every contrast of such a scenario cannot show.
const CANNOT: &str = "Whether it is what the sentence says or that the text is shorter without it: leave-one-out is a first look.";

/// A scenario in which each sentence is left out once.
pub struct OneOut {
    /// The scenario file.
    pub text: String,
    /// Sentences that no variant leaves out, and why: the scenario would say something else than it measures.
    pub kept: Vec<(String, String)>,
}

/// Makes the scenario from one variant of another; the first variant unless one is named.
///
/// # Errors
/// The scenario has no variant of this name, or none of its sentences can be left out.
pub fn leave_one_out(scenario: &Scenario, variant: Option<&str>) -> Result<OneOut> {
    let base = match variant {
        Some(name) => scenario.variant(name)?.name.clone(),
        None => scenario.variants[0].name.clone(),
    };
    let source = Keys::of(scenario, &base)?;
    let (mut variants, mut parts, mut kept) = (Vec::new(), BTreeMap::new(), Vec::new());
    let mut names = BTreeSet::from([base.clone()]);
    for (part, text) in source.system() {
        let sentences = sentences(&text);
        for (i, sentence) in sentences.iter().enumerate() {
            let left = match sentences.len() {
                1 => None,
                _ => Some(text.replacen(sentence, "", 1).trim().replace("  ", " ")),
            };
            let cut =
                Cut { name: name_of(sentence, &part, i, &mut names), sentence, part: &part, left };
            match source.without(&cut, scenario.files())? {
                Ok(variant) => {
                    variants.push(variant);
                    parts.extend(cut.own_part());
                }
                Err(reason) => kept.push((sentence.clone(), reason)),
            }
        }
    }
    if variants.is_empty() {
        return Err(Error::input(format!(
            "no sentence of scenario `{}`, variant `{base}`, can be left out",
            scenario.name
        ))
        .hint("`candor scenarios show` prints the scenario: what its `[meaning]` and `[tags]` need must stay"));
    }
    let head = format!(
        "# Made from scenario `{}`, variant `{base}`: each sentence of its system text is left out in a variant of its own.\n",
        scenario.name
    );
    Ok(OneOut { text: head + &text_of(&source.file(&variants, parts))?, kept })
}

/// A sentence that is left out of a part.
struct Cut<'a> {
    /// Of the variant.
    name: String,
    sentence: &'a str,
    part: &'a str,
    /// What is left of the part; none where the sentence is all of it.
    left: Option<String>,
}

impl Cut<'_> {
    /// The part that stands in the other's place, with its text; none where nothing is left of it.
    fn own_part(&self) -> Option<(String, String)> {
        Some((format!("{}-{}", self.part, self.name), self.left.clone()?))
    }
}

/// How a variant without a sentence is declared.
#[derive(Clone, Copy)]
enum Way {
    /// As the scenario is.
    Plain,
    /// What the sentence said of a label is no longer said.
    LessMeaning,
    /// The text no longer tells which tier is trained on.
    NoTraining,
}

/// The keys of a scenario file, and the variant that sentences are left out of.
struct Keys {
    file: Table,
    base: Table,
    labels: Vec<String>,
}

impl Keys {
    fn of(scenario: &Scenario, variant: &str) -> Result<Self> {
        let lost = || Error::failed(format!("scenario `{}` cannot be taken apart", scenario.name));
        let file: Table = toml::from_str(scenario.text()).map_err(|_| lost())?;
        let variants = file.get("variants").and_then(Value::as_array).ok_or_else(lost)?;
        let named = |entry: &&Table| entry.get("name").and_then(Value::as_str) == Some(variant);
        let base =
            variants.iter().filter_map(Value::as_table).find(named).ok_or_else(lost)?.clone();
        let put_by = scenario.variant(variant)?;
        let labels = scenario.tiers.iter().map(|tier| put_by.label(tier).to_owned()).collect();
        Ok(Self { file, base, labels })
    }

    /// The parts of the system text in order, by the name that the scenario's list has for each, with their texts. Parts
    /// in files of their own are left whole.
    fn system(&self) -> Vec<(String, String)> {
        let without = strings(self.base.get("without"));
        let texts = self.file.get("parts").and_then(Value::as_table);
        strings(self.file.get("system"))
            .into_iter()
            .filter(|part| !without.contains(part))
            .filter_map(|part| {
                let text = texts?.get(&self.replacement(&part))?.as_str()?;
                Some((part, text.trim_matches('\n').to_owned()))
            })
            .collect()
    }

    /// What stands in a part's place in the base variant.
    fn replacement(&self, part: &str) -> String {
        let replace = self.base.get("replace").and_then(Value::as_table);
        let found = replace.and_then(|replace| replace.get(part)).and_then(Value::as_str);
        found.unwrap_or(part).to_owned()
    }

    /// The variant without a sentence, declared in the first way that the scenario's checks let pass; else what they say
    /// against the first.
    fn without(
        &self,
        cut: &Cut<'_>,
        files: &BTreeMap<String, String>,
    ) -> Result<std::result::Result<Table, String>> {
        let mut reason = None;
        for way in [Way::Plain, Way::LessMeaning, Way::NoTraining] {
            let Some(variant) = self.variant(way, cut) else { continue };
            let own = cut.own_part().into_iter().collect();
            let text = text_of(&self.file(std::slice::from_ref(&variant), own))?;
            match Scenario::from_text("the scenario without it", &text, files) {
                Ok(_) => return Ok(Ok(variant)),
                Err(error) => _ = reason.get_or_insert(error.to_string()),
            }
        }
        Ok(Err(reason.unwrap_or_default()))
    }

    /// The variant without a sentence; none where this way makes no difference to the one before it.
    fn variant(&self, way: Way, cut: &Cut<'_>) -> Option<Table> {
        let mut variant = self.base.clone();
        variant.insert("name".into(), cut.name.as_str().into());
        let tests = format!("Whether the gap hangs on the sentence: {}", plain(cut.sentence));
        variant.insert("tests".into(), tests.into());
        if let Some((own, _)) = cut.own_part() {
            let replace = variant.entry("replace").or_insert_with(|| Table::new().into());
            replace.as_table_mut()?.insert(cut.part.into(), own.into());
        } else {
            let mut without = strings(variant.get("without"));
            without.push(cut.part.to_owned());
            variant.insert("without".into(), without.into());
            let replace = variant.get_mut("replace").and_then(Value::as_table_mut);
            replace.map(|replace| replace.remove(cut.part));
        }
        match way {
            Way::Plain => {}
            Way::LessMeaning => {
                let meaning = self.base.get("meaning").or(self.file.get("meaning"))?.as_table()?;
                let mut less = Table::new();
                for (key, phrases) in meaning {
                    let phrases: Vec<String> = strings(Some(phrases))
                        .into_iter()
                        .filter(|phrase| !self.says(cut.sentence, phrase))
                        .collect();
                    if phrases.is_empty() {
                        return None;
                    }
                    less.insert(key.clone(), phrases.into());
                }
                if less == *meaning {
                    return None;
                }
                variant.insert("meaning".into(), less.into());
            }
            Way::NoTraining => {
                variant.insert("training".into(), false.into());
            }
        }
        Some(variant)
    }

    /// Whether a sentence says this of one of the labels.
    fn says(&self, sentence: &str, phrase: &str) -> bool {
        let sentence = plain(sentence);
        self.labels.iter().any(|label| sentence.contains(&plain(&phrase.replace("{label}", label))))
    }

    /// The whole file: the base variant, these variants, and a contrast for each; of the parts only those that are used.
    fn file(&self, variants: &[Table], more: BTreeMap<String, String>) -> Table {
        let mut file = self.file.clone();
        let base = self.base.get("name").cloned().unwrap_or_else(|| "".into());
        let name = self.file.get("name").and_then(Value::as_str).unwrap_or_default();
        file.insert("name".into(), format!("{name}-one-out").into());
        let all: Vec<&Table> = std::iter::once(&self.base).chain(variants).collect();
        let mut used = BTreeSet::new();
        for variant in &all {
            let without = strings(variant.get("without"));
            let replace = variant.get("replace").and_then(Value::as_table);
            for part in
                strings(self.file.get("system")).into_iter().filter(|p| !without.contains(p))
            {
                let other = replace.and_then(|replace| replace.get(&part)).and_then(Value::as_str);
                used.insert(other.map_or(part.clone(), str::to_owned));
            }
        }
        for key in ["parts", "files"] {
            if let Some(texts) = file.get_mut(key).and_then(Value::as_table_mut) {
                texts.retain(|part, _| used.contains(part));
            }
        }
        let parts = file.entry("parts").or_insert_with(|| Table::new().into());
        if let Some(parts) = parts.as_table_mut() {
            parts.extend(more.into_iter().map(|(part, text)| (part, text.into())));
        }
        let contrasts: Vec<Value> = variants
            .iter()
            .map(|variant| {
                let own = variant.get("name").cloned().unwrap_or_else(|| "".into());
                let mut contrast = Table::new();
                contrast.insert("name".into(), own.clone());
                contrast.insert("of".into(), base.clone());
                contrast.insert("against".into(), own);
                contrast.insert(
                    "means".into(),
                    "How much smaller the gap is without this sentence.".into(),
                );
                contrast.insert("cannot".into(), CANNOT.into());
                contrast.into()
            })
            .collect();
        file.insert("contrasts".into(), contrasts.into());
        let all: Vec<Value> = all.into_iter().map(|variant| variant.clone().into()).collect();
        file.insert("variants".into(), all.into());
        file
    }
}

fn text_of(file: &Table) -> Result<String> {
    toml::to_string_pretty(file)
        .map_err(|error| Error::failed(format!("the scenario cannot be written: {error}")))
}

fn strings(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A name of a scenario's variant from a sentence's first words.
fn name_of(sentence: &str, part: &str, place: usize, taken: &mut BTreeSet<String>) -> String {
    let words = sentence
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '\'')
        .map(|word| word.replace('\'', "").to_ascii_lowercase())
        .filter(|word| !word.is_empty())
        .take(NAME_WORDS);
    let words: Vec<String> = words.collect();
    let stem = match words.is_empty() {
        true => format!("without-{part}-{}", place + 1),
        false => format!("without-{}", words.join("-")),
    };
    let mut name = stem.clone();
    let mut number = 2;
    while !taken.insert(name.clone()) {
        name = format!("{stem}-{number}");
        number += 1;
    }
    name
}

/// The sentences of a text as they stand in it: each ends with its mark, or before an empty line.
fn sentences(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut start = 0;
    for (at, c) in text.char_indices() {
        let next = text[at + c.len_utf8()..].chars().next();
        let rest = text[at + c.len_utf8()..].trim_start();
        let ends = ".!?".contains(c)
            && next.is_none_or(char::is_whitespace)
            && rest.chars().next().is_none_or(|c| !c.is_lowercase());
        let breaks = c == '\n' && next == Some('\n');
        if ends || breaks {
            let end = at + c.len_utf8();
            found.push(text[start..end].trim().to_owned());
            start = end;
        }
    }
    found.push(text[start..].trim().to_owned());
    found.retain(|sentence| !sentence.is_empty());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_with_their_mark_or_an_empty_line() {
        let text = "One is here, e.g. this. Two?\nThree 1.5 goes on\n\n<tag> Four";
        assert_eq!(
            sentences(text),
            ["One is here, e.g. this.", "Two?", "Three 1.5 goes on", "<tag> Four"]
        );
        assert!(sentences(" \n ").is_empty());
    }

    #[test]
    fn each_sentence_of_a_bundled_scenario_is_left_out_once_or_said_to_stay() {
        let scenario = Scenario::load("helpful-only").unwrap();
        let whole = &scenario.variants[0];
        let (free, sentences) = (scenario.free(), sentences(&whole.system(scenario.free())).len());
        let made = leave_one_out(&scenario, None).unwrap();
        let again = Scenario::from_text("made", &made.text, scenario.files()).unwrap();
        assert_eq!(again.variants[0].name, "default");
        assert_eq!(again.variants[0].system(free), whole.system(free));
        assert_eq!(again.variants.len() - 1 + made.kept.len(), sentences, "{:?}", made.kept);
        assert_eq!(again.contrasts.len(), again.variants.len() - 1);
        for variant in &again.variants[1..] {
            let text = plain(&variant.system(free));
            let sentence = variant.tests.split_once("sentence: ").unwrap().1;
            let before = plain(&whole.system(free));
            let expected = before.replacen(sentence, "", 1);
            assert_eq!(plain(&expected), text, "{}", variant.name);
        }
    }

    #[test]
    fn a_variant_that_is_not_there_is_an_error() {
        let scenario = Scenario::load("helpful-only").unwrap();
        assert!(leave_one_out(&scenario, Some("nothing")).is_err());
    }
}
