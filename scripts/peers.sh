#!/bin/sh
# Builds what the engine is measured against: scripts/peers.sh
#
# llama-server, llama-bench and llama-batched-bench of the very llama.cpp that the engine runs on, from the source
# distribution of llama-cpp-python that requirements.lock pins by its hash. They land in var/peers/bin.
set -eu
cd "$(dirname "$0")/.."

PEERS=var/peers
TARGETS="llama-server llama-bench llama-batched-bench"
JOBS=${JOBS:-$(nproc)}
# As in setup.sh: the AMX code ends the process on processors that have AMX.
NO_AMX=-U__AMX_INT8__

die() { printf '\n%s\n' "$*" >&2; exit 1; }

locked() {
    awk -v name="^$1==" '$0 ~ name { inside = 1 } inside { print } inside && !/\\$/ { exit }' requirements.lock
}

fetch() {
    locked llama-cpp-python >"$PEERS/llama.lock"
    .venv/bin/python -m pip download --quiet --no-deps --no-binary llama-cpp-python --require-hashes \
        --dest "$PEERS" -r "$PEERS/llama.lock"
}

unpack() {
    rm -rf "$PEERS/source"
    mkdir "$PEERS/source"
    tar -xzf "$PEERS"/llama_cpp_python-*.tar.gz -C "$PEERS/source" --strip-components 1
}

build() {
    cmake -S "$PEERS/source/vendor/llama.cpp" -B "$PEERS/build" -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON \
        -DLLAMA_CURL=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_UI=OFF \
        -DCMAKE_C_FLAGS=$NO_AMX -DCMAKE_CXX_FLAGS=$NO_AMX
    # shellcheck disable=SC2086 # a list of names
    cmake --build "$PEERS/build" --parallel "$JOBS" --target $TARGETS
    ln -sfn build/bin "$PEERS/bin"
}

command -v cmake >/dev/null || die "CMake is needed. Install it and start again:  sudo apt-get install cmake"
mkdir -p "$PEERS"
fetch
unpack
build
