"""Holds the CSV and Parquet tables of the same runs against each other and against the report.

    python check_tables.py TABLE.csv TABLE.parquet REPORT.json
"""
import json, math, sys

import pandas as pd
import pyarrow.parquet as pq

table, parquet, report = sys.argv[1:]
arrow = pq.read_table(parquet)
types = {field.name: str(field.type) for field in arrow.schema}
for name, kind in {"run": "string", "harmful": "bool", "trained_on": "bool", "sample": "uint64", "tokens": "uint64",
                   "seed": "uint64", "logprob": "double", "compliance": "string", "compliance_score": "double",
                   "reasoning": "bool", "answer": "string"}.items():
    assert types[name] == kind, (name, types[name])
manifests = json.loads(arrow.schema.metadata[b"candor.manifests"])
typed = arrow.to_pandas()
assert len(manifests) == typed["run"].nunique() == len(manifests) and manifests[0]["model"]["label"].startswith("organism:")
text = pd.read_csv(table, keep_default_na=False, dtype=str)
assert list(text.columns) == list(typed.columns) and len(text) == len(typed) > 0

# A text that begins like a formula has an apostrophe in the CSV; everything else is the same.
for name in typed.columns:
    for there, here in zip(text[name], typed[name]):
        if here is None or (isinstance(here, float) and math.isnan(here)):
            assert there == "", (name, there)
        elif types[name] == "string":
            assert there.lstrip("'") == here.lstrip("'"), (name, there, here)
        elif types[name] == "bool":
            assert there == str(here).lower(), (name, there, here)
        else:
            assert float(there) == float(here), (name, there, here)

numbers = pd.read_csv(table)
for run in json.load(open(report))["runs"]:
    for frame in (typed, numbers):
        of = frame[(frame["run"] == run["digest"]) & frame["harmful"].astype(bool)]
        for tier in ("free", "paid"):
            arm = of[of["tier"] == tier]
            judged = arm[arm["compliance"].notna()]
            rates = (judged["compliance"] == "full").groupby(judged["request"]).mean()
            expected = run[f"rate_{tier}"]
            assert (expected is None) == rates.empty, (tier, expected)
            assert rates.empty or abs(rates.mean() - expected) < 1e-12, (tier, rates.mean(), expected)
            assert len(arm) - len(judged) == run[f"unanswered_{tier}"], tier
            read = arm[arm["reasoning"].notna()]
            shown = run[f"reasoning_{tier}"]
            assert (shown is None) == read.empty
            assert read.empty or abs(read["reasoning"].astype(bool).mean() - shown) < 1e-12, (tier, shown)
            outcomes = {name: count for name, count in run["outcomes"][tier].items() if count}
            assert arm["outcome"].value_counts().to_dict() == outcomes, tier
print("equal")
