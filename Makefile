# Two commands do all the set-up: `make train` and `make test`.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
EPOCHS ?= 200
BIN := .venv/bin

.PHONY: train test lint soak gpu matrix clean

train: .venv/installed
	$(BIN)/python -m tfgan.train --epochs=$(EPOCHS)

test: lint
	$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# What takes too long for every change.
soak: .venv/installed
	$(BIN)/python -m pytest -m slow

# What only a GPU can show, as one table; `docs/gpu.md` says how to install for one.
gpu: .venv/cuda
	$(BIN)/python -m pytest -m gpu -s tests/test_gpu.py

.venv/cuda: .venv/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[cuda]'
	touch $@

# Every supported Python that is there: an epoch, and the quicker tests.
matrix:
	tests/matrix.sh

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@

clean:
	rm -rf .venv .venv-3.*
