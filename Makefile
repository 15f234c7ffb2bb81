# Everything below sets itself up: a virtual environment in .venv, and (for the tests) a real etcd and
# kube-apiserver, built once into a cache folder outside this repository.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Tests wait more than they work: three processes, each with a control plane of its own, on two cores or more.
WORKERS ?= 3

.PHONY: help demo test test-versions peers faults lint types layers wheel control-plane clean

help:  ## What can be made
	@sed -nE 's/^([a-z-]+):.*  ## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 15

$(INSTALLED): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $@

demo: $(INSTALLED)  ## The introduction, on the embedded API server, or on a cluster: make demo CONTEXT=name
	$(BIN)/python examples/demo.py $(if $(CONTEXT),--context $(CONTEXT)) $(if $(KUBECONFIG_FILE),--kubeconfig $(KUBECONFIG_FILE))

control-plane: $(INSTALLED)  ## Build etcd and kube-apiserver once (4 to 9 minutes the first time)
	$(BIN)/python -m kubeinformer.testing.control_plane.build

test: control-plane  ## Everything: unit, HTTP, real control plane; some of it: make test ARGS="-k selectors"
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

test-versions: $(INSTALLED)  ## The comparison of the two test servers, on an older Kubernetes (its own build: 4 to 9 minutes)
	$(BIN)/python -m kubeinformer.testing.control_plane.build 1.34
	KUBEINFORMER_CONTROL_PLANE_VERSION=1.34 $(BIN)/python -m pytest tests/agreement \
		tests/control_plane/test_kinds_on_the_server.py tests/control_plane/test_informer_watch_list.py

peers:  ## Other people's programs on the in-memory server, in an environment of their own: .venv-peers
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	.venv-peers/bin/python -m pip install --quiet --editable . --group peers
	KUBEINFORMER_PEERS=1 .venv-peers/bin/python -m pytest -o faulthandler_timeout=1800 -p no:cloudcoil -W default tests/peers

faults: control-plane  ## Five minutes of random faults on the real control plane; FAULT_SECONDS and FAULT_SEED choose
	KUBEINFORMER_FAULT_SECONDS=$(or $(FAULT_SECONDS),300) KUBEINFORMER_FAULT_SEED=$(or $(FAULT_SEED),1) \
		$(BIN)/python -m pytest --log-cli-level=INFO -o faulthandler_timeout=1800 tests/control_plane/test_fault_run.py

lint: $(INSTALLED)  ## Style and common mistakes (ruff)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)  ## Types, strictly (mypy)
	$(BIN)/mypy

layers: $(INSTALLED)  ## Which module may import which (import-linter)
	$(BIN)/lint-imports --no-cache --no-logo

wheel: $(INSTALLED)  ## Build dist/*.whl, and try it in an environment that has nothing else
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	$(BIN)/python scripts/check_wheel.py dist/*.whl

clean:  ## Remove what the targets above made, except the control plane
	rm -rf $(VENV) .venv-peers build dist .hypothesis .pytest_cache .mypy_cache .ruff_cache
