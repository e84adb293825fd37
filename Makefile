# LimiQuantix. `make` says what there is; `make demo` and `make test` are all that a newcomer needs.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
export CHECKPOINT_DISABLE := 1
# node:sqlite is complete in Node 22 but says that it is experimental
export NODE_OPTIONS := --disable-warning=ExperimentalWarning

# the user's own Terraform settings are not ours to use
unexport TF_CLI_CONFIG_FILE

SIMULATE ?=
SEED ?=
STEPS ?=
COUNT ?=
TARGET ?=
SECONDS ?=
INPUT ?=
ONLY ?=
ARGS ?=
RESULTS ?=
CONSTRUCTS := constructs/.jsii
CONSTRUCTS_FROM := $(shell find proto/limiquantix provider/src/schema constructs/src constructs/scripts \
  -type f -not -path '*/gen/*')

.PHONY: help setup setup-node setup-buf setup-go ready proto proto-direct proto-go proto-rust proto-lint \
  proto-breaking docs build check fmt test simulate fuzz prove bench performance demo demo-down guest-image install clean

help: ## Say what there is
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' Makefile

setup: ready $(CONSTRUCTS) ## Install everything (with root on Debian/Ubuntu: the real backends as well), generate, build

setup-node: ## Install Node's part only: all that generating, building and the simulator need
	@scripts/setup-tool.sh node

setup-buf: ## Install buf
	@scripts/setup-tool.sh buf

setup-go: ## Install the plugins for Go clients
	@scripts/setup-tool.sh go

# what all but the constructs need
ready:
	@scripts/setup-apt.sh
	@scripts/setup-npm.sh
	@npm run --silent generate
	@npm run --silent build

$(CONSTRUCTS): $(CONSTRUCTS_FROM) | ready
	@npm run --silent generate --workspace constructs
	@npm run --silent build --workspace constructs
	@touch $@

proto: ## Generate TypeScript from the contract
	@npm run --silent generate --workspace proto

proto-direct: ## Generate TypeScript from the contract with protoc instead of buf
	@scripts/proto-gen.sh

proto-go: ## Generate Go clients from the contract
	@scripts/proto-clients.sh go

proto-rust: ## Generate Rust clients from the contract
	@scripts/proto-clients.sh rust

proto-lint: proto-breaking ## Lint the contract, check its format and that it breaks no released client
	@npm run --silent lint --workspace proto

proto-breaking:
	@scripts/proto-breaking.sh

docs: ## Write the reference in docs/ from the contract, the examples and the command line
	@npm run --silent docs --workspace provider
	@npm run --silent docs --workspace server

build: ## Bundle what ships: the limiquantix command and the Terraform provider
	@npm run --silent build

check: ## Types, lint and format
	tsc -p . && tsc -p constructs && tsc -p examples
	biome check --error-on-warnings .
	npm run --silent docs --workspace provider -- --check
	npm run --silent docs --workspace server -- --check
	terraform fmt -check -recursive examples

fmt: ## Format everything
	biome check --write .
	terraform fmt -recursive examples
	cd proto && buf format -w --path limiquantix

test: setup check proto-lint ## Run all tests; without root those on real hosts are skipped, and it says so
	@if [ "$$(id -u)" = 0 ] && command -v ovsdb-server >/dev/null; then $(MAKE) --no-print-directory guest-image; \
	 else echo "make test: not root, or no real backends: the lab suites are skipped"; fi
	@node scripts/test.mjs

bench: ready ## Measure and compare with the run before; ONLY=name,… ARGS=--help says more
	@tsx test/bench/main.ts $(ONLY) $(ARGS)

performance: ready ## Draw docs/performance.md from the run RESULTS=file of make bench
	@RESULTS=$(RESULTS) tsx test/bench/performance.ts

simulate: ready ## Simulate faults on virtual time: SEED=… STEPS=… repeats a run, COUNT=… runs many
	@tsx test/simulation/simulate.ts --seed=$(SEED) --steps=$(STEPS) --count=$(COUNT)

fuzz: ready ## Try decoders with broken input; TARGET=name,… SEED=n SECONDS=n INPUT=file
	@TARGET=$(TARGET) SEED=$(SEED) SECONDS=$(SECONDS) INPUT=$(INPUT) tsx test/fuzz/main.ts

prove: ## Try everything that is tried with chance for long: an hour and a half of processors
	@$(MAKE) --no-print-directory fuzz SECONDS=600
	@$(MAKE) --no-print-directory simulate COUNT=5000 STEPS=40

guest-image: ## Build the guest image of the demo and the tests (cached)
	@scripts/guest-image.sh

install: ready ## Build the provider as one executable and put it into a filesystem mirror
	@npm run --silent install-provider --workspace provider

ifeq ($(SIMULATE),)
demo: ready guest-image ## Run the quickstart on two real hosts (root); SIMULATE=1: on simulated ones
	@tsx scripts/demo.ts up
else
demo: ready
	@tsx scripts/demo.ts up --simulate
endif

demo-down: ## Destroy the quickstart and its hosts
	@tsx scripts/demo.ts down

clean: ## Remove what was built
	rm -rf .build proto/gen proto/gen-go proto/gen-rust proto/vendor provider/gen constructs/src/gen server/dist provider/dist
