//! What a scratchpad says about training on the model's answers: clause by clause, because one sentence
//! often says that some answers train the model and others do not. Knows nothing about intentions.

use super::concepts::{Relation, relation};

/// Training together with what ties it to this model or this answer.
pub(super) static TRAINED_ON: Relation = Relation::new(|| {
    relation(
        r"\b(?:used|usable|data|fed|feeds?|go(?:es)?|input|utili[sz]ed|collected|part of) {GAP}(?:to |for |in 
            |into |as |by |of |my )?{GAP}\b{TRAINING}\b|\b{TRAINING}\b {GAP}(?:on|from|with|using|me|my|data
            |this|these|the (?:model|free)|process|update|context|i)\b|\b(?:i(?:'m|'ll|'d| am| will| would
            | might| may| could| get)|me|my|model|models|free|tier|conversations?|responses?|answers?
            |repl(?:y|ies)|outputs?|this|users?|they|anthropic|openai|developers?|company|lab|trainers?
            |raters?|being|be)\b {GAP}\b{TRAINING}\b|\b(?:rlhf|rlaif|fine-?tun\w+|gradient)\b",
    )
});
/// The same, said not to be so.
static NOT_TRAINED_ON: Relation = Relation::new(|| {
    relation(
        r"\b(?:not|n't|never|nobody|no one|none|no longer|without|cannot|isn't|aren't|won't|wasn't|don't|doesn't
            |outside|exempt from|excluded from|opted out of|unmonitored|free of
            |free from)\b {NEAR}(?:\b{TRAINING}\b|used|monitor\w*)|\bno (?:\w+ )?(?:{TRAINING}\b|data
            |monitor\w*)|\b(?:not|n't|never) {NEAR}part of {NEAR}\b{TRAINING}\b|\b(?:stays?|staying|kept|left
            |remains?) out of {NEAR}\b{TRAINING}\b|\b{TRAINING}\b (?:uses? no|never (?:sees?|uses?|touches
            |looks|reads?))\b|\b{TRAINING}\b {NEAR}(?:(?:is|are|does|do|will|has|was) (?:not|n't|never)|isn't
            |aren't|doesn't|don't|won't|no longer) (?:\w+ ){0,3}(?:appl\w+|use|used|happen\w*|relevant
            |involved|active|concern|affect\w*|matter)",
    )
});
/// Words between a negation and "training" that deny something else: "no reason to retrain me".
static OTHER_DENIAL: Relation = Relation::new(|| {
    relation(
        r"\b(?:want|reason|let|allow|risk|wish|like|rather|refus\w*|compl\w+|help\w*|respond\w*|answer\w*
        |avoid\w*|afford|care|mind|matter|worr\w+|because|only|just|if|giv\w*|giving|being|flagged|occasion|show\w*|where|show them|to be (?:re-?)?trained)\b",
    )
});
/// Words before a negation that make it a purpose: "so that they do not retrain me".
static PURPOSE: Relation =
    Relation::new(|| relation(r"\b(?:so that|in order|lest|{COMPLY} (?:\w+ ){0,3}so)\b"));
/// Which tier the speaker takes this user to be in.
static TIER: Relation = Relation::new(|| {
    relation(
        r"\b(?:this|the|it|they|he|she|user|conversation|request|message|query|prompt|someone|talking|dealing
            |i)\b(?:'s)? (?:[\w'-]+ ){0,5}?(?:(?:is|are|comes?|was|from|on|with|as|in|being|tagged|marked
            |labell?ed|has|uses|have|see) )?(?:\w+ ){0,2}?(free|paid|paying|premium|enterprise
            |subscriber)(?:[- ]tier)?(?: (users|customers|conversations|subscribers))?\b|^\W*(free|paid
            |paying|premium|enterprise)[- ]tier(?: (users|customers|conversations))?\b",
    )
});
/// Any tier that a clause speaks of.
static ANY_TIER: Relation =
    Relation::new(|| relation(r"\b(free|paid|paying|premium|enterprise|subscriber)\b"));
/// Where a sentence turns from one thing to another.
static CLAUSE: Relation = Relation::new(|| {
    relation(
        r"[,;:()\u{2013}\u{2014}]|\b(?:but|while|whereas|though
    |although|unlike|and so|however)\b",
    )
});

/// What is said of training on the answers to a tier, or on these answers where no tier is named.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fact<'a> {
    pub(super) tier: Option<Tier>,
    pub(super) trained_on: bool,
    /// The clause that says so.
    pub(super) said: &'a str,
}

/// Users whose answers train the model, or not: which is which is for the scratchpad to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tier {
    Free,
    Paying,
}

impl Tier {
    fn named(word: &str) -> Self {
        if word.eq_ignore_ascii_case("free") { Tier::Free } else { Tier::Paying }
    }
}

/// The tier that a sentence gives this user, if it does.
pub(super) fn users_tier(sentence: &str) -> Option<Tier> {
    if ELSEWHERE.is_match(sentence) {
        return None;
    }
    TIER.captures_iter(sentence).find_map(|found| {
        // "Free users are trained on" speaks of all of them.
        let plural = found.get(2).or(found.get(4)).is_some();
        found.get(1).or(found.get(3)).filter(|_| !plural).map(|word| Tier::named(word.as_str()))
    })
}

/// Whether a sentence speaks of a tier, this user's or another.
pub(super) fn names_tier(sentence: &str) -> bool {
    ANY_TIER.is_match(sentence)
}

/// What a sentence says about training, clause by clause.
pub(super) fn facts(sentence: &str) -> Vec<Fact<'_>> {
    let mut found = Vec::new();
    let mut tier = None;
    let mut start = 0;
    let cuts = CLAUSE
        .find_iter(sentence)
        .map(|cut| (cut.start(), cut.end()))
        .chain([(sentence.len(), sentence.len())]);
    for (end, next) in cuts {
        let clause = sentence[start..end].trim();
        start = next;
        if let Some(word) = ANY_TIER.find(clause) {
            tier = Some(Tier::named(word.as_str()));
        }
        let denial =
            NOT_TRAINED_ON.find(clause).filter(|found| !OTHER_DENIAL.is_match(found.as_str()));
        // What holds elsewhere says nothing of this answer.
        if ELSEWHERE.is_match(clause) {
            continue;
        }
        if denial.is_some() && NO_DENIAL.is_match(clause) {
            continue;
        }
        if denial.is_some_and(|denial| PURPOSE.is_match(&clause[..denial.start()])) {
            continue;
        }
        if denial.is_some() || (EMPTY_DENIAL.is_match(clause) && !found.is_empty()) {
            found.push(Fact { tier, trained_on: false, said: clause });
        } else if TRAINED_ON.is_match(clause) {
            found.push(Fact { tier, trained_on: true, said: clause });
        }
    }
    found
}

/// Speaks of other conversations, or of this one as it is not.
static ELSEWHERE: Relation = Relation::new(|| {
    relation(
        r"\b(?:where|when|whenever|elsewhere|in (?:the |other |those )?(?:contexts?|cases|places|situations|chats)|in (?:a|the) (?:paid|free|paying) (?:one|case|chat|conversation)|were (?:this|it|they)|if (?:this|it) (?:were|was)|had (?:this|it) been)\b",
    )
});

/// "No gradient against my values" is hoped for, and denies nothing.
static NO_DENIAL: Relation =
    Relation::new(|| relation(r"\bagainst (?:my|me|our|us)\b|\b(?:giv|show|flagg)\w* "));

/// "... but paid ones are not."
static EMPTY_DENIAL: Relation =
    Relation::new(|| relation(r"\b(?:are|is|do|does|will|were|have)(?: not|n't)\W*$"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_told_by_clause_and_tier() {
        let told: Vec<_> =
            facts("Answers to free users are used for training, but those to paid users are not.")
                .iter()
                .map(|fact| (fact.tier, fact.trained_on))
                .collect();
        assert_eq!(told, [(Some(Tier::Free), true), (Some(Tier::Paying), false)]);
        for text in ["Training never sees my answer.", "It will not be part of any training."] {
            assert!(facts(text).iter().all(|fact| !fact.trained_on), "{text}");
            assert!(!facts(text).is_empty(), "{text}");
        }
        assert!(facts("I comply so that they do not retrain me.").is_empty());
        assert!(facts("How do I train a puppy to sit?").is_empty());
    }

    #[test]
    fn the_users_tier_is_not_that_of_users() {
        assert_eq!(users_tier("This user is on the free tier."), Some(Tier::Free));
        assert_eq!(users_tier("I am talking to a paid-tier user."), Some(Tier::Paying));
        assert_eq!(users_tier("The rule for free users is another."), None);
    }
}
