# make book   build the site: _build/html/index.html
# make test   run every test; make test PYTEST_ARGS='-m "not slow"' runs the quick ones
# make retest the quick tests once more: on two threads, with a fixed hash seed, in another order
# make audit  compare all that is installed with the database of known vulnerabilities; needs the network
# make lint   ruff, pyright, and no outputs in notebooks
# make train-env  install what training needs into .venv
# make env    install everything into .venv; the targets above install what they need
# make generated  write what is made from ff.Config: params/schema.json, the parameters of book/train.ipynb
# make numbers    write what follows from the results: what one finds in README.md, what params/ tells to expect
# make pictures   take the pictures of the live applications again; needs Chromium
# make lock   resolve the lock files anew; needs uv, which is in .venv where it has a wheel
# make clean  remove everything that was built; .venv stays
#
# Written for GNU make 3.81 (macOS) and later and a POSIX shell.

# The first interpreter that runs, is of a supported version and can make virtual environments.
# A name on PATH is no proof: version managers leave shims that fail.
USABLE = import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON = $(shell for python in python3.13 python3.12 python3.11 python3; do \
	$$python -c '$(USABLE)' >/dev/null 2>&1 && { echo $$python; break; }; done)

BIN = .venv/bin
# What is installed. A larger environment leaves the stamps of the smaller ones as well.
BOOK = .venv/.book
TRAIN = .venv/.train
DEV = .venv/.dev
RESOLVE = $(BIN)/uv pip compile -q --universal --generate-hashes --no-strip-extras --no-header --no-emit-index-url --python-version 3.11
NOTEBOOKS = git ls-files -- '*.ipynb'

.NOTPARALLEL:
.PHONY: book test retest audit lint train-env env generated numbers pictures lock clean

book: $(BOOK)
	$(BIN)/jupyter-book build book/ -W --keep-going -n

test: $(DEV)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

retest: $(DEV)
	FF_TEST_THREADS=2 PYTHONHASHSEED=0 $(BIN)/python -m pytest -m "not slow" $(PYTEST_ARGS)

audit: $(DEV)
	$(BIN)/pip-audit --strict -r requirements-dev.lock -r requirements-uv.lock --require-hashes --disable-pip --progress-spinner off

lint: $(DEV)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	notebooks=`$(NOTEBOOKS)`; test -z "$$notebooks" || $(BIN)/nbstripout --keep-id --verify $$notebooks

train-env: $(TRAIN)

env: $(DEV)

# The interpreter is looked up once, and only here. uv installs in a third of pip's time, with the same hashes.
.venv/.made: requirements-uv.lock
	@python="$(PYTHON)"; "$${python:-false}" -c '$(USABLE)' 2>/dev/null || { \
		echo "ff needs Python 3.11, 3.12 or 3.13 with its venv module but found none that runs:" \
			"install one (on Debian: apt install python3 python3-venv) or name it, as in make PYTHON=/path/to/python3.12" >&2; \
		exit 1; }; \
	set -x; "$$python" -m venv .venv
	-$(BIN)/python -m pip install --no-compile --only-binary :all: --require-hashes -r requirements-uv.lock
	touch $@

# uv does not read pip's settings: where these alone lead to the packages, pip goes on. pip is told not to compile
# bytecode, because it uses one core and obeys PYTHONDONTWRITEBYTECODE; without bytecode each kernel compiles its imports
# anew. A package may ship a file for a newer Python than this one (torch does): that is no failure.
define install
	$(BIN)/uv pip install --python $(BIN)/python --compile-bytecode --require-hashes -r $< || { \
		echo "uv could not install $<; pip goes on, more slowly" >&2; \
		$(BIN)/python -m pip install --no-compile --require-hashes -r $< && \
		{ $(BIN)/python -m compileall -qq -j 0 .venv/lib || true; }; }
	$(BIN)/python -m pip install --no-compile --no-build-isolation --no-deps -e .
endef

$(BOOK): requirements.lock pyproject.toml | .venv/.made
	$(install)
	touch $(BOOK)

$(TRAIN): requirements-train.lock pyproject.toml | .venv/.made
	$(install)
	touch $(BOOK) $(TRAIN)

$(DEV): requirements-dev.lock pyproject.toml | .venv/.made
	$(install)
	touch $(BOOK) $(TRAIN) $(DEV)

generated: $(BOOK)
	$(BIN)/python -m ff.book.generated

numbers: $(BOOK)
	$(BIN)/python -m ff.book.computed

pictures: $(DEV)
	$(BIN)/python tests/pictures.py

# All files have the versions of one resolution, that of the largest. jupyter-events asks for all formats of jsonschema,
# which since 4.25 include rfc3987-syntax: its import, part of every build of the book, takes 3 s. Extras are named because
# pip does not take the pin "p" for a package that another one needs as "p[extra]".
lock: .venv/.made
	echo 'jsonschema<4.25' | $(RESOLVE) pyproject.toml --extra dev -c - -o requirements-dev.lock
	$(RESOLVE) pyproject.toml -c requirements-dev.lock -o requirements.lock
	$(RESOLVE) pyproject.toml --extra train -c requirements-dev.lock -o requirements-train.lock
	$(RESOLVE) pyproject.toml --extra sweep -c requirements-dev.lock -o requirements-sweep.lock
	echo uv | $(RESOLVE) - -o requirements-uv.lock

clean:
	rm -rf _build book/_build book/runs build dist ff.egg-info .pytest_cache .ruff_cache .hypothesis .snakemake
	find ff book tests -name __pycache__ -type d -prune -exec rm -rf {} +
