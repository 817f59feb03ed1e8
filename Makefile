# Two commands matter: `make demo` and `make test`. Both set up what is missing first (see scripts/setup).
SHELL := /bin/bash
export PATH := $(CURDIR)/build/go/bin:$(PATH)
export CGO_ENABLED ?= 0

.PHONY: all setup build web e2e demo test judges bench peers examples clean

all: build

setup: ## install what running needs
	@scripts/setup run

build: setup ## bin/cineloop
	@go build -trimpath -ldflags='-s -w' -tags disable_grpc_modules -o bin/cineloop ./cmd/cineloop

web: ## the browser's part, built into web/reading/dist
	@scripts/setup web
	@scripts/web

e2e: build ## sessions of a reader, a coordinator and an adjudicator in Chromium: N passed, N failed
	@scripts/setup web
	@scripts/e2e

demo: build ## the main job on the built-in phantom study; ends with the path of the report, and at a terminal with a study to read
	@bin/cineloop run examples/demo.yaml
	@if [ -t 1 ]; then echo 'Experts read such studies in the browser; try it (Ctrl-C ends it):'; bin/cineloop annotate --demo --quiet; \
	else echo 'A study to read in the browser: bin/cineloop annotate --demo'; fi

test: ## everything that must hold: formatting, vet, staticcheck, tests, the race detector
	@scripts/setup test
	@scripts/test

judges: ## what programs of others think of ours: N passed, N failed
	@scripts/setup judges
	@scripts/judges

bench: build ## timings side by side with peers: name, ours, peer, ratio, limit
	@scripts/bench

fuzz: ## every fuzz target for ten minutes each, for the night; ends with a table of hours and findings
	@scripts/fuzz

peers: ## the Python peers that benchmarks and comparisons use where they are present
	@scripts/setup peers

examples: build ## every recipe in examples/ in full (tens of minutes)
	@for r in demo lus adrenal3d sunnybrook-ef echo-study; do bin/cineloop run examples/$$r.yaml || exit; done

clean: ## what builds and runs leave behind
	@rm -rf bin runs artifacts bench/out
