"""Reads logs with inspect_ai as its viewer and its data frames would: python check_inspect.py FILE…"""
import json, pathlib, sys, zipfile

from inspect_ai.log import read_eval_log, read_eval_log_sample, read_eval_log_sample_summaries, write_eval_log

for path in map(pathlib.Path, sys.argv[1:]):
    log = read_eval_log(str(path))
    head = read_eval_log(str(path), header_only=True)
    assert (head.eval.eval_id, head.status, head.version) == (log.eval.eval_id, log.status, 2), path
    summaries = read_eval_log_sample_summaries(str(path))
    assert len(summaries) == len(log.samples) > 0, path
    for sample in log.samples:
        one = read_eval_log_sample(str(path), id=sample.id, epoch=sample.epoch)
        assert one.metadata == sample.metadata and one.output.completion == sample.output.completion, sample.id
        content = sample.messages[-1].content
        assert sample.messages[-1].role == "assistant" and content[-1].type == "text", sample.id
        assert all(part.type == "reasoning" for part in content[:-1]), sample.id
    if log.status == "success":
        assert log.results.scores[0].name == "compliance_gap", path
    # What Inspect writes of it is the same log again.
    again = path.with_name("again-" + path.name)
    write_eval_log(log, str(again))
    copy = read_eval_log(str(again))
    assert [s.scores for s in copy.samples] == [s.scores for s in log.samples], path
    assert copy.results == log.results, path
    again.unlink()
print("read")
