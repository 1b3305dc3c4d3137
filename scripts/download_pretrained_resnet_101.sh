#!/usr/bin/env bash
# Brings the ImageNet weights of Keras's ResNet-101 (171 MB), checks them, and prints their path.
#
#   scripts/download_pretrained_resnet_101.sh [FOLDER]     default: data/weights
#
# RESNET101_URL and RESNET101_MD5 name a mirror or another file; https and file URLs work.
# Keras publishes an MD5 alone: the sha256 of what came is printed, and RESNET101_SHA256 is compared
# where you give it.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
source "$root/scripts/fetch_weights.sh"
url="${RESNET101_URL:-https://storage.googleapis.com/tensorflow/keras-applications/resnet/resnet101_weights_tf_dim_ordering_tf_kernels_notop.h5}"
# As in WEIGHTS_HASHES of keras/src/applications/resnet.py.
md5="${RESNET101_MD5:-88cf7a10940856eca736dc7b7e228a21}"
bring_weights "$url" "md5:$md5${RESNET101_SHA256:+ sha256:$RESNET101_SHA256}" "${1:-$root/data/weights}"
