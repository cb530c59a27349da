#!/usr/bin/env bash
# What candor does on a GPU, measured once by whoever has one: builds with the feature cuda (metal on macOS), runs the tests
# of every family on the device, has `candor doctor --gpu` compute there what is known, and times the two-tier job, beside
# vLLM where the Python of VLLM_PYTHON has it. Writes target/gpu/report.md, a page to send in. Everything that is made lies
# in target/gpu; nothing else is changed, and nothing is sent anywhere.
#
#   benches/gpu.sh [DEVICE]        DEVICE is cuda:0 unless given; metal on macOS
#
# Needs Rust, the CUDA toolkit (nvcc), Python 3.10 or newer with venv, PyPI for numpy and gguf, and 16 GB of memory and of disk
# for the larger of two models of random weights. GPU_MODELS chooses among 135m, 0.6b and 8b ("0.6b 8b" unless set), GPU_JOB the
# job ("1024,64,16,4,128").
set -uo pipefail
cd "$(dirname "$0")/.."
if [ "$(uname)" = Darwin ]; then feature=metal device=${1:-metal}; else feature=cuda device=${1:-cuda:0}; fi
models=${GPU_MODELS:-0.6b 8b}
job=${GPU_JOB:-1024,64,16,4,128}
out=target/gpu
mkdir -p "$out"
report=$out/report.md
failed=0

say() { printf '\n== %s\n' "$*" >&2; }
row() { printf '%s\n' "$*" >>"$report"; }

# Runs a command with its words in a file, and says in the report whether it did well and for how long.
try() {
    local what=$1 log=$out/$2
    shift 2
    say "$what"
    local started=$SECONDS
    if "$@" >"$log" 2>&1; then row "| $what | passed | $((SECONDS - started)) s |"
    else
        failed=1
        row "| $what | **failed**, see \`$log\` | $((SECONDS - started)) s |"
        tail -n 20 "$log" >&2
    fi
}

{
    echo "# candor on a GPU"
    echo
    echo "- commit: $(git rev-parse --short HEAD 2>/dev/null || echo unknown)$(git diff --quiet 2>/dev/null || echo ', changed')"
    echo "- rustc: $(rustc --version)"
    if [ "$feature" = cuda ]; then
        echo "- nvcc: $(nvcc --version 2>/dev/null | sed -n 's/.*release \([^,]*\),.*/\1/p')"
        nvidia-smi --query-gpu=index,name,driver_version,memory.total,power.limit --format=csv,noheader 2>/dev/null \
            | sed 's/^/- GPU: /'
    else
        echo "- GPU: $(sysctl -n machdep.cpu.brand_string 2>/dev/null)"
    fi
    echo
    echo "| what | result | took |"
    echo "|---|---|--:|"
} >"$report"

try "build with the feature $feature" build.log cargo build --release --locked --features "$feature"
if [ "$failed" = 1 ]; then cat "$report"; exit 1; fi
candor=./target/release/candor

export CANDOR_TEST_DEVICE=$device
for test in tensor_decoder tensor_families tensor_work states; do
    try "tests/$test.rs on $device" "$test.log" \
        cargo test --release --locked --features "$feature" --test "$test" -- --nocapture
done
unset CANDOR_TEST_DEVICE
try "\`candor doctor --gpu\`" doctor.json "$candor" doctor --gpu --json

say "models of random weights"
if [ ! -x "$out/python/bin/python" ]; then
    python3 -m venv "$out/python" && "$out/python/bin/python" -m pip install --quiet numpy gguf
fi
for model in $models; do
    "$out/python/bin/python" benches/peer/models.py --no-gguf "$out/models" "$model" || failed=1
done

# The most memory of the GPU that is used while a command runs, in MiB, above what was used before.
used() { nvidia-smi --query-gpu=memory.used --format=csv,noheader,nounits -i "${device#cuda:}" 2>/dev/null | head -n 1; }
watched() {
    if [ "$feature" != cuda ]; then
        "$@"
        return
    fi
    local before most now
    before=$(used) most=$(used)
    "$@" &
    local id=$!
    while kill -0 "$id" 2>/dev/null; do
        now=$(used)
        if [ "${now:-0}" -gt "${most:-0}" ]; then most=$now; fi
        sleep 0.2
    done
    echo "$((${most:-0} - ${before:-0}))" >"$out/memory"
    wait "$id"
}

row ""
row "The job $job (shared and own tokens, prompts, samples, new tokens), drawn at temperature 1; memory is the most that the GPU held."
row ""
row "| model | engine | type | rows at once | tok/s | seconds | MiB |"
row "|---|---|---|--:|--:|--:|--:|"
field() { "$out/python/bin/python" -c 'import json, sys; print(round(json.loads(open(sys.argv[1]).readlines()[-1])[sys.argv[2]], 2))' "$1" "$2"; }
for model in $models; do
    for rows in 16 64; do
        log=$out/job-$model-$rows.json
        say "the job, $model, $rows rows"
        if watched "$candor" bench "$out/models/$model" --device "$device" --job "$job" --batch "$rows" --json >"$log"; then
            row "| $model | candor | bf16 | $rows | $(field "$log" tokens_per_second) | $(field "$log" seconds) | $(cat "$out/memory" 2>/dev/null) |"
        else
            failed=1
            row "| $model | candor | bf16 | $rows | **failed** | | |"
        fi
    done
    python=${VLLM_PYTHON:-python3}
    if "$python" -c 'import vllm' 2>/dev/null; then
        log=$out/vllm-$model.json
        say "the job in vLLM, $model"
        if watched "$python" benches/peer/vllm_job.py "$out/models/$model" "$job" >"$log"; then
            row "| $model | vLLM $(field "$log" version) | bf16 | its own choice | $(field "$log" tokens_per_second) | $(field "$log" seconds) | takes what it is given |"
        else
            row "| $model | vLLM | bf16 | | **failed** | | |"
        fi
    else
        say "vLLM is not installed for $python: skipped (VLLM_PYTHON names another)"
    fi
done

row ""
row "What \`candor doctor --gpu\` found:"
row ""
row '```json'
cat "$out/doctor.json" >>"$report"
row '```'
echo
cat "$report"
say "the page is $report"
exit "$failed"
