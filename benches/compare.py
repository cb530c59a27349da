#!/usr/bin/env python3
"""Times candor and llama.cpp on the same models in the same minutes and prints a Markdown table.

    benches/peer/setup.sh
    cargo build --release
    python3 benches/compare.py [--models 135m,0.6b] [--quantize Q8_0,Q4_K_M] [--what job,prefill,decode] ...

Every round runs one engine after the other, so that both meet the same state of the machine; the fastest round
of each counts, and its own peak of resident memory. A ratio above 1 means that candor is faster.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Measurement:
    """What both engines are asked for, in the flags that they share."""

    label: str
    flags: tuple[str, ...]
    # Values of `--batch` to choose the fastest from; none where there is nothing to choose.
    peer_batches: tuple[int, ...] = ()
    candor_batches: tuple[int, ...] = ()


@dataclass(frozen=True)
class Result:
    seconds: float
    tokens_per_second: float
    peak_rss_bytes: int


def parse() -> argparse.Namespace:
    def words(text: str) -> list[str]:
        return text.split(",")

    def numbers(text: str) -> list[int]:
        return [int(word) for word in words(text)]

    peer = os.environ.get("PEER_DIR", ROOT / "target" / "peer")
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--peer", type=Path, default=peer, help="folder of peer/setup.sh, also as PEER_DIR")
    add("--candor", type=Path, default=ROOT / "target" / "release" / "candor", help="the binary")
    add("--models", type=words, default="135m,0.6b")
    add("--quantize", type=words, default="Q8_0,Q4_K_M")
    add("--what", type=words, default="job,prefill,decode")
    add("--threads", type=int, default=2)
    add("--rounds", type=int, default=3, help="alternations of the two engines")
    add("--repeat", type=int, default=1, help="runs within a process, of which the fastest counts")
    add("--job", default="1024,64,16,4,128", help="shared, prompt, requests x tiers, samples, new")
    add("--peer-batches", type=numbers, default="16,32", help="the job's rows to try for llama.cpp")
    add("--candor-batches", type=numbers, default="32", help="the job's rows to try for candor")
    add("--prefill", type=numbers, default="2048", help="lengths of prompts")
    add("--decode", type=words, default="1@128,32@1024", help="ROWS@TOKENS: rows after a prefix")
    add("--new", type=int, default=32, help="new tokens of a row in decode")
    add("--json", type=Path, metavar="FILE", help="append every single line of both engines")
    return parser.parse_args()


def measurements(args: argparse.Namespace) -> list[Measurement]:
    out = []
    for what in args.what:
        if what == "job":
            flags = ("--job", args.job)
            batches = (tuple(args.peer_batches), tuple(args.candor_batches))
            out.append(Measurement(f"job {args.job}", flags, *batches))
        elif what == "prefill":
            for tokens in args.prefill:
                flags = ("--prefill", str(tokens))
                out.append(Measurement(f"prefill {tokens}", flags))
        elif what == "decode":
            for case in args.decode:
                rows, _, after = case.partition("@")
                after = after or "0"
                flags = ("--decode", rows, "--after", after, "--new", str(args.new))
                out.append(Measurement(f"decode, batch {rows} after {after}", flags))
        else:
            sys.exit(f"compare.py: `--what {what}`: expected job, prefill or decode")
    return out


def run(command: list[str], engine: str, log: Path | None) -> Result:
    """Runs one engine and reads the last line of its output."""
    done = subprocess.run(command, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    if done.returncode != 0 or not lines:
        sys.exit(f"compare.py: `{' '.join(command)}` failed\n{done.stderr or done.stdout}")
    line = json.loads(lines[-1])
    if line["engine"] != engine:
        sys.exit(f"compare.py: `{' '.join(command)}` measured `{line['engine']}`, not `{engine}`")
    if log:
        with log.open("a") as file:
            file.write(json.dumps({**line, "command": command[1:]}) + "\n")
    return Result(*(line[field] for field in Result.__dataclass_fields__))


def warn_if_busy() -> None:
    load = os.getloadavg()[0]
    if load > 0.5:
        print(
            f"warning: other work is going on (load {load:.1f}), which slows llama.cpp, whose threads"
            " spin, more than candor: the ratios will flatter candor",
            file=sys.stderr,
        )


def fastest(results: list[Result]) -> Result:
    return min(results, key=lambda result: result.seconds)


def compare(
    args: argparse.Namespace, model: str, quantization: str, what: Measurement
) -> tuple[Result, Result]:
    """The fastest result of llama.cpp and of candor over all rounds."""
    both = ("--threads", str(args.threads), "--repeat", str(args.repeat))
    peer_model = args.peer / "models" / f"{model}-{quantization}.gguf"
    peer = [str(args.peer / "peer_bench"), str(peer_model), *what.flags, *both]
    candor = [str(args.candor), "bench", str(args.peer / "models" / model)]
    candor += ["--quantize", quantization.lower(), *what.flags, *both, "--json"]

    def variants(command: list[str], batches: tuple[int, ...]) -> list[list[str]]:
        return [[*command, "--batch", str(batch)] for batch in batches] or [command]

    theirs, ours = [], []
    for round_number in range(1, args.rounds + 1):
        progress = f"{model} {quantization}, {what.label}: round {round_number} of {args.rounds}"
        print(progress, file=sys.stderr, flush=True)
        theirs += [run(c, "llama.cpp", args.json) for c in variants(peer, what.peer_batches)]
        ours += [run(c, "candor", args.json) for c in variants(candor, what.candor_batches)]
    return fastest(theirs), fastest(ours)


def processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def main() -> None:
    args = parse()
    cases = measurements(args)
    for path in (args.peer / "peer_bench", args.candor):
        if not path.exists():
            hint = "run `benches/peer/setup.sh` and `cargo build --release` first"
            sys.exit(f"compare.py: there is no `{path}`; {hint}")
    warn_if_busy()
    head = ["model", "weights", "what", "llama.cpp", "candor", "ratio"]
    head += ["peak llama.cpp", "peak candor", "ratio"]
    print(f"{processor()}, {args.threads} threads; tokens per second, MiB of resident memory\n")
    print("| " + " | ".join(head) + " |")
    print("|---|---|---" + "|--:" * 6 + "|", flush=True)
    for model in args.models:
        for quantization in args.quantize:
            for what in cases:
                peer, candor = compare(args, model, quantization, what)
                faster = candor.tokens_per_second / peer.tokens_per_second
                larger = candor.peak_rss_bytes / peer.peak_rss_bytes
                cells = [model, quantization, what.label]
                cells += [f"{r.tokens_per_second:.1f}" for r in (peer, candor)] + [f"{faster:.2f}"]
                cells += [f"{r.peak_rss_bytes / 2**20:.0f}" for r in (peer, candor)]
                print("| " + " | ".join([*cells, f"{larger:.2f}"]) + " |", flush=True)


main()
