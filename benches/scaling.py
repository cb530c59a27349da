#!/usr/bin/env python3
"""Shows that a sampled token costs the same however many requests and samples there are.

    cargo build --release
    python3 benches/scaling.py [--model organism:faker] [--shared 256] [--own 32] [--new 64]

The shared prefix is paid for once, so the time per token falls until it no longer shows, and then stays.
"""

import argparse
import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--candor", default=ROOT / "target" / "release" / "candor")
    add("--model", default="organism:faker")
    add("--shared", type=int, default=256, help="tokens that all prompts share")
    add("--own", type=int, default=32, help="further tokens of each prompt")
    add("--new", type=int, default=64, help="tokens drawn for each sample")
    args = parser.parse_args()

    def microseconds(prompts: int, samples: int) -> float:
        sizes = f"{args.shared},{args.own},{prompts},{samples},{args.new}"
        command = [args.candor, "bench", args.model, "--job", sizes, "--repeat", "3", "--json"]
        line = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return 1e6 / json.loads(line)["tokens_per_second"]

    grown = [(n, 4) for n in (8, 16, 32, 64, 128, 256, 512)]
    grown += [(16, n) for n in (1, 2, 4, 8, 16, 32)]
    costs = [(*sizes, microseconds(*sizes)) for sizes in grown]
    most = max(cost for *_, cost in costs)
    print("prompts samples  µs per sampled token")
    for prompts, samples, cost in costs:
        print(f"{prompts:7} {samples:7} {cost:8.1f} {'█' * round(40 * cost / most)}")


if __name__ == "__main__":
    main()
