#!/usr/bin/env bash
# Trains with several processes on this machine, as on several machines:
#   launch_local_cluster.sh 2 --data_dir toy/data --batch_size 100
# trains with two workers that share each global batch of 200. A worker that dies takes the others
# with it, and all start again from the last checkpoint (--restarts 3). Run it from the project.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec .venv/bin/python -m scripts.launch_local_cluster "$@"
