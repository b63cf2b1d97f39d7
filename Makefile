# Every target sets up .venv by itself: with uv if present, else with venv and pip.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-fast check bench mutants verdicts docs peers clean

demo: .venv/ready
	$(BIN)/autograd-tiny demo --out demo-output

test: .venv/ready
	$(BIN)/python -m pytest -n auto

test-fast: .venv/ready
	$(BIN)/python -m pytest -n auto -m "not slow"

check: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/ready
	$(BIN)/python -c "import jax, llvmlite, micrograd, torch" 2>/dev/null || $(MAKE) --no-print-directory .venv/bench
	$(BIN)/autograd-tiny bench --out bench-output
	$(BIN)/python -m tests.benchmarks

mutants: .venv/ready
	$(BIN)/python -m tests.mutation

verdicts: .venv/ready
	$(BIN)/python -m tests.benchmarks.verdicts

docs: .venv/ready
	$(BIN)/python -m sphinx -W -b html docs docs/_build/html
	@echo "open docs/_build/html/index.html"

clean:
	rm -rf .venv demo-output bench-output docs/_build .hypothesis .mypy_cache .pytest_cache .ruff_cache

.venv/ready: pyproject.toml
	if command -v uv >/dev/null; then uv venv --quiet --allow-existing --python $(PYTHON) .venv; else $(PYTHON) -m venv .venv; fi
	if command -v uv >/dev/null; then uv pip install --quiet --python $(BIN)/python -e ".[dev]"; else $(BIN)/python -m pip install --quiet -e ".[dev]"; fi
	touch $@

# PyTorch, for the tests that compare with it; from its own index, so that Linux gets the build without CUDA.
TORCH := "torch==2.13.0" --extra-index-url https://download.pytorch.org/whl/cpu

peers: .venv/ready
	$(BIN)/python -c "import torch" 2>/dev/null || $(MAKE) --no-print-directory .venv/torch

.PHONY: .venv/torch
.venv/torch:
	if command -v uv >/dev/null; then uv pip install --quiet --python $(BIN)/python $(TORCH); else $(BIN)/python -m pip install --quiet --retries 1 $(TORCH); fi

.PHONY: .venv/bench
.venv/bench:
	if command -v uv >/dev/null; then uv pip install --quiet --python $(BIN)/python -e ".[bench]" $(TORCH); else $(BIN)/python -m pip install --quiet -e ".[bench]" $(TORCH); fi
