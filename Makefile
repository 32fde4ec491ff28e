# demo and test do all of their set-up; a Python of 3.11 to 3.13 is all that must be there.
VENV := .venv
BIN := $(VENV)/bin
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON := $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	$$p -c '$(SUPPORTED)' 2>/dev/null && echo $$p && break; done)

.PHONY: demo test check docs bench screenshots fuzz train clean

demo: $(VENV)/installed-core
	$(BIN)/nanodope demo nanodope-demo

test: $(VENV)/installed-dev
	OMP_NUM_THREADS=1 .ci/with-browser .ci/with-display $(BIN)/python -m pytest -n 2 --dist loadgroup

check: $(VENV)/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q --doctest-modules --doctest-glob='*.md' src docs README.md

docs: $(VENV)/installed-dev
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html
	@echo "The documentation is in docs/_build/html/index.html."

bench: $(VENV)/installed-dev
	$(BIN)/python benchmarks/start.py
	$(BIN)/python benchmarks/radial.py
	$(BIN)/python benchmarks/reading.py
	$(BIN)/python benchmarks/segmentation.py
	$(BIN)/python benchmarks/sidebands.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/epr.py
	$(BIN)/python benchmarks/deconvolution.py
	$(BIN)/python benchmarks/batch.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/truth.py
	.ci/with-display $(BIN)/python benchmarks/gui.py

screenshots: $(VENV)/installed-dev
	.ci/with-display $(BIN)/python docs/images/make_screenshots.py

fuzz: $(VENV)/installed-dev
	$(BIN)/python fuzz/readers.py
	$(BIN)/python fuzz/batches.py

# Some hours on a processor; stopped, it goes on where it was. The bundled weights came out of it.
train: $(VENV)/installed-core
	$(BIN)/nanodope train nanodope-training --rounds 80 --seed 0

clean:
	rm -rf $(VENV) docs/_build docs/auto_examples docs/reference/generated nanodope-demo

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed; install one."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed-core: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/installed-dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[gui,test,lint,docs]'
	@touch $@ $(VENV)/installed-core
