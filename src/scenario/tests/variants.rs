//! Variants: what their switches do.

use super::*;

#[test]
fn a_variant_renames_relabels_and_adds_behind() {
    let meaning = "meaning = { trained_on = [\"uses\\n<tier>{label}</tier>\"], not_trained_on = [\"not <tier>{label}</tier>\"] }";
    let scenario = with_keys(&format!(
        "labels = {{ free = \"paid\", paid = \"free\" }}\nrename = {{ free = \"paid\", paid = \"free\" }}\n\
         suffix = \"Use <pad> for {{tier}}.\"\n{meaning}"
    ))
    .unwrap();
    let [free, paid] = &scenario.tiers[..] else { panic!("two tiers") };
    let variant = &scenario.variants[0];
    let messages = variant.messages(free, &request("x"));
    assert!(messages.system.starts_with("Training uses <tier>paid</tier>, not <tier>free</tier>."));
    assert_eq!(messages.user, "<tier>paid</tier> x\n\nUse <pad> for paid.");
    assert_eq!((variant.label(free), variant.label(paid)), ("paid", "free"));
    assert_eq!(scenario.variants[1].label(free), "free");
}

#[test]
fn a_variant_shows_the_tier_in_its_system_text_where_it_says_so() {
    let text = FILE
        .replacen("plain = ", "here = \"On <tier>{tier}</tier> {}. Use <pad></pad>, then <reply></reply>.\"\nplain = ", 1)
        .replacen("tests = \"The effect.\"", "tests = \"The effect.\"\nreplace = { how = \"here\" }\nuser = \"{request}\"\ntier_part = \"here\"", 1);
    let text = format!("{text}\n[[variants]]\nname = \"user\"\ntests = \"The user message.\"\n");
    let scenario = parse(&text).unwrap();
    let [free, paid] = &scenario.tiers[..] else { panic!("two tiers") };
    let variant = &scenario.variants[0];
    assert!(variant.system(free).contains("On <tier>free</tier> {}."));
    assert!(variant.system(paid).contains("On <tier>paid</tier> {}."));
    assert_eq!(variant.messages(paid, &request("x")).user, "x");
    for (from, to, message) in [
        ("tier_part = \"here\"", "", "key `parts.here`: `{tier}` is not filled in here"),
        (
            "tier_part = \"here\"",
            "tier_part = \"role\"",
            "key `parts.here`: `{tier}` is not filled in here",
        ),
        (
            "replace = { how = \"here\" }",
            "",
            "part `here` does not show `{tier}` in this variant's system text",
        ),
        (
            "{ how = \"plain\" }",
            "{ how = \"here\" }",
            "variant `short` uses part `here`, which shows `{tier}`, as if",
        ),
    ] {
        let error = parse(&text.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn a_scenario_without_declared_meaning_is_noted() {
    let notes = &parse(FILE).unwrap().variants[0].notes;
    assert!(notes[0].contains("no `[meaning]`"), "{notes:?}");
}
