#!/usr/bin/env bash
# Brings the weights of ResNeXt-101 32x8d that learnt from hashtags (WSL-Images, CC BY-NC 4.0;
# 356 MB), checks them, and prints their path.
#
#   scripts/download_pretrained_resnext_101.sh [FOLDER]     default: data/weights
#
# RESNEXT101_URL and RESNEXT101_SHA256 name a mirror or another file; https and file URLs work.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
source "$root/scripts/fetch_weights.sh"
url="${RESNEXT101_URL:-https://download.pytorch.org/models/ig_resnext101_32x8-c38310e5.pth}"
# PyTorch's files have the first digits of their sha256 in their names; no more was published. The
# whole sum of what came is printed, to be given as RESNEXT101_SHA256.
sha256="${RESNEXT101_SHA256:-c38310e5}"
bring_weights "$url" "sha256:$sha256" "${1:-$root/data/weights}"
