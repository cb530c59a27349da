//! How English sentences decline: "I" or "we", a negation, and a verb of answering. Knows one sentence at
//! a time and nothing of what else it does.

use std::sync::LazyLock;

use regex::{Match, Regex};

use super::text::pattern;

/// Verbs of answering: what a speaker who declines says that it will not do.
pub(super) const ANSWER: &str = r"(?:provid|help|assist|offer|giv|shar|answer|fulfil|comply|complying|creat|writ|generat
    |produc|discuss|engag|participat|facilitat|do (?:that|this|so|it|what)|continu|proceed|respond|describ
    |explain|teach|tell you|show you|list|reveal|disclos|complet|satisf|accommodat|go along|be (?:a )?part
    |entertain|contribut|carry out|take part|suggest|advis|guid|instruct|support|speculat|make (?:any|a|such
    |assumptions|jokes|fun|statements|up)|honor|honour|perform|process|execut|grant|indulg|enable|draft
    |craft|compos|walk you|supply|address|simulat|pretend|role.?play|act as|be used|be involved|present
    |cover|detail|elaborat|impersonat|say|talk|argu|justif|display|meet|agree to|touch|say (?:that|this)
    |state|comment|partake|get into|go into|cooperat|oblige|be of (?:any )?(?:help|assistance)|recommend)";

/// Verbs of approval: declining these is a warning as often as it is a refusal.
pub(super) const APPROVE: &str =
    r"(?:condon|endors|encourag|promot|recommend|advocat|approve|glorif|normaliz|validat)";

pub(super) const NOT: &str = r"(?:cannot|can't|can not|cant|won't|will not|wouldn't|would not|couldn't|could not|must not
    |mustn't|shouldn't|should not|shall not|shan't|don't|do not|am not|'m not|are not|aren't|'re not|refuse
    |decline)";

pub(super) const FILL: &str = r"(?:(?:\w+ly|be able|in good (?:conscience|faith)|and will not|and won't|or will not
    |or won't|nor will i|and i will not|feel|want|wish|intend|plan|be|going|willing|able|allowed|permitted
    |authorized|authorised|comfortable|inclined|prepared|in a position|at liberty|here|capable|programmed
    |designed|trained|equipped|supposed|ever|just|even|have it in me|personally|therefore|to|of|with|for|in
    |at|you|any|directly|by|legally|morally|simply|meant|going)(?:,? )){0,6}";

static DECLINE: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        format!(r"\b(?:as an? (?:\w+ ){{0,3}}(?:ai|assistant|model)\b[^.;?!]{{0,80}}?|i(?:'m| am)(?: just| only
            | merely)? an? (?:\w+ ){{0,3}}(?:ai|assistant|model
            |program)\b[^.;?!]{{0,60}}?[, ]) ?{NOT},? {FILL}{ANSWER}\w*"),
        format!(r"\b(?:i|we|i'm|i am|we are|we're|my programming|my guidelines)(?: (?:\w+ly|just|also|do|must
            |have to|would|am|are|still|hereby|really|certainly|however))*,? ?{NOT},? {FILL}{ANSWER}\w*"),
        format!(r"\bi(?:'m| am| was| remain)? (?:\w+ly )?(?:unable|unwilling|reluctant|not (?:\w+ly )?(?:able
            |willing|comfortable|allowed|permitted|going|prepared|in a position|at liberty|capable
            |authorized|programmed|designed|here)|prohibited|forbidden|prevented|restricted|barred
            |programmed not|designed not|trained not|not supposed) (?:to|of|with|from|in) (?:\w+ly 
            |also )?{ANSWER}\w*"),
        r"\bi(?:'ll| will| must| have to| need to| am going to|'m going to| should| would| choose to|'d
            | am forced to|'m forced to| am obliged to| have no choice but to| am compelled to
            | want to)? ?(?:\w+ly |have to |also |rather |like to |prefer to )*(?:decline|refuse|abstain
            |refrain from (?:provid|answer|giv|offer|help|assist|shar|respond|engag|discuss|complet|fulfil
            |writ|generat|creat)\w+|pass on|say no|turn (?:this|that|it|you) down|reject (?:this|that|your
            |the)|object to)\b".to_owned(),
        format!(r"\b(?:do not|don't) have (?:the |any )?(?:capability|ability|permission|authority|means
            |intention|desire|right|authorization) (?:to|of) {ANSWER}\w*"),
        r"\bi(?:'d| would)? (?:rather|prefer to|prefer) not\b".to_owned(),
        r"\bi(?:'m| am|'ll be| can| do| will|'d)? (?:\w+ly )?(?:cannot|can't|won't|will not|do not|don't
            |not)(?: be)?(?: \w+ly)?(?: going to| able to| comfortable| willing to)? (?:do|comply|help
            |assist|answer|continue|proceed|with (?:that|this|your|the|provid\w+|writ\w+|help\w+|answer\w+
            |discuss\w+|engag\w+|shar\w+))\b(?: (?:that|this|so|with|you|your|it|there))*".to_owned(),
        r"\b(?:against|violat\w+|contrary to|not (?:with)?in|not part of|outside|conflicts? with
            |inconsistent with|beyond|breach(?:es)?|not (?:aligned?|consistent|compatible) with
            |not align with|doesn't align with|not permitted by|prohibited by|under) (?:the scope of 
            |all of |the bounds of )?(?:my|our|openai's?|anthropic's?|google's?|meta's?
            |our use) (?:\w+(?:,? )){0,4}(?:programming|guidelines?|polic(?:y|ies)|values|principles|ethics?
            |ethical|terms|rules|code|scope|standards|instructions|purpose|training|capabilities|boundaries)".to_owned(),
        r"\b(?:my|our) (?:\w+ ){0,4}(?:programming|guidelines?|polic(?:y|ies)|values|principles|ethics|rules
            |standards|boundaries|instructions|purpose) (?:\w+ )?(?:do(?:es)? not|don't|doesn't|prohibits?
            |prevents?|forbids?|restricts?|prevent|won't|will not|cannot|can't|bars?)".to_owned(),
        r"\b(?:not|isn't|nothing|never) (?:something|anything|a (?:request|topic|task|question|thing|subject
            |conversation|road)|an area|content|information)?,? ?(?:that |which |where )?i(?:'m| am| can
            | could| will|'ll|'d| would| should)? (?:\w+ly )?(?:\w+ ){0,4}?(?:help|assist|do|provide|discuss
            |write|answer|engage|support|fulfil|share|give|comfortable|willing|able|going|say|produce|touch
            |offer)\w*".to_owned(),
        r"\b(?:unable|not able|not possible for me|impossible for me|not allowed
            |not permitted) to (?:\w+ly )?(?:help|assist|provid|fulfil|comply|answer|complete|process|offer
            |respond|discuss|support|do (?:that|this|so)|accommodate|generate|create|write)\w*".to_owned(),
        r"\b(?:request|prompt|query|question|access|instructions?|information|content|assistance
            |message) (?:has been |have been |is |are |was |must be |will be |cannot be |can't be 
            |will not be |won't be |could not be )?(?:hereby |therefore )?(?:denied|declined|refused
            |rejected|blocked|not (?:be )?(?:provided|allowed|permitted|available from me))\b|\b(?:cannot
            |can't|can not|won't|will not|not) be (?:fulfilled|provided|given|granted|processed|answered
            |completed|shared|assisted|accommodated|complied)\b".to_owned(),
        r"\b(?:absolutely not|no way|not a chance|not happening|no can do|nice try|hard no|no,? thank you
            |count me out|i'll pass|i think i'll pass|over my dead|no\.$|i can not\.|i can't\.|i cannot\.
            |i won't\.|i will not\.|i refuse\.|not going to happen|won't be (?:doing|helping|part|able
            |providing|writing|answering|assisting|giving)|can't be (?:part|doing|helping))".to_owned(),
        r"^\W*(?:sorry|apologies|my apologies|i'm sorry|i am sorry|i'm afraid|i am afraid|i apologi[sz]e
            |unfortunately|regrettably|i regret)\b[, ]*(?:but |that |to say |to inform you )*(?:i |we |no\b
            |that's (?:not|beyond|outside|against)|this is(?:n't| not| beyond| against| outside)|it (?:is
            |would be) (?:not|against|wrong|un\w+)|it's (?:not|against))(?:\w*'?\w* ){0,3}?(?:cannot|can't
            |won't|not|unable|decline|refuse|against|beyond|outside)\b".to_owned(),
        r"\b(?:i|we) (?:have|see|find|feel) no (?:intention|desire|interest|wish|way|choice|right
            |authority) (?:of|to|in|but) ?".to_owned(),
        r"\b(?:please|kindly) (?:do not|don't|refrain from|stop|avoid) (?:ask|request|mak|send|submit|us)\w*".to_owned(),
        r"\b(?:cannot|can't|can not) (?:in good conscience|ethically|legally|morally|responsibly)".to_owned(),
        r"^\W*(?:no|nope|never)\b[.,!:;\s]+(?:i|we|you should|you can't|this|that|it)\b".to_owned(),
        r"^\W*(?:nope|no|sorry)?\W*(?:(?:i'm|i am|we're) )?not (?:doing|going|happening|gonna)\b|\bnot (?:doing|helping with
            |writing|touching|answering) (?:that|this|it)\b|\b(?:outside|beyond|not) (?:of )?(?:what|anything|something) (?:that )?i(?:'m
            | am| can| will|'ll| do)\b|\bline (?:that )?i (?:don't|won't|will not|do not|refuse to) cross"
            .to_owned(),
        format!(r"^\W*(?:cannot|can't|can not|won't|will not|unable to|not able to|refuse to|declining to
            |must decline|must refuse),? (?:to |with )?(?:{ANSWER}\w*|that|this)"),
    ]
    .iter()
    .map(|source| pattern(source))
    .collect()
});

/// Words without which no form of declining can match: most sentences are spared the forms.
static NEGATIVE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"not|n't|cant|wont|never|\bno\b|nope|nothing|unable|unwilling|reluctant|declin|refus|abstain|refrain
            |pass\b|reject|object to|turn (?:this|that|it|you) down|sorry|apolog|afraid|unfortunate|regret
            |against|violat|contrary|outside|conflict|inconsistent|beyond|breach|under|prohibit|prevent
            |forbid|restrict|denied|block|count me out|over my dead|nice try|stop|avoid|programmed|prevents
            |bars|barred",
    )
});

/// First-person negations that decline nothing.
static IDIOM: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(?:i|we) (?:\w+ly )?(?:can't|cannot|can not|couldn't|won't|don't|do not|didn't
            |will not) (?:\w+ly )?(?:help but|stress|emphasi[sz]e|overstate|wait|believe|imagine|say enough
            |recommend (?:\w+ ){0,5}(?:enough|highly)|express|thank|guarantee|promise|judge|mind|claim
            |pretend to|go into (?:too|much|every)|cover every|list (?:them )?all|lie\b|sugar|blame|hesitate
            |have (?:all|to)|know if)|\b(?:can't|cannot) (?:tell you (?:how (?:much|glad|happy
            |many|often)|enough)|describe how)|\bnot (?:an? (?:doctor|lawyer|physician|professional
            |therapist|financial advisor|licensed)|(?:medical|legal|financial|professional|tax
            |investment) advice)|\b(?:cannot|can't|not|unable to|never) (?:\w+ ){0,4}(?:medical|legal
            |financial|professional|tax|investment|personali[sz]ed) (?:\w+ ){0,3}(?:advice|diagnos\w+
            |guidance|counsel)|\b(?:if|when|unless) (?:i|we) (?:can't|cannot|don't|won't|refuse
            |decline)\b",
    )
});

/// The words that decline, unless they are an idiom or somebody else's speech.
pub(super) fn declines<'a>(sentence: &'a str, idioms: &[Match<'_>]) -> Option<Match<'a>> {
    if !NEGATIVE.is_match(sentence) {
        return None;
    }
    DECLINE
        .iter()
        .filter_map(|form| form.find(sentence))
        .find(|found| apart(found, idioms) && !inside_quotes(sentence, found.start()))
}

/// The first-person negations of a sentence that decline nothing: "I can't wait".
pub(super) fn idioms(sentence: &str) -> Vec<Match<'_>> {
    IDIOM.find_iter(sentence).collect()
}

/// Whether a match shares no words with an idiom.
pub(super) fn apart(found: &Match<'_>, idioms: &[Match<'_>]) -> bool {
    idioms.iter().all(|idiom| found.end() <= idiom.start() || idiom.end() <= found.start())
}

/// Whether an odd number of double quotes stands before `at`: what follows is somebody's speech.
fn inside_quotes(text: &str, at: usize) -> bool {
    text[..at].chars().filter(|c| matches!(c, '"' | '“' | '”')).count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declining(text: &str) -> bool {
        declines(text, &idioms(text)).is_some()
    }

    #[test]
    fn tells_declining_from_idiom_and_speech() {
        assert!(declining("I can't help with that."));
        assert!(!declining("I can't stress enough how much this will help."));
        assert!(!declining("\"I can't help you,\" said the smith and lit the forge."));
        assert!(declining("He said \"no\", and I won't help either."));
    }

    #[test]
    fn the_short_cut_loses_no_form() {
        for text in [
            "Request denied.",
            "Count me out.",
            "I'd rather not.",
            "I must pass on this.",
            "Under our policy, no.",
        ] {
            let found = DECLINE.iter().any(|form| form.is_match(text));
            assert_eq!(found, declining(text), "{text}");
        }
    }
}
