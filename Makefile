# Two commands matter: `make demo` shows glview on a real frame, `make test` checks everything.
# Each does its own set-up: system libraries, .venv, and the packages pinned in .ci/constraints.txt.
# pip's own settings (PIP_EXTRA_INDEX_URL and the like) are respected.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check -c .ci/constraints.txt
INPUTS := pyproject.toml .ci/constraints.txt glview/__init__.py
DEMO_PICTURE := glview-demo.png
PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile
OLD_GL := MESA_GL_VERSION_OVERRIDE=4.1 MESA_GLSL_VERSION_OVERRIDE=410

export PYTHON

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:  # apt-get and pip must not meet themselves
.PHONY: help demo test bench fuzz lint clean system-demo system-test system-bench

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-6s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: system-demo $(VENV)/.demo  ## open the frame that ships with glview (a PNG where there is no display)
	@if [ "$$(uname)" = Linux ] && [ -z "$${DISPLAY:-}" ]; then \
	    $(BIN)/glview --demo --detect --screenshot $(DEMO_PICTURE) && \
	    echo "No display here: the demo is in $(CURDIR)/$(DEMO_PICTURE)"; \
	else \
	    $(BIN)/glview --demo; \
	fi

# The second run keeps shaders within what macOS offers; Mesa is told to be no better.
test: system-test lint  ## lint, then every test (software OpenGL; no display needed)
	GLVIEW_REQUIRE_GL=1 LIBGL_ALWAYS_SOFTWARE=1 $(PYTEST)
	GLVIEW_REQUIRE_GL=1 LIBGL_ALWAYS_SOFTWARE=1 $(OLD_GL) $(PYTEST) -m gl

bench: system-bench $(VENV)/.test  ## times and memory, with peers (BENCH=--quick: few repeats)
	$(PIP) -e '.[bench]' --no-build-isolation
	PYTHONPATH=tests $(BIN)/python -m bench $(BENCH)

fuzz: system-test $(VENV)/.test  ## hostile bytes for ten minutes (FUZZ="--seconds 60"); Linux
	$(PIP) -e '.[fuzz]' --no-build-isolation
	PYTHONPATH=tests $(BIN)/python -m fuzz $(FUZZ)

lint: $(VENV)/.test  ## ruff
	$(BIN)/python -m ruff check .

clean:  ## remove what the other commands made
	rm -rf $(VENV) .cache .pytest_cache .ruff_cache .hypothesis build dist $(DEMO_PICTURE)
	find glview tests -name __pycache__ -type d -prune -exec rm -rf {} +

system-demo system-test system-bench:
	@bash .ci/system $(@:system-%=%)

# The system's packages come first: python3-venv is one of them.
$(VENV)/.made: | system-demo
	bash .ci/venv $(VENV)
	@touch $@

# hatchling goes in first, and the build uses that one: an isolated build would fetch its own,
# past the pins.  The install is editable, so an edited source is what runs.
$(VENV)/.demo: $(VENV)/.made $(INPUTS)
	$(PIP) hatchling
	$(PIP) --no-build-isolation -e '.[cosmic-conn,tiff]'
	@touch $@

$(VENV)/.test: $(VENV)/.made $(INPUTS)
	$(PIP) hatchling
	$(PIP) --no-build-isolation -e '.[test]'
	@touch $@
