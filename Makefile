# The commands of this repository. `make demo` and `make test` need nothing typed before them;
# what a target needs and does not find, it installs (apt packages only as root or with sudo).

# In CI the build is kept outside the checkout, so that runs share it.
ifdef CI
export CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/plimsoll/target
endif
TARGET := $(or $(CARGO_TARGET_DIR),target)

CARGO_FLAGS := --release --locked
NEXTEST_VERSION := 0.9.143
DEMO_PYTHON := .venv/demo/bin/python

.PHONY: help demo test soak fuzz bench-gateway lint fmt ci codegen demo-data tools-c tools-test tools-bench nextest

help:
	@echo "make demo           build Plimsoll and watch it govern two models under traffic"
	@echo "make test           all tests"
	@echo "make soak           tests that take long by design: crashes, fuzzing"
	@echo "make bench-gateway  what a decision costs, next to nginx and FastAPI"
	@echo "make lint           formatting, lints, layers, generated files"
	@echo "make fmt            format the code"
	@echo "make ci             what CI runs"
	@echo "make codegen        write the generated documents"
	@echo "make demo-data      train the demo's models again (Python)"

# As in `make demo ARGS='--port 9000'`.
demo: tools-c
	cargo build $(CARGO_FLAGS) -p plimsoll
	$(TARGET)/release/plimsoll demo $(ARGS)

test: tools-c tools-test nextest
	cargo nextest run $(CARGO_FLAGS) --workspace --profile ci

# Not at the same time, so that the fuzzer has the machine to itself.
soak: tools-c tools-test nextest
	PLIMSOLL_CRASH_ROUNDS=200 cargo nextest run $(CARGO_FLAGS) --workspace --profile soak --no-tests pass
	$(MAKE) --no-print-directory fuzz SECONDS=300

SECONDS ?= 60
SEED ?= 1
fuzz: tools-c
	cargo run $(CARGO_FLAGS) -q -p plimsoll-fuzz -- run all --seconds $(SECONDS) --seed $(SEED)

bench-gateway: tools-c tools-bench
	cargo build $(CARGO_FLAGS) -p plimsoll -p plimsoll-bench
	CARGO_TARGET_DIR=$(TARGET) python3 bench/gateway.py

lint: tools-c
	cargo fmt --all --check
	cargo xtask layers
	cargo xtask tidy
	cargo clippy $(CARGO_FLAGS) --workspace --all-targets -- -D warnings
	cargo xtask codegen --check

fmt:
	cargo fmt --all

ci:
	.ci/run

codegen: tools-c
	cargo xtask codegen
	cargo xtask layers --bless

demo-data: $(DEMO_PYTHON)
	$(DEMO_PYTHON) demo/train.py
	$(DEMO_PYTHON) demo/train_cancer.py

$(DEMO_PYTHON): demo/requirements.txt
	python3 -m venv .venv/demo
	$(DEMO_PYTHON) -m pip install --quiet -r $<
	touch $@

# $(call need,COMMAND,PACKAGE) installs what is missing, where that is possible.
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
APT := $(SUDO) apt-get install -y --no-install-recommends
need = @command -v $(1) >/dev/null || { echo "installing $(2)"; \
	$(APT) $(2) || { $(SUDO) apt-get update && $(APT) $(2); }; }

# SQLite, zstd and aws-lc are C.
tools-c:
	@command -v cargo >/dev/null || { echo "a Rust toolchain of 1.95 or newer is needed: https://rustup.rs" >&2; exit 1; }
	$(call need,cc,gcc libc6-dev)

# One test watches system calls.
tools-test:
	$(call need,strace,strace)

tools-bench:
	$(call need,nginx,nginx-light)
	$(call need,wrk,wrk)
	$(call need,python3,python3 python3-venv)

nextest:
	@cargo nextest --version >/dev/null 2>&1 || \
		CARGO_TARGET_DIR=$(TARGET) cargo install --locked cargo-nextest --version $(NEXTEST_VERSION)
