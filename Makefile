# Two commands matter: `make run` and `make test`. Each installs what is missing first; the second time that takes no
# time. `make help` lists the rest.

PYTHON   ?= python3
BIN      := .venv/bin
DATA_DIR := $(or $(INGLENOOK_DATA_DIR),$(or $(XDG_DATA_HOME),$(HOME)/.local/share)/inglenook)
MODELS   := $(DATA_DIR)/models
MODEL    ?= $(MODELS)/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf

run: .venv/.runtime $(MODELS)/.defaults    ## talk with the assistant in this terminal
	@$(BIN)/inglenook chat

test: .venv/.dev $(MODELS)/.defaults var/synapse/installed  ## all tests, with the real models and a real homeserver
	INGLENOOK_MODELS="$(MODELS)" $(BIN)/pytest -q

check: .venv/.dev                          ## format, lint, types, layers and unit tests, in under a minute
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/test_layers.py tests/unit

bench: .venv/.dev $(MODELS)/.defaults      ## measure the language engine here; MODEL=FILE.gguf for another model
	$(BIN)/python -m benchmarks.engine_throughput $(MODEL)
	$(BIN)/python -m benchmarks.prefix_reuse $(MODEL)

e2e-telegram: .venv/.dev $(MODELS)/.defaults  ## the Telegram scenarios against the strict Bot API server in BOTAPI=FOLDER
	BOTAPI="$(BOTAPI)" INGLENOOK_MODELS="$(MODELS)" $(BIN)/pytest -q tests/e2e/telegram
BOTAPI ?= ../shared/tools/botapi

kills: .venv/.dev                          ## kill the assistant 200 times between a message and its answer
	$(BIN)/python -m benchmarks.kills

latency: .venv/.dev $(MODELS)/.defaults    ## how soon 20 busy people see something; what the bot adds to the engine
	INGLENOOK_MODELS="$(MODELS)" $(BIN)/python -m benchmarks.reply_latency --engine swift
	INGLENOOK_MODELS="$(MODELS)" $(BIN)/python -m benchmarks.reply_latency --engine real

bench-senses: .venv/.dev $(MODELS)/.defaults  ## measure hearing and reading; needs INGLENOOK_BENCH_DATA
	$(BIN)/python -m benchmarks.speech --model "$(MODELS)/whisper-base"
	$(BIN)/python -m benchmarks.ocr

doctor: .venv/.runtime                     ## what works on this machine, and what to do about the rest
	@$(BIN)/inglenook doctor

lock: .venv/.dev                           ## renew the locks: the newest versions that pyproject.toml allows
	$(BIN)/uv pip compile pyproject.toml -o requirements.lock $(LOCK)
	$(BIN)/uv pip compile pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock $(LOCK)
	$(BIN)/uv pip compile --group synapse -o requirements-synapse.lock $(LOCK)
LOCK := --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
        --custom-compile-command "make lock" --quiet

clean-venv:                                ## forget the installed environment
	rm -rf .venv

help:                                      ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' Makefile | expand -t 14

.PHONY: run test check bench bench-senses e2e-telegram kills latency doctor lock clean-venv help

# What is installed: a stamp is newer than what it was made from.

.venv/.runtime: requirements.lock pyproject.toml scripts/setup.sh
	@PYTHON="$(PYTHON)" scripts/setup.sh runtime
	@touch $@

.venv/.dev: requirements-dev.lock .venv/.runtime
	@scripts/setup.sh dev
	@touch $@

var/synapse/installed: requirements-synapse.lock scripts/synapse.sh
	@PYTHON="$(PYTHON)" scripts/synapse.sh

$(MODELS)/.defaults: engines/models.yaml | .venv/.runtime
	@$(BIN)/inglenook models pull --defaults
	@mkdir -p $(MODELS) && touch $@

# What the engine is measured against.

peers: var/peers/bin                       ## build llama-server and its benchmarks from the source that is locked

var/peers/bin: requirements.lock scripts/peers.sh | .venv/.runtime
	@scripts/peers.sh

bench-engine: .venv/.dev $(MODELS)/.defaults var/peers/bin  ## the engine against llama-server and llama_cpp.Llama; BENCH=--quick
	$(BIN)/python -m benchmarks.engine $(MODEL) $(BENCH)

.PHONY: peers bench-engine
