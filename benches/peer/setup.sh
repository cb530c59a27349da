#!/usr/bin/env bash
# Makes what ../compare.py compares candor with: llama.cpp built for this machine's instruction set, our driver
# for it, and random-weight models. Makes only what is missing; the first time it takes a while.
#
#   [PEER_DIR=folder] benches/peer/setup.sh [model]...        the models of models.py; both when none is named
#
# The source of llama.cpp is the one that the PyPI package llama-cpp-python carries.
set -euo pipefail

package=llama-cpp-python==0.3.36
quantizations=(Q8_0 Q4_K_M)

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "${PEER_DIR:=$here/../../target/peer}"
cd "$PEER_DIR"
models=("$@")
((${#models[@]})) || models=(135m 0.6b)

tools() {
    if [[ ! -x venv/bin/python ]]; then
        python3 -m venv venv
    fi
    if ! venv/bin/python -c 'import gguf, numpy, scikit_build_core' 2>/dev/null ||
        [[ ! -x venv/bin/cmake || ! -x venv/bin/ninja ]]; then
        venv/bin/pip install --quiet cmake ninja scikit-build-core numpy gguf
    fi
    PATH=$PWD/venv/bin:$PATH
}

source_tree() {
    [[ -f src/vendor/llama.cpp/CMakeLists.txt ]] && return
    # Without build isolation, or pip would install the package's build tools just to read its name.
    pip download --quiet --no-deps --no-build-isolation --no-binary llama-cpp-python "$package"
    mkdir -p src
    tar --extract --gzip --file llama_cpp_python-*.tar.gz --directory src --strip-components=1
}

library() {
    [[ -x build/bin/llama-quantize && -e build/bin/libllama.so ]] && return
    cmake -G Ninja -S src/vendor/llama.cpp -B build \
        -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON -DGGML_NATIVE=ON -DGGML_OPENMP=ON \
        -DLLAMA_CURL=OFF -DLLAMA_OPENSSL=OFF \
        -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF
    cmake --build build --target llama llama-quantize
}

driver() {
    [[ peer_bench -nt $here/job.cpp ]] && return
    local llama=src/vendor/llama.cpp
    "${CXX:-c++}" -std=c++17 -O3 -march=native -Wall -Wextra "$here/job.cpp" -o peer_bench \
        -I "$llama/include" -I "$llama/ggml/include" \
        -L build/bin -Wl,-rpath,'$ORIGIN/build/bin' -lllama -lggml -lggml-base
}

model() {
    local name=$1 quantization
    if [[ ! -e models/$name/config.json || ! -e models/$name-BF16.gguf ]]; then
        python "$here/models.py" models "$name"
    fi
    for quantization in "${quantizations[@]}"; do
        local file=models/$name-$quantization.gguf
        [[ -e $file ]] && continue
        build/bin/llama-quantize "models/$name-BF16.gguf" "$file.part" "$quantization" >"$file.log" 2>&1 || {
            cat "$file.log" >&2
            exit 1
        }
        mv "$file.part" "$file"
        rm "$file.log"
    done
}

tools
source_tree
library
driver
for name in "${models[@]}"; do
    model "$name"
done
