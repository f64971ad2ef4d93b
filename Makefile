# Blastline: every target sets up what it needs. `make` alone lists the targets.
.DEFAULT_GOAL := help
.NOTPARALLEL: # the stages follow one another
.PHONY: help install demo audit extract fit report dashboard predict gallery test bench lint clean
.PHONY: review relabel simulate compare pretrain

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

DATASET ?=
IMAGES ?=
BACKBONE ?=
WEIGHTS ?=
ALPHA ?=
LAYER ?=
SPLIT ?=
STEPS ?=
POOLING ?=
VIEWS ?=
AUGMENT ?=
ENGINE ?=
PRECISION ?=
GATE ?=
CONTROL ?=
ROBUSTNESS ?=
HEATMAPS ?=
CLASSIFIERS ?=
TRIALS ?=
METRIC ?=
SAMPLER ?=
PCA ?=
CALIBRATION ?=
ROUNDS ?=
THRESHOLD ?=
GROWTH ?=
FEEDBACK ?=
SHARES ?=
DRAWS ?=
CELLS ?=
DECISIONS ?=
WORKERS ?=
STORAGE ?=
RUN ?=
RUNS ?=
WORK ?= runs
PORT ?= 8080
BUNDLE ?=
FIELDS ?=
TEACHER ?=
OUT ?=

# A variable that is not set stays unsaid, so that the run's own configuration decides.
option = $(if $($(1)),--$(2) '$($(1))')
switch = $(if $(filter-out 0 1,$($(1))),$(error $(1)='$($(1))': expected 1 or 0))$(if $($(1)),$(if $(filter 0,$($(1))),--no-$(2),--$(2)))
RUN_OPTIONS = $(call option,DATASET,dataset) $(call option,BACKBONE,backbone) \
	$(call option,RUN,run) $(call option,WORK,work)
PICTURE_OPTIONS = $(call option,STEPS,steps) $(call option,VIEWS,views) \
	$(call option,AUGMENT,augment)
IMAGE_OPTIONS = $(call option,IMAGES,images) $(call option,SPLIT,split) $(call option,WEIGHTS,weights) \
	$(call option,ALPHA,alpha) $(call option,LAYER,layer) $(call option,POOLING,pooling) \
	$(PICTURE_OPTIONS) $(call option,ENGINE,engine) $(call option,PRECISION,precision) \
	$(call option,GATE,gate) $(call switch,CONTROL,control) \
	$(call option,ROBUSTNESS,robustness)
LEARN_OPTIONS = $(call option,CLASSIFIERS,classifiers) $(call option,TRIALS,trials) \
	$(call option,METRIC,metric) $(call option,ROUNDS,rounds) $(call option,THRESHOLD,threshold) \
	$(call option,GROWTH,growth) $(call option,FEEDBACK,feedback-rounds)
FIT_OPTIONS = $(LEARN_OPTIONS) $(call option,SAMPLER,sampler) $(call option,PCA,pca) \
	$(call option,CALIBRATION,calibration) $(call option,WORKERS,workers) \
	$(call option,STORAGE,storage) $(call option,LAYER,layer) $(call option,HEATMAPS,heatmaps)

# As the command line names a run that is given no name.
comma := ,
RUN_NAME = $(or $(RUN),$(basename $(notdir $(or $(DATASET),synthetic)))-$(subst $(comma),+,$(or $(BACKBONE),smearnet+morphology)))

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile
	@echo "  variables: DATASET IMAGES SPLIT BACKBONE WEIGHTS ALPHA LAYER STEPS POOLING VIEWS AUGMENT ENGINE"
	@echo "             PRECISION GATE CONTROL ROBUSTNESS HEATMAPS CLASSIFIERS TRIALS METRIC SAMPLER PCA CALIBRATION"
	@echo "             WORKERS STORAGE ROUNDS THRESHOLD GROWTH FEEDBACK SHARES DRAWS CELLS DECISIONS RUN RUNS WORK BUNDLE PORT"
	@echo "             FIELDS TEACHER OUT"

$(READY): setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Blastline needs Python 3.11 or newer, found " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@echo 'installing Blastline and its packages into $(VENV) (a minute or two)'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[dev]'
	@touch $@

install: $(READY) ## create .venv and install Blastline into it

demo: DATASET = synthetic
demo: BACKBONE = smearnet,morphology
demo: extract fit report ## draw synthetic cells, extract, fit, report: under four minutes

audit: $(READY) ## look among IMAGES for copies, shared ground and shortcuts
	$(BIN)/blastline audit $(RUN_OPTIONS) $(call option,IMAGES,images) $(call option,SPLIT,split)

extract: $(READY) ## scan IMAGES and embed what is new
	@# 3: some images could not be read, which was told; the others are fitted
	$(BIN)/blastline extract $(RUN_OPTIONS) $(IMAGE_OPTIONS) || test $$? -eq 3

fit: $(READY) ## tune, test and self-train CLASSIFIERS
	$(BIN)/blastline fit $(RUN_OPTIONS) $(FIT_OPTIONS)

report: $(READY) ## write the HTML report of RUN
	$(BIN)/blastline report $(RUN_OPTIONS)

compare: $(READY) ## put finished runs on the same images side by side (RUNS="a b", the reference first)
	@test -n '$(RUNS)' || { echo 'make compare: say which runs: RUNS="one another"' >&2; exit 2; }
	$(BIN)/blastline compare $(foreach run,$(RUNS),'$(run)') $(call option,WORK,work)

review: $(READY) ## write a page to review doubtful cells and likely label errors of RUN (CELLS=200)
	$(BIN)/blastline review $(RUN_OPTIONS) $(call option,CELLS,cells)

relabel: $(READY) ## take over the DECISIONS of a review; the next fit uses them
	@test -n '$(DECISIONS)' || { echo 'make relabel: say which decisions: DECISIONS=file.csv' >&2; exit 2; }
	$(BIN)/blastline relabel '$(DECISIONS)' $(RUN_OPTIONS)

simulate: $(READY) ## hide labels of RUN, and measure what is won back (SHARES=5,10 DRAWS=5)
	$(BIN)/blastline simulate-labels $(RUN_OPTIONS) $(LEARN_OPTIONS) $(call option,SHARES,shares) \
		$(call option,DRAWS,draws)

dashboard: $(READY) ## show the tuning studies of DATASET, or of RUN, in a browser (PORT=8080)
	$(BIN)/blastline dashboard $(call option,DATASET,dataset) $(call option,BACKBONE,backbone) \
		$(call option,RUN,run) $(call option,WORK,work) $(call option,STORAGE,storage) \
		$(call option,PORT,port)

predict: $(READY) ## classify IMAGES with BUNDLE (or the bundle of RUN)
	@test -n '$(IMAGES)' || { echo 'make predict: say which images: IMAGES=file-or-folder' >&2; exit 2; }
	$(BIN)/blastline predict $(call option,WEIGHTS,weights) $(call option,WORK,work) \
		'$(or $(BUNDLE),$(WORK)/$(RUN_NAME)/bundle)' '$(IMAGES)'

gallery: $(READY) ## draw sheets of IMAGES before and after every step and augmentation
	$(BIN)/blastline gallery $(RUN_OPTIONS) $(call option,IMAGES,images) $(PICTURE_OPTIONS)

pretrain: $(READY) ## train smearnet on IMAGES, FIELDS and the TEACHER's WEIGHTS (STEPS=20000 OUT=folder)
	@test -n '$(IMAGES)' || { echo 'make pretrain: say which cells: IMAGES=zip-or-folder' >&2; exit 2; }
	$(BIN)/blastline pretrain $(call option,IMAGES,images) $(call option,FIELDS,fields) \
		$(call option,WEIGHTS,weights) $(call option,TEACHER,teacher) $(call option,ALPHA,alpha) \
		$(call option,STEPS,steps) $(call option,OUT,out) $(call option,WORK,work)

test: $(READY) ## run all tests
	$(BIN)/python -m pytest

bench: $(READY) ## measure speed and memory, and write BENCHMARKS.md (ONLY="memory resume")
	$(BIN)/python -m tests.bench $(ONLY)

lint: $(READY) ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean: ## remove .venv and caches; never runs/
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
