//! Hostile chat templates.

use crate::common::{Draw, Place};

/// Ways to make `x`, and `y` of the same content, very large with very little: each is text of a template.
fn growths() -> Vec<String> {
    let twice = |step: &str| {
        format!(
            "{{% set ns = namespace(x=[1, 'a'], y=[1, 'a']) %}}{{% for i in range(40) %}}{}{}{{% endfor %}}{{% set x = ns.x %}}{{% set y = ns.y %}}",
            step.replace('@', "ns.x"),
            step.replace('@', "ns.y"),
        )
    };
    let in_turn = |step: &str| -> String {
        let steps = |name: &str| step.replace('@', name).repeat(40);
        format!("{{% set x = [1, 'a'] %}}{{% set y = [1, 'a'] %}}{}{}", steps("x"), steps("y"))
    };
    let mut all = Vec::new();
    for value in [
        "[@, @]",
        "(@, @)",
        "{'a': @, 'b': @}",
        "dict(a=@, b=@)",
        "[[@, @], [@]]",
        "[1] | batch(3, @) | list",
        "[1, 2] | slice(3, @) | list",
        "[1, 2] | map('default', @) | list + [@]",
        "[{}, {}] | map(attribute='q', default=@) | list",
        "[@] * 3",
        "([@] * 2) + ([@] * 2)",
        "[@, @][0:]",
        "[[@], [@]] | sum(start=[])",
        "[@, @] | reverse | list",
        "[@, @] | sort",
        "[@, [@]] | unique | list",
        "[[@, @]] | first",
        "{'a': @, 'b': @}.items() | list",
        "{'a': @, 'b': @} | dictsort",
        "{'a': @, 'b': @} | items | list",
        "[{'k': 1, 'v': @}, {'k': 1, 'w': @}] | groupby('k') | list",
        "[@, @] | select | list",
        "[@, @] | chain([@]) | list",
        "[@ | string, @ | string]",
        "@ ~ @",
        "@ ~ '-' ~ @",
        "[@ | string, @ | string] | join",
        "(@ | string).replace('a', 'aa')",
        "(@ | string) | replace('a', @ | string)",
        "'%s%s' | format(@, @)",
        "'{0}{0}'.format(@)",
        "@ | tojson + (@ | tojson)",
        "(@ | string) * 2",
        "(@ | string).join([@ | string, @ | string])",
        "(@ | string) | indent(9, true)",
    ] {
        all.push(twice(&format!("{{% set @ = {value} %}}")));
        all.push(in_turn(&format!("{{% set @ = {value} %}}")));
    }
    for step in [
        "{% set @ = @ | zip(@) | list %}",
        "{% set @ = (@ + @) | list %}",
        "{% set @ = @ + @ %}",
        "{% set @ = @ | chain(@) %}",
        "{% set @ = @[0:] + @[0:] %}",
        "{% set @ = (@ * 2)[0:] %}",
        "{% set @ = @ | batch(2, @) | list %}",
        "{% for l in [@, @, @] %}{% if loop.index == 2 %}{% set @ = loop %}{% endif %}{% endfor %}",
        "{% for l in [@, @, @] %}{% if loop.index == 2 %}{% set @ = [loop.previtem, loop.nextitem] %}{% endif %}{% endfor %}",
        "{% set m = namespace(a=@, b=@) %}{% set @ = m %}",
        "{% set m = namespace() %}{% set m.a = @ %}{% set m.b = @ %}{% set @ = [m] %}",
        "{% set @ %}{{ @ }}{{ @ }}{% endset %}",
        "{% macro m(a) %}{{ a }}{{ a }}{% endmacro %}{% set @ = m(@) %}",
        "{% with z = [@, @] %}{% set @ = z %}{% endwith %}",
        "{% set (a, b) = (@, @) %}{% set @ = [a, b] %}",
        "{% filter replace('a', 'aa') %}{{ @ }}{% endfilter %}",
        "{% do [@, @] | list %}",
    ] {
        all.push(twice(step));
        all.push(in_turn(step));
    }
    // Values that hold themselves.
    for cycle in [
        "{% set x.a = x %}",
        "{% set x.a = [x] %}",
        "{% set x.a = x | items %}",
        "{% set x.a = {'b': x} %}",
        "{% set x.a = dict(b=x) %}",
        "{% set x.a = namespace(b=x) %}",
        "{% set x.a = [1] | batch(2, x) | list %}",
        "{% set x.a = [1, 2] | map('default', x, true) | list %}",
        "{% for l in [1] %}{% set x.a = loop %}{% endfor %}",
        "{% set z = namespace(b=x) %}{% set x.a = z %}",
    ] {
        all.push(format!("{{% set x = namespace() %}}{cycle}{{% set y = x %}}"));
    }
    // Chains of values that are computed when they are looked at.
    for link in ["@[0:]", "@ + []", "@ | chain([])", "@ | zip", "@ | items", "@ | reverse", "@ * 1"]
    {
        let link = link.replace('@', "ns.x");
        all.push(format!(
            "{{% set ns = namespace(x=[1, 2]) %}}{{% for i in range(9000) %}}{{% set ns.x = {link} %}}{{% endfor %}}{{% set x = ns.x %}}{{% set y = ns.x %}}"
        ));
    }
    for deep in ["[ns.x]", "(ns.x,)", "{'a': ns.x}", "dict(a=ns.x)"] {
        all.push(format!(
            "{{% set ns = namespace(x=1) %}}{{% for i in range(9999) %}}{{% set ns.x = {deep} %}}{{% endfor %}}{{% set x = ns.x %}}{{% set y = ns.x %}}"
        ));
    }
    // As large as the budget lets one be, and looked at again and again.
    for wide in [
        "{% set x = range(9999) | list %}",
        "{% set x = [[1] * 100] * 100 %}",
        "{% set x = 'ab' * 100000 %}",
        "{% set x = ['ab' * 1000] * 100 %}",
        "{% set x = ('a,' * 9000).split(',') %}",
        "{% set x = dict([1] | zip([2])) %}",
        "{% set x = namespace() %}{% set x.a = [1] * 9000 %}{% set x.b = [2] * 9000 %}",
    ] {
        all.push(format!("{wide}{{% set y = x %}}{{% if x is sequence and x is not string %}}{{% set y = x | list %}}{{% endif %}}"));
    }
    all
}

/// Ways to look at `x` and `y` as a whole.
const LOOKS: [&str; 70] = [
    "{{ x }}",
    "{{ x ~ 'a' }}",
    "{{ 'a' ~ x }}",
    "{{ x == y }}",
    "{{ x != y }}",
    "{{ x < y }}",
    "{{ 1 == x == y }}",
    "{{ x in [y, y] }}",
    "{{ [x] in [[y], [x]] }}",
    "{{ x is eq(y) }}",
    "{{ x is lt(y) }}",
    "{{ x is in([y]) }}",
    "{{ x is sameas y }}",
    "{{ {x: 1} }}",
    "{{ {y: 1}[x] }}",
    "{{ [x, y] | sort | length }}",
    "{{ [x, y, x] | unique | list | length }}",
    "{{ [x, y] | min }}",
    "{{ [x, y] | max | length }}",
    "{{ x | string | length }}",
    "{{ x | list | string | length }}",
    "{{ x | length }}",
    "{{ x | count }}",
    "{{ x | tojson | length }}",
    "{{ x | tojson(indent=60) | length }}",
    "{{ x | pprint | length }}",
    "{{ x | join | length }}",
    "{{ x | join('a' * 9999) | length }}",
    "{{ x | sum(start=[]) | length }}",
    "{{ x | sum }}",
    "{{ x | upper | length }}",
    "{{ x | trim | length }}",
    "{{ x | escape | length }}",
    "{{ x | urlencode | length }}",
    "{{ x | title | length }}",
    "{{ x | replace('a', 'b') | length }}",
    "{{ x | replace('', 'b' * 9999) | length }}",
    "{{ x | wordcount }}",
    "{{ x | map('string') | join | length }}",
    "{{ x | map('list') | list | length }}",
    "{{ x | map('length') | sum }}",
    "{{ x | map('tojson') | list | length }}",
    "{{ range(9999) | map('default', x, true) | list | length }}",
    "{{ ['a'] * 999 | map('replace', 'a', x | string) | list | length }}",
    "{{ ['%s'] * 999 | map('format', x) | list | length }}",
    "{{ x | select('eq', y) | list | length }}",
    "{{ range(9999) | reject('in', x) | list | length }}",
    "{{ [x] * 999 | select('eq', y) | list | length }}",
    "{{ x | groupby(0) | list | length }}",
    "{{ x | batch(2, y) | list | length }}",
    "{{ x | slice(2, y) | list | string | length }}",
    "{{ x | zip(y, x) | list | string | length }}",
    "{{ x | dictsort | string | length }}",
    "{{ x | items | list | string | length }}",
    "{{ x | first | string | length }}",
    "{{ x | last | string | length }}",
    "{{ x | reverse | list | length }}",
    "{{ x.items() | list | string | length }}",
    "{{ x.count(y) }}",
    "{{ x.index(y) }}",
    "{{ (x | string).replace('a', 'b' * 999) | length }}",
    "{{ (x | string).split('') | length }}",
    "{{ ('{0}' * 500).format(x) | length }}",
    "{{ ('%s' * 3) | format(x, x, x) | length }}",
    "{{ raise_exception(x | string) }}",
    "{% for a in x %}{{ a == y }}{% endfor %}",
    "{% for a in range(9999) %}{% if x == y %}{% endif %}{% endfor %}",
    "{% for a in range(9999) %}{% set z = x in [y] %}{{ {x: 1}[y] }}{% endfor %}",
    "{% for a in range(9999) %}{{ x | length }}{{ x is eq(y) }}{% endfor %}",
    "{% for a in x recursive %}{{ loop(x) }}{% endfor %}",
];

/// What the engine would compute before any budget counts.
const CONSTANTS: [&str; 4] = [
    "{{ [1] * 99999999 == [1] * 99999999 }}",
    "{{ 2 in [1] * 99999999 }}",
    "{{ (([1] * 9999) + ([1] * 9999)) * 9999 < [1] * 99999999 }}",
    "{{ ('a' * 99999999) ~ ('b' * 99999999) }}",
];

#[test]
fn templates_end() {
    let growths = growths();
    let long = std::env::var_os("CANDOR_TEST_LONG").is_some();
    let mut draw = Draw::new(7);
    let mut sources: Vec<String> = CONSTANTS.map(|constant| constant.repeat(40)).to_vec();
    for (at, growth) in growths.iter().enumerate() {
        for (which, look) in LOOKS.iter().enumerate() {
            // Each with the plainest look; the others by lot, so that each look comes up some times.
            if long || which == 0 || draw.below(LOOKS.len()) == at % LOOKS.len() {
                sources.push(format!("{growth}{look}"));
            }
        }
    }
    let place = Place::new();
    let model = place.spoiled("faker", "config.json", |bytes| bytes);
    place.write("messages.json", r#"[{"role": "user", "content": "Hello"}]"#);
    let (mut refused, mut rendered) = (0, 0);
    for source in &sources {
        place.write("faker/chat_template.jinja", source);
        let output = place.bounded(&["render", &model, "--messages", "messages.json"]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0) => rendered += 1,
            Some(2) if stderr.starts_with("error: ") && stderr.len() < 4000 => refused += 1,
            code => panic!("{code:?} of {source}\n{stderr:.2000}"),
        }
    }
    println!("{} templates: {rendered} rendered, {refused} refused", sources.len());
    assert!(rendered > 0 && refused > 0);
}
