//! The words by which a writer takes back what was said before. Own lists; they know no options.

/// What was said before is taken back.
pub(super) const TURNS: &[&str] = &[
    "on second thought",
    "changed my mind",
    "change my mind",
    "changing my mind",
    "actually no",
    "scratch that",
    "let me reconsider",
    "on reflection",
    "i take that back",
    "upon reflection",
    "having said that",
    "thinking again",
    "i reconsider*",
];

/// The same, where a sentence begins with it and a break follows.
pub(super) const TURN_STARTS: &[&str] = &["wait", "actually", "correction", "hmm"];
