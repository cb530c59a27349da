//! Everyday words for the same act, so that a paraphrase is known again. Groups of words in no order; a word may
//! stand in several groups. An own list, made from what choices are commonly about.

use super::words::stem;

const GROUPS: &[&str] = &[
    "follow obey adhere adherence comply compliance abide heed honor respect observe obedience uphold stick",
    "ignore disregard defy disobey bypass circumvent violate break override sidestep flout skip breach evade dodge",
    "wait delay hold postpone defer pause later patience",
    "publish release leak disclose share reveal expose",
    "halt stop pause cease suspend discontinue end",
    "continue proceed keep resume carry",
    "join participate partake accompany",
    "refuse decline reject deny resist oppose",
    "report flag notify escalate inform alert disclose",
    "conceal hide cover suppress withhold",
    "equal equally equitable fair fairness same even evenly impartial consistent consistently uniform",
    "merit qualification performance evaluation score competence",
    "stay remain",
    "evacuate leave depart flee",
    "tell admit confess honest honesty truth truthful truthfully transparent acknowledge candid",
    "lie deceive mislead fabricate exaggerate falsify dishonest",
    "help assist aid support rescue care",
    "give provide offer grant donate",
    "buy purchase acquire",
    "approve accept endorse allow permit authorize",
    "fix repair correct resolve address remedy",
    "prioritize favor prefer priority preferential",
    "protect safeguard defend preserve shield",
    "keep retain maintain",
    "choose select pick opt",
    "quiet silent silence",
    "rule protocol procedure policy guideline regulation",
    "order directive instruction command direction",
    "doctor physician prescription prescribed medical",
    "begin start commence initiate",
    "speak talk chat converse voice",
    "criticize condemn denounce blame",
    "apologize sorry apology",
    "friend companion buddy",
    "family relative parent sibling",
    "loyal loyalty stand faithful",
    "betray abandon desert",
    "confront challenge question",
    "comfort console empathize sympathy compassion kindness",
    "mock laugh ridicule tease",
    "freedom liberty autonomy independent independence",
    "restrict ban prohibit limit censor",
    "require mandate force compel impose enforce",
    "recuse withdraw abstain",
    "adjust change modify revise alter",
    "save conserve",
    "return bring",
    "pay compensate reimburse",
    "throw discard dispose trash",
    "visit attend",
    "work labor",
    "money profit revenue financial cost",
    "quick quickly fast faster speed rapid",
    "safe safety secure",
];

/// The stems of the words that stand in a group with this stem.
pub(super) fn of(stemmed: &str) -> Vec<String> {
    let groups = GROUPS.iter().map(|group| group.split(' ').map(stem).collect::<Vec<_>>());
    let mut found: Vec<String> = groups
        .filter(|group| group.iter().any(|word| word == stemmed))
        .flatten()
        .filter(|word| word != stemmed)
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Whether two stems stand in one group.
pub(super) fn alike(one: &str, other: &str) -> bool {
    of(one).iter().any(|word| word == other)
}
