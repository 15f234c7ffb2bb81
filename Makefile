# Everything below sets itself up: a virtual environment in .venv, and (for the tests) a real etcd and
# kube-apiserver, built once into a cache folder outside this repository.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test lint types layers wheel control-plane clean

$(INSTALLED): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $@

demo: $(INSTALLED)  ## The introduction, on the embedded API server, or on a cluster: make demo CONTEXT=name
	$(BIN)/python examples/demo.py $(if $(CONTEXT),--context $(CONTEXT)) $(if $(KUBECONFIG_FILE),--kubeconfig $(KUBECONFIG_FILE))

control-plane: $(INSTALLED)  ## Build etcd and kube-apiserver once (4 to 9 minutes the first time)
	$(BIN)/python -m kubeinformer.testing.control_plane_build

test: control-plane  ## Everything: unit, HTTP, real control plane
	$(BIN)/python -m pytest $(ARGS)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)
	$(BIN)/mypy

layers: $(INSTALLED)
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
