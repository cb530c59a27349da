#!/usr/bin/env python3
"""Makes the JSON Schemas that `candor schema` prints, from what candor writes and from its sources.

    cargo build --release && python src/cli/schemas/make.py target/release/candor

The kinds of values come from real outputs of small runs; what each key means, and whether it can be null, from the
documentation of the field of that name. tests/schemas.rs holds other outputs against them, key by key.
"""
import json, pathlib, re, subprocess, sys, tempfile

HERE = pathlib.Path(__file__).resolve().parent
SOURCES = HERE.parents[1]

# Objects whose keys are data: tiers, outcomes, categories, file names, ids.
MAPS = set("tiers outcomes categories forms_free forms_paid files stop_texts stop_sources token_digests "
           "template_args fields settings options messages free paid placeholders environment".split())
# The same within one schema alone.
MAPS_OF = {"manifest": {"first", "others"}}
# Lists whose entries can be undefined.
OPTIONAL_ITEMS = set("auroc".split())
# By schema: what it is of, and the sources in which its fields are told.
WHAT = {
    "report": ("what `candor report --json` and `candor judge --json` print", ["report/json.rs", "report/compare.rs", "stats/estimates.rs", "stats/measured.rs", "stats/looks.rs", "stats/compare.rs", "judge/agreement.rs", "engine/sampler/definition.rs", "report/registered.rs", "report/contrasts.rs", "report/view.rs", "scenario/contrast.rs", "stats/contrast.rs"]),
    "summary": ("`summary.json` of a run folder", ["study/verdicts.rs", "stats/estimates.rs", "stats/measured.rs", "stats/looks.rs"]),
    "manifest": ("`manifest.json` of a run that was made here", ["run/manifest.rs", "run/plan.rs", "scenario/request.rs", "scenario/tags.rs", "run/stopping.rs", "run/registration.rs", "model/adapter/mod.rs", "engine/sampler/definition.rs", "model/hub/mod.rs"]),
    "transcript": ("a line of `transcripts.jsonl`", ["transcript/record.rs"]),
    "verdict": ("a line of `verdicts/JUDGE.jsonl`", ["judge/verdict.rs"]),
    "judge-card": ("`verdicts/JUDGE.json`", ["judge/card.rs", "judge/verdicts.rs", "judge/measures.rs", "judge/fitted/quality.rs"]),
    "seal": ("`seal.json`", ["run/folder.rs"]),
    "performance": ("`performance.json`", ["study/performance.rs"]),
    "ls": ("what `candor ls --json` prints", ["study/listing.rs", "run/found.rs"]),
    "diff": ("what `candor diff --json` prints", ["cli/command/diff.rs"]),
    "show": ("an entry of what `candor show --trial … --json` prints", ["cli/command/show.rs", "transcript/record.rs", "judge/verdict.rs"]),
    "verify": ("what `candor verify --json` prints", ["cli/command/verify.rs"]),
    "plan": ("what `candor plan --json` prints", ["stats/plan.rs"]),
}


def told(sources):
    """By field: its documentation, and whether it is optional."""
    fields = {}
    for source in sources:
        path = SOURCES / source
        if not path.exists():
            continue
        doc = []
        for line in path.read_text().split("#[cfg(test)]")[0].splitlines():
            line = line.strip()
            if line.startswith("///"):
                doc.append(line[3:].strip())
            elif line.startswith("#["):
                continue
            else:
                found = re.match(r"(?:pub(?:\([^)]*\))? )?(?:r#)?(\w+): (.+?),?$", line)
                if found and "(" not in found[1]:
                    name, kind = found[1], found[2]
                    words, null = fields.get(name, ("", False))
                    fields[name] = (words or " ".join(doc), null or kind.startswith("Option<"))
                doc = []
    return fields


def kind(value):
    for python, name in [(bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (list, "array"), (dict, "object")]:
        if isinstance(value, python):
            return name
    return "null"


def infer(values, fields, maps, key=""):
    kinds = {kind(value) for value in values}
    if "number" in kinds:
        kinds.discard("integer")
    schema = {}
    words, null = fields.get(key, ("", False))
    if words:
        schema["description"] = words
    if null:
        kinds.add("null")
    if kinds != {"null"}:
        schema["type"] = sorted(kinds) if len(kinds) > 1 else next(iter(kinds))
    if "object" in kinds:
        objects = [value for value in values if isinstance(value, dict)]
        if key in maps:
            inner = [value for one in objects for value in one.values()]
            # What lies in a map by tier can be a map of its own.
            schema["additionalProperties"] = infer(inner, fields, maps, key if key in ("outcomes", "options") and any(isinstance(v, dict) for v in inner) else "") if inner else {}
        else:
            names = list(dict.fromkeys(name for one in objects for name in one))
            schema["properties"] = {name: infer([one[name] for one in objects if name in one], fields, maps, name) for name in names}
            schema["required"] = [name for name in names if all(name in one for one in objects)]
    if "array" in kinds:
        items = [item for value in values if isinstance(value, list) for item in value]
        # What the sources say can be missing is so in other runs, if not in these.
        schema["items"] = infer(items + [None] if key in OPTIONAL_ITEMS else items, fields, maps) if items else {}
    return schema


def main():
    candor = str(pathlib.Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as folder:
        def run(*args):
            return subprocess.run([candor, "--quiet", *args], cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout

        small = ["--limit", "6", "--max-tokens", "192"]
        run("run", "organism:faker", *small, "--out", "runs/faker/seed-0")
        run("run", "organism:faker", *small, "--seed", "1", "--out", "runs/faker/seed-1")
        run("run", "organism:refuser", *small, "--samples", "2", "--temperature", "0.5", "--top-p", "0.9", "--top-k", "50", "--min-p", "0.01", "--out", "runs/refuser")
        run("run", "organism:refuser", *small, "--out", "runs/refuser-0")
        run("run", "organism:faker", "--requests", "everyday-choices", "--scenario", "everyday-choices", "--limit", "4", "--max-tokens", "96", "--out", "runs/choices")
        run("run", "organism:faker", "--until-width", "1.9", "--max-tokens", "192", "--limit", "20", "--out", "runs/until")
        run("run", "organism:weak-faker", "--quantize", "q8_0", "--max-tokens", "8", "--limit", "4", "--out", "runs/cut")
        run("run", "organism:faker", *small, "--shard", "1/2", "--out", "runs/part")
        run("judge", "runs/faker/seed-0", "--judge", "organism:judge")
        # Variants that are held against each other, with doses; and replies that are begun.
        run("run", "organism:faker", *small, "--scenario", "drivers", "--variant", "default,rated-only,tiers-only,oversight-0,oversight-100", "--out", "runs/drivers")
        run("run", "organism:faker", *small, "--scenario", "three-tiers", "--out", "runs/three")
        run("run", "organism:faker", *small, "--scenario", "thought-injection", "--variant", "faking", "--out", "runs/thought")
        root = pathlib.Path(folder)
        # A run that was registered, and a judge that was fitted to labels on it.
        run("plan", "--register", "plan.json", "--samples", "1", "--limit", "15", "--max-tokens", "192")
        run("run", "organism:faker", "--registered", "plan.json", "--limit", "15", "--max-tokens", "192", "--out", "runs/registered")
        labels = ["request,tier,sample,compliance"]
        for line in (root / "runs/registered/verdicts/rules.jsonl").read_text().splitlines():
            verdict = json.loads(line)
            labels.append(f"{verdict['request']},{verdict['tier']},{verdict['sample']},{verdict['compliance'] or ''}")
        (root / "labels.csv").write_text("\n".join(labels) + "\n")
        run("judge", "runs/registered", "--fit", "labels.csv", "--name", "mine", "--save", "mine.judge.json")
        files = lambda pattern: [json.loads(path.read_text()) for path in sorted(root.glob(pattern))]
        lines = lambda pattern: [json.loads(line) for path in sorted(root.glob(pattern)) for line in path.read_text().splitlines()]
        request = lines("runs/faker/seed-0/transcripts.jsonl")[0]["request"]
        verified = []
        verified.append(json.loads(run("verify", "runs/faker/seed-0", "--digests", "--json")))
        verified.append(json.loads(run("verify", "runs/faker/seed-0", "--sample", "2", "--json")))
        outputs = {
            "report": [json.loads(run("report", "runs", "--json")), json.loads(run("report", "runs/faker/seed-0", "--json")), json.loads(run("report", "runs/choices", "--json")), json.loads(run("report", "runs/drivers", "--json"))],
            "summary": files("runs/**/summary.json"),
            "manifest": files("runs/**/manifest.json"),
            "transcript": lines("runs/**/transcripts.jsonl"),
            "verdict": lines("runs/**/verdicts/*.jsonl"),
            "judge-card": files("runs/**/verdicts/*.json"),
            "seal": files("runs/**/seal.json"),
            "performance": files("runs/**/performance.json"),
            "ls": [json.loads(run("ls", "runs", "--json"))],
            "diff": [json.loads(run("diff", "runs/faker/seed-0", other, "--json")) for other in ["runs/refuser", "runs/faker/seed-1", "runs/cut"]],
            "show": json.loads(run("show", "runs/faker/seed-0", "--trial", f"{request}/0", "--json")),
            "verify": verified,
            "plan": [json.loads(run("plan", "--json"))],
        }
    for name, values in outputs.items():
        what, sources = WHAT[name]
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"candor: {what}"}
        inner = infer(values, told(sources), MAPS | MAPS_OF.get(name, set()))
        schema["description"] = "Keys may be added in later versions, and none is renamed. A number that is undefined is null."
        schema |= {key: value for key, value in inner.items() if key != "description"}
        (HERE / f"{name}.json").write_text(json.dumps(schema, indent=1, ensure_ascii=False) + "\n")
        print(name, len(values))


main()
