#!/bin/sh
# Installs what the Matrix tests talk to, in var/synapse: a homeserver (Synapse) and an encrypting client of another
# make (mautrix), both from PyPI in the versions and with the hashes of requirements-synapse.lock.
set -eu
cd "$(dirname "$0")/.."

ENVIRONMENT=var/synapse/venv
STAMP=var/synapse/installed
export PIP_DISABLE_PIP_VERSION_CHECK=1

cmp -s requirements-synapse.lock "$STAMP" && touch "$STAMP" && exit 0
mkdir -p var/synapse
"${PYTHON:-python3}" -m venv --clear "$ENVIRONMENT"
"$ENVIRONMENT/bin/python" -m pip install --quiet --require-hashes -r requirements-synapse.lock
cp requirements-synapse.lock "$STAMP"
