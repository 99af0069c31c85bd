# Each of these sets up what it needs, with nothing but Python >= 3.11 and make. On Windows: see docs/install.md.
PYTHON ?= python3
BIN := .venv/bin

# The tests start programs hundreds of times; where this is set, each start compiles every module anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check bench lint format texts docs lock pcsc clean

demo: .venv/ready
	$(BIN)/branchfleet demo

test: .venv/ready
	$(BIN)/pytest -n 4

check: lint test

lint: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 agent drivers server tui
	$(BIN)/lint-imports

bench: .venv/ready
	$(BIN)/python -m benchmarks

format: .venv/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The Chinese texts: .po files are written by people, .mo files are what the programs read.
texts: .venv/ready
	$(BIN)/pybabel compile -D agent -d agent/locale
	$(BIN)/pybabel compile -D server -d server/locale
	$(BIN)/pybabel compile -D tui -d tui/locale

# After a change of pyproject.toml: every platform, every hash, and no registry's host in the file.
lock: .venv/ready
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--extra server --extra tui --extra postgres --extra fast --extra dev pyproject.toml -o requirements.lock
	printf '%s\n' 'pyscard>=2.2' setuptools | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --no-annotate --no-header - -o requirements-pcsc.lock

# Card readers by PC/SC. On Linux pyscard is built here, with: apt-get install swig gcc libpcsclite-dev python3-dev
# Without build isolation, so that what builds it (setuptools) is held to its hash as well; pip cannot do that in one go.
pcsc: .venv/ready
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-build-isolation-package pyscard --require-hashes \
		-r requirements-pcsc.lock || $(BIN)/python -m pip install --quiet --require-hashes -r requirements-pcsc.lock

# uv installs in seconds; where it cannot reach the packages the way pip is set up to (a bank's mirror), pip does it.
.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed, this is " + sys.version.split()[0] + "; say make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	sed -n '/^uv==/,/^[^ ].*==/{/^uv==/p;/^ /p;}' requirements.lock > .venv/uv.lock
	$(BIN)/python -m pip install --quiet --require-hashes -r .venv/uv.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock \
		|| $(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist

# The command reference, from the commands' own help.
docs: .venv/ready
	BRANCHFLEET_WRITE_DOCS=1 $(BIN)/pytest -q tests/test_docs.py -k reference
