#!/usr/bin/env bash
# Tries everything that needs a CUDA device, in ten minutes; the same command continues. See README.md beside this file.
#
#     bash experiments/gpu/check.sh --back FOLDER
set -eu
cd "$(dirname "$0")/../.."
python=${PYTHON:-python3}
"$python" -c 'import sys, yaml, psutil, packaging; sys.exit(sys.version_info < (3, 11))' ||
	{ echo "check.sh: error: needs Python 3.11 or later with PyYAML, psutil and packaging; name one with PYTHON=..." >&2; exit 2; }
PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" exec "$python" -m tests.benchmarks.gpu.command "$@"
