# Everything a developer or a newcomer runs. Each target sets up what it needs first.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup up down demo example test test-install image bench lint format generate verify clean
# Node 24 of the checkout comes first when there is one, then the tools of the packages.
export PATH := $(CURDIR)/dev/node/node_modules/.bin:$(CURDIR)/node_modules/.bin:$(PATH)

help: ## Show this
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup:
	@./dev/setup.sh

demo: setup ## Start everything and take the tour: real tasks, a killed sandbox, scaling, updates that go back by themselves
	@node dev/up.ts
	@. ./.dev/env && node examples/trading-desk/demo.ts

example: setup ## Run an example on a system that is up: make example NAME=ring (mesh, consensus, hierarchical, ring, star, canary, blue-green)
	@test -f "examples/$(NAME)/run.ts" || { echo "write NAME=mesh, consensus, hierarchical, ring, star, canary or blue-green"; exit 2; }
	@test -f "$${SWARM_DEV_DIR:-.dev}/env" || { echo "nothing is up: make up"; exit 2; }
	@. "$$(realpath "$${SWARM_DEV_DIR:-.dev}")/env" && node "examples/$(NAME)/run.ts"

up: setup ## Start the local system in the background: control plane, e2b-local, operator, router
	@node dev/up.ts

down: setup ## End what `make up` started
	@node dev/down.ts

test: setup ## Run every check and test; the last line is the sum
	@node dev/run-tests.ts

test-install: setup ## Run what needs root, Debian packages and programs of others: image, chart, GitOps, alerts
	@node dev/run-tests.ts install

image: setup ## Build the image with Docker or buildah, and the list of what is in it; .dev/image has both
	@node dev/image/main.ts

bench: setup ## Run the benchmarks; writes bench/results/latest.json and latest.md
	@node bench/run.ts

lint: setup ## Lint and check the formatting
	@oxlint --type-aware --deny-warnings src operator dev test bench examples
	@prettier --check --log-level warn .

format: setup ## Format everything
	@prettier --write --log-level warn .

generate: setup ## Write crds/ from the schemas in src/api, and config/ from the chart
	@node dev/generate.ts
	@node dev/generate-config.ts

verify: setup ## Generate, type-check, lint, unit tests, and a clean tree
	@node dev/generate.ts
	@tsc --noEmit -p .
	@$(MAKE) --no-print-directory lint
	@node dev/run-tests.ts unit
	@git diff --exit-code --stat

clean: down ## End the local system and remove what it and the set-up have written
	@rm -rf .dev node_modules dev/node/node_modules
