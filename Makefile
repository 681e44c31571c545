# Every action of this repository; `make help` lists them. CI calls `make check` and nothing else.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

export KUBE_CONTEXT
WORKERS ?= 2
REGISTRY_PORT ?= 5001
INGRESS_PORT ?= 8080
REGISTRY ?= localhost:$(REGISTRY_PORT)/hpc
PYTHON := .venv/bin/python
BIN := $(CURDIR)/.tools/bin
CLUSTER = $(PYTHON) -m tests.cluster --workers $(WORKERS) --registry-port $(REGISTRY_PORT) --ingress-port $(INGRESS_PORT)
CHARTS = $(patsubst charts/%/Chart.yaml,%,$(wildcard charts/*/Chart.yaml))
export PATH := $(BIN):$(PATH)

##@ Use
help: ## list all targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Cluster
cluster: .venv/ready ## make a local three-node Kubernetes, or see that it is ready (WORKERS=, REGISTRY_PORT=, INGRESS_PORT=)
	@$(CLUSTER) up

cluster-down: .venv/ready ## remove the local cluster and all that it left on this machine
	@$(CLUSTER) down

cluster-status: .venv/ready ## say how the local cluster is
	@$(CLUSTER) status

node-image: .venv/ready ## build the local cluster's node image (where no registry answers)
	@$(CLUSTER) node-image

base-image: .venv/ready ## have the Debian image that all images start from
	@$(CLUSTER) base-image

go-modules: .venv/ready ## write the go.mod files of tests/cluster/modules after a change of versions
	@$(PYTHON) -m tests.cluster.go_modules

##@ Build
tools: .venv/ready ## have the pinned command line tools in .tools/bin
	@$(CLUSTER) tools

images: .venv/ready ## build the images that the registry lacks, and write .tools/images.yaml (REGISTRY=, IMAGES=)
	@$(PYTHON) -m images.build --registry $(REGISTRY) $(IMAGES)

sbom: images ## write a bill of materials per image into .tools/sbom
	@$(PYTHON) -m images.sbom

version: ## write VERSION into every chart
	@for chart in $(CHARTS); do sed -i -E "s/^(version|appVersion):.*/\1: \"$$(cat VERSION)\"/" charts/$$chart/Chart.yaml; done

clean: ## remove what was built in this checkout
	rm -rf .tools/images.yaml .tools/sbom dist build *.egg-info .coverage .mypy_cache .ruff_cache .pytest_cache

##@ Check
check: lint test e2e ## everything that CI runs

lint: .venv/ready tools ## all linters
	@$(PYTHON) -m tests.lint

test: .venv/ready tools ## the tests that need no cluster
	@$(PYTHON) -m pytest -q -m "not e2e and not full"

e2e: .venv/ready e2e-ready ## the tests on a cluster (KUBE_CONTEXT= for any other than the local one)
	@$(PYTHON) -m pytest -q -m "e2e and not full"

e2e-full: .venv/ready e2e-ready ## the tests on a cluster with their long repetitions
	@$(PYTHON) -m pytest -q -m "e2e or full"

e2e-ready:
	@if [ -z "$$KUBE_CONTEXT" ]; then $(CLUSTER) up && $(PYTHON) -m images.build --registry $(REGISTRY); fi

##@ Measure
bench-cluster: .venv/ready ## figures of the local cluster, into docs/performance.md
	@$(PYTHON) -m benchmarks.cluster $(BENCH_ARGS)

.venv/ready: pyproject.toml
	@python3 -c 'import venv, ensurepip' 2>/dev/null || { echo "error: python3 has no venv module; next: apt-get install python3-venv" >&2; exit 1; }
	@echo "==> install the Python environment in .venv"
	@test -x .venv/bin/python || python3 -m venv .venv
	@.venv/bin/pip install --quiet --disable-pip-version-check --editable '.[dev]' && touch $@

.PHONY: help cluster cluster-down cluster-status node-image base-image go-modules tools images sbom version clean check lint test e2e e2e-full e2e-ready bench-cluster
