# Every target makes .venv on first use, with nothing but python3 (3.11+) and a package index.
PYTHON ?= python3
BIN := .venv/bin
# Python keeps what it has compiled: without that, every process compiles PyTorch's sources anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: venv demo app test test-slow test-lowest check bench docs dist constraints clean

venv: .venv/ready

.venv/ready: requirements.txt requirements-dev.txt constraints.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; name one with: make PYTHON=python3.12 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --constraint constraints.txt --editable '.[dev]'
	$(BIN)/curadiff doctor --fix --brief
	touch $@

demo: venv
	$(BIN)/curadiff demo

# The App on what the demo made; another data set: make app DATASET=photos
DATASET ?= tryon-demo
app: venv
	$(BIN)/curadiff app $(DATASET)

# All tests but those that take minutes each (kill and resume, large networks); two at a time. In the order of
# tests/conftest.py, which begins with the long ones: by default files of many tests come first, and those of
# one or two long tests last, where one process would wait for the other.
test: venv
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile --no-loadscope-reorder

test-slow: venv
	$(BIN)/python -m pytest -m slow

# The lowest versions that are declared, and a part of the tests that touches every package. FiftyOne 1.20's
# strawberry does not know graphql-core 3.3.
test-lowest:
	$(PYTHON) -m venv build/lowest
	build/lowest/bin/python -m pip install --quiet uv
	build/lowest/bin/uv pip install --quiet --python build/lowest/bin/python --resolution lowest-direct --editable . 'graphql-core<3.3' 'pytest>=8.3' 'pytest-timeout>=2.3' 'hypothesis>=6.100' 'statsmodels>=0.14'
	build/lowest/bin/curadiff doctor --fix --brief
	build/lowest/bin/python -m pytest -m "not slow" -x $(LOWEST)
LOWEST ?= tests/config tests/metrics/test_frechet.py tests/metrics/test_manifold.py tests/selectors/test_contract.py \
	tests/diffusion/test_schedules.py tests/diffusion/test_samplers.py tests/encoders/test_descriptor.py \
	tests/runs/test_runs.py tests/datasets/test_importing.py tests/surfaces/test_signatures.py tests/preferences/test_intervals.py

check: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

bench: venv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt -r requirements-bench.txt
	$(BIN)/python -m benchmarks

# The pages and the reference from docstrings, into build/docs; warnings are errors.
docs: venv
	rm -rf build/reference
	mkdir -p build/reference/curadiff
	ln -s $(CURDIR)/*.py $(patsubst %/__init__.py,$(CURDIR)/%,$(wildcard */__init__.py)) build/reference/curadiff
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

# A wheel, a source archive and the plugin as a zip, into dist.
dist: venv
	rm -rf dist
	$(BIN)/uv build --quiet --python $(BIN)/python --out-dir dist
	git archive --format zip --output dist/curadiff-plugin.zip HEAD

# Pins of everything that was tested together; it names no index, so it works with any.
constraints: venv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url requirements.txt requirements-dev.txt requirements-bench.txt requirements/*.txt --output-file constraints.txt

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache
