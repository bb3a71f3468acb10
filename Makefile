# `make` lists what there is. `make run` and `make test` need nothing to be installed before.
# Without make: README.md has the plain lines.

VENV ?= .venv
# Which Python makes the environment; empty: the first of 3.13 to 3.10 that works.
PYTHON ?=
# Which build of torch: default, cpu or cuda. Empty: as before, or default.
TORCH ?=
# What is handed on to pytest, as in: make test ARGS="-k temporal -x"
ARGS ?=

# How many inputs `make fuzz` gives to each loader.
FUZZ_INPUTS ?= 10000

PY := $(VENV)/bin/python
DISPLAY_IS_THERE = [ -n "$${DISPLAY:-}$${WAYLAND_DISPLAY:-}" ] || [ "$$(uname)" = Darwin ]
PYTEST = QT_QPA_PLATFORM=offscreen $(PY) -m pytest

define set_up
@python=$$(PYTHON='$(PYTHON)' VENV='$(VENV)' sh scripts/find_python.sh) && \
	TORCH='$(TORCH)' "$$python" scripts/setup.py --venv '$(VENV)' $(1)
endef

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run demo test lint types check fuzz audit soak soak-devices format clean

help: ## List what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 20

setup: ## Install what running needs: environment, packages, system libraries, weights
	$(call set_up)

setup-dev: ## Install what developing needs on top
	$(call set_up,--dev)

run: setup ## Start Mattecam; without a display, do what `make demo` does
	@if [ -e app/cli/gui.py ] && { $(DISPLAY_IS_THERE); }; then \
		exec $(PY) main.py gui; \
	else \
		exec $(MAKE) --no-print-directory convert-demo; \
	fi

demo: setup convert-demo ## Convert the demo clip that comes with the program

.PHONY: convert-demo
convert-demo:
	@$(PY) main.py convert demo -o demo-result.mp4 --force
	@echo "The result lies in $(CURDIR)/demo-result.mp4"

test: setup-dev ## Run the tests: no camera, GPU, display or network needed
	$(PYTEST) -m "not soak" $(ARGS)

lint: setup-dev ## Check the style
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .

types: setup-dev ## Check the types
	$(PY) -m mypy
	$(PY) -m mypy scripts/setup.py scripts/make_cutouts.py scripts/make_demo_clip.py \
		scripts/make_sample_backgrounds.py scripts/audit.py scripts/hash_requirements.py

check: lint types test ## Everything that must be green before a commit

fuzz: setup-dev ## Feed damaged input to every loader: 10,000 of each; ARGS="-k onnx", FUZZ_INPUTS=500
	FUZZ_INPUTS=$(FUZZ_INPUTS) $(PYTEST) -s tests/fuzz $(ARGS)

audit: setup-dev ## Look the pinned packages up in the database of known vulnerabilities
	$(PY) scripts/audit.py

soak: setup-dev ## Run what takes longer than a suite should
	$(PYTEST) -m soak -s $(ARGS)

soak-devices: setup-dev ## Run the tests with real video devices, in a virtual machine (Debian on x86-64)
	$(PY) -m tests.devices $(ARGS)

format: setup-dev ## Mend the style
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

clean: ## Remove what can be made again, but not the weights
	rm -rf '$(VENV)' .venv-audit .pytest_cache .mypy_cache .ruff_cache .hypothesis demo-result.mp4
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
