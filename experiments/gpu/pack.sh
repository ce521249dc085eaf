#!/usr/bin/env bash
# Packs what has to travel to a machine with a GPU and no package index: wheels, shards, the newest generator.
#
#     bash experiments/gpu/pack.sh --shards outputs/faces
set -eu
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}
PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" exec "$python" -m tests.benchmarks.gpu.pack "$@"
