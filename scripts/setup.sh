#!/bin/sh
# Prepares this checkout: scripts/setup.sh runtime|dev
#
# Debian packages that are missing, a virtual environment in .venv, and in it the locked requirements. `make` calls it
# when a lock file is newer than the last successful call.
set -eu
cd "$(dirname "$0")/.."

PYTHON=${PYTHON:-python3}
VENV_PYTHON=.venv/bin/python
LANGUAGES="eng chi_sim osd"
# llama.cpp without its multimodal library, which is not used, and without its AMX code, which ends the process on
# processors that have AMX: https://github.com/ggml-org/llama.cpp/issues/20824
NO_AMX=-U__AMX_INT8__
export CMAKE_ARGS="${CMAKE_ARGS:--DLLAVA_BUILD=OFF -DCMAKE_C_FLAGS=$NO_AMX -DCMAKE_CXX_FLAGS=$NO_AMX}"
export PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf '\n== %s\n' "$*"; }
die() { printf '\n%s\n' "$*" >&2; exit 1; }

missing_packages() {
    "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
    command -v c++ >/dev/null || echo g++
    command -v tesseract >/dev/null || echo tesseract-ocr
    installed=$(tesseract --list-langs 2>/dev/null || true)
    for language in $LANGUAGES; do
        echo "$installed" | grep -qx "$language" || echo "tesseract-ocr-$language" | tr _ -
    done
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif sudo -n true 2>/dev/null; then sudo -n "$@"
    elif [ -t 0 ] && command -v sudo >/dev/null; then sudo "$@"
    else return 1
    fi
}

install_packages() {
    packages=$(missing_packages | tr '\n' ' ')
    [ -n "$packages" ] || return 0
    command="apt-get install --yes --no-install-recommends $packages"
    say "Debian packages: $packages"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086 # the command is a list of words
    { command -v apt-get >/dev/null && as_root apt-get update -q && as_root $command; } ||
        die "These Debian packages are needed. Install them and start again:  sudo $command"
}

make_environment() {
    "$VENV_PYTHON" -c '' 2>/dev/null && return
    say "Virtual environment in .venv"
    "$PYTHON" -m venv --clear .venv
    # A pip that keeps the compiled wheel of a hash-checked source package; itself pinned like everything else.
    awk '/^pip==/ { inside = 1 } inside { print } inside && !/\\$/ { exit }' requirements.lock >.venv/pip.lock
    "$VENV_PYTHON" -m pip install --quiet --require-hashes -r .venv/pip.lock
}

install_requirements() {
    say "Python packages from $1 (llama.cpp is compiled for this processor; the first time that takes minutes)"
    "$VENV_PYTHON" -m pip install --require-hashes -r "$1"
}

"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    die "Inglenook needs Python 3.11 or newer; $PYTHON is $("$PYTHON" --version 2>&1). Name another:  make run PYTHON=python3.12"

case ${1:-} in
runtime)
    install_packages
    make_environment
    install_requirements requirements.lock
    "$VENV_PYTHON" -m pip install --quiet --no-deps --editable .
    ;;
dev)
    install_requirements requirements-dev.lock
    ;;
*)
    die "usage: scripts/setup.sh runtime|dev"
    ;;
esac
