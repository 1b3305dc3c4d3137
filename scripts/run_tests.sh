#!/usr/bin/env bash
# Installs if needed and runs the tests: `run_tests.sh [--all] [pytest arguments]`.
# Tests marked slow are left out unless --all, or a `-m` of your own, asks for them; those marked long
# (minutes each, the hundred thousand cases of the fuzzing among them) unless `-m long` does.
set -euo pipefail
"$(dirname "${BASH_SOURCE[0]}")/setup.sh"
cd "$(dirname "${BASH_SOURCE[0]}")/.."

selection="not slow and not long"
if [[ ${1:-} == --all ]]; then
  selection="not long"
  shift
fi
# Two at a time: TensorFlow's own threads fill more cores. A file's tests share what they make.
exec .venv/bin/python -m pytest -n 2 --dist loadfile -m "$selection" "$@" # pytest heeds the last -m, -n
