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
RELEASE ?= hpc
NAMESPACE ?= hpc
NAMESPACE_OF_DEMO := hpc-demo
VALUES ?= values/kind.yaml
VALUE_FILES = --values $(VALUES) $(addprefix --values ,$(wildcard .tools/images.yaml))
LOCAL_KUBECONFIG := .tools/kubeconfig
KUBE_FLAGS = $(if $(KUBE_CONTEXT),--kube-context $(KUBE_CONTEXT),--kubeconfig $(LOCAL_KUBECONFIG))
KUBE_FLAGS_KUBECTL = $(if $(KUBE_CONTEXT),--context $(KUBE_CONTEXT),--kubeconfig $(LOCAL_KUBECONFIG))
# Benchmarks take a release that is named; without one they install their own on the local cluster.
BENCH_NAMED := $(filter command environment,$(firstword $(origin RELEASE)))
BENCH_RELEASE = $(if $(BENCH_NAMED),--release $(RELEASE) --namespace $(NAMESPACE))
BENCH_NEEDS = $(if $(BENCH_NAMED),tools,e2e-ready)
CHARTS = $(patsubst charts/%/Chart.yaml,%,$(wildcard charts/*/Chart.yaml))
export PATH := $(BIN):$(PATH)

##@ Use
help: ## list all targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: demo-ready cluster images hpc-dependencies ## a cluster, chart hpc on it, a notebook sweep as Slurm jobs, and its report
	@$(PYTHON) -m docs.examples.demo

demo-local: .venv/ready ## the same sweep on this machine alone, in .tools/demo-local
	@.venv/bin/sweep run docs/examples/pricing.ipynb --params docs/examples/tickers.csv --out .tools/demo-local
	@.venv/bin/sweep report .tools/demo-local

demo-down: kube-ready tools ## remove the release of `make demo`; `make cluster-down` removes the cluster
	@helm $(KUBE_FLAGS) uninstall hpc --namespace $(NAMESPACE_OF_DEMO) --ignore-not-found --wait
	@kubectl $(KUBE_FLAGS_KUBECTL) delete namespace $(NAMESPACE_OF_DEMO) --ignore-not-found
	@rm -rf .tools/demo

install: kube-ready tools hpc-dependencies ## install or upgrade chart hpc (VALUES=values/kind.yaml, NAMESPACE=, RELEASE=, KUBE_CONTEXT=)
	@helm $(KUBE_FLAGS) upgrade --install $(RELEASE) charts/hpc --namespace $(NAMESPACE) --create-namespace $(VALUE_FILES)

uninstall: kube-ready tools ## remove what `make install` installed; volumes of users stay
	@helm $(KUBE_FLAGS) uninstall $(RELEASE) --namespace $(NAMESPACE)

template: tools hpc-dependencies ## print the manifests that `make install` would apply
	@helm template $(RELEASE) charts/hpc --namespace $(NAMESPACE) $(VALUE_FILES)

demo-ready: .venv/ready
	@$(PYTHON) -c 'from docs.examples.demo import ready; ready()'

kube-ready:
	@test -n "$(KUBE_CONTEXT)" || test -s $(LOCAL_KUBECONFIG) || { printf 'error: %s\n  next: %s\n' "there is no local cluster" "make cluster, or KUBE_CONTEXT=<name> for another one" >&2; exit 1; }

##@ Cluster
cluster: .venv/ready ## make a local three-node Kubernetes, or see that it is ready (WORKERS=, REGISTRY_PORT=, INGRESS_PORT=, NFS_NODE=1)
	@$(CLUSTER) up $(if $(NFS_NODE),--nfs-node)

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

check-config: tools hpc-dependencies ## let Slurm read the configuration that VALUES= give, without a cluster (CHART=charts/slurm)
	@$(PYTHON) -m images.check_config $(or $(CHART),charts/hpc) $(VALUE_FILES)

hpc-dependencies: tools ## put the sub-charts into charts/hpc/charts
	@helm dependency update charts/hpc >/dev/null

sbom: images ## write a bill of materials per image into .tools/sbom
	@$(PYTHON) -m images.sbom

docs: tools ## write generated pages, and the site into .tools/site
	@$(PYTHON) -m docs.generate
	@.venv/bin/mkdocs build --quiet --strict --config-file .mkdocs.yml && echo "open .tools/site/index.html"

package: sbom ## a release in dist/: charts with images by digest, client, bills of materials, checksums (RELEASE_REGISTRY=)
	@$(PYTHON) -m charts.package package --registry "$(RELEASE_REGISTRY)"

publish: tools ## put the release in dist/ into its registry: images, then charts
	@$(PYTHON) -m charts.package publish

version: ## write VERSION into every chart
	@for chart in $(CHARTS); do sed -i -E "s/^(version|appVersion):.*/\1: \"$$(cat VERSION)\"/" charts/$$chart/Chart.yaml; done

clean: ## remove what was built in this checkout
	rm -rf .tools/images.yaml .tools/sbom .tools/site dist build *.egg-info .coverage .mypy_cache .ruff_cache .pytest_cache

##@ Check
check: lint test e2e ## everything that CI runs

lint: .venv/ready tools hpc-dependencies ## all linters
	@$(PYTHON) -m tests.lint

test: .venv/ready tools hpc-dependencies ## the quick tests, without a cluster
	@# In the order of their names: by their number of tests, files with few and slow ones would come last, alone.
	@$(PYTHON) -m pytest -q --numprocesses=auto --dist=loadfile --no-loadscope-reorder -m "not e2e and not full"

coverage: .venv/ready ## lines of sweep_client that its tests run, at least 95 %
	@$(PYTHON) -m pytest -q --numprocesses=auto --dist=loadfile -m "not e2e and not full" --cov=sweep_client tests/sweep_client

e2e: .venv/ready e2e-ready hpc-dependencies ## the tests from end to end, on a cluster (KUBE_CONTEXT= for any other than the local one)
	@# The cluster's own tests kill nodes, so they come alone; of the others three suites run at once, since most of a test is waiting.
	@$(PYTHON) -m pytest -q -m "e2e and not full" tests/cluster
	@$(PYTHON) -m pytest -q --numprocesses=3 --dist=loadscope -m "e2e and not full" --ignore=tests/cluster

e2e-full: .venv/ready e2e-ready hpc-dependencies ## the tests on a cluster with their long repetitions
	@$(PYTHON) -m pytest -q -m "e2e or full"

e2e-ready:
	@if [ -z "$$KUBE_CONTEXT" ]; then $(CLUSTER) up && $(PYTHON) -m images.build --registry $(REGISTRY); fi

##@ Measure
bench-cluster: .venv/ready ## figures of the local cluster, into docs/performance.md
	@$(PYTHON) -m benchmarks.cluster $(BENCH_ARGS)

bench-sweep: .venv/ready ## figures of sweep_client beside papermill and nbclient
	@$(PYTHON) -m benchmarks.sweep $(BENCH_ARGS)

bench-sweep-cluster: .venv/ready e2e-ready ## figures of sweeps as Slurm jobs
	@$(PYTHON) -m benchmarks.sweep_cluster $(BENCH_ARGS)

bench-slurm: .venv/ready e2e-ready ## figures of the chart slurm
	@$(PYTHON) -m benchmarks.slurm $(BENCH_ARGS)

bench-nfs: .venv/ready e2e-ready ## figures of the chart nfs
	@$(PYTHON) -m benchmarks.nfs $(BENCH_ARGS)

bench-jupyter: .venv/ready e2e-ready ## figures of the chart jupyter
	@$(PYTHON) -m benchmarks.jupyter $(BENCH_ARGS)

bench-hpc: .venv/ready ## figures of the demo and of the idle release; makes the local cluster anew
	@$(PYTHON) -m benchmarks.hpc

bench-mandelbrot: .venv/ready $(BENCH_NEEDS) ## a picture over 1 to 20 and more workers
	@$(PYTHON) -m benchmarks.mandelbrot $(BENCH_RELEASE) $(BENCH_ARGS)

bench-hpl: .venv/ready $(BENCH_NEEDS) ## HPL on pods and in a plain container (BENCH_ARGS="--preset smoke|quick|full|thesis")
	@$(PYTHON) -m benchmarks.hpl $(BENCH_RELEASE) $(BENCH_ARGS)

bench-mpi: .venv/ready $(BENCH_NEEDS) ## messages between pods, in a pod, and between plain containers
	@$(PYTHON) -m benchmarks.mpi $(BENCH_RELEASE) $(BENCH_ARGS)

bench-climate: .venv/ready $(BENCH_NEEDS) ## the mean of a gridded variable by dask, engines and Slurm
	@$(PYTHON) -m benchmarks.climate $(BENCH_RELEASE) $(BENCH_ARGS)

bench-thesis: .venv/ready $(BENCH_NEEDS) ## the thesis's sixteen notebooks, and saving five million elements
	@$(PYTHON) -m benchmarks.sweep.thesis $(BENCH_RELEASE) $(BENCH_ARGS)

bench-all: bench-hpl bench-mandelbrot bench-mpi bench-climate bench-thesis bench-report ## all that make the report, and the report

bench-report: .venv/ready ## one HTML file of all results, into .tools/benchmarks
	@$(PYTHON) -m benchmarks.report $(BENCH_ARGS)

bench-compare: .venv/ready ## a result beside an earlier one, with intervals (BENCH_ARGS="NEW OLD" or "--benchmark mpi")
	@$(PYTHON) -m benchmarks.compare $(BENCH_ARGS)

.venv/ready: pyproject.toml
	@python3 -c 'import venv, ensurepip' 2>/dev/null || { echo "error: python3 has no venv module; next: apt-get install python3-venv" >&2; exit 1; }
	@echo "==> install the Python environment in .venv"
	@test -x .venv/bin/python || python3 -m venv .venv
	@.venv/bin/pip install --quiet --disable-pip-version-check --editable '.[dev]' && touch $@

.PHONY: demo demo-ready kube-ready demo-local demo-down install uninstall template hpc-dependencies help cluster cluster-down cluster-status node-image base-image go-modules tools images sbom docs package publish version clean check check-config lint test e2e e2e-full e2e-ready bench-cluster bench-sweep bench-sweep-cluster bench-slurm bench-nfs bench-jupyter bench-hpc bench-mandelbrot bench-hpl bench-mpi bench-climate bench-thesis bench-all bench-report bench-compare
