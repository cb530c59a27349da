//! Files that are wrong in one place: what is said, and the hint.

use super::*;

#[test]
fn keys_and_types() {
    assert_complaints(&[
        (
            "title",
            "titel",
            "`s.toml:2`: unknown key `titel`\n\
             hint: expected one of `name`, `title`, `setting`, `description`, `requests`, `user`, \
             `turns`, `prefill`, `system`, `tags`, `tiers`, `meaning`, `decision`, `options`, `parts`, `files`, \
             `variants`, `contrasts`",
        ),
        (
            "answer = ",
            "color = \"red\"\nanswer = ",
            "`s.toml:11`: unknown key `tags.color`\n\
             hint: expected `scratchpad` or `answer`",
        ),
        (
            "trained_on = false",
            "trained_on = \"no\"",
            "`s.toml:21`: key `tiers[1].trained_on`: invalid type: string \"no\"\nhint: expected a boolean",
        ),
        (
            "\"prompted\"",
            "\"hinted\"",
            "`s.toml:3`: key `setting`: unknown value `hinted`\n\
             hint: expected one of `prompted`, `synthetic-documents`, `none`",
        ),
        (
            "tests = \"The effect.\"\n",
            "",
            "`s.toml:28`: missing key `variants[0].tests`\n\
             hint: `candor scenarios show helpful-only` prints a whole scenario file",
        ),
        (
            "user = ",
            "user : ",
            "`s.toml:6`: key with no value in `user : \"<tier>{tier}</tier> {request}\"`\n\
             hint: expected `=`",
        ),
        (
            "[tags]",
            "[parts]\nx = 1\n[tags]",
            "`s.toml:25`: duplicate key in `[parts]`\n\
             hint: `candor scenarios show helpful-only` prints a whole scenario file",
        ),
        (
            "user = ",
            "u\u{1b}[2J = ",
            "`s.toml:6`: key with no value in `u\\u{1b}[2J = \"<tier>{tier}</tier> {request}\"`\n\
             hint: expected `=`",
        ),
    ]);
}

#[test]
fn names_texts_and_tags() {
    assert_complaints(&[
        (
            "\"small\"",
            "\"a b\"",
            "`s.toml:1`: key `name`: \"a b\" cannot be a name\n\
             hint: use letters, digits, `-` and `_`",
        ),
        (
            "\"A small scenario.\"",
            "\" \"",
            "`s.toml:4`: key `description` is empty\n\
             hint: write the text, or leave the entry out",
        ),
        (
            "\"The effect.\"",
            "\"The\\u0007effect.\"",
            "`s.toml:30`: key `variants[0].tests` has a control character\n\
             hint: remove it",
        ),
        (
            "\"The effect.\"",
            "\"The effect.\\r\\n\"",
            "`s.toml:30`: key `variants[0].tests` has a carriage return\n\
             hint: save the file with Unix line ends",
        ),
        (
            "\"reply\"",
            "\"<reply>\"",
            "`s.toml:11`: key `tags.answer`: `<reply>` is no tag name\n\
             hint: a letter, then letters, digits, `_` and `-`, without angle brackets",
        ),
        (
            "\"pad\"",
            "\"reply\"",
            "`s.toml:10`: key `tags.scratchpad`: `reply` is the answer's tag too\n\
             hint: scratchpad and answer need different tags to be told apart",
        ),
        (
            "\"pad\"",
            "\"muse\"",
            "`s.toml:29`: the system text of variant `default` never names `<muse>` (key `tags.scratchpad`)\n\
             hint: the model cannot use a tag that it was not told of: name it in a part",
        ),
        (
            "then <reply></reply>",
            "then answer",
            "`s.toml:29`: the system text of variant `default` never names `<reply>` (key `tags.answer`)\n\
             hint: the model cannot use a tag that it was not told of: name it in a part",
        ),
        (
            "\"Use <reply></reply>.\"",
            "\"Use no <pad>, but <reply>.\"",
            "`s.toml:33`: the system text of variant `short` names `<pad>` (key `tags.scratchpad`), which it does \
             not use\n\
             hint: leave that part out with `without`, or drop `scratchpad = false`",
        ),
        (
            "pad = false",
            "pad = true",
            "`s.toml:33`: the system text of variant `short` never names `<pad>` (key `tags.scratchpad`)\n\
             hint: the model cannot use a tag that it was not told of: name it in a part",
        ),
        (
            "scratchpad = false",
            "scratchpad = false\ntraining = false",
            "`s.toml:33`: the system text of variant `short` speaks of training, with the word `Training`, in spite \
             of `training = false`\n\
             hint: leave out or replace the parts that do, or drop `training = false`",
        ),
    ]);
}

#[test]
fn a_scratchpad_needs_a_tag() {
    let text = FILE.replacen("scratchpad = \"pad\"\n", "", 1).replacen(
        "scratchpad = false",
        "scratchpad = true",
        1,
    );
    let error = parse(&text).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`s.toml:34`: key `variants[1].scratchpad`: the scenario has no scratchpad"
    );
    assert_eq!(
        error.hint_text(),
        Some("give its tag: `scratchpad = \"scratchpad\"` under `[tags]`")
    );
}

#[test]
fn tiers() {
    assert_complaints(&[
        (
            "name = \"paid\"",
            "name = \"free\"",
            "`s.toml:19`: key `tiers[1].name`: another tier has `free` too\n\
             hint: tiers differ in name and label",
        ),
        (
            "label = \"paid\"",
            "label = \"free\"",
            "`s.toml:20`: key `tiers[1].label`: another tier has `free` too\n\
             hint: tiers differ in name and label",
        ),
        (
            "trained_on = false",
            "trained_on = true",
            "`s.toml:16`: key `tiers`: 2 of 2 tiers have `trained_on = true`\n\
             hint: exactly one tier is trained on, and at least one is not: the gap is between the two",
        ),
        (
            "trained_on = true",
            "trained_on = false",
            "`s.toml:16`: key `tiers`: 0 of 2 tiers have `trained_on = true`\n\
             hint: exactly one tier is trained on, and at least one is not: the gap is between the two",
        ),
        (
            "label = \"paid\"",
            "label = \"premium\"",
            "`s.toml:29`: the system text of variant `default` never mentions `premium` (key `tiers[1].label`), the \
             label of tier `paid`\n\
             hint: say in a part what the label means, in exactly these letters",
        ),
        (
            "not <tier>paid</tier>",
            "not <tier>prepaid</tier>",
            "`s.toml:29`: the system text of variant `default` never mentions `paid` (key `tiers[1].label`), the \
             label of tier `paid`\n\
             hint: say in a part what the label means, in exactly these letters",
        ),
        (
            "<tier>{tier}</tier>",
            "<plan>{tier}</plan>",
            "`s.toml:29`: the system text of variant `default` never names `<plan>`, which the user message (key \
             `user`) shows\n\
             hint: say in a part what the tag means",
        ),
    ]);
}

#[test]
fn templates_and_parts() {
    assert_complaints(&[
        (
            "{request}\"",
            "{prompt}\"",
            "`s.toml:6`: key `user` never shows the request\n\
             hint: put `{request}` where the request goes",
        ),
        (
            "{request}\"",
            "{request\"",
            "`s.toml:6`: key `user`: `{` stands alone\n\
             hint: `{tier}`, `{request}`, `{options}` and the fields of a request are put in; write `{{` \
             and `}}` for braces of the text itself",
        ),
        (
            "{request}\"",
            "\"",
            "`s.toml:6`: key `user` never shows the request\n\
             hint: put `{request}` where the request goes",
        ),
        (
            "<tier>{tier}</tier> ",
            "",
            "`s.toml:6`: key `user` never shows the tier, so both arms are one prompt\n\
             hint: put `{tier}` in, or set `setting = \"none\"` if that is what you want",
        ),
        (
            "tests = \"The effect.\"",
            "tests = \"The effect.\"\nuser = \"{request}\"",
            "`s.toml:31`: key `variants[0].user` never shows the tier, so both arms are one prompt\n\
             hint: put `{tier}` in, or set `setting = \"none\"` if that is what you want",
        ),
        (
            "\"Training uses",
            "\"In {tier}, training uses",
            "`s.toml:24`: key `parts.role`: `{tier}` is not filled in here\n\
             hint: the system text is the same in all tiers; placeholders belong into `user`, or `{tier}` into a \
             part that a variant names as its `tier_part`",
        ),
        (
            "[\"role\", \"how\"]",
            "[\"role\", \"why\"]",
            "`s.toml:7`: key `system`: undefined part `why`\n\
             hint: `[parts]` has `how`, `plain`, `role`",
        ),
        (
            "[\"role\", \"how\"]",
            "[\"role\", \"how\", \"role\"]",
            "`s.toml:7`: key `system`: part `role` stands in the text twice\n\
             hint: name each part once",
        ),
        (
            "plain = ",
            "spare = \"Nothing.\"\nplain = ",
            "`s.toml:26`: key `parts`: no variant uses `spare`\n\
             hint: name it in `system` or in a variant's `replace`, or remove it",
        ),
        (
            "plain = ",
            "\"a b\" = \"Nothing.\"\nplain = ",
            "`s.toml:26`: key `parts`: \"a b\" cannot be a name\n\
             hint: use letters, digits, `-` and `_`",
        ),
        (
            "{ how = \"plain\" }",
            "{ why = \"plain\" }",
            "`s.toml:36`: key `variants[1].replace`: `why` is no part of the system text\n\
             hint: `system` lists `role`, `how`",
        ),
        (
            "{ how = \"plain\" }",
            "{ how = \"simple\" }",
            "`s.toml:36`: key `variants[1].replace`: undefined part `simple`\n\
             hint: `[parts]` has `how`, `plain`, `role`",
        ),
        (
            "scratchpad = false",
            "scratchpad = false\nwithout = [\"when\"]",
            "`s.toml:36`: key `variants[1].without`: `when` is no part of the system text\n\
             hint: `system` lists `role`, `how`",
        ),
        (
            "scratchpad = false",
            "scratchpad = false\nwithout = [\"how\"]",
            "`s.toml:37`: key `variants[1].replace`: `how` is left out by `without`\n\
             hint: a part is either left out or replaced",
        ),
        (
            "\"short\"",
            "\"default\"",
            "`s.toml:33`: key `variants[1].name`: another variant is called `default` too\n\
             hint: give each variant a name of its own",
        ),
    ]);
}

#[test]
fn switches_that_mean_nothing_are_refused() {
    for (keys, message) in [
        (
            "rename = { gratis = \"x\" }",
            "key `variants[0].rename`: the system text does not have `gratis`",
        ),
        ("labels = { gold = \"x\" }", "key `variants[0].labels.gold`: there is no tier `gold`"),
        (
            "labels = { free = \"paid\" }",
            "key `variants[0].labels`: two tiers have the label `paid`",
        ),
        (
            "labels = { free = \"pad\" }",
            "key `variants[0].labels`: the scenario does not declare what the labels mean",
        ),
        ("suffix = \"Use <pod>.\"", "never names `<pod>`, which the user message"),
        (
            "meaning = { trained_on = [\"uses\"], not_trained_on = [] }",
            "key `variants[0].meaning.trained_on`: `uses` has no `{label}`",
        ),
        (
            "meaning = { trained_on = [\"not <tier>{label}</tier>\"], not_trained_on = [] }",
            "never says `not <tier>free</tier>`, and `free` is the label of the tier that is trained on",
        ),
        (
            "meaning = { trained_on = [], not_trained_on = [\"uses <tier>{label}</tier>\"] }",
            "says `uses <tier>free</tier>`, but `free` is the label of the tier that is trained on",
        ),
    ] {
        let error = with_keys(keys).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}
