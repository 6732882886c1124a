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

.PHONY: help demo demo-loop test soak fuzz bench-gateway bench-start bench-explain bench-counterfactual bench-drift lint fmt ci codegen demo-data tools-c tools-test tools-bench tools-go nextest bench-ledger bench-upstream bench-batch bench-lake console tools-console bench-registry mlflow-test bench-watch bench-backfill bench-outcomes bench-console pictures bench-plan

help:
	@echo "make demo           build Plimsoll and watch it govern two models under traffic"
	@echo "make demo-loop      watch a deployment heal itself: alert, retrain, shadow, canary, promoted"
	@echo "make test           all tests"
	@echo "make soak           the long form of the tests, over an hour; goes on where it stopped"
	@echo "make bench-gateway  what a decision costs, next to nginx and FastAPI"
	@echo "make bench-upstream a wrapped service that is slow, dead, lying or flapping, under load"
	@echo "make bench-batch    what a recorded row of a batch job costs, next to plain prediction"
	@echo "make bench-explain  what exact SHAP values cost, next to what people use"
	@echo "make bench-drift    what comparing two tables costs, next to Evidently and others"
	@echo "make bench-ledger   what a durable record costs, next to SQLite and PostgreSQL"
	@echo "make bench-counterfactual  the smallest changes that approve declined loans, next to DiCE"
	@echo "make bench-start    what a million decisions cost a start, a look-up, the disk"
	@echo "make bench-backfill ten million decisions counted again by a monitor"
	@echo "make bench-outcomes what an outcome costs that is told of a decision"
	@echo "make bench-lake     ten million decisions in tables: derived, looked up, asked with SQL"
	@echo "make bench-plan     what planning the route of a request costs, with what may be under way"
	@echo "make bench-console  lists over a million decisions, charts of 100,000 points in a browser"
	@echo "make console        the web console's files, which the binary carries"
	@echo "make pictures       the README's pictures of the console anew, by its browser tests"
	@echo "make lint           formatting, lints, layers, generated files"
	@echo "make fmt            format the code"
	@echo "make ci             what CI runs"
	@echo "make codegen        write the generated documents"
	@echo "make demo-data      train the demo's models again (Python)"

# As in `make demo ARGS='--port 9000'`.
# The whole workspace chooses the features of what it depends on, so that tests need not build it again.
demo: tools-c console
	cargo build $(CARGO_FLAGS) --workspace --bin plimsoll
	$(TARGET)/release/plimsoll demo $(ARGS)

# The population shifts, and a version that was trained for it answers: alert, retrain, shadow, canary.
demo-loop: $(DEMO_PYTHON)
	$(MAKE) demo ARGS='--loop --python $(DEMO_PYTHON) $(ARGS)'

test: tools-c tools-test tools-go tools-console console nextest
	cd console && npm run --silent check && npm run --silent test
	cargo nextest run $(CARGO_FLAGS) --workspace --profile ci
	cargo nextest run $(CARGO_FLAGS) -p plimsoll-ledger --features model --profile ci

# Each step leaves a stamp, so that a soak that was interrupted goes on with the step it was in.
# When all are done the stamps go, and the next soak begins anew. See docs/soak.md.
SOAK := .cache/soak/$(shell git describe --always --dirty 2>/dev/null || echo here)
SOAK_STEPS := crash simulation watch properties fuzz upstreams start
CRASH_ROUNDS ?= 200
SIM_SEEDS ?= 10000
# Deployment-years of stationary and as many of seasonal traffic.
SIM_YEARS ?= 50
PROPERTY_CASES ?= 20000
# Here each case waits for the disk.
LEDGER_CASES ?= 1000
SOAK_RUN = cargo nextest run $(CARGO_FLAGS) --workspace --profile soak

# One step after the other: each has the machine to itself.
soak: tools-c tools-test tools-go tools-bench nextest
	@mkdir -p $(SOAK)
	@$(MAKE) --no-print-directory -j1 $(SOAK_STEPS:%=$(SOAK)/%)
	@rm -r $(SOAK)

$(SOAK)/crash:
	PLIMSOLL_CRASH_ROUNDS=$(CRASH_ROUNDS) PLIMSOLL_DRILLS=200 PLIMSOLL_LOOP_ROUNDS=60 PLIMSOLL_CRASH_SEED=$(SEED) $(SOAK_RUN) -E 'binary(e2e) or package(plimsoll-artifact)'
	@touch $@

$(SOAK)/simulation:
	PLIMSOLL_SIM_SEEDS=$(SIM_SEEDS) PLIMSOLL_SWEEP=all $(SOAK_RUN) -E 'package(plimsoll-ledger)'
	@touch $@

$(SOAK)/watch:
	PLIMSOLL_SIM_YEARS=$(SIM_YEARS) $(SOAK_RUN) --no-capture -E 'package(plimsoll-monitor) and test(simulate)'
	@touch $@

$(SOAK)/properties:
	PROPTEST_CASES=$(PROPERTY_CASES) $(SOAK_RUN) --ignore-default-filter \
		-E 'not (test(crash) or package(plimsoll) or package(plimsoll-ledger))'
	PROPTEST_CASES=$(LEDGER_CASES) $(SOAK_RUN) --ignore-default-filter \
		-E 'package(plimsoll-ledger) and not test(crash)'
	@touch $@

$(SOAK)/fuzz:
	@$(MAKE) --no-print-directory fuzz SECONDS=300
	@touch $@

# MLServer and MLflow's server, wrapped: a gigabyte to install, so not a part of `make test`.
$(SOAK)/upstreams:
	cargo build $(CARGO_FLAGS) --workspace --bin plimsoll
	test .venv/upstreams/stamp -nt tools/upstreams/requirements.txt || \
		(python3 -m venv .venv/upstreams && .venv/upstreams/bin/pip install --quiet \
			-r tools/upstreams/requirements.txt && touch .venv/upstreams/stamp)
	.venv/upstreams/bin/python tools/upstreams/run.py $(TARGET)/release/plimsoll
	@touch $@

$(SOAK)/start:
	@$(MAKE) --no-print-directory bench-start
	@touch $@

SECONDS ?= 60
SEED ?= 1
fuzz: tools-c
	cargo run $(CARGO_FLAGS) -q -p plimsoll-fuzz -- run all --seconds $(SECONDS) --seed $(SEED)

bench-gateway: tools-c tools-bench
	cargo build $(CARGO_FLAGS) --workspace --bin plimsoll --bin plimsoll-bench
	CARGO_TARGET_DIR=$(TARGET) python3 bench/gateway.py

bench-upstream: tools-c
	cargo build $(CARGO_FLAGS) --workspace --bin plimsoll --bin plimsoll-bench
	CARGO_TARGET_DIR=$(TARGET) python3 bench/upstream.py

bench-batch: tools-c
	cargo build $(CARGO_FLAGS) --workspace --bin plimsoll
	CARGO_TARGET_DIR=$(TARGET) python3 bench/batch.py

# 10 million decisions by default; goes on with what is in .cache/lake.
LAKE_DECISIONS ?= 10000000
bench-lake: tools-c
	cargo build $(CARGO_FLAGS) --workspace --bin plimsoll-bench
	$(TARGET)/release/plimsoll-bench lake --folder .cache/lake --decisions $(LAKE_DECISIONS)

# Lists over a million decisions, and charts of a hundred thousand points in Chromium.
bench-console: tools-c tools-console console
	cargo build $(CARGO_FLAGS) --workspace --bin plimsoll
	CARGO_TARGET_DIR=$(TARGET) python3 bench/console.py

bench-start: tools-c tools-bench
	cargo build $(CARGO_FLAGS) --workspace --bin plimsoll
	CARGO_TARGET_DIR=$(TARGET) python3 bench/start.py

bench-explain: tools-c tools-bench
	cargo build $(CARGO_FLAGS) --workspace --bin plimsoll-bench
	CARGO_TARGET_DIR=$(TARGET) python3 bench/explain.py

# MLflow's own client, of the current line and of the 2.x line, against a fresh server for each test.
mlflow-test: tools-c
	$(call need,python3,python3 python3-venv)
	cargo build $(CARGO_FLAGS) --workspace --bin plimsoll
	for line in registry registry-2; do \
		test -x .venv/$$line/bin/python || python3 -m venv .venv/$$line; \
		.venv/$$line/bin/pip install -q -r tools/mlflow/$$line.txt && \
		(cd tools/mlflow && PLIMSOLL=$(abspath $(TARGET))/release/plimsoll ../../.venv/$$line/bin/python -m pytest -q .) \
			|| exit 1; \
	done

bench-registry: tools-c
	$(call need,python3,python3 python3-venv)
	test -x .venv/registry/bin/python || python3 -m venv .venv/registry
	.venv/registry/bin/pip install -q -r tools/mlflow/registry.txt
	cargo build $(CARGO_FLAGS) --workspace --bin plimsoll
	CARGO_TARGET_DIR=$(TARGET) python3 bench/registry.py

# What counting adds to a decision, on one thread.
bench-watch: tools-c
	cargo build $(CARGO_FLAGS) --workspace --bin plimsoll-bench
	$(TARGET)/release/plimsoll-bench watch

# The same ledger as bench-lake's, counted again by a monitor; goes on with what is in .cache/lake.
bench-backfill: tools-c
	cargo build $(CARGO_FLAGS) --workspace --bin plimsoll-bench
	$(TARGET)/release/plimsoll-bench lake --folder .cache/lake --decisions $(LAKE_DECISIONS) --backfill

bench-outcomes: tools-c
	cargo build $(CARGO_FLAGS) --workspace --bin plimsoll
	CARGO_TARGET_DIR=$(TARGET) python3 bench/outcomes.py

# Which version takes a request: with nothing under way, a canary, arms, a shadow, rules.
bench-plan: tools-c
	cargo run $(CARGO_FLAGS) -q -p plimsoll-serving --example plan

bench-drift: tools-c tools-bench
	cargo build $(CARGO_FLAGS) --workspace --bin plimsoll
	CARGO_TARGET_DIR=$(TARGET) python3 bench/drift.py

bench-ledger: tools-c
	$(call need,python3,python3 python3-venv)
	@ls /usr/lib/postgresql/*/bin/pgbench >/dev/null 2>&1 || { echo "installing postgresql"; \
		$(APT) postgresql || { $(SUDO) apt-get update && $(APT) postgresql; }; }
	cargo build $(CARGO_FLAGS) --workspace --bin plimsoll-bench
	CARGO_TARGET_DIR=$(TARGET) python3 bench/ledger.py

bench-counterfactual: tools-c tools-bench
	cargo build $(CARGO_FLAGS) --workspace --bin plimsoll
	CARGO_TARGET_DIR=$(TARGET) python3 bench/counterfactual.py

lint: tools-c console
	cargo xtask ci
	cd console && npx openapi-typescript ../docs/openapi.json -o node_modules/.schema.d.ts >/dev/null \
		&& diff -q node_modules/.schema.d.ts src/api/schema.d.ts

fmt:
	cargo fmt --all

ci:
	.ci/run

codegen: tools-c
	cargo xtask codegen
	cargo xtask layers --bless
	python3 clients/python/plimsoll/generate.py
	cd console && npm run --silent types

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

# The console's files, which the binary carries. A build without them works and says so.
CONSOLE_FROM := $(shell find console/src console/public console/scripts -type f 2>/dev/null) \
	$(addprefix console/,index.html vite.config.ts tsconfig.json package.json package-lock.json)
console: console/dist/index.html
console/node_modules/.stamp: console/package-lock.json
	$(call need,node,nodejs)
	$(call need,npm,npm)
	cd console && npm ci --no-fund --no-audit --silent
	@touch $@
console/dist/index.html: $(CONSOLE_FROM) console/node_modules/.stamp
	cd console && npm run --silent build
	@touch $@

# The README's pictures: what the browser tests show, in both themes where that says more. One beyond 200 kB fails.
pictures: tools-c tools-console console nextest
	PLIMSOLL_PICTURES=$(CURDIR)/docs/images cargo nextest run $(CARGO_FLAGS) -p plimsoll -E 'test(people_see)'

# SQLite, zstd and aws-lc are C.
tools-c:
	@command -v cargo >/dev/null || { echo "a Rust toolchain of 1.95 or newer is needed: https://rustup.rs" >&2; exit 1; }
	$(call need,cc,gcc libc6-dev)

# The end-to-end tests see the server from outside: its system calls (strace), its signals (kill,
# which comes with ps), its TLS (curl, openssl), its decompression (gzip).
tools-test: $(DEMO_PYTHON)
	$(call need,strace,strace)
	$(call need,ps,procps)
	$(call need,curl,curl)
	$(call need,openssl,openssl)
	$(call need,gzip,gzip)
	$(call need,softhsm2-util,softhsm2)
	$(call need,python3,python3 python3-venv)
	test -x .venv/moto/bin/moto_server || \
		(python3 -m venv .venv/moto && .venv/moto/bin/pip install --quiet 'moto[server,kms]==5.2.5')
	test -x .venv/smtp/bin/aiosmtpd || \
		(python3 -m venv .venv/smtp && .venv/smtp/bin/pip install --quiet 'aiosmtpd==1.4.6')
	test .venv/python-client/stamp -nt clients/python/plimsoll/tests/requirements.txt || \
		(python3 -m venv .venv/python-client && .venv/python-client/bin/pip install --quiet \
			-r clients/python/plimsoll/tests/requirements.txt && touch .venv/python-client/stamp)
	$(call need,git,git)
	test -x .venv/dvc/bin/dvc || \
		(python3 -m venv .venv/dvc && .venv/dvc/bin/pip install --quiet 'dvc==3.67.1')
	test -x .venv/lineage/bin/python || \
		(python3 -m venv .venv/lineage && .venv/lineage/bin/pip install --quiet -r tools/lineage/requirements.txt)
	test .venv/signing/stamp -nt tools/sign/requirements.txt || \
		(python3 -m venv .venv/signing && .venv/signing/bin/pip install --quiet -r tools/sign/requirements.txt \
			&& touch .venv/signing/stamp)
	test .venv/clients/stamp -nt tools/clients/requirements.txt || \
		(python3 -m venv .venv/clients && .venv/clients/bin/pip install --quiet -r tools/clients/requirements.txt \
			&& touch .venv/clients/stamp)

# The console in a real browser.
tools-console:
	@test -x /usr/bin/chromium || { echo "installing chromium"; $(APT) chromium || { $(SUDO) apt-get update && $(APT) chromium; }; }

tools-bench:
	$(call need,nginx,nginx-light)
	$(call need,wrk,wrk)
	$(call need,h2load,nghttp2-client)
	$(call need,python3,python3 python3-venv)

# A verifier of the ledger that is not ours: a small program of Go over Go's own packages. Beside
# the build, so that runs of CI share the toolchain.
tools-go: $(TARGET)/go/gocheck
$(TARGET)/go/gocheck: tools/gocheck/main.go tools/gocheck/build.sh tools/gocheck/requirements.txt
	$(call need,python3,python3 python3-venv)
	python3 -m venv --clear $(TARGET)/go
	$(TARGET)/go/bin/python -m pip install --quiet --disable-pip-version-check -r tools/gocheck/requirements.txt
	tools/gocheck/build.sh $(TARGET)/go

# Without its self-update, which only adds to what it compiles.
nextest:
	@cargo nextest --version >/dev/null 2>&1 || \
		CARGO_TARGET_DIR=$(TARGET) cargo install --locked cargo-nextest --version $(NEXTEST_VERSION) \
			--no-default-features --features default-no-update
