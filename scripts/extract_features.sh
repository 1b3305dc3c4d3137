#!/usr/bin/env bash
# Extracts ResNet-101 pool5 features for the default data root, data/, with images in data/images.
# Flags of scripts.extract_features follow and win:
#
#   scripts/extract_features.sh --layer res5c --shard 0/4
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
python="${PYTHON:-$root/.venv/bin/python}"
command -v "$python" >/dev/null || python=python3

PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" exec "$python" -m scripts.extract_features \
  --data_dir "$root/data" --images "$root/data/images" --layer pool5 \
  --weights "$root/data/weights/resnet101_weights_tf_dim_ordering_tf_kernels_notop.h5" "$@"
