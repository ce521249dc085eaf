# lit_emotalk: every target sets up what it needs. `make help` lists them.
PYTHON ?= $(shell for p in python3.11 python3.12 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
FROM ?= starter
RECIPE ?= experiments/recipes/$(if $(filter scratch,$(FROM)),demo,demo_tuned).yaml
OUT ?= outputs/$(if $(filter scratch,$(FROM)),scratch,demo)
SYNTHETIC_SCALE ?= demo
PRESET ?= demo
MEAD ?=
DEEP3D ?=
EMBEDDED ?=
MODELS ?= $(if $(wildcard $(OUT)/models/hef/model.yaml),$(OUT)/models,lit_emotalk/starter)
SWEEP ?= experiments/sweeps/hef_demo.yaml
ARGS ?=
STAMP := $(VENV)/.installed

export PYTHONUNBUFFERED = 1
export TOKENIZERS_PARALLELISM = false

.DEFAULT_GOAL := help
.PHONY: help setup hello demo starter data data-mead data-ravdess data-voxceleb2 data-folder train ablations baselines train-stage1 \
	train-stage2 train-stage3 train-sync train-tracker evaluate tables reproduce real-people animate serve sweep departures table-ravdess benchmark \
	benchmark-animate benchmark-loader gpu-check verify corpus-sheet \
	check-corpus test test-all lint format clean-demo

help:  ## show this help
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## ?/\1\t/' | \
		awk -F'\t' '{printf "  make %-14s %s\n", $$1, $$2}'
	@echo "  Variables: EXPERIMENT=experiments/...yaml  ARGS=\"--trainer.devices 4 ...\"  PYTHON=python3.12"

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "lit-emotalk: error: no Python 3.11 or 3.12 found; name one with make PYTHON=..." >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (two to five minutes, about 7 GB, most of it PyTorch with CUDA)"
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[synthetic,text,identity,dev]"
	@$(BIN)/lit-emotalk weights fetch face_landmarker whisper_tiny_en
	@$(BIN)/python -c "from lit_emotalk.io.compiled import librosa; librosa()"
	@touch $(STAMP)

setup: $(STAMP)  ## create .venv and install the pinned dependencies
	@echo "ready: $(BIN)/lit-emotalk --help"

hello: $(STAMP)  ## eight emotions of a portrait and a voice drawn by us, in a minute (ARGS="--portrait me.jpg")
	@$(BIN)/lit-emotalk hello $(ARGS)

demo: $(STAMP)  ## tune the starter on new people, ten minutes on two cores; FROM=scratch: train from nothing, 20 minutes
	@$(BIN)/lit-emotalk recipe $(RECIPE) $(ARGS)

starter: $(STAMP)  ## make the models that ship with the package, from nothing: an afternoon on two cores (ARGS=--plan)
	@$(BIN)/lit-emotalk recipe experiments/recipes/starter.yaml $(ARGS)

data: $(STAMP)  ## make the embedded corpus and its shards
	@$(BIN)/lit-emotalk recipe $(RECIPE) --until prepare $(ARGS)

# ROOT is the corpus; OUT, where it is given, the folder for the shards.
define prepare
	@test -n "$(ROOT)" || { echo "lit-emotalk: error: say where the corpus is: make $@ ROOT=/data/..." >&2; exit 2; }
	@$(BIN)/python -m data_prep.$(1) --root "$(ROOT)" \
		--output "$(if $(filter file,$(origin OUT)),outputs/$(1)/shards,$(OUT))" $(ARGS)
endef

data-mead: $(STAMP)  ## MEAD to shards: make data-mead ROOT=/data/MEAD OUT=shards/mead
	$(call prepare,mead)

data-ravdess: $(STAMP)  ## RAVDESS, videos or sound alone, to shards
	$(call prepare,ravdess)

data-voxceleb2: $(STAMP)  ## VoxCeleb2 to shards
	$(call prepare,voxceleb2)

data-folder: $(STAMP)  ## any folder of talking videos to shards (ARGS="--labels labels.csv")
	$(call prepare,folder)

REPRODUCE = $(BIN)/lit-emotalk recipe experiments/recipes/reproduce_$(PRESET)$(if $(EMBEDDED),_embedded).yaml \
	$(if $(MEAD),--set root=$(MEAD)) $(if $(DEEP3D),--set layout=bfm --set "prepare=--coefficients bfm --deep3d '$(DEEP3D)'")

train: $(STAMP)  ## stages 1 to 3, each with what the one before made: PRESET=demo, embedded or mead (MEAD=FOLDER)
	@$(REPRODUCE) --target train-eac --target train-hef $(ARGS)

ablations: $(STAMP)  ## HEF in full, w/o res., w/o hie.: trainings, scores, table and figure (PRESET as in train)
	@$(REPRODUCE) --target table-ablation --target figure-ablation $(ARGS)

# Without EXPERIMENT a train target runs the recipe's step, with everything that it needs before it.
define train
	@if [ -n "$(EXPERIMENT)" ]; then $(BIN)/lit-emotalk fit --config $(EXPERIMENT) $(ARGS); \
	else $(BIN)/lit-emotalk recipe $(RECIPE) --target $(1) --extra "$(ARGS)"; fi
endef

baselines: $(STAMP)  ## EAC with one-hot labels, without code, without intensity: trainings and table (PRESET as in train)
	@$(REPRODUCE) --target table-coefficients $(ARGS)

train-stage1: $(STAMP)  ## train the emotion space (align)
	$(call train,train-align)

train-stage2: $(STAMP)  ## train speech and emotion to coefficients (EAC)
	$(call train,train-eac)

train-stage3: $(STAMP)  ## train the face generator (HEF)
	$(call train,train-hef)

train-sync: $(STAMP)  ## train the sync expert
	$(call train,train-sync)

train-tracker: $(STAMP)  ## re-make the tracker's weights that ship in the package
	@$(BIN)/python -m data_prep.train_tracker --output lit_emotalk/face/tracker.safetensors $(ARGS)
	@echo 'next: make data, then $(BIN)/python -m data_prep.tracker.basis_fit --shards outputs/demo/shards'

evaluate: $(STAMP)  ## score the demo's models on speakers never seen in training
	@$(BIN)/lit-emotalk recipe $(RECIPE) --target evaluate $(ARGS)

TABLE = $(if $(filter %/demo.yaml,$(RECIPE)),table-ablation,tables)

tables: $(STAMP)  ## print the tables of the evaluation, the paper's columns and the ablation
	@$(BIN)/lit-emotalk recipe $(RECIPE) --target $(TABLE) --force tables --force $(TABLE) $(ARGS)

reproduce: $(STAMP)  ## data, training, ablations, tables, figures: PRESET=demo, embedded (GPU), mead or paper (MEAD=FOLDER; EMBEDDED=1)
	@$(REPRODUCE) $(ARGS)

# LABELS: a CSV as data_prep/README.md has it; without it ROOT/labels.csv, or else what the files' names tell.
departures: $(STAMP)  ## what each departure from the paper buys, at demo scale: one table of paired differences
	@$(BIN)/lit-emotalk recipe experiments/recipes/departures.yaml --target table-departures $(ARGS)

table-ravdess: $(STAMP)  ## the paper's table 1: ROOT=FOLDER [PC_AVS=FOLDER] [EAMM=FOLDER] [MODELS=DIR] [ARGS="--set evaluate='--limit 48'"]
	@test -n "$(ROOT)" || { echo "lit-emotalk: error: say where RAVDESS's videos are: make $@ ROOT=/data/..." >&2; exit 2; }
	@$(BIN)/lit-emotalk recipe experiments/recipes/table_ravdess.yaml --set "root=$(ROOT)" --set "models=$(MODELS)" \
		$(if $(PC_AVS)$(EAMM),--set "beside=--beside $(if $(PC_AVS),'PC-AVS=$(PC_AVS)') $(if $(EAMM),'EAMM=$(EAMM)')") \
		--force evaluate $(if $(filter file,$(origin OUT)),,--set "out=$(OUT)") $(ARGS)

real-people: $(STAMP)  ## how models fare on real videos: ROOT=FOLDER [MODELS=DIR] [LABELS=FILE] [ARGS="--limit 10 --pairs 12"]
	@test -n "$(ROOT)" || { echo "lit-emotalk: error: say where the videos are: make $@ ROOT=/data/..." >&2; exit 2; }
	@labels="$(LABELS)"; labelled="$(ROOT)"; \
	test -n "$$labels" || { test -f "$(ROOT)/labels.csv" && labels="$(ROOT)/labels.csv"; }; \
	test -f "$$labels" && labelled="$$labels"; \
	$(BIN)/lit-emotalk recipe experiments/recipes/real_people.yaml --set "root=$(ROOT)" --set "models=$(MODELS)" \
		--set "labels=$${labels:-names}" --set "labelled=$$labelled" --set "report=$(ARGS)" \
		$(if $(filter file,$(origin OUT)),,--set "out=$(OUT)")

animate: $(STAMP)  ## animate a portrait: make animate ARGS="--portrait P --speech A --emotion 'a furious person' --output O.mp4"
	@if [ -n "$(ARGS)" ]; then $(BIN)/lit-emotalk animate --models $(MODELS) $(ARGS); \
	else $(BIN)/lit-emotalk recipe $(RECIPE) --target animate; fi

serve: $(STAMP)  ## the web page with the demo's models, or the starter's, at http://127.0.0.1:7860 (ARGS="--host 0.0.0.0 --port 8080")
	@$(BIN)/lit-emotalk serve --models $(MODELS) $(ARGS)

sweep: $(STAMP)  ## a grid of trainings, by W&B or here: make sweep SWEEP=experiments/sweeps/hef.yaml
	@$(BIN)/lit-emotalk sweep $(SWEEP) $(ARGS)

benchmark-loader: $(STAMP)  ## how fast the loader reads shards, beside reading their tars raw
	@$(BIN)/python -m tests.benchmarks.loader --shards $(OUT)/shards $(ARGS)

benchmark: $(STAMP)  ## how fast HEF draws and trains on this machine
	@$(BIN)/python -m tests.benchmarks.hef $(ARGS)

benchmark-animate: $(STAMP)  ## how fast a video is made on this machine, step by step, start-up apart
	@$(BIN)/python -m tests.benchmarks.animate --models $(MODELS) $(ARGS)

gpu-check: $(STAMP)  ## what a CUDA device must show, in ten minutes; the same command continues (experiments/gpu/README.md)
	@PYTHON=$(BIN)/python bash experiments/gpu/check.sh $(ARGS)

verify: $(STAMP)  ## check the demo's shards completely
	@$(BIN)/python -m data_prep.verify $(OUT)/shards $(ARGS)

corpus-sheet: $(STAMP)  ## draw the embedded corpus: speakers x emotions x levels
	@$(BIN)/python -m data_prep.synthetic.sheet --corpus $(OUT)/corpus --output $(OUT)/corpus_sheet.png

check-corpus: $(STAMP)  ## check the demo's corpus: is emotion seen and heard, do lips close, is the face read
	@$(BIN)/python -m data_prep.check_corpus --corpus $(OUT)/corpus --shards $(OUT)/shards --output $(OUT)/check $(ARGS)

.PHONY: docs gallery
docs: $(STAMP)  ## build the site of docs/ into outputs/site, strictly and offline
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet
	@echo "built outputs/site/index.html; with search: $(BIN)/python -m http.server --directory outputs/site --bind 127.0.0.1"

# PAINTINGS: a folder with the files that docs/generate/paintings.yaml names; without it heads and statues alone.
gallery: $(STAMP)  ## renew the pictures of docs/gallery: make gallery [MODELS=DIR] [PAINTINGS=DIR]
	@$(BIN)/python -m docs.generate.gallery --models $(MODELS) --output docs/gallery \
		$(if $(PAINTINGS),--paintings "$(PAINTINGS)") $(ARGS)

test: $(STAMP)  ## the tests that need no GPU and no other data, one process a core (about 5 minutes on two)
	@PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

test-all: $(STAMP)  ## also the slow, GPU and shared-data tests
	@$(BIN)/python -m pytest -m "" $(ARGS)

lint: $(STAMP)  ## ruff and mypy
	@$(BIN)/ruff check lit_emotalk data_prep docs tests examples
	@$(BIN)/ruff format --check lit_emotalk data_prep docs tests examples
	@$(BIN)/mypy lit_emotalk data_prep docs

format: $(STAMP)  ## let ruff mend what it can
	@$(BIN)/ruff check --fix lit_emotalk data_prep docs tests examples
	@$(BIN)/ruff format lit_emotalk data_prep docs tests examples

clean-demo:  ## remove what the demo made
	rm -rf outputs/demo outputs/scratch
