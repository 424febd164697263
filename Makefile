# make book   build the site: _build/html/index.html
# make test   run every test; make test PYTEST_ARGS='-m "not slow"' runs the quick ones
# make retest the quick tests once more: on two threads, with a fixed hash seed, in another order
# make audit  compare requirements.lock with the database of known vulnerabilities; needs the network
# make lint   ruff, pyright, and no outputs in notebooks
# make env    install the locked environment into .venv (the targets above do it when needed)
# make generated  write what is made from ff.Config: params/schema.json, the parameters of book/train.ipynb
# make numbers    write what follows from the results: what one finds in README.md, what params/ tells to expect
# make pictures   take the pictures of the live applications again; needs Chromium
# make lock   resolve requirements.lock anew; needs uv
# make clean  remove everything that was built; .venv stays
#
# Written for GNU make 3.81 (macOS) and later and a POSIX shell.

# The first interpreter that runs, is of a supported version and can make virtual environments.
# A name on PATH is no proof: version managers leave shims that fail.
USABLE = import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON = $(shell for python in python3.13 python3.12 python3.11 python3; do \
	$$python -c '$(USABLE)' >/dev/null 2>&1 && { echo $$python; break; }; done)

BIN = .venv/bin
STAMP = .venv/.installed
NOTEBOOKS = git ls-files -- '*.ipynb'

.PHONY: book test retest audit lint env generated numbers pictures lock clean

book: $(STAMP)
	$(BIN)/jupyter-book build book/ -W --keep-going -n

test: $(STAMP)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

retest: $(STAMP)
	FF_TEST_THREADS=2 PYTHONHASHSEED=0 $(BIN)/python -m pytest -m "not slow" $(PYTEST_ARGS)

audit: $(STAMP)
	$(BIN)/pip-audit --strict -r requirements.lock --require-hashes --disable-pip --progress-spinner off

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	notebooks=`$(NOTEBOOKS)`; test -z "$$notebooks" || $(BIN)/nbstripout --keep-id --verify $$notebooks

env: $(STAMP)

# The interpreter is looked up once, and only here. pip is told not to compile bytecode, because it
# uses one core and obeys PYTHONDONTWRITEBYTECODE; without bytecode each kernel compiles its imports anew.
# A package may ship a file for a newer Python than this one (torch does): that is no failure.
$(STAMP): requirements.lock pyproject.toml
	@python="$(PYTHON)"; "$${python:-false}" -c '$(USABLE)' 2>/dev/null || { \
		echo "ff needs Python 3.11, 3.12 or 3.13 with its venv module but found none that runs:" \
			"install one (on Debian: apt install python3 python3-venv) or name it, as in make PYTHON=/path/to/python3.12" >&2; \
		exit 1; }; \
	set -x; "$$python" -m venv .venv
	$(BIN)/python -m pip install --no-compile --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --no-compile --no-build-isolation --no-deps -e .
	$(BIN)/python -m compileall -qq -j 0 .venv/lib || true
	touch $@

generated: $(STAMP)
	$(BIN)/python -m ff.book.generated

numbers: $(STAMP)
	$(BIN)/python -m ff.book.computed

pictures: $(STAMP)
	$(BIN)/python tests/pictures.py

lock:
	uv pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url \
		--python-version 3.11 --all-extras -o requirements.lock

clean:
	rm -rf _build book/_build book/runs build dist ff.egg-info .pytest_cache .ruff_cache .hypothesis .snakemake
	find ff book tests -name __pycache__ -type d -prune -exec rm -rf {} +
