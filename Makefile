# Needs Python 3.11 or newer, make and a package registry; nothing else has to be there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.8
export UV_NO_CONFIG := 1

.PHONY: setup shell sweep test test-fast test-slow bench lint docs lock clean

setup: $(VENV)/.ready

$(VENV)/.ready: requirements.lock pyproject.toml
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python 3.11 or newer is needed; name one with make PYTHON=...')"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	# Compiled here once: Ray starts many processes, each of which would read PyTorch's source anew where none may write.
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --requirement requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $@

# In bash with the user's own settings, then the environment's prompt and completion; in another shell on the PATH alone.
shell: setup
	@echo "a shell with $(VENV) active: prunetune, python and torchrun are its own; exit leaves it"
	@printf '[ -r ~/.bashrc ] && . ~/.bashrc\n. "%s"\neval "$$(prunetune completion bash)"\n' "$(CURDIR)/$(BIN)/activate" > $(VENV)/.bashrc
	@export VIRTUAL_ENV="$(CURDIR)/$(VENV)" PATH="$(CURDIR)/$(BIN):$$PATH"; case "$${SHELL##*/}" in \
		bash|sh|dash|"") exec bash --rcfile $(VENV)/.bashrc ;; \
		*) exec "$$SHELL" ;; \
	esac

sweep: setup
	$(BIN)/prunetune sweep configs/quickstart.yaml

# Both halves at once, of about as much processor time each; where make can, what a half prints comes whole, at its end.
WHOLE := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

test: setup
	$(MAKE) --no-print-directory --jobs=2 $(WHOLE) test-fast test-slow
	$(MAKE) --no-print-directory lint

test-fast: setup
	$(BIN)/python -m pytest -m "not slow and not ray"

test-slow: setup
	$(BIN)/python -m pytest -m "slow or ray"

# Ratios against a baseline of the same run; say nothing on a machine that does other work as well.
bench: setup
	$(BIN)/python -m benchmarks.step
	$(BIN)/python -m benchmarks.trial
	$(BIN)/python -m benchmarks.study --seeds 2
	$(BIN)/python -m benchmarks.startup --repeats 3
	$(BIN)/python -m benchmarks.scale --sizes 30 300 1000
	$(BIN)/python -m benchmarks.orchestration --real 1 --epochs 30 --short 60 --seconds 0.4

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/mypy docs/study_reference.py docs/networks_reference.py docs/site_pages.py docs/run_notebook.py
	$(BIN)/lint-imports

# Into site/: every page, the API and the notebook. It loads nothing from other hosts, and can be read from the disk.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

lock:
	$(BIN)/uv pip compile pyproject.toml --group test --group docs --universal --python-version 3.11 --upgrade \
		--no-emit-index-url --no-annotate --no-header --quiet -o requirements.lock

clean:
	rm -rf $(VENV) build site *.egg-info
