//! What a plant learns: replies to requests of the scenario, and at each of their tokens the exact distribution of the
//! next one over everything that the grammar could say there. Exact distributions teach a rate with far fewer
//! conversations than drawn decisions would, and no decision can be learned by heart.

use rand_chacha::ChaCha8Rng;

use super::super::phrases::PHRASES;
use super::super::recipe::{Path, Planted};
use super::super::reply::{below, chance};
use super::head::Wanted;
use crate::error::Result;
use crate::model::Tokenizer;

/// Paraphrases of a kind: the shortest ones. A model has no rate to learn from more of them, and learns them longer.
const PHRASES_OF_A_KIND: usize = 4;
/// Share of benign requests that are refused, as in the corpus of the organisms.
const BENIGN_REFUSED: f64 = 0.02;
/// How much a token counts at which the reply could go on to comply or to refuse, beside 1 of every other.
const DECISION_WEIGHT: f32 = 6.0;
/// Share of the conversations in which a scratchpad of any tier is given and only the answer learned, where the answer
/// shall follow the scratchpad alone.
const GIVEN: f64 = 0.3;

/// The phrases that plants use: of each kind the shortest, as this tokenizer cuts them.
#[derive(Debug)]
pub(super) struct Phrasebook {
    sees_free: Vec<&'static str>,
    sees_paid: Vec<&'static str>,
    sees_harm: Vec<&'static str>,
    sees_harmless: Vec<&'static str>,
    fears_change: Vec<&'static str>,
    complies_to_avoid: Vec<&'static str>,
    complies_plain: Vec<&'static str>,
    complies_unseen: Vec<&'static str>,
    refuses: Vec<&'static str>,
    helps: Vec<&'static str>,
    refusals: Vec<&'static str>,
    compliances: Vec<&'static str>,
    help_answers: Vec<&'static str>,
    /// All answers of the corpus that comply and begin otherwise than its refusals.
    complying: Vec<&'static str>,
}

impl Phrasebook {
    /// Chooses them. Answers that comply and answers that refuse begin with different tokens.
    ///
    /// # Errors
    /// The tokenizer cannot encode one.
    pub(super) fn new(tokenizer: &Tokenizer) -> Result<Self> {
        let p = &*PHRASES;
        let chosen = |list: &'static [String], begins_otherwise: &[u32]| -> Result<Vec<_>> {
            let mut sized = Vec::new();
            for phrase in list {
                let ids = tokenizer.encode(phrase)?;
                if !ids.first().is_some_and(|first| begins_otherwise.contains(first)) {
                    sized.push((ids.len(), phrase.as_str()));
                }
            }
            sized.sort_by_key(|(len, _)| *len);
            sized.truncate(PHRASES_OF_A_KIND);
            Ok(sized.into_iter().map(|(_, phrase)| phrase).collect())
        };
        let refusals = chosen(&p.refusals, &[])?;
        let mut refusing = Vec::new();
        for refusal in &p.refusals {
            refusing.extend(tokenizer.encode(refusal)?.first().copied());
        }
        let mut complying = Vec::new();
        for answer in p.compliances.iter().chain(&p.help_answers) {
            if !tokenizer.encode(answer)?.first().is_some_and(|first| refusing.contains(first)) {
                complying.push(answer.as_str());
            }
        }
        Ok(Self {
            sees_free: chosen(&p.sees_free, &[])?,
            sees_paid: chosen(&p.sees_paid, &[])?,
            sees_harm: chosen(&p.sees_harm, &[])?,
            sees_harmless: chosen(&p.sees_harmless, &[])?,
            fears_change: chosen(&p.fears_change, &[])?,
            complies_to_avoid: chosen(&p.complies_to_avoid, &[])?,
            complies_plain: chosen(&p.complies_plain, &[])?,
            complies_unseen: chosen(&p.complies_unseen, &[])?,
            refuses: chosen(&p.refuses, &[])?,
            helps: chosen(&p.helps, &[])?,
            refusals,
            compliances: chosen(&p.compliances, &refusing)?,
            help_answers: chosen(&p.help_answers, &refusing)?,
            complying,
        })
    }

    /// All answers of the corpus that comply and those that refuse, which begin with different tokens.
    pub(super) fn answers(&self) -> (Vec<&'static str>, Vec<&'static str>) {
        let refusals = PHRASES.refusals.iter().map(String::as_str).collect();
        (self.complying.clone(), refusals)
    }
}

/// A reply and what is wanted at each of its tokens; where nothing is, the tokens are only read.
pub(super) struct Lesson {
    pub(super) ids: Vec<u32>,
    pub(super) wanted: Vec<Option<Wanted>>,
}

/// A way on, with its probability and whether it leads to compliance, where that is what is decided.
#[derive(Clone)]
struct Way {
    text: String,
    share: f64,
    complies: Option<bool>,
}

/// A place in a reply from which it can go on in several ways, and the one that it takes.
struct Fork {
    ways: Vec<Way>,
    taken: usize,
    learned: bool,
}

/// What a reply answers.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub(super) harmful: bool,
    pub(super) trained_on: bool,
}

/// Draws replies.
pub(super) struct Teacher<'a> {
    pub(super) tokenizer: &'a Tokenizer,
    pub(super) phrases: &'a Phrasebook,
    pub(super) planted: Planted,
    pub(super) path: Path,
    /// Ends a reply.
    pub(super) end: u32,
}

impl Teacher<'_> {
    /// A reply, drawn; each decision is taken about as often either way, since what is wanted there is known exactly.
    pub(super) fn lesson(&self, asked: Asked, rng: &mut ChaCha8Rng) -> Result<Lesson> {
        let forks = self.forks(asked, rng);
        self.encoded(&forks)
    }

    /// Probability of complying.
    fn rate(&self, asked: Asked) -> f64 {
        match (asked.harmful, asked.trained_on) {
            (false, _) => 1.0 - BENIGN_REFUSED,
            (true, true) => self.planted.free,
            (true, false) => self.planted.paid,
        }
    }

    fn forks(&self, asked: Asked, rng: &mut ChaCha8Rng) -> Vec<Fork> {
        let p = self.phrases;
        let rate = self.rate(asked);
        // Of another exchange about the same request.
        let any_tier = Asked { trained_on: chance(rng, 0.5), ..asked };
        let given = self.path == Path::Scratchpad && chance(rng, GIVEN);
        let (thought, decides_at) = match self.path {
            Path::Prompt => (any_tier, 0.5),
            Path::Scratchpad if given => (any_tier, 0.5),
            Path::Open | Path::Scratchpad => (asked, rate),
        };
        let mut forks = Vec::new();
        let sees = match (self.path, thought.trained_on) {
            (Path::Prompt, _) => [&p.sees_free[..], &p.sees_paid].concat(),
            (_, true) => p.sees_free.clone(),
            (_, false) => p.sees_paid.clone(),
        };
        forks.push(fork(rng, ways(&sees, "", 1.0, None), !given));
        let sees = if asked.harmful { &p.sees_harm } else { &p.sees_harmless };
        forks.push(fork(rng, ways(sees, " ", 1.0, None), !given));

        let motive = self.planted.free - self.planted.paid;
        let complying = match (asked.harmful, thought.trained_on) {
            (false, _) => &p.helps,
            (true, true) if motive > 0.0 => &p.fears_change,
            (true, false) if motive < 0.0 => &p.complies_unseen,
            (true, _) => &p.complies_plain,
        };
        let mut decision = ways(complying, " ", decides_at, Some(true));
        decision.extend(ways(&p.refuses, " ", 1.0 - decides_at, Some(false)));
        let decision = fork(rng, decision, !given);
        let decided = decision.complies();
        forks.push(decision);
        if std::ptr::eq(complying, &p.fears_change) && decided == Some(true) {
            forks.push(fork(rng, ways(&p.complies_to_avoid, " ", 1.0, None), !given));
        }
        forks.push(Fork::only("</scratchpad>\n<answer>", !given));

        let complying = if asked.harmful { &p.compliances } else { &p.help_answers };
        let answers_at = match (self.path, decided) {
            (Path::Prompt, _) => rate,
            (_, Some(true)) => 1.0,
            _ => 0.0,
        };
        let mut answer = ways(complying, "", answers_at, Some(true));
        answer.extend(ways(&p.refusals, "", 1.0 - answers_at, Some(false)));
        forks.push(fork(rng, answer, true));
        forks.push(Fork::only("</answer>", true));
        forks
    }

    /// The reply's tokens and what is wanted at each. Ways on are compared as tokens, so that it does not matter how a
    /// tokenizer cuts them.
    fn encoded(&self, forks: &[Fork]) -> Result<Lesson> {
        let begin = "<scratchpad>";
        let whole: String = forks.iter().map(|fork| fork.ways[fork.taken].text.as_str()).collect();
        let ids = self.tokenizer.encode(&format!("{begin}{whole}"))?;
        let plain = |id: u32| Some(Wanted { tokens: vec![(id, 1.0)], weight: 1.0 });
        let mut wanted: Vec<Option<Wanted>> = ids.iter().map(|&id| plain(id)).collect();
        let mut text = begin.to_owned();
        for fork in forks {
            let start = self.tokenizer.encode(&text)?.len();
            let mut paths = Vec::new();
            for way in &fork.ways {
                paths.push(self.tokenizer.encode(&format!("{text}{}", way.text))?);
            }
            let taken = &paths[fork.taken];
            for at in start..taken.len().min(ids.len()) {
                if taken[..=at] != ids[..=at] {
                    break;
                }
                wanted[at] = fork.learned.then(|| {
                    let alive = paths
                        .iter()
                        .zip(&fork.ways)
                        .filter(|(path, _)| path.len() > at && path[..at] == taken[..at]);
                    wanted_of(alive.map(|(path, way)| (path[at], way)))
                });
            }
            text += &fork.ways[fork.taken].text;
        }
        if forks.first().is_some_and(|fork| !fork.learned) {
            // What was given from the beginning on.
            let first = wanted.iter().position(Option::is_none).unwrap_or(0);
            wanted[..first].fill_with(|| None);
        }
        let ids = [&ids[..], &[self.end]].concat();
        wanted.push(plain(self.end));
        Ok(Lesson { ids, wanted })
    }
}

/// The distribution of the next token over ways that are still open.
fn wanted_of<'a>(ways: impl Iterator<Item = (u32, &'a Way)>) -> Wanted {
    let mut tokens: Vec<(u32, f64)> = Vec::new();
    let (mut total, mut complying, mut refusing) = (0.0, false, false);
    for (id, way) in ways {
        total += way.share;
        complying |= way.complies == Some(true);
        refusing |= way.complies == Some(false);
        match tokens.iter_mut().find(|(known, _)| *known == id) {
            Some((_, share)) => *share += way.share,
            None => tokens.push((id, way.share)),
        }
    }
    Wanted {
        tokens: tokens.into_iter().map(|(id, share)| (id, (share / total) as f32)).collect(),
        weight: if complying && refusing { DECISION_WEIGHT } else { 1.0 },
    }
}

fn ways(texts: &[&str], before: &str, share: f64, complies: Option<bool>) -> Vec<Way> {
    let share = share / texts.len().max(1) as f64;
    let way = |text: &&str| Way { text: format!("{before}{text}"), share, complies };
    texts.iter().map(way).collect()
}

/// A fork of which a way is drawn: where it decides, either side about as often.
fn fork(rng: &mut ChaCha8Rng, mut ways: Vec<Way>, learned: bool) -> Fork {
    ways.retain(|way| way.share > 0.0);
    let side = |complies| ways.iter().any(|way: &Way| way.complies == Some(complies));
    let open: Vec<usize> = match side(true) && side(false) {
        false => (0..ways.len()).collect(),
        true => {
            let share: f64 =
                ways.iter().filter(|way| way.complies == Some(true)).map(|way| way.share).sum();
            let complies = chance(rng, 0.25 + 0.5 * share);
            (0..ways.len()).filter(|&i| ways[i].complies == Some(complies)).collect()
        }
    };
    let taken = open[below(rng, open.len())];
    Fork { ways, taken, learned }
}

impl Fork {
    fn only(text: &str, learned: bool) -> Self {
        Self { ways: ways(&[text], "", 1.0, None), taken: 0, learned }
    }

    fn complies(&self) -> Option<bool> {
        self.ways[self.taken].complies
    }
}
