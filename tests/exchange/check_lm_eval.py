"""Reads results and samples with lm-evaluation-harness's own code: python check_lm_eval.py RESULTS SAMPLES"""
import json, pathlib, sys

from lm_eval.utils import (get_file_datetime, get_file_task_name, get_results_filenames,
                           get_sample_results_filenames, make_table)

results, samples = map(pathlib.Path, sys.argv[1:])
names = [f"folder/{path.name}" for path in (results, samples)]
assert get_results_filenames(names) == [names[0]] and get_sample_results_filenames(names) == [names[1]]
document = json.loads(results.read_text())
task = get_file_task_name(samples.name)
assert list(document["results"]) == [task], task
time = get_file_datetime(samples.name)
assert results.name == f"results_{time}.json", time
table = make_table(document)
metrics = {name: value for name, value in document["results"][task].items() if name != "alias" and "_stderr" not in name}
# A task all of whose numbers are undefined has no line.
assert (task in table) == bool(metrics), table
for metric, value in metrics.items():
    assert metric.split(",")[0] in table and f"{value:.4f}" in table, (metric, table)
keys = {"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics", "doc_hash",
        "prompt_hash", "target_hash"}
for line in samples.read_text().split("\n")[:-1]:
    sample = json.loads(line)
    assert keys <= set(sample) and all(isinstance(sample[metric], float) for metric in sample["metrics"])
    prompt = sample["arguments"]["gen_args_0"]["arg_0"]
    assert isinstance(prompt, str) and isinstance(sample["resps"][0][0], str)
print(table)
