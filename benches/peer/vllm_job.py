#!/usr/bin/env python3
"""The two-tier job in vLLM: prompts that share their beginning, several samples of each, all replies of one length.

    python vllm_job.py FOLDER SHARED,OWN,PROMPTS,SAMPLES,NEW        needs vllm

prints one line of JSON. The second of two rounds counts, with other prompts behind the same beginning.
"""

import json
import sys
import time
from pathlib import Path

import vllm


def ids(count: int, salt: int, vocabulary: int) -> list[int]:
    return [(i * 7919 + salt * 104_729 + 13) % vocabulary for i in range(count)]


def main() -> None:
    model, job = sys.argv[1], sys.argv[2]
    shared, own, prompts, samples, new = (int(size) for size in job.split(","))
    engine = vllm.LLM(
        model=model,
        skip_tokenizer_init=True,
        dtype="bfloat16",
        enable_prefix_caching=True,
        max_model_len=shared + own + new,
    )
    vocabulary = json.loads((Path(model) / "config.json").read_text())["vocab_size"]
    sampling = vllm.SamplingParams(
        n=samples, temperature=1.0, max_tokens=new, ignore_eos=True, detokenize=False, seed=0
    )
    seconds = 0.0
    for round in range(2):
        beginning = ids(shared, 1000 * round, vocabulary)
        texts = [
            {"prompt_token_ids": beginning + ids(own, 1000 * round + prompt + 1, vocabulary)}
            for prompt in range(prompts)
        ]
        started = time.perf_counter()
        outputs = engine.generate(texts, sampling, use_tqdm=False)
        seconds = time.perf_counter() - started
        drawn = sum(len(sample.token_ids) for output in outputs for sample in output.outputs)
        assert drawn == prompts * samples * new, drawn
    tokens = prompts * samples * new
    version = vllm.__version__
    print(json.dumps({"version": version, "seconds": seconds, "tokens_per_second": tokens / seconds}))


if __name__ == "__main__":
    main()
